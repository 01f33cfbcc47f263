"""Small calls: one after the other, and from sixteen callers at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import cloudpickle
from lab import Lab
from measure import Goal, Row, medians
from processes import round_process

from rhresources.wire.values import inline, pickle_arguments

CALLERS = 16
ECHO = b"x" * 64
"""About as much as the arguments of a no-op call take on our wire."""


async def no_op_calls(lab: Lab) -> list[Row]:
    """A no-op call: our async client and our library, bare gRPC, Ray Client."""
    raw, ray = await lab.raw(), await lab.ray()
    call = await _our_call(lab)
    environment = {"RH_HOME": str(lab.home)}
    async with round_process("library_caller.py", str(lab.project), environment=environment) as library:
        taken = await medians(
            {
                "raw": lambda: _one_by_one(lambda: raw.echo(ECHO), 400),
                "client": lambda: _one_by_one(call, 400),
                "library": lambda: library.round(400),
                "ray": lambda: ray.round(60),
            },
            lab.rounds(9),
        )
    no_slower, five_times_faster = Goal("ratio", "<=", 1.0), Goal("ratio", "<=", 0.2)
    return [
        Row("no-op call, async client : raw unary grpc.aio", taken["client"], "µs", taken["raw"], no_slower),
        Row("no-op call, library f() : raw unary grpc.aio", taken["library"], "µs", taken["raw"], no_slower),
        Row("no-op call, async client : Ray Client actor", taken["client"], "µs", taken["ray"], five_times_faster),
        Row("no-op call, library f() : Ray Client actor", taken["library"], "µs", taken["ray"], five_times_faster),
    ]


async def concurrent_callers(lab: Lab) -> list[Row]:
    """Sixteen callers at once: calls per second, ours and bare gRPC."""
    raw = await lab.raw()
    call = await _our_call(lab)
    taken = await medians(
        {"raw": lambda: _at_once(lambda: raw.echo(ECHO), 2000), "ours": lambda: _at_once(call, 2000)},
        lab.rounds(9),
    )
    goal = Goal("ratio", ">=", 0.8)
    return [Row(f"{CALLERS} concurrent callers : raw unary grpc.aio", taken["ours"], "calls/s", taken["raw"], goal)]


async def _our_call(lab: Lab) -> Callable[[], Awaitable[object]]:
    client, key = await lab.client(), await lab.function("nothing")

    async def call() -> object:
        value = await client.call(key, inline(pickle_arguments((), {})))
        return cloudpickle.loads(value.data)

    return call


async def _one_by_one(call: Callable[[], Awaitable[object]], count: int) -> float:
    """The median call in µs."""
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6


async def _at_once(call: Callable[[], Awaitable[object]], count: int) -> float:
    """Calls per second of `CALLERS` callers that make `count` calls together."""
    left = count

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return count / (time.perf_counter() - start)
