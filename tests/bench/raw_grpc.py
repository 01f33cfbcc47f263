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
    """A client of the bare server."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._echo = channel.unary_unary(f"/{_SERVICE}/Echo")
        self._upload = channel.stream_unary(f"/{_SERVICE}/Upload")

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


@asynccontextmanager
async def raw_grpc(folder: Path) -> AsyncIterator[RawGrpc]:
    """A bare server on a unix socket in `folder`, and a client of it."""
    address = f"unix:{folder / 'raw.sock'}"
    async with round_process("raw_grpc.py", address), grpc.aio.insecure_channel(address) as channel:
        yield RawGrpc(channel)


async def _serve(address: str) -> None:
    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def upload(requests: AsyncIterator[bytes], context: Any) -> bytes:
        received = 0
        async for piece in requests:
            received += len(piece)
        return b"%d" % received

    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Upload": grpc.stream_unary_rpc_method_handler(upload),
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
