"""Values too large for a message, on the bulk channel in pieces of 1 MiB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import Channels, error_of_rpc, lost_unless_cancelled
from rhresources.wire.chunks import DOWNLOAD, UPLOAD, chunk_data, chunk_message
from rhresources.wire.polling import grpc
from rhresources.wire.values import CHUNK, Pieces


async def upload(channels: Channels, data: bytes | bytearray | memoryview | Pieces) -> str:
    """Send `data`; the name of the blob that the server made of it.

    Raises:
        RhError: the server refused it (a full disk, for one), or the connection was lost.
    """
    if not isinstance(data, Pieces):
        whole, data = data, Pieces()
        data.write(memoryview(whole).cast("B"))
    method = channels.bulk.stream_unary(UPLOAD, response_deserializer=pb.UploadReply.FromString)
    call = method(metadata=channels.metadata)
    try:
        try:
            for parts in data.chunks(CHUNK):
                await call.write(chunk_message(parts))
            await call.done_writing()
        except asyncio.InvalidStateError:
            pass  # the server answered before the end: the answer says why
        reply: pb.UploadReply = await call
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    except asyncio.CancelledError:
        raise lost_unless_cancelled(channels) from None
    if reply.size != len(data):
        raise ServerProblem(f"The server kept {reply.size} of {len(data)} bytes.", code="upload")
    return reply.blob


async def download(channels: Channels, blob: str, offset: int = 0) -> AsyncIterator[memoryview]:
    """The pieces of a blob from `offset` on.

    Raises:
        RhError: no such blob, or the connection was lost.
    """
    method = channels.bulk.unary_stream(DOWNLOAD, request_serializer=pb.DownloadRequest.SerializeToString)
    call = method(pb.DownloadRequest(blob=blob, offset=offset), metadata=channels.metadata)
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            yield chunk_data(message)
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    except asyncio.CancelledError:
        raise lost_unless_cancelled(channels) from None
    finally:
        call.cancel()
