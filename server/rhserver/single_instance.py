"""One server per state directory, and the file by which clients find it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import psutil

from rhresources.errors import RhError


class Lock:
    """Held as long as the server lives; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, home: Path, what: str = "A cluster server") -> None:
        """Take the lock of `home`.

        Args:
            home: the state directory.
            what: holds it if somebody does, for the sentence.

        Raises:
            RhError: another server holds it, or the directory cannot be written.
        """
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = open(home / "lock", "a+")  # noqa: SIM115 - held until the process ends
        except OSError as error:
            raise RhError(
                f"The server cannot use {home}: {error.strerror}.", remedy="Choose another directory with $RH_HOME."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            raise RhError(
                f"{what} already runs on {home} (process {holder}).",
                remedy="Use that one, or set $RH_HOME to another directory.",
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()


class Published:
    """`server.json`: where the server listens, its token, and which process it is. Clients find the server by it."""

    def __init__(self, home: Path, **facts: Any) -> None:
        facts["pid"] = os.getpid()
        facts["process_started"] = psutil.Process().create_time()
        self._path = home / "server.json"
        self._text = json.dumps(facts)
        self.restore()

    def restore(self) -> None:
        """Write it, unless it is there as it was written: nobody could stop a server that cannot be found."""
        with contextlib.suppress(OSError, ValueError):
            if self._path.read_text() == self._text:
                return
        write_private(self._path, self._text)

    def withdraw(self) -> None:
        """Remove it at the end."""
        self._path.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read; whoever reads it sees all of the old or all of the new text.

    Raises:
        OSError: the disk is full, for one.
    """
    temporary = path.with_suffix(".part")
    temporary.unlink(missing_ok=True)
    with open(temporary, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    os.replace(temporary, path)
