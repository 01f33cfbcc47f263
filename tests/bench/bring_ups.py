"""From nothing to a cluster: a bare host over SSH with warm caches, and one that has the server already."""

from __future__ import annotations

import statistics
import time

from measure import Goal, Row, medians
from processes import seconds_of
from shared import Bench


async def bring_up(bench: Bench) -> list[Row]:
    """A host's first bring-up, by step, and later ones; the peer of those is `ssh HOST true`."""
    hosts = bench.remote_hosts()
    taken = [await hosts.bring_up(hosts.bare()) for _ in range(1 if bench.quick else 2)]
    steps = {step: statistics.median(each.get(step, 0.0) for each in taken) for step in taken[0]}
    rows = [Row("first bring-up of a bare host, until Ray is up", steps.pop("all"), "s", None, Goal("value", "<=", 30))]
    rows += [Row(f"  of it: {step}", seconds, "s") for step, seconds in steps.items()]

    host = await hosts.ready()
    document = hosts.document(host)

    async def connect() -> float:
        async with hosts.workspace() as workspace:
            start = time.perf_counter()
            await workspace.connect(document, up=True)
            return time.perf_counter() - start

    async def start() -> float:
        async with hosts.workspace() as workspace:
            await workspace.down(document, stop_runs=True)
        return await connect()

    async def ssh() -> float:
        return await seconds_of(*hosts.ssh(host), "true")

    later = await medians({"start": start, "ssh": ssh}, bench.rounds(3))
    again = await medians({"connect": connect, "ssh": ssh}, bench.rounds(9))
    has_it, runs_it = "bring-up of a host that has the server, until it answers", "connecting to a server that runs"
    quick = Goal("value", "<=", 2)
    return [
        *rows,
        Row(f"{has_it} : ssh true", later["start"], "s", later["ssh"], quick),
        Row(f"{runs_it} : ssh true", again["connect"], "s", again["ssh"], quick),
    ]
