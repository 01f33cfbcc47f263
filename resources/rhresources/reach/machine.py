"""This computer as a cluster: starts the server as a process of its own, finds one that runs, ends it in order.

The server outlives whoever started it. `server.json` in its home says where it is; process id and start time together
tell whether that is still true.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from rhresources import paths
from rhresources.errors import RhError
from rhresources.people import person
from rhresources.reach import Progress, silent
from rhresources.reach.server_calls import (
    START_SECONDS,
    STOP_SECONDS,
    answers,
    limit_options,
    shut_down,
    wait_for_engine,
)
from rhresources.wire.channel import ServerAddress

if TYPE_CHECKING:
    from rhresources.cloud.answers import OnLaunch
    from rhresources.documents import ClusterDocument

_STEP = 0.02
# a warm start of Ray needs byte code, which this variable would keep it from writing
_NOT_FOR_SERVERS = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONSTARTUP", "PYTHONINSPECT")

_STARTED: list[subprocess.Popen[bytes]] = []
"""Servers this process started; kept because a `Popen` that is forgotten complains that its process goes on."""


class MachineRoute:
    """The way to the cluster server of this computer.

    Args:
        home: the rhdesk directory; default: the user's. The server lives in `server` under it.
        document: what the cluster is, for what it says of workers and of what is kept; else the settings say it.
    """

    def __init__(self, home: Path | None = None, document: ClusterDocument | None = None) -> None:
        self._rhdesk_home = home
        self._document = document
        self.home = (home / "server") if home is not None else paths.server_home()

    @property
    def ssh(self) -> None:
        """Nothing here is reached by SSH."""
        return None

    @property
    def on_demand(self) -> None:
        """This computer belongs to somebody."""
        return None

    async def address(self, ask: bool = False) -> ServerAddress | None:
        """Where the server listens now; None if it does not run. There is never anything to ask."""
        record = self._record()
        if record is None or _process_of(record) is None:
            return None
        return ServerAddress(f"unix:{record['socket']}", str(record["token"]), person(self._rhdesk_home))

    async def up(
        self, progress: Progress, *, wait_ready: bool = True, ask: bool = True, on_event: OnLaunch | None = None
    ) -> ServerAddress:
        """Start the server if it does not run, and wait until it answers (and until Ray is up, with `wait_ready`).

        Raises:
            RhError: the server cannot start, in its own words; or Ray cannot.
        """
        address = await self.address()
        if address is None or not await answers(address):
            progress("Starting the cluster server on this computer")
            address = await self._start()
        if wait_ready:
            await wait_for_engine(address, progress)
        return address

    async def down(self, stop_runs: bool, progress: Progress = silent) -> None:
        """End the server, Ray and every worker.

        Raises:
            RhError: runs are active and `stop_runs` is false; nothing was ended.
        """
        address = await self.address()
        if address is None:
            if not self._engine_runs():
                self._forget()
                return
            # a killed server left its Ray and maybe runs behind; a new one knows how to end them in order
            address = await self.up(progress, wait_ready=True)
        record = self._record()
        process = _process_of(record) if record is not None else None
        await shut_down(address, stop_runs)
        deadline = time.monotonic() + STOP_SECONDS
        while process is not None and _lives(process):
            if time.monotonic() > deadline:
                await asyncio.to_thread(_end, process)
                break
            await asyncio.sleep(_STEP)
        self._forget()

    async def close(self) -> None:
        """Nothing is held open."""

    # ------------------------------------------------------------ starting

    async def _start(self) -> ServerAddress:
        _require_server_extra()
        log = self._log_file()
        with log.open("ab") as output:
            before = output.tell()
            limits = await asyncio.to_thread(limit_options, self._document, self._rhdesk_home)
            environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_SERVERS}
            process = await asyncio.to_thread(
                subprocess.Popen,
                [sys.executable, "-m", "rhserver", "--home", str(self.home), *limits],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.home,
                env=environment,
            )
        _STARTED.append(process)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ended = process.poll()
            address = await self.address()
            if address is not None and await answers(address):
                return address
            if ended is not None and not (self._other_starts(log, before) and address is None):
                raise self._start_error(log, before, ended)
            await asyncio.sleep(_STEP)
        raise RhError(
            f"The cluster server did not answer within {START_SECONDS:.0f} s.",
            remedy=f"{log} says what it does.",
            detail=_tail(log, before),
        )

    def _log_file(self) -> Path:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            log = self.home / "server.log"
            log.touch(mode=0o600)
            return log
        except OSError as error:
            raise RhError(
                f"The cluster server cannot use {self.home}: {error.strerror}.",
                remedy="Choose another directory with $RH_HOME.",
            ) from error

    @staticmethod
    def _other_starts(log: Path, before: int) -> bool:
        """Whether our server ended because another client was faster; that one is about to answer."""
        return "already runs" in _tail(log, before)

    @staticmethod
    def _start_error(log: Path, before: int, code: int) -> RhError:
        detail = _tail(log, before)
        lines = [line.strip() for line in detail.splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if line.startswith("rhserver: ")), lines[-1] if lines else "")
        sentence = said.removeprefix("rhserver: ") or f"it ended with exit code {code} and said nothing."
        return RhError(f"The cluster server could not start: {sentence}", detail=detail)

    # ------------------------------------------------------------ what the server published

    def _engine_runs(self) -> bool:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads((self.home / "ray.json").read_text())
            return _process_of(record) is not None
        return False

    def _record(self) -> dict[str, Any] | None:
        try:
            record = json.loads((self.home / "server.json").read_text())
            record["pid"], record["process_started"], record["socket"], record["token"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return dict(record)

    def _forget(self) -> None:
        record = self._record()
        if record is not None and _process_of(record) is None:
            (self.home / "server.json").unlink(missing_ok=True)


def _require_server_extra() -> None:
    for module in ("rhserver", "ray"):
        if importlib.util.find_spec(module) is None:
            raise RhError(
                "This computer cannot be a cluster: Ray is not installed here.",
                remedy="Install it with: pip install 'rhdesk[server]'",
                detail=f"no module {module} for {sys.executable}",
            )


def _process_of(record: dict[str, Any]) -> psutil.Process | None:
    """The process that wrote the record; None if it ended, even if its id was given out again."""
    try:
        process = psutil.Process(int(record["pid"]))
        same = abs(process.create_time() - float(record["process_started"])) < 1.0
        return process if same and _lives(process) else None
    except (psutil.Error, ValueError, KeyError, TypeError):
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.terminate()
        try:
            process.wait(5)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(5)


def _tail(log: Path, start: int, limit: int = 20_000) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(start, file.tell() - limit))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
