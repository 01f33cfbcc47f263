"""The peer of calls and transfers: bare grpc.aio between two processes, generic handlers, uvloop on both sides.

Run as a program it is the server: `raw_grpc.py SOCKET`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import uvloop
from processes import READY, round_process

_SERVICE = "bench.Raw"


class RawGrpc:
    """A client of the bare server at `address`."""

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self.address = address
        self._echo = channel.unary_unary(f"/{_SERVICE}/Echo")
        self._upload = channel.stream_unary(f"/{_SERVICE}/Upload")
        self._download = channel.unary_stream(f"/{_SERVICE}/Download")

    async def echo(self, data: bytes) -> bytes:
        """One unary call that returns what it was given."""
        return bytes(await self._echo(data))

    async def upload(self, data: bytes, chunk: int) -> None:
        """One call that streams `data` to the server in pieces of `chunk` bytes."""
        view = memoryview(data)

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(data), chunk):
                yield bytes(view[start : start + chunk])

        received = int(await self._upload(pieces()))
        assert received == len(data), f"{received} of {len(data)} bytes arrived"

    async def download(self, size: int, chunk: int) -> None:
        """One call that streams `size` bytes from the server in pieces of `chunk` bytes."""
        call, received = self._download(b"%d %d" % (size, chunk)), 0
        while (piece := await call.read()) is not grpc.aio.EOF:
            received += len(piece)
        assert received == size, f"{received} of {size} bytes arrived"


@asynccontextmanager
async def raw_grpc(folder: Path) -> AsyncIterator[RawGrpc]:
    """A bare server on a unix socket in `folder`, and a client of it."""
    address = f"unix:{folder / 'raw.sock'}"
    async with round_process("raw_grpc.py", address), grpc.aio.insecure_channel(address) as channel:
        yield RawGrpc(channel, address)


async def _serve(address: str) -> None:
    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def upload(requests: AsyncIterator[bytes], context: Any) -> bytes:
        received = 0
        async for piece in requests:
            received += len(piece)
        return b"%d" % received

    async def download(request: bytes, context: Any) -> AsyncIterator[bytes]:
        size, chunk = map(int, request.split())
        view = memoryview(bytes(chunk))
        for start in range(0, size, chunk):
            yield bytes(view[: size - start])

    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Upload": grpc.stream_unary_rpc_method_handler(upload),
        "Download": grpc.unary_stream_rpc_method_handler(download),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    server.add_insecure_port(address)
    await server.start()
    print(READY.decode(), flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.argv[1]))
