"""Bulk data as files: large arguments that were uploaded, large results to be downloaded. Each has a name for a while.

A blob's content never changes, so a file can be a blob and something else (a run's result, an object) by a hard link.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from collections.abc import Generator
from pathlib import Path
from secrets import token_hex

from rhresources.errors import ServerProblem
from rhresources.wire.values import CHUNK
from rhserver.disk import disk_errors, private_directory

_NAME = re.compile(r"[us]-[0-9a-f]{32}")
_ARRIVING = ".part"


class Blobs:
    """All blobs of this server. Thread-safe. What lies in `directory` under another name is not a blob yet: workers
    write large results there for `adopt`."""

    def __init__(self, directory: Path) -> None:
        self.directory = private_directory(directory)
        for leftover in directory.glob(f"*{_ARRIVING}"):
            leftover.unlink()
        self._started = time.monotonic()
        self._used: dict[str, float] = {}
        self._writing: set[str] = set()
        self._lock = threading.Lock()

    def path(self, name: str) -> Path:
        """The file of a blob, used now.

        Raises:
            ServerProblem: there is none of that name ("unknown-blob").
        """
        path = self.directory / name
        if not _NAME.fullmatch(name) or not path.exists():
            raise ServerProblem(
                "The data is not on the cluster any more.",
                code="unknown-blob",
                remedy="Send it again; data that nothing refers to is kept for a limited time.",
            )
        self._touch(name)
        return path

    def adopt(self, path: Path) -> str:
        """Make a blob of a file in `directory`, which moves; its name."""
        return self.adopt_as(path, f"u-{token_hex(16)}")

    def adopt_as(self, path: Path, name: str) -> str:
        """The same under a given name."""
        os.rename(path, self.directory / name)
        self._touch(name)
        return name

    def share(self, path: Path) -> str:
        """The name of a blob with the content of `path`, which stays where it is and must not change any more. The
        same file has the same name, also after a restart, so that a download can go on."""
        name = f"s-{hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()}"
        blob = self.directory / name
        self._touch(name)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samefile(blob, path):
                return name
        part = self.directory / f"{token_hex(8)}{_ARRIVING}"
        os.link(path, part)
        os.replace(part, blob)
        return name

    def discard(self, name: str) -> None:
        """Nobody needs this blob any more; one that is gone already is no error. Whoever reads it can read on."""
        if _NAME.fullmatch(name):
            (self.directory / name).unlink(missing_ok=True)
            with self._lock:
                self._used.pop(name, None)

    def writer(self) -> Writer:
        """Takes an upload; finish or drop it."""
        name = f"u-{token_hex(16)}"
        return Writer(self, name, self.directory / f"{name}{_ARRIVING}")

    def reader(self, name: str, offset: int = 0) -> Generator[bytes, None, None]:
        """The content from `offset` on, in pieces of 1 MiB.

        Raises:
            ServerProblem: there is no such blob, or the offset lies behind its end.
        """
        with self.path(name).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if offset > size:
                raise ServerProblem(f"The data has {size} bytes; {offset} were asked for.", code="bad-request")
            file.seek(offset)
            while piece := file.read(CHUNK):
                yield piece
        self._touch(name)

    def collect(self, unused_seconds: float) -> int:
        """Remove what was not used for that long; bytes freed. A content that is something else too stays as that."""
        freed = 0
        now = time.monotonic()
        for entry in os.scandir(self.directory):
            with self._lock:
                expired = now - self._used.get(entry.name, self._started) > unused_seconds
                if entry.name in self._writing or not expired:
                    continue
                self._used.pop(entry.name, None)
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if not _NAME.fullmatch(entry.name) and time.time() - found.st_mtime <= unused_seconds:
                    continue  # a worker writes it, or wrote it for a server that is gone
                os.unlink(entry.path)
                freed += found.st_size if found.st_nlink == 1 else 0
        return freed

    def finished(self, writer: Writer) -> None:
        """For `Writer`: its file is a blob now, or gone."""
        with self._lock:
            self._writing.discard(writer.path.name)

    def began(self, writer: Writer) -> None:
        """For `Writer`: its file must not be collected."""
        with self._lock:
            self._writing.add(writer.path.name)

    def _touch(self, name: str) -> None:
        with self._lock:
            self._used[name] = time.monotonic()


class Writer:
    """One upload. Used by one thread at a time."""

    def __init__(self, blobs: Blobs, name: str, path: Path) -> None:
        self._blobs = blobs
        self._name = name
        self.path = path
        self.size = 0
        self.finished = False
        blobs.began(self)
        try:
            with disk_errors("The data could not be stored"):
                self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except BaseException:
            blobs.finished(self)
            raise

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises ServerProblem where the disk is full."""
        with disk_errors("The data could not be stored"):
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        self.size += len(data)

    def finish(self) -> str:
        """Everything came; the name of the blob."""
        self._close()
        self._blobs.adopt_as(self.path, self._name)
        self._blobs.finished(self)
        self.finished = True
        return self._name

    def drop(self) -> None:
        """Forget it, unless it was finished."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._blobs.finished(self)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
