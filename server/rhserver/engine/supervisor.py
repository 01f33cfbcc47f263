"""The Ray actor that is the parent of worker processes.

Functions that ask for no resources share one supervisor per host; a function that asks for processors or GPUs gets a
supervisor of its own that holds just those. The workers run in the environment of the function, not in Ray's: any
Python version, no Ray there. A supervisor is detached, so it and its workers outlive a killed server.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

SHARED = "supervisor"
"""Name of the actor that functions without resources share."""


class Supervisor:
    """Starts workers, waits for their end, sends them signals. Runs inside a Ray actor (async)."""

    def __init__(self) -> None:
        self._workers: dict[str, asyncio.subprocess.Process] = {}
        self._ended: dict[str, int] = {}

    async def start(self, name: str, command: list[str], environment: dict[str, str], folder: str, log: str) -> int:
        """Start worker `name`; its process id."""
        if os.environ.get("CUDA_VISIBLE_DEVICES"):
            environment = {**environment, "CUDA_VISIBLE_DEVICES": os.environ["CUDA_VISIBLE_DEVICES"]}
        with open(log, "ab") as output:  # noqa: ASYNC230 - a small local file
            process = await asyncio.create_subprocess_exec(
                *command, env=environment, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip
        self._workers[name] = process
        return process.pid

    async def wait(self, name: str) -> int:
        """Wait until worker `name` ends; its exit code, negative for a signal."""
        process = self._workers.get(name)
        if process is None:
            return self._ended.get(name, -int(signal.SIGKILL))
        code = await process.wait()
        self._workers.pop(name, None)
        self._ended[name] = code
        # what it left running in its session goes with it
        _signal_group(process.pid, signal.SIGKILL)
        return code

    async def signal(self, name: str, number: int, group: bool = False) -> bool:
        """Send a signal to worker `name`, or to it and everything it started."""
        process = self._workers.get(name)
        if process is None or process.returncode is not None:
            return False
        if group:
            _signal_group(process.pid, number)
        else:
            process.send_signal(number)
        return True

    async def ping(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "workers": {name: process.pid for name, process in self._workers.items()}}


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass
