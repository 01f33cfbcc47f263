"""GPUs of this host, as nvidia-smi tells them; none where it is missing, fails or does not answer in time."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time

from rhresources.wire import cluster_pb2 as pb

_COMMAND = ("nvidia-smi", "--query-gpu=name,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")
_TIMEOUT_SECONDS = 5.0
_FRESH_SECONDS = 2.0
_RETRY_SECONDS = 60.0
_MIB = 1024 * 1024

log = logging.getLogger(__name__)


class Gpus:
    """Asks nvidia-smi, at most every two seconds. `read` waits for it: call it in a thread."""

    def __init__(self) -> None:
        self._found: list[pb.Gpu] = []
        self._next = 0.0

    def read(self) -> list[pb.Gpu]:
        """The GPUs as they were at most two seconds ago."""
        now = time.monotonic()
        if now < self._next:
            return self._found
        program = shutil.which(_COMMAND[0])
        if program is None:
            self._next = now + _RETRY_SECONDS
            return []
        try:
            done = subprocess.run(
                (program, *_COMMAND[1:]),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_SECONDS,
                check=True,
                text=True,
                errors="replace",
            )
            self._found = parse(done.stdout)
            self._next = time.monotonic() + _FRESH_SECONDS
        except (OSError, subprocess.SubprocessError) as error:
            log.info("nvidia-smi: %s", error)
            self._found = []
            self._next = time.monotonic() + _RETRY_SECONDS
        return self._found


def parse(text: str) -> list[pb.Gpu]:
    """Lines of `name, utilization in %, memory used in MiB, memory in MiB`; what is no number counts as 0 and lines
    of another form are left out."""
    found = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 3)]
        if len(fields) == 4 and fields[0]:
            load, used, total = map(_number, fields[1:])
            found.append(
                pb.Gpu(name=fields[0], load_percent=load, memory_used=int(used * _MIB), memory_total=int(total * _MIB))
            )
    return found


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:  # "[N/A]", "[Not Supported]"
        return 0.0
