"""Python values as they cross the wire: JSON for the desktop, cloudpickle for programs.

A value above `INLINE_LIMIT` does not ride in a message; it is uploaded as a blob first, or downloaded as one after
(see `ClusterClient.upload` and `download`). Only a user's own program unpickles; the desktop reads JSON and previews.
"""

from __future__ import annotations

import json
from typing import Any

import cloudpickle

from rhresources.wire import cluster_pb2 as pb

INLINE_LIMIT = 256 * 1024
"""Largest encoded value, in bytes, that travels inside a message."""

CHUNK = 1024 * 1024
"""Size of the pieces in which bulk data travels, in bytes."""

JSON = pb.Value.JSON
CLOUDPICKLE = pb.Value.CLOUDPICKLE


def pickle_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """`(args, kwargs)` by cloudpickle, protocol 5."""
    return bytes(cloudpickle.dumps((args, kwargs), protocol=5))


def json_arguments(args: list[Any], kwargs: dict[str, Any]) -> pb.Value:
    """Arguments as the desktop and the command line send them; the worker converts them by the type hints."""
    data = json.dumps({"args": args, "kwargs": kwargs}, ensure_ascii=False).encode()
    return pb.Value(format=JSON, data=data, size=len(data))


def inline(data: bytes, format: pb.Value.Format = CLOUDPICKLE) -> pb.Value:
    """A value that travels inside its message."""
    return pb.Value(format=format, data=data, size=len(data))
