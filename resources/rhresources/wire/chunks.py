"""`Chunk` messages framed by hand: through protobuf every piece of bulk data would be copied three times more.

A `Chunk` has one field: tag, length as a varint, data (https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from collections.abc import Sequence

from rhresources.wire import cluster_pb2 as pb

UPLOAD = "/rhdesk.v1.Cluster/Upload"
DOWNLOAD = "/rhdesk.v1.Cluster/Download"

_DATA_TAG = b"\x0a"  # field 1, length-delimited


def chunk_message(parts: Sequence[bytes | memoryview]) -> bytes:
    """The `Chunk` whose data are these parts, one after another."""
    return b"".join((_DATA_TAG, _varint(sum(map(len, parts))), *parts))


def chunk_data(message: bytes) -> memoryview:
    """The data of a `Chunk`, not copied."""
    if message[:1] != _DATA_TAG:
        return memoryview(pb.Chunk.FromString(message).data)
    position, shift, length = 1, 0, 0
    while True:
        byte = message[position]
        length |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            break
    if position + length != len(message):
        return memoryview(pb.Chunk.FromString(message).data)
    return memoryview(message)[position:]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
