"""Our own SkyPilot API server: found where another of our processes has it already, else started, held while in use.

The window, the command line and the library of one rhdesk directory share one server, because each would cost 15
seconds and a gigabyte. Who holds it together is the keeper, a small program of its own (`inside/rhdesk_keeper.py`
says how it ends); here is the side of those who use it. The way to the keeper is a unix socket in our runtime
directory, which nobody else may enter; over it comes the token of this start, which is in no file that others can read.
The server's own socket is there too: whoever answers at it is ours, so that nothing is ever sent to somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rhresources import paths
from rhresources.cloud.answers import LaunchEvent, OnLaunch
from rhresources.cloud.environment import environment_folder, environment_python, install, plain_python
from rhresources.cloud.identity import identity, skypilot_home
from rhresources.cloud.problems import CloudProblem
from rhresources.errors import RhError
from rhresources.stores.files import write_text

INSIDE = Path(__file__).resolve().parent / "inside"
"""Programs that run in SkyPilot's Python."""

LINGER = 120
"""Seconds that a server waits for the next who needs it, after one who did not say that it may end."""

_TOLD_BY_USERS = ("SKYPILOT_API_SERVER_ENDPOINT", "SKYPILOT_DB_CONNECTION_URI", "PYTHONHOME", "VIRTUAL_ENV")
"""What would lead our server to somebody else's: of the user's own `sky`."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The unix socket at which our server listens, and what it wants to hear."""

    socket: str
    token: str
    pid: int


