"""How requests are made on a link that may break: repeated where that is safe, streamed, and in bulk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from rhresources.errors import ConnectionLost, RhError
from rhresources.wire import bulk
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import error_of_rpc, lost_unless_cancelled
from rhresources.wire.link import FIRST_PAUSE, LONGEST_PAUSE, Link, Linker
from rhresources.wire.polling import grpc
from rhresources.wire.values import CLOUDPICKLE, INLINE_LIMIT, Pieces

PATIENCE = 10.0
"""Seconds for which a request that may be repeated is tried while the server cannot be reached."""

Reply = TypeVar("Reply")


class Requests:
    """What every part of the client is made of; `ClusterClient` gives it names and types."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    async def upload(self, data: bytes | bytearray | memoryview | Pieces) -> str:
        """Send bulk data; the name of its blob."""
        link = await self._linker.get(PATIENCE)
        try:
            return await bulk.upload(link.channels, data)
        except ConnectionLost as error:
            self._linker.lose(link, error)
        # the bytes are here still, and a second blob of them does no harm
        link = await self._linker.get(PATIENCE)
        return await bulk.upload(link.channels, data)

    async def download(self, blob: str) -> bytes | bytearray:
        """Fetch bulk data, going on where it stopped if the connection breaks."""
        # joining 100 MB at the end would keep every other thread (a window's, for one) waiting for 0.2 s
        data = bytearray()
        while True:
            link, before = await self._linker.get(PATIENCE), len(data)
            try:
                async for piece in bulk.download(link.channels, blob, before):
                    data += piece
            except ConnectionLost as error:
                self._linker.lose(link, error)
                if len(data) == before:
                    raise
                continue
            return data

    async def value(self, data: bytes | Pieces, format: pb.Value.Format = CLOUDPICKLE) -> pb.Value:
        """An encoded value, inline or uploaded, whichever its size asks for."""
        if len(data) <= INLINE_LIMIT and not isinstance(data, Pieces):
            return pb.Value(format=format, data=data, size=len(data))
        return pb.Value(format=format, blob=await self.upload(data), size=len(data))

    async def data(self, value: pb.Value) -> bytes | bytearray:
        """The encoded bytes of a value, downloaded where they are in a blob."""
        return await self.download(value.blob) if value.HasField("blob") else value.data

    async def _unary(
        self,
        reply: type[Reply],
        method: str,
        request: Any,
        *,
        timeout: float | None = None,
        patience: float = PATIENCE,
    ) -> Reply:
        """One request, repeated for `patience` seconds while the connection fails: all of them are safe to repeat."""
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            link = await self._linker.get(max(0.0, patience - (time.monotonic() - began)))
            rpc = getattr(link.channels.stub, method)
            try:
                answer: Reply = await self._guarded(
                    link, rpc(request, metadata=link.channels.metadata, timeout=timeout)
                )
                return answer
            except ConnectionLost:
                if time.monotonic() - began + pause > patience:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 1.7, LONGEST_PAUSE)

    async def _guarded(self, link: Link, rpc: Any) -> Any:
        try:
            return await rpc
        except grpc.aio.AioRpcError as error:
            raise self._noted(link, error_of_rpc(error)) from None
        except asyncio.CancelledError:
            raise self._noted(link, lost_unless_cancelled(link.channels)) from None

    async def _stream(
        self, method: str, request: Any, *, on_bulk: bool = False, forever: bool = False
    ) -> AsyncIterator[Any]:
        link = await self._linker.get(None if forever else PATIENCE)
        stub = link.channels.bulk_stub if on_bulk else link.channels.stub
        rpc = getattr(stub, method)(request, metadata=link.channels.metadata)
        try:
            while (message := await rpc.read()) is not grpc.aio.EOF:
                yield message
        except grpc.aio.AioRpcError as failure:
            raise self._noted(link, error_of_rpc(failure)) from None
        except asyncio.CancelledError:
            raise self._noted(link, lost_unless_cancelled(link.channels)) from None
        finally:
            rpc.cancel()

    async def _forever(self, method: str, request: Any) -> AsyncIterator[Any]:
        while True:
            try:
                async for event in self._stream(method, request, forever=True):
                    yield event
            except ConnectionLost:
                self._linker.require_open()
            await asyncio.sleep(FIRST_PAUSE)

    def _noted(self, link: Link, error: RhError) -> RhError:
        if error.code == "unauthenticated":  # it knew us at the handshake, so this is another server now
            error = ConnectionLost("The cluster server was started anew.", detail=error.detail)
        if isinstance(error, ConnectionLost):
            self._linker.lose(link, error)
        return error
