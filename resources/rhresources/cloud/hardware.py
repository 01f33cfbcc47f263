"""What the field `instance_type` of a cluster asks for: "m5.xlarge", "CPU:8+" or "A100:4"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rhresources.cloud.problems import CloudProblem

_ACCELERATOR = re.compile(r"[A-Z][A-Z0-9]*[0-9][A-Z0-9]*(-[A-Za-z0-9]+)*|tpu-[a-z0-9-]+")
_COUNTED = re.compile(r"(?P<name>[^:]+):(?P<count>[0-9]+(\.[0-9]+)?)(?P<more>\+)?")


@dataclass(frozen=True, slots=True)
class Hardware:
    """One host's wish; exactly one of the three is said.

    Attributes:
        instance_type: a cloud's own name, "m5.xlarge".
        cpus: "8" exactly, "8+" at least.
        accelerator: "A100", with `count` of them.
    """

    instance_type: str = ""
    cpus: str = ""
    accelerator: str = ""
    count: float = 1

    @property
    def accelerators(self) -> str:
        """As SkyPilot writes them: "A100:4"."""
        return f"{self.accelerator}:{self.count:g}" if self.accelerator else ""


def parse_hardware(text: str) -> Hardware:
    """What `text` asks for. A name alone is an accelerator where it looks like one: "A100" is one A100.

    Raises:
        CloudProblem: it cannot be asked for.
    """
    found = _COUNTED.fullmatch(text)
    if found is None:
        if text.upper() == "CPU":
            return Hardware(cpus="1+")
        return Hardware(accelerator=text) if _ACCELERATOR.fullmatch(text) else Hardware(instance_type=text)
    count = float(found["count"])
    if not count:
        raise _refused(text, "the number must be above 0", "Write CPU:8+ or A100:1.")
    if found["name"].upper() == "CPU":
        return Hardware(cpus=f"{count:g}{found['more'] or ''}")
    if found["more"]:
        raise _refused(text, "accelerators are asked for by an exact number", f"Write {text[:-1]}.")
    return Hardware(accelerator=found["name"], count=count)


def _refused(text: str, why: str, remedy: str) -> CloudProblem:
    return CloudProblem(
        f"{text!r} cannot be asked for: {why}.", code="no-such-hardware", remedy=remedy, field="instance_type"
    )
