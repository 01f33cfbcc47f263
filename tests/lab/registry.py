"""Registries of the tests: the real server on loopback, with users and tokens, that can be killed and come back."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import Connection

from rhserver.registry import accounts
from rhserver.registry.database import Database

_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 20.0


class RegistryServer:
    """One registry in a folder of its own.

    Args:
        folder: where its home and its log are.
        database: its URL; empty: SQLite in `folder`.
        options: more words for `serve`.

    Attributes:
        url: where it answers; the same after a restart.
        output: what it has printed besides, once it has ended.
    """

    def __init__(self, folder: Path, database: str = "", options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.database = database or f"sqlite:///{folder / 'registry.sqlite'}"
        self.log = folder / "registry.log"
        self.options = list(options)
        self.url = ""
        self.output = ""
        self._process: psutil.Process | None = None
        self._tokens: dict[str, str] = {}

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `rhdesk registry ARGUMENTS` on its database."""
        done = subprocess.run(
            [sys.executable, "-m", "rhserver.registry", *arguments],
            env=self._environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"registry {' '.join(arguments)}: {done.stderr}")
        return done

    def start(self) -> RegistryServer:
        """Serve; returns when it answers."""
        listen = self.url.partition("://")[2] or f"127.0.0.1:{_free_port()}"
        output = self.folder / "output"
        output.unlink(missing_ok=True)
        self._process = psutil.Process(
            _starter().start(["serve", "--listen", listen, *self.options], self._environment(), output, self.log)
        )
        deadline = time.monotonic() + _SECONDS_TO_START
        while not (found := re.search(r"(https?://\S+)\n", output.read_text() if output.exists() else "")):
            if not _lives(self._process) or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the registry does not start:\n{self.said()}")
            time.sleep(0.01)
        self.url = found[1]
        return self

    @property
    def pid(self) -> int:
        """Of the server that runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it in order, if it runs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def user(self, name: str, *, admin: bool = False) -> str:
        """Make a user; their token. Quicker than the command, and the same."""
        with self._writing() as connection:
            user = accounts.add(connection, name, admin=admin)
            self._tokens[name] = accounts.new_token(connection, user)
        return self._tokens[name]

    def token(self, name: str) -> str:
        """The token of a user, who is made if there is none."""
        return self._tokens.get(name) or self.user(name)

    def use_token(self, name: str, token: str) -> None:
        """That this user has this token: of another registry, whose backup was put back here."""
        self._tokens[name] = token

    def group(self, name: str, *members: str, managers: tuple[str, ...] = ()) -> None:
        """Make a group; users who are not there are made."""
        for each in (*members, *managers):
            self.token(each)
        with self._writing() as connection:
            group = accounts.add(connection, name, accounts.GROUP)
            for member in members:
                accounts.set_member(connection, group, accounts.find(connection, member), "member")
            for manager in managers:
                accounts.set_member(connection, group, accounts.find(connection, manager), "manager")

    def client(self, user: str) -> httpx.Client:
        """An HTTP client that is logged in as `user`; close it."""
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def said(self) -> str:
        """What it wrote to its log: nothing, as long as all is well."""
        return self.log.read_text() if self.log.exists() else ""

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        database = Database(self.database)
        try:
            with database.writing() as connection:
                yield connection
        finally:
            database.close()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "RH_HOME": str(self.folder / "home"), "RH_REGISTRY_DB": self.database}

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        deadline = time.monotonic() + _SECONDS_TO_END
        while _lives(process):
            if time.monotonic() > deadline:
                process.kill()
                raise AssertionError("the registry does not end")
            time.sleep(0.005)
        self.output += (self.folder / "output").read_text()


def _free_port() -> int:
    """A port that is free, and that the system gives to no outgoing connection while the server is down."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trying, contextlib.suppress(OSError):
            trying.bind(("127.0.0.1", port))
            return port


def _lives(process: psutil.Process) -> bool:
    """Whether anything of it is left: while one of its threads waits for the disk it still has its port."""
    return bool(process.is_running())


class _Starter:
    """The program that starts servers quickly; ends with these tests."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("registry_starts.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        atexit.register(self.close)

    def start(self, arguments: list[str], environment: dict[str, str], output: Path, log: Path) -> int:
        """Start one; its process id."""
        asked = {"arguments": arguments, "environment": environment, "output": str(output), "log": str(log)}
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        print(json.dumps(asked), file=self._program.stdin, flush=True)
        return int(self._program.stdout.readline())

    def close(self) -> None:
        """End the program; servers that it started go on."""
        for stream in (self._program.stdin, self._program.stdout):
            if stream is not None:
                stream.close()
        self._program.wait()


@functools.cache
def _starter() -> _Starter:
    return _Starter()


@pytest.fixture(scope="session")
def _registry_starter() -> Iterator[None]:
    yield
    if _starter.cache_info().currsize:
        _starter().close()
        _starter.cache_clear()


@pytest.fixture
def make_registry(_registry_starter: None) -> Iterator[Callable[..., RegistryServer]]:
    """Starts registries; takes what `RegistryServer` takes after the folder. Their logs must stay empty."""
    made: list[RegistryServer] = []

    def make(database: str = "", options: Sequence[str] = ()) -> RegistryServer:
        registry = RegistryServer(Path(tempfile.mkdtemp(prefix="rhr-", dir="/tmp")), database, options)
        made.append(registry)
        return registry.start()

    yield make
    said = []
    for registry in made:
        registry.stop()
        said.append(registry.said())
        shutil.rmtree(registry.folder, ignore_errors=True)
    assert "".join(said) == "", "the registry logged warnings"


@pytest.fixture
def registry(make_registry: Callable[..., RegistryServer]) -> RegistryServer:
    """A registry on SQLite for this test alone; its users are made when their token is asked for."""
    return make_registry()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_registry(request: pytest.FixtureRequest, make_registry: Callable[..., RegistryServer]) -> RegistryServer:
    """A registry for this test alone, once on each database."""
    if request.param == "sqlite":
        return make_registry()
    return make_registry(request.getfixturevalue("postgres").database())
