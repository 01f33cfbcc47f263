"""Registries of the tests: the real server on loopback, with users and tokens, that can be killed and come back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import httpx
import pytest

_SECONDS_TO_START = 60.0


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
        self._program: subprocess.Popen[str] | None = None
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
        listen = self.url.partition("://")[2] or "127.0.0.1:0"
        with self.log.open("a") as log:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "rhserver.registry", "serve", "--listen", listen, *self.options],
                env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self._program.stdout is not None
        self.url = _said_url(self._program.stdout) or self._failed()
        return self

    @property
    def pid(self) -> int:
        """Of the server that runs."""
        assert self._program is not None
        return self._program.pid

    def stop(self) -> None:
        """End it in order, if it runs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def user(self, name: str, *, admin: bool = False) -> str:
        """Make a user; their token."""
        self.command("user", "add", name, *(["--admin"] if admin else []))
        return self.token(name)

    def token(self, name: str) -> str:
        """The token of a user, who is made if there is none."""
        if name not in self._tokens:
            if self.command("token", "list", name, check=False).returncode:
                self.command("user", "add", name)
            self._tokens[name] = self.command("user", "token", name).stdout.splitlines()[-1]
        return self._tokens[name]

    def group(self, name: str, *members: str, managers: tuple[str, ...] = ()) -> None:
        """Make a group of users who are there."""
        self.command("group", "add", name)
        for member in members:
            self.command("group", "member", name, member)
        for manager in managers:
            self.command("group", "member", name, manager, "--manager")

    def client(self, user: str) -> httpx.Client:
        """An HTTP client that is logged in as `user`; close it."""
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def said(self) -> str:
        """What it wrote to its log: nothing, as long as all is well."""
        return self.log.read_text() if self.log.exists() else ""

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "RH_HOME": str(self.folder / "home"), "RH_REGISTRY_DB": self.database}

    def _end(self, number: int) -> None:
        if self._program is None:
            return
        self._program.send_signal(number)
        try:
            self._program.wait(20)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
            raise AssertionError("the registry does not end") from None
        finally:
            assert self._program.stdout is not None
            self.output += self._program.stdout.read()
            self._program.stdout.close()
            self._program = None

    def _failed(self) -> str:
        self.kill()
        raise AssertionError(f"the registry does not start:\n{self.said()}")


def _said_url(stdout: IO[str]) -> str:
    """The address that it prints when it answers; nothing if it ends before."""
    deadline = time.monotonic() + _SECONDS_TO_START
    for line in stdout:
        if found := re.search(r"https?://\S+", line):
            return found[0]
        if time.monotonic() > deadline:
            break
    return ""


@pytest.fixture
def make_registry() -> Iterator[Callable[..., RegistryServer]]:
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