class OwnServer:
    """The shared server of one rhdesk directory, as one process of ours uses it."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = home if home is not None else paths.home()
        self._folder = skypilot_home(self._home)
        self._lock = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._running: RunningServer | None = None

    @property
    def running(self) -> RunningServer | None:
        """The server that this process holds; None if it holds none, or it ended."""
        return self._running

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._folder / "server.log"

    @property
    def _keeper_log(self) -> Path:
        return self._folder / "keeper.log"

    async def find(self) -> RunningServer | None:
        """The server, if one runs; none is started."""
        async with self._lock:
            return self._running or await self._join()

    async def have(self, on_event: OnLaunch | None = None) -> RunningServer:
        """The server, installed and started if it has to be. It may not answer yet.

        Raises:
            CloudProblem: it cannot be installed or started.
        """
        say = on_event or (lambda _event: None)
        async with self._lock:
            if found := self._running or await self._join():
                return found
            python = await install(self._home, on_event)
            say(LaunchEvent("server", "Starting SkyPilot's server", at=time.time()))
            return await self._start(python)

    async def leave(self, *, at_once: bool = True) -> None:
        """Use it no more. The last one to say so ends it, unless a launch or the like is under way.

        Args:
            at_once: or after `LINGER` seconds in which nobody came.
        """
        async with self._lock:
            if self._writer is None:
                return
            if at_once:
                with contextlib.suppress(OSError):
                    self._writer.write(b"leave\n")
                    await self._writer.drain()
            self._forget()

    async def last_words(self) -> str:
        """The end of what the server said."""
        return await asyncio.to_thread(_end_of, self.log)

    # ---------------------------------------------------------------- the keeper

    def _socket(self, name: str = "skypilot.sock") -> Path:
        return paths.socket_path(paths.runtime_directory(self._home), name)

    async def _join(self) -> RunningServer | None:
        """Hold the server that a keeper has, if there is one."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(await asyncio.to_thread(self._socket)))
        except OSError:
            return None
        try:
            said = json.loads(await asyncio.wait_for(reader.readline(), 10))
            running = _running(said)
        except (OSError, ValueError, KeyError, TimeoutError):
            writer.close()  # the keeper is about to end
            return None
        self._writer, self._running = writer, running
        self._listening = asyncio.create_task(self._listen(reader), name="skypilot-keeper")
        return running

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Learn when the server ends, or its keeper."""
        with contextlib.suppress(OSError, ValueError):
            await reader.readline()
        self._forget()

    def _forget(self) -> None:
        if self._listening is not None and self._listening is not asyncio.current_task():
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()
        self._writer = self._listening = self._running = None

    async def _start(self, python: Path) -> RunningServer:
        """Start a keeper and join it. Another process may do the same at this moment; the first keeper wins."""
        plan = await asyncio.to_thread(self._write_plan, python)
        log = await asyncio.to_thread(os.open, self._keeper_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await self._until_joined(plan, log)
        finally:
            os.close(log)

    async def _until_joined(self, plan: Path, log: int) -> RunningServer:
        program = await plain_python(self._home)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            starting = await asyncio.create_subprocess_exec(
                program, "-I", INSIDE / "rhdesk_keeper.py", plan, stdin=asyncio.subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, env=self._outer_environment(),
            )  # fmt: skip
            if await starting.wait():
                raise CloudProblem(
                    "SkyPilot's server could not be started.",
                    code="server-dead",
                    remedy=f"The details say why, and {self._keeper_log} does.",
                    detail=await asyncio.to_thread(_end_of, self._keeper_log),
                )
            if found := await self._join():
                return found
            await asyncio.sleep(0.3)  # there is another keeper, which is on its way up or down
        raise CloudProblem(
            "SkyPilot's server could not be started within a minute.",
            code="server-dead",
            remedy=f"This computer may be very busy; try again. {self._keeper_log} may say more.",
            detail=f"{await asyncio.to_thread(_end_of, self._keeper_log)}\n{await self.last_words()}".strip(),
        )

    def _write_plan(self, python: Path) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        (self._folder / "ssh").mkdir(exist_ok=True, mode=0o700)
        _share_catalogues(self._folder / "state" / ".sky")
        plan = self._folder / "keeper.json"
        values: dict[str, Any] = {
            "python": str(python),
            "socket": str(self._socket()),
            "listen": str(self._socket("skypilot-api.sock")),
            "lock": str(self._folder / "keeper.lock"),
            "log": str(self.log),
            "folder": str(self._folder),
            "token_file": str(self._folder / "token"),
            "plugins_file": str(self._folder / "plugins.yaml"),
            "plugins": _plugins_of_user(),
            "linger": LINGER,
            "environment": self._environment(),
        }
        write_text(plan, json.dumps(values, indent=1), private=True)
        return plan

    def _outer_environment(self) -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if key not in _TOLD_BY_USERS}

    def _environment(self) -> dict[str, str]:
        """What the server is told besides what we were told ourselves."""
        folder = environment_folder(self._home)
        given = os.environ.get("PYTHONPATH", "")
        told = {
            "IS_SKYPILOT_SERVER": "true",
            "SKYPILOT_API_SERVER_LOCAL_PORT": "0",  # whatever looks for it at a port must not find the user's own
            "SKY_RUNTIME_DIR": str(self._folder / "state"),
            "SKYPILOT_USER_ID": identity(self._home),
            "SKYPILOT_SERVER_PLUGINS_CONFIG": str(self._folder / "plugins.yaml"),
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
            "DO_NOT_TRACK": "1",
            "SCARF_ANALYTICS": "false",
            "PYTHONPATH": os.pathsep.join(part for part in (str(INSIDE), given) if part),
            "PYTHONUNBUFFERED": "1",
            "VIRTUAL_ENV": str(folder),
            "PATH": os.pathsep.join((str(environment_python(folder).parent), os.environ.get("PATH", os.defpath))),
        }
        # without a bound SkyPilot starts 4 + 66 workers of 135 MB each; who knows better may say so
        for name, value in (("SKYPILOT_POD_MEMORY_GB_LIMIT", "4"), ("SKYPILOT_POD_CPU_CORE_LIMIT", "2")):
            told[name] = os.environ.get(name, value)
        return told


def _running(said: dict[str, Any]) -> RunningServer:
    return RunningServer(said["socket"], said["token"], said["pid"])


def _end_of(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(errors="replace")[-4000:].strip()
    return ""


def _share_catalogues(state: Path) -> None:
    """Price lists are used in common with the user's own `sky`: they are the same, or made by hand and better."""
    of_user = Path("~/.sky/catalogs").expanduser()
    if of_user.is_dir() and not (state / "catalogs").exists():
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError):  # without it they are fetched anew
            (state / "catalogs").symlink_to(of_user, target_is_directory=True)


def _plugins_of_user() -> list[Any]:
    """SkyPilot's plugins that the user has set up; they go on working in our server."""
    path = Path(os.environ.get("SKYPILOT_SERVER_PLUGINS_CONFIG", "~/.sky/plugins.yaml")).expanduser()
    try:
        said = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return []
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise RhError(
            f"SkyPilot's list of plugins, {path}, cannot be read.", remedy="Mend or remove it.", detail=str(error)
        ) from None
    plugins = said.get("plugins") if isinstance(said, dict) else None
    return list(plugins) if isinstance(plugins, list) else []
