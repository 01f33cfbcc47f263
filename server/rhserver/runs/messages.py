"""What users see of a run in a message: its arguments as text, its exception. Bounded."""

from __future__ import annotations

import json
from typing import Any

from rhresources.wire import cluster_pb2 as pb

ARGUMENTS_LIMIT = 16 * 1024
EXCEPTION_LIMIT = 1024 * 1024


def remote_error(error: dict[str, Any], pickled: bytes) -> pb.RemoteError:
    """An exception of user code as a message."""
    message = pb.RemoteError(
        type=error["type"], message=error["message"][:100_000], traceback=error["traceback"][-200_000:]
    )
    if 0 < len(pickled) < EXCEPTION_LIMIT:
        message.exception.CopyFrom(pb.Value(format=pb.Value.CLOUDPICKLE, data=pickled, size=len(pickled)))
    return message


def shown_arguments(value: pb.Value) -> str:
    """JSON arguments as they were given; empty for pickled ones, which the worker describes."""
    if value.format != pb.Value.JSON or len(value.data) > ARGUMENTS_LIMIT:
        return ""
    try:
        json.loads(value.data)
        return value.data.decode()
    except ValueError:
        return ""
