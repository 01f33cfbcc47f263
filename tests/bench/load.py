"""Two ways to make many calls, used alike for ours and for the peers."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

CALLERS = 16


async def one_by_one(call: Callable[[], Awaitable[object]], count: int) -> float:
    """The median of `count` calls in µs."""
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6


async def at_once(call: Callable[[], Awaitable[object]], count: int) -> float:
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
