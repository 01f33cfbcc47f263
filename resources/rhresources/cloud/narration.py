"""What a launch says, line by line, told as events. SkyPilot changes its words between versions: a line that means
nothing to us is passed over, and what matters for money (whether something runs) is never taken from here but from
its status."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rhresources.cloud.answers import LaunchEvent, LaunchPhase, OnLaunch
from rhresources.cloud.limits import TITLES
from rhresources.cloud.plain_words import plain_line
from rhresources.cloud.words import NEXT_OFFER

_CLOUDS = {title.lower(): name for name, title in TITLES.items()} | {name: name for name in TITLES}
_LAUNCHING_ON = re.compile(
    r"Launching .*?on (?P<cloud>[A-Za-z][\w ]*?)(?: (?P<region>[\w-]+))?(?: \((?P<zone>[^)]*)\))?\.?$"
)
_ROW = re.compile(
    r"^(?P<cloud>[A-Za-z][\w ]*?)(?: \((?P<region>[^)]+)\))?\s{2,}(?P<instance>\S+)\s{2,}.*?(?P<price>\d+\.\d+)"
)
_REFUSED = re.compile(
    r"InsufficientInstanceCapacity|[Ff]ailed to (?:acquire|provision|launch|run) .*|[Gg]ot .*?[Ee]rror|[Ss]tock ?out"
    r"|[Oo]ut of (?:stock|capacity)|[Qq]uota|LimitExceeded|ResourcesUnavailable"
)
_CLOUD_SAID = re.compile(
    r"An error occurred \((?P<code>\w+)\) when calling the \w+ operation(?: \([^)]*\))?: (?P<text>.+)"
)
_STEP = re.compile(r"Preparing SkyPilot runtime(?: \((?P<step>\d)/(?P<of>\d) - (?P<what>[^)]+)\))?")


@dataclass(slots=True)
class Narration:
    """Turns the lines of one request into events; one that says the same again is passed over."""

    verb: str = "launch"
    _offer: str = ""
    _last: tuple[LaunchPhase, str] | None = None
    _instances: dict[str, str] = field(default_factory=dict)

    def hear(self, raw: str) -> LaunchEvent | None:
        """What a line means; None: nothing new."""
        line = plain_line(raw)
        if not line:
            return None
        told = self._told(line)
        if told is None or told == self._last:
            return None
        self._last = told
        return LaunchEvent(*told, offer=self._offer, at=time.time())

    def _told(self, line: str) -> tuple[LaunchPhase, str] | None:
        if "to be scheduled" in line or "Checking request" in line:
            return "queued", "The request waits for its turn"
        if "blocked by other requests" in line:
            return "queued", "It waits for another request of this cluster"
        if re.search(r"Waiting for autostop to complete", line):
            return "waiting", "The cluster is just stopping; it waits for that"
        if found := re.search(r"Retry after (\d+)s", line):
            return "waiting", f"Nothing is free; it is tried again in {found[1]} s"
        if found := _LAUNCHING_ON.search(line):
            cloud = found["cloud"].strip()
            place = " ".join(part for part in (cloud.lower(), found["region"] or "") if part)
            instance = self._instances.get(_CLOUDS.get(cloud.lower(), cloud.lower()), "")
            self._offer = ", ".join(part for part in (place, instance) if part)
            zone = f" (zone {found['zone'].replace(',', ', ')})" if found["zone"] else ""
            return "provisioning", f"Making the instances: {self._offer}{zone}"
        if "Trying other potential resources" in line or "Looking for resources" in line:
            return "failover", NEXT_OFFER
        if _REFUSED.search(line):
            if self._last is not None and self._last[0] == "failover":
                return None  # the same refusal, in SkyPilot's words rather than the cloud's
            found = _CLOUD_SAID.search(line)
            why = f"{found['code']}: {found['text']}" if found else line
            refused = f"{self._offer} refused: {why}" if self._offer else why
            return "failover", refused if len(refused) <= 300 else f"{refused[:299]}…"
        if re.search(r"Optimizing|Considered resources|Choosing|Checking reserved", line):
            # after a refusal it says so again, in the middle of what is told of that
            return (
                None if self._last is not None and self._last[0] == "failover" else ("choosing", "An offer is chosen")
            )
        if found := _ROW.match(line):
            name = _CLOUDS.get(found["cloud"].strip().lower())
            if name and name not in self._instances:
                self._instances[name] = found["instance"].strip("-")  # a job of Slurm has no type
            return None
        if found := _STEP.search(line):
            step = f" ({found['step']} of {found['of']}: {found['what']})" if found["step"] else ""
            return "preparing", f"SkyPilot sets the hosts up{step}"
        if re.search(r"Waiting for SSH access", line):
            return "preparing", "It waits until the hosts answer"
        if re.search(r"(?:Instances?|Pods?|Nodes?|VMs?) (?:is|are) up", line):
            return "preparing", "The instances are up"
        if re.search(r"Initializing docker", line):
            return "preparing", "The container starts"
        if re.search(r"Cluster launched", line):
            return "preparing", "SkyPilot says that the cluster is up"
        if line.startswith("Launching") and self._last is None:
            return "provisioning", "Making the instances"
        return None


def lines_of(say: Callable[[str], None]) -> OnLaunch:
    """Lines of progress from what a launch says."""

    def tell(event: LaunchEvent) -> None:
        offer = f" ({event.offer})" if event.offer and event.offer not in event.sentence else ""
        say(f"{event.sentence.rstrip('.')}{offer}")

    return tell
