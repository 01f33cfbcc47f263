"""What travels between the head host and the relay of another host: frames of one worker, and files.

Frames are those of `rhworker.frames`. Between hosts there are more kinds:

    ATTACH  to the relay; meta: JSON {"worker", "run", "log"}: whose frames, and how much of the log of the run that it
            may be in the middle of is here already
    FILE    meta: JSON {"path", "offset"}; payload: what lies there, to be written at that offset
    FRESH   meta: JSON {"path"}: the file was begun anew

Paths are relative to the server's home, which is another directory on each host; inside the JSON meta of a worker's
frames they are written as `@home/…`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from rhserver.worker.rhworker import frames

ATTACH = b"a"
FILE = b"f"
FRESH = b"n"

PIECE = 256 * 1024
MARK = "@home/"


def to_wire(meta: dict[str, Any], home: str) -> dict[str, Any]:
    """`meta` with the paths under `home` written so that another host can find its own."""
    prefix = home.rstrip("/") + "/"
    return {
        name: MARK + value[len(prefix) :] if isinstance(value, str) and value.startswith(prefix) else value
        for name, value in meta.items()
    }


def from_wire(meta: dict[str, Any], home: str) -> dict[str, Any]:
    """The reverse of `to_wire` on the other host, whose home is `home`.

    Raises:
        ValueError: a path leads out of the home.
    """
    return {
        name: str(inside(home, value[len(MARK) :])) if isinstance(value, str) and value.startswith(MARK) else value
        for name, value in meta.items()
    }


def inside(home: str | Path, relative: str) -> Path:
    """The file of a relative path.

    Raises:
        ValueError: it leads out of the folders that workers write to.
    """
    parts = PurePosixPath(relative).parts
    if len(parts) < 2 or parts[0] not in ("runs", "blobs", "workers") or ".." in parts or "\0" in relative:
        raise ValueError(f"{relative!r} is no file of a worker")
    return Path(home, *parts)


def pieces(path: Path, relative: str, offset: int = 0, end: int | None = None) -> Iterator[bytes]:
    """FILE frames with the content of `path` from `offset` on, up to `end` or to its end now."""
    with open(path, "rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size if end is None else end
        if offset == end == 0:
            yield pack_file(relative, 0, b"")
        file.seek(offset)
        while offset < end and (data := file.read(min(PIECE, end - offset))):
            yield pack_file(relative, offset, data)
            offset += len(data)


def pack_file(relative: str, offset: int, data: bytes) -> bytes:
    """One FILE frame."""
    return frames.pack(FILE, 0, json.dumps({"path": relative, "offset": offset}).encode(), data)


class Store:
    """Writes the files that arrive on one connection under `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: dict[str, int] = {}

    def write(self, meta: bytes, data: bytes) -> None:
        """Carry out a FILE frame.

        Raises:
            ValueError: the path is none that a worker writes.
            OSError: the disk is full, for one.
        """
        what = json.loads(meta)
        relative, offset = what["path"], int(what["offset"])
        descriptor = self._open.get(relative)
        if descriptor is None:
            descriptor = self._descriptor(relative, os.O_CREAT)
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written

    def begin_anew(self, meta: bytes) -> None:
        """Carry out a FRESH frame; whoever linked the old file keeps it."""
        relative = json.loads(meta)["path"]
        path = inside(self._home, relative)
        self._forget(relative)
        path.unlink(missing_ok=True)
        self._descriptor(relative, os.O_CREAT | os.O_EXCL)

    def close(self) -> None:
        """Let go of all files."""
        for relative in list(self._open):
            self._forget(relative)

    def _descriptor(self, relative: str, flags: int) -> int:
        path = inside(self._home, relative)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while len(self._open) >= 8:
            self._forget(next(iter(self._open)))
        descriptor = self._open[relative] = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o600)
        return descriptor

    def _forget(self, relative: str) -> None:
        descriptor = self._open.pop(relative, None)
        if descriptor is not None:
            os.close(descriptor)
