"""A program that calls `nothing` on the cluster: `caller.py client|library PROJECT`, RH_HOME in the environment.

`client` is an asynchronous program on `ClusterClient`, `library` a user's plain program with `f = rh.function(...)`.
Each line on standard input asks for a round: `once N` is answered with the median of N calls, one after the other, in
µs; `together N` with the calls per second of sixteen concurrent callers who make N calls (`client` only).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

import cloudpickle
import uvloop
from load import at_once, one_by_one
from processes import READY

from rhresources.code.tree import CodeTree
from rhresources.reach.machine import MachineRoute
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import pickle_arguments


async def asynchronous(project: str) -> None:
    """Serve rounds as `client`."""
    address = await MachineRoute().address()
    assert address is not None, "the cluster is not up"
    client = await ClusterClient.connect(address)
    code = await client.push(CodeTree(Path(project)))
    entry = pb.Entry(imported=pb.Import(folder="", module="functions", name="nothing"))
    key = (await client.prepare(pb.FunctionSpec(name="nothing", code=code, entry=entry))).key

    async def call() -> object:
        value = await client.call(key, pickle_arguments((), {}))
        return cloudpickle.loads(value.data)

    await call()
    print(READY.decode(), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        kind, count = line.split()
        figure = await (at_once(call, int(count)) if kind == "together" else one_by_one(call, int(count)))
        print(figure, flush=True)
    await client.close()


def synchronous(project: str) -> None:
    """Serve rounds as `library`."""
    import rhdesk as rh

    sys.path.insert(0, project)
    from functions import nothing  # of the project, as a user's own module would be

    function = rh.function(nothing, system="^local", reqs=[])
    function()
    print(READY.decode(), flush=True)
    for line in sys.stdin:
        taken = []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
        print(statistics.median(taken) * 1e6, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "library":
        synchronous(sys.argv[2])
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(asynchronous(sys.argv[2]))
