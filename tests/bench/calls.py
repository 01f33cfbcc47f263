"""Small calls: one after the other, and from sixteen callers at once."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from load import CALLERS, at_once, one_by_one
from measure import Goal, Row, medians
from processes import RoundProcess, round_process
from shared import Bench

ECHO = b"x" * 64
"""About as much as the arguments of a no-op call take on our wire."""


async def no_op_calls(bench: Bench) -> list[Row]:
    """A no-op call: our async client and our library, bare gRPC, Ray Client."""
    raw, ray = await bench.raw(), await bench.ray()
    await bench.client()
    async with _caller(bench, "client") as client, _caller(bench, "library") as library:
        taken = await medians(
            {
                "raw": lambda: one_by_one(lambda: raw.echo(ECHO), 400),
                "client": lambda: client.round("once 400"),
                "library": lambda: library.round("once 400"),
                "ray": lambda: ray.round(60),
            },
            bench.rounds(9),
        )
    await bench.end_ray()
    no_slower, five_times_faster = Goal("ratio", "<=", 1.0), Goal("ratio", "<=", 0.2)
    return [
        Row("no-op call, async client : raw unary grpc.aio", taken["client"], "µs", taken["raw"], no_slower),
        Row("no-op call, library f() : raw unary grpc.aio", taken["library"], "µs", taken["raw"], no_slower),
        Row("no-op call, async client : Ray Client actor", taken["client"], "µs", taken["ray"], five_times_faster),
        Row("no-op call, library f() : Ray Client actor", taken["library"], "µs", taken["ray"], five_times_faster),
    ]


async def concurrent_callers(bench: Bench) -> list[Row]:
    """Sixteen callers at once: calls per second, ours and bare gRPC."""
    raw = await bench.raw()
    await bench.client()
    async with _caller(bench, "client") as client:
        taken = await medians(
            {
                "raw": lambda: at_once(lambda: raw.echo(ECHO), 2000),
                "ours": lambda: client.round("together 2000"),
            },
            bench.rounds(9),
        )
    goal = Goal("ratio", ">=", 0.8)
    return [Row(f"{CALLERS} concurrent callers : raw unary grpc.aio", taken["ours"], "calls/s", taken["raw"], goal)]


def _caller(bench: Bench, kind: str) -> AbstractAsyncContextManager[RoundProcess]:
    """A program of its own: the peer's client must not be in the process of ours, which has its own way with gRPC."""
    return round_process("caller.py", kind, str(bench.project), environment={"RH_HOME": str(bench.home)})
