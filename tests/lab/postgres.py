"""A PostgreSQL of the tests, from the programs of Debian's package, on a socket in a folder of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.rights import has_many_users

_NAME = "registry"
_SECONDS = 180.0


def _programs() -> Path | None:
    """The folder of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def why_no_postgres() -> str:
    """What is missing for one; nothing if it is all there."""
    if _programs() is None:
        return "needs the package postgresql"
    if os.geteuid() == 0 and not has_many_users():
        return "PostgreSQL refuses root, and there is no other user in this namespace"
    return ""


class PostgresServer:
    """One server. As root it runs as another user, because it refuses root.

    Args:
        folder: an empty one of its own.
        durable: whether it waits for the disk; what no power cut will end is quicker without.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._durable = "on" if durable else "off"
        self._program: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._as: list[str | Path] = []
        if os.geteuid() == 0:
            # not `user=` of Popen, which forks: gRPC's own handlers of a fork may abort the child of a process that
            # uses it, and Popen takes a child that dies before its program for one that has started
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")

    def start(self) -> PostgresServer:
        """Serve; returns when it answers."""
        data = self.folder / "data"
        if not data.exists():
            self._run("initdb", "-D", data, "-U", _NAME, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        log = (self.folder / "log").open("ab")
        self._program = subprocess.Popen(
            [*self._as, self._path("postgres"), "-D", data, "-k", self.folder, "-c", "listen_addresses=",
             "-c", f"fsync={self._durable}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
        )  # fmt: skip
        log.close()
        deadline = time.monotonic() + _SECONDS
        while self._run("pg_isready", "-q", "-h", self.folder, check=False).returncode:
            if self._program.poll() is not None or time.monotonic() > deadline:
                status = self._program.poll()
                self.stop()
                raise AssertionError(
                    f"PostgreSQL, status {status}, does not answer: {(self.folder / 'log').read_text()}"
                )
            time.sleep(0.05)
        return self

    def database(self) -> str:
        """The URL of a new, empty database; starts the server if it does not run."""
        if self._program is None:
            self.start()
        name = f"registry{next(self._numbers)}"
        self._run("createdb", "-h", self.folder, "-U", _NAME, name)
        return f"postgresql://{_NAME}@/{name}?host={self.folder}"

    def stop(self) -> None:
        """End it at once; `start` recovers what was committed."""
        if self._program is not None:
            self._program.send_signal(signal.SIGQUIT)
            self._program.wait(_SECONDS)
            self._program = None

    def remove(self) -> None:
        """End it, and all that it holds."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self._as, self._path(name), *arguments], capture_output=True, text=True, check=False, cwd=self.folder
        )
        if check and done.returncode:
            raise AssertionError(f"{name}: {done.stderr}")
        return done

    @staticmethod
    def _path(name: str) -> Path:
        programs = _programs()
        assert programs is not None
        return programs / name


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the session, which starts when a database is taken from it."""
    if reason := why_no_postgres():
        pytest.skip(reason)
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="rhp-", dir="/tmp")))
    try:
        yield server  # started later: pytest would keep a failure here for all tests that follow
    finally:
        server.remove()
