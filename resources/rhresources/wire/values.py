"""Python values as they cross the wire: JSON for the desktop, cloudpickle for programs.

A value above `INLINE_LIMIT` does not ride in a message; it is uploaded as a blob first, or downloaded as one after
(see `ClusterClient.upload` and `download`). Only a user's own program unpickles; the desktop reads JSON and previews.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import cloudpickle

from rhresources.wire import cluster_pb2 as pb

INLINE_LIMIT = 256 * 1024
"""Largest encoded value, in bytes, that travels inside a message."""

CHUNK = 1024 * 1024
"""Size of the pieces in which bulk data travels, in bytes."""

JSON = pb.Value.JSON
CLOUDPICKLE = pb.Value.CLOUDPICKLE


_BASIC = frozenset({int, float, bool, str, bytes, type(None)})


class Pieces:
    """An encoded value as the pieces the pickler made of it: large ones are the objects themselves, not copies."""

    __slots__ = ("_size", "pieces")

    def __init__(self) -> None:
        self.pieces: list[bytes | memoryview] = []
        self._size = 0

    def write(self, data: bytes | memoryview | pickle.PickleBuffer) -> int:
        """For the pickler, which hands on the memory of an array as a buffer, and anything else as bytes."""
        if isinstance(data, pickle.PickleBuffer):
            data = data.raw()  # as flat bytes, whatever its shape and order
        size = len(data)
        self.pieces.append(data)
        self._size += size
        return size

    def __len__(self) -> int:
        return self._size

    def chunks(self, size: int) -> Iterator[list[memoryview]]:
        """The same bytes in chunks of `size` (the last may be shorter), each as the parts to be joined."""
        parts: list[memoryview] = []
        room = size
        for piece in self.pieces:
            view = memoryview(piece).cast("B")
            while view:
                parts.append(view[:room])
                room -= len(parts[-1])
                view = view[len(parts[-1]) :]
                if not room:
                    yield parts
                    parts, room = [], size
        if parts:
            yield parts


def pickle_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes | Pieces:
    """`(args, kwargs)` by cloudpickle, protocol 5; as `Pieces` where it is too large for a message."""
    if not kwargs and _BASIC.issuperset(map(type, args)) and sum(map(_length, args)) < INLINE_LIMIT:
        return pickle.dumps((args, kwargs), protocol=5)  # cloudpickle gives the same, ten times slower
    found = Pieces()
    cloudpickle.Pickler(found, protocol=5).dump((args, kwargs))
    return found if len(found) > INLINE_LIMIT else b"".join(found.pieces)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes)) else 0


def json_arguments(args: list[Any], kwargs: dict[str, Any]) -> pb.Value:
    """Arguments as the desktop and the command line send them; the worker converts them by the type hints."""
    data = json.dumps({"args": args, "kwargs": kwargs}, ensure_ascii=False).encode()
    return pb.Value(format=JSON, data=data, size=len(data))


def inline(data: bytes, format: pb.Value.Format = CLOUDPICKLE) -> pb.Value:
    """A value that travels inside its message."""
    return pb.Value(format=format, data=data, size=len(data))
