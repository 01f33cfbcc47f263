"""A program that calls and transfers over one way to the servers: `tunnel_caller.py WAY`, RH_HOME in the environment.

WAY is JSON: where the cluster and the bare gRPC server listen, the project to call from, and under "ssh" how to log in
where the program is to open the tunnel by itself, as rhdesk does. Each line on standard input asks for a round:

    once N      the median of N calls of `nothing` on the cluster, one after the other, in µs
    up MB       MB/s of a stream to the bare server, in pieces of 1 MiB
    down MB     MB/s of a stream from it
    meanwhile MB   the median of calls of `nothing` in µs, while MB go up to the cluster and down again
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc.aio
import uvloop
from load import one_by_one
from processes import READY
from raw_grpc import RawGrpc

from rhresources.code.tree import CodeTree
from rhresources.reach.machine import MachineRoute
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import pickle_arguments

CHUNK = 1024 * 1024
PAUSE = 0.002
"""Seconds between two small calls beside a transfer."""


class Caller:
    """What the rounds are made of."""

    def __init__(self, client: ClusterClient, key: str, raw: RawGrpc) -> None:
        self._client = client
        self._key = key
        self._raw = raw

    async def call(self) -> object:
        return await self._client.call(self._key, pickle_arguments((), {}))

    async def round(self, kind: str, size: int) -> float:
        """The figure of one round."""
        if kind == "once":
            return await one_by_one(self.call, size)
        if kind == "meanwhile":
            return await self._meanwhile(bytes(size * 1_000_000))
        start = time.perf_counter()
        if kind == "up":
            await self._raw.upload(bytes(size * 1_000_000), CHUNK)
        else:
            await self._raw.download(size * 1_000_000, CHUNK)
        return size / (time.perf_counter() - start)

    async def _meanwhile(self, data: bytes) -> float:
        async def transfer() -> None:
            received = await self._client.download(await self._client.upload(data))
            assert len(received) == len(data)

        taken, transferring = [], asyncio.create_task(transfer())
        await asyncio.sleep(PAUSE)
        while not transferring.done():
            start = time.perf_counter()
            await self.call()
            taken.append(time.perf_counter() - start)
            await asyncio.sleep(PAUSE)
        await transferring
        return statistics.median(taken) * 1e6


async def open_tunnel(stack: AsyncExitStack, way: dict[str, Any]) -> None:
    """Replace the addresses of `way` by those of our own forwards to them."""
    from rhresources.credentials import Credentials
    from rhresources.reach.ssh.connection import SshConnection
    from rhresources.reach.ssh.target import SshTarget

    ssh = way["ssh"]
    target = SshTarget(
        name="bench",
        host=ssh["host"],
        port=ssh["port"],
        user=ssh["user"],
        key_files=(ssh["key"],),
        use_agent=False,
        known_hosts=(ssh["known_hosts"],),
    )
    folder = Path(ssh["folder"])
    connection = await SshConnection.open(target, credentials=Credentials(folder / "home"))
    stack.push_async_callback(connection.close)
    for name in ("cluster", "raw"):
        forward = await connection.forward(way[name].removeprefix("unix:"), str(folder / f"own-{name}.sock"))
        way[name] = forward.address


async def main(way: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        address = await MachineRoute().address()
        assert address is not None, "the cluster is not up"
        if way.get("ssh"):
            await open_tunnel(stack, way)
        client = await ClusterClient.connect(replace(address, target=way["cluster"]))
        stack.push_async_callback(client.close)
        raw = RawGrpc(await stack.enter_async_context(grpc.aio.insecure_channel(way["raw"])), way["raw"])
        code = await client.push(CodeTree(Path(way["project"])))
        entry = pb.Entry(imported=pb.Import(folder="", module="functions", name="nothing"))
        key = (await client.prepare(pb.FunctionSpec(name="nothing", code=code, entry=entry))).key
        caller = Caller(client, key, raw)
        await caller.call()
        print(READY.decode(), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            kind, size = line.split()
            print(await caller.round(kind, int(size)), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1])))
