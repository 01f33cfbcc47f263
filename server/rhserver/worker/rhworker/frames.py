"""The frames between the cluster server and a worker process, over one stream socket.

A frame is a 17-byte header (kind, number, length of meta, length of payload; little endian), the meta, the payload.
Only the standard library is used here: the worker runs in the environment of the user's function.

From the server:
    FUNCTION  number: id given to it; meta: JSON entry; payload: cloudpickle of the callable, for entries by value
    CALL      number: function id; meta: one letter for the format of the arguments, then the run id; payload: arguments
    RUN       number: function id; meta: JSON, see `execute.Task`; payload: arguments, unless they lie in a file
From the worker:
    HELLO     meta: JSON {"pid", "run"}: what it is working on, after a server came back
    STARTED   meta: the arguments of the task as text
    ITEM      number: index; meta as of DONE; payload: an item that a generator yielded
    DONE      number: bytes of output; meta: empty (cloudpickle in the payload) or JSON; payload: the result
    ERROR     number: bytes of output; meta: JSON {"type", "message", "traceback", "cancelled"}; payload: the exception
"""

from __future__ import annotations

import struct

HEADER = struct.Struct("<cIIQ")

FUNCTION = b"F"
CALL = b"C"
RUN = b"R"
HELLO = b"H"
STARTED = b"S"
ITEM = b"I"
DONE = b"D"
ERROR = b"E"

JSON_FORMAT = b"j"
PICKLE_FORMAT = b"p"

INLINE_LIMIT = 256 * 1024
"""A larger result goes to a file whose path is in the meta."""


def pack(kind: bytes, number: int = 0, meta: bytes = b"", payload: bytes = b"") -> bytes:
    """One whole frame as bytes."""
    return HEADER.pack(kind, number, len(meta), len(payload)) + meta + payload
