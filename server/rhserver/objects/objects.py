"""Objects that users keep on a cluster under a key: any text, any value, also over a restart.

A key is never part of a file name. `KEYHASH.json` describes an object and names its data file; it is replaced in one
step, so that whoever reads sees the old object or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex

from rhresources.errors import NotFound, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.values import INLINE_LIMIT
from rhserver.disk import disk_errors, private_directory
from rhserver.objects.blobs import Blobs

KEY_LIMIT = 512
_FAILED = "The object could not be stored"


@dataclass(frozen=True, slots=True)
class _Kept:
    key: str
    size: int
    created: float
    format: int
    type: str
    file: str

    def info(self) -> pb.ObjectInfo:
        return pb.ObjectInfo(key=self.key, size=self.size, created=self.created, format=self.format, type=self.type)  # type: ignore[arg-type]


class Objects:
    """All objects of this server. Thread-safe; every method may wait for the disk."""

    def __init__(self, directory: Path, blobs: Blobs) -> None:
        self._directory = private_directory(directory)
        self._blobs = blobs
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._find()

    def put(self, key: str, value: pb.Value, type: str) -> pb.ObjectInfo:
        """Keep a value, in place of what the key had. A value in a blob is taken from there.

        Raises:
            ServerProblem: the key is empty or too long, the blob is gone, or the disk is full.
        """
        _check(key)
        file = f"{_hash(key)}.{token_hex(8)}"
        path = self._directory / file
        try:
            with disk_errors(_FAILED):
                if value.HasField("blob"):
                    _link(self._blobs.path(value.blob), path)
                else:
                    _write(path, value.data)
                kept = _Kept(key, path.stat().st_size, time.time(), value.format, type, file)
                with self._lock:
                    before = self._kept.get(key)
                    _write_described(self._described_by(key), kept)
                    self._kept[key] = kept
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if before is not None:
            (self._directory / before.file).unlink(missing_ok=True)
        return kept.info()

    def get(self, key: str) -> tuple[pb.ObjectInfo, pb.Value]:
        """An object; a large value comes as a blob to be downloaded.

        Raises:
            NotFound: there is none of that key.
        """
        while True:
            kept = self._kept.get(key)
            if kept is None:
                raise _not_found(key)
            path = self._directory / kept.file
            value = pb.Value(format=kept.format, size=kept.size)  # type: ignore[arg-type]
            try:
                if kept.size <= INLINE_LIMIT:
                    value.data = path.read_bytes()
                else:
                    value.blob = self._blobs.share(path)
                return kept.info(), value
            except FileNotFoundError:
                with self._lock:  # replaced meanwhile, or deleted by hand
                    if self._kept.get(key) is kept:
                        del self._kept[key]
                        self._described_by(key).unlink(missing_ok=True)

    def delete(self, keys: list[str]) -> list[str]:
        """Delete objects; those that were there."""
        deleted = []
        for key in dict.fromkeys(keys):
            with self._lock:
                kept = self._kept.pop(key, None)
                if kept is None:
                    continue
                self._described_by(key).unlink(missing_ok=True)
            (self._directory / kept.file).unlink(missing_ok=True)
            deleted.append(key)
        return deleted

    def list(self) -> list[pb.ObjectInfo]:
        """All objects, by key."""
        return [kept.info() for _, kept in sorted(self._kept.copy().items())]

    def _described_by(self, key: str) -> Path:
        return self._directory / f"{_hash(key)}.json"

    def _find(self) -> None:
        for described in self._directory.glob("*.json"):
            with contextlib.suppress(ValueError, TypeError, OSError):
                kept = _Kept(**json.loads(described.read_text("utf-8")))
                if (self._directory / kept.file).exists():
                    self._kept[kept.key] = kept
        referenced = {kept.file for kept in self._kept.values()} | {f"{_hash(key)}.json" for key in self._kept}
        for entry in os.scandir(self._directory):
            if entry.name not in referenced:
                os.unlink(entry.path)


def _check(key: str) -> None:
    if not key:
        raise ServerProblem("An object needs a key.", code="bad-key")
    if len(key) > KEY_LIMIT:
        raise ServerProblem(f"A key of {len(key)} characters is too long; {KEY_LIMIT} are allowed.", code="bad-key")


def _hash(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _not_found(key: str) -> NotFound:
    shown = key if len(key) <= 80 else f"{key[:79]}…"
    return NotFound(f"The cluster keeps no object under the key {shown!r}.")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has hard links
        shutil.copyfile(source, target)


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)


def _write_described(path: Path, kept: _Kept) -> None:
    part = path.with_suffix(".part")
    try:
        _write(part, json.dumps(asdict(kept)).encode())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
