"""The Ray actor that is the parent of worker processes.

Functions that ask for no resources share one supervisor per host; a function that asks for processors or GPUs gets a
supervisor of its own that holds just those. The workers run in the environment of the function, not in Ray's: any
Python version, no Ray there. A supervisor is detached, so it and its workers outlive a killed server.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhresources import paths

if TYPE_CHECKING:
    from rhserver.hosts.relay import Relay

SHARED = "supervisor"
"""Name of the actor that functions without resources share on the head."""

OWN_VARIABLES = ("RAY_", "PYTHONHOME", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
"""Beginnings of the variables that are the server's and not for workers."""

WORKER_PROGRAM = str(Path(__file__).parent.parent / "worker")


class Supervisor:
    """Starts workers, waits for their end, sends them signals. Runs inside a Ray actor (async).

    Args:
        home: the state directory of the server on the host where it is; a supervisor that Ray places somewhere is
            told by `use_home` when it is known where.
    """

    def __init__(self, home: str = "") -> None:
        self._home = Path(home)
        self._workers: dict[str, asyncio.subprocess.Process] = {}
        self._ended: dict[str, int] = {}
        self._relay: Relay | None = None
        self._port = 0
        self._opening = asyncio.Lock()

    async def where(self) -> str:
        """The id of Ray's node that it is on, in hex. Answered when Ray has the resources that it holds."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    async def use_home(self, home: str) -> None:
        """What `__init__` was not told."""
        self._home = Path(home)

    async def start(
        self,
        name: str,
        python: str,
        path: tuple[str, ...],
        folder: str,
        variables: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Start worker `name`; where it listens.

        Args:
            name: of the worker, unique in the cluster.
            python: its interpreter.
            path: what goes onto `sys.path` there.
            folder: where it starts.
            variables: of its environment, over those of the host.
            environment: those of the host; default: this process's own, without what is Ray's.
        """
        from rhserver.inspection.inspection import fallback_path

        workers = self._home / "workers"
        workers.mkdir(mode=0o700, exist_ok=True)
        (self._home / "runs").mkdir(mode=0o700, exist_ok=True)
        (self._home / "blobs").mkdir(mode=0o700, exist_ok=True)
        settings = {
            "socket": self._socket(name),
            "scratch": str(workers / f"{name}.out"),
            "runs": str(self._home / "runs"),
            "spill": str(self._home / "blobs"),
            "path": list(path),
            "fallback_path": fallback_path(python),
        }
        settings_file = workers / f"{name}.settings"
        settings_file.write_text(json.dumps(settings))
        with open(self._errors(name), "ab") as output:  # noqa: ASYNC230 - a small local file
            process = await asyncio.create_subprocess_exec(
                python, WORKER_PROGRAM, str(settings_file), env=_environment(python, variables, environment),
                cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._workers[name] = process
        return self._socket(name)

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

    async def last_words(self, name: str) -> str:
        """What worker `name` said before it was one: why it could not start."""
        try:
            return self._errors(name).read_text(errors="replace")[-4000:]
        except OSError:
            return ""

    async def forget(self, name: str) -> None:
        """Worker `name` is gone: remove its files."""
        self._ended.pop(name, None)
        for file in (*(self._home / "workers").glob(f"{name}.*"), Path(self._socket(name))):
            file.unlink(missing_ok=True)

    async def open_relay(self, address: str) -> int:
        """Let the head reach the workers of this host, at `address`; the port."""
        from rhserver.hosts.relay import Relay, remove_leftovers

        async with self._opening:
            if self._relay is None:
                token = (self._home / "ray-token").read_text()
                await asyncio.to_thread(remove_leftovers, self._home, _KEPT_SECONDS)
                relay = Relay(self._home, token, self._socket)
                self._port = await relay.open(address)
                self._relay = relay
        return self._port

    def _socket(self, name: str) -> str:
        return str(paths.runtime_directory(self._home) / f"{name}.s")

    def _errors(self, name: str) -> Path:
        return self._home / "workers" / f"{name}.err"


_KEPT_SECONDS = 7 * 86400.0


def _environment(
    python: str, variables: Mapping[str, str], of_host: Mapping[str, str] | None
) -> dict[str, str]:
    if of_host is None:
        # Ray says one thread to OpenMP in its own workers; users' functions are not those
        of_host = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    environment = {key: value for key, value in of_host.items() if not key.startswith(OWN_VARIABLES)}
    folder = str(Path(python).parent)
    environment["PATH"] = f"{folder}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["VIRTUAL_ENV"] = str(Path(folder).parent)
    if os.environ.get("CUDA_VISIBLE_DEVICES"):
        environment["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"]
    environment.update(variables)
    return environment


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass
