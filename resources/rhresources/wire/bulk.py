"""Values too large for a message, on the bulk channel in pieces of 1 MiB.

The one-field `Chunk` messages are framed by hand: through protobuf every piece would be copied three times more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import Channels, error_of_rpc, lost_unless_cancelled
from rhresources.wire.values import CHUNK

_UPLOAD = "/rhdesk.v1.Cluster/Upload"
_DOWNLOAD = "/rhdesk.v1.Cluster/Download"
_DATA_TAG = b"\x0a"  # field 1, length-delimited


async def upload(channels: Channels, data: bytes | bytearray | memoryview) -> str:
    """Send `data`; the name of the blob that the server made of it.

    Raises:
        RhError: the server refused it (a full disk, for one), or the connection was lost.
    """
    view = memoryview(data).cast("B")
    method = channels.bulk.stream_unary(_UPLOAD, response_deserializer=pb.UploadReply.FromString)
    call = method(metadata=channels.metadata)
    try:
        try:
            for start in range(0, len(view), CHUNK):
                piece = view[start : start + CHUNK]
                await call.write(b"".join((_DATA_TAG, _varint(len(piece)), piece)))
            await call.done_writing()
        except asyncio.InvalidStateError:
            pass  # the server answered before the end: the answer says why
        reply: pb.UploadReply = await call
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    except asyncio.CancelledError:
        raise lost_unless_cancelled(channels) from None
    if reply.size != len(view):
        raise ServerProblem(f"The server kept {reply.size} of {len(view)} bytes.", code="upload")
    return reply.blob


async def download(channels: Channels, blob: str, offset: int = 0) -> AsyncIterator[memoryview]:
    """The pieces of a blob from `offset` on.

    Raises:
        RhError: no such blob, or the connection was lost.
    """
    method = channels.bulk.unary_stream(_DOWNLOAD, request_serializer=pb.DownloadRequest.SerializeToString)
    call = method(pb.DownloadRequest(blob=blob, offset=offset), metadata=channels.metadata)
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            yield _data_of(message)
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    except asyncio.CancelledError:
        raise lost_unless_cancelled(channels) from None
    finally:
        call.cancel()


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _data_of(message: bytes) -> memoryview:
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
