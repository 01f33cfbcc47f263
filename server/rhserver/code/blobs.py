"""File contents by their hash: verified while they arrive, each written once, never changed afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_hex

import zstandard

from rhresources.code.manifest import content_hash, is_content_hash
from rhresources.errors import ServerProblem
from rhserver.disk import disk_errors, private_directory

_PIECE = 1 << 20


class BlobStore:
    """Contents under `directory`. Thread-safe.

    What arrives is written to `incoming` under a random name and renamed when its hash is right, so that a name
    never stands for half a content; leftovers of a killed server are removed here.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = private_directory(directory)
        self._incoming = private_directory(directory / "incoming")
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        self._lock = threading.Lock()
        self._known = {
            folder.name + file.name
            for folder in directory.iterdir()
            if len(folder.name) == 2
            for file in folder.iterdir()
        }

    def __contains__(self, hash: str) -> bool:
        return hash in self._known

    def __len__(self) -> int:
        return len(self._known)

    def path(self, hash: str) -> str:
        """Where the content lies if it is there."""
        return f"{self._directory}/{hash[:2]}/{hash[2:]}"

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Those that are not here, each once, in order."""
        return [hash for hash in dict.fromkeys(hashes) if hash not in self._known]

    def forget(self, hash: str) -> None:
        """The content turned out to be gone from the disk."""
        with self._lock:
            self._known.discard(hash)

    def receive(self) -> Receiver:
        """Takes the parts of one push; close it at the end, whatever happened."""
        return Receiver(self)

    def put(self, hash: str, data: bytes) -> None:
        """Keep one whole content.

        Raises:
            ServerProblem: the data is another, or the disk is full.
        """
        with contextlib.closing(self.receive()) as receiver:
            receiver.add(hash, data, last=True)

    def collect(self, referenced: set[str], *, older_than: float) -> int:
        """Remove contents that nothing refers to and that came more than `older_than` seconds ago; bytes freed."""
        freed = 0
        limit = time.time() - older_than
        for hash in self._known - referenced:
            try:
                found = os.stat(self.path(hash))
                if found.st_mtime < limit:
                    self.forget(hash)
                    os.unlink(self.path(hash))
                    freed += found.st_size
            except FileNotFoundError:
                self.forget(hash)
        return freed

    def new_path(self) -> str:
        """A name under which a content may arrive."""
        return f"{self._incoming}/{token_hex(8)}"

    def adopt(self, path: str, hash: str) -> None:
        """Take in the verified file at `path`, which came from `new_path`."""
        target = self.path(hash)
        try:
            os.rename(path, target)
        except FileNotFoundError:
            private_directory(Path(target).parent)
            os.rename(path, target)
        with self._lock:
            self._known.add(hash)


class Receiver:
    """Parts of contents, in order for each content, become blobs. Not thread-safe."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._open: dict[str, _Arriving] = {}
        self.files = 0
        self.bytes = 0

    def add(self, hash: str, data: bytes, *, last: bool, zstd: bool = False) -> None:
        """One part; `zstd` says that `data` is one zstd frame.

        Raises:
            ServerProblem: the content is not what its hash says, the frame is broken, or the disk is full.
        """
        if not is_content_hash(hash):
            raise ServerProblem(f"{hash[:60]!r} is not the hash of a file.", code="bad-request")
        with disk_errors("The code could not be stored"):
            if last and not zstd and hash not in self._open:
                self._add_whole(hash, data)
                return
            arriving = self._open.get(hash)
            if arriving is None:
                arriving = self._open[hash] = _Arriving(self._store.new_path())
            for piece in _unpacked(data, hash) if zstd else (data,):
                arriving.write(piece)
            if last:
                del self._open[hash]
                self._finish(arriving, hash)

    def close(self) -> None:
        """Drop what did not arrive whole."""
        for arriving in self._open.values():
            arriving.drop()
        self._open.clear()

    def _add_whole(self, hash: str, data: bytes) -> None:
        if content_hash(data) != hash:
            raise _altered(hash)
        if hash not in self._store:
            path = self._store.new_path()
            try:
                with open(path, "wb", buffering=0, opener=_private) as file:
                    _write_all(file.fileno(), data)
                self._store.adopt(path, hash)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(path)
                raise
        self.files += 1
        self.bytes += len(data)

    def _finish(self, arriving: _Arriving, hash: str) -> None:
        arriving.close()
        if arriving.hexdigest() != hash:
            arriving.drop()
            raise _altered(hash)
        try:
            self._store.adopt(arriving.path, hash)
        except OSError:
            arriving.drop()
            raise
        self.files += 1
        self.bytes += arriving.size


class _Arriving:
    """A content that comes in several parts."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size = 0
        self._hasher = hashlib.blake2b(digest_size=20)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, piece: bytes) -> None:
        self._hasher.update(piece)
        _write_all(self._descriptor, piece)
        self.size += len(piece)

    def hexdigest(self) -> str:
        return self._hasher.hexdigest()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def drop(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def _unpacked(frame: bytes, hash: str) -> Iterator[bytes]:
    # in pieces: what a frame says about its own size is not to be believed
    try:
        with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
            while piece := reader.read(_PIECE):
                yield piece
    except zstandard.ZstdError as error:
        raise ServerProblem(
            f"The file {hash} arrived as broken zstd data.", code="bad-request", detail=str(error)
        ) from error


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)


def _altered(hash: str) -> ServerProblem:
    return ServerProblem(
        f"The file {hash} changed on its way or while it was read.",
        code="changed-file",
        remedy="Run it again; files that are written to meanwhile cannot be pushed.",
    )
