"""A large argument, and a million lines of output."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import cloudpickle
from measure import Goal, Row, medians
from processes import child_environment
from shared import Bench

from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.values import pickle_arguments

MEGABYTE = 1_000_000
ARGUMENT = 10 * MEGABYTE
LINES = 1_000_000


async def large_argument(bench: Bench) -> list[Row]:
    """A call with 10 MB of bytes that were never sent before, against streaming them over bare gRPC."""
    raw, client, key = await bench.raw(), await bench.client(), await bench.function("size")

    async def ours() -> float:
        data = os.urandom(ARGUMENT)
        start = time.perf_counter()
        result = await client.call(key, pickle_arguments((data,), {}))
        taken = time.perf_counter() - start
        assert cloudpickle.loads(result.data) == ARGUMENT
        return taken * 1e3

    async def bare(chunk: int) -> float:
        data = os.urandom(ARGUMENT)
        start = time.perf_counter()
        await raw.upload(data, chunk)
        return (time.perf_counter() - start) * 1e3

    taken = await medians(
        {"ours": ours, "1 MiB": lambda: bare(1024 * 1024), "256 KiB": lambda: bare(256 * 1024)}, bench.rounds(21)
    )
    goal = Goal("ratio", "<=", 1.5)
    return [
        Row(f"10 MB argument : raw gRPC stream of {chunk} pieces", taken["ours"], "ms", taken[chunk], goal)
        for chunk in ("1 MiB", "256 KiB")
    ]


async def log_lines(bench: Bench) -> list[Row]:
    """A function that prints a million lines, watched; the peer prints them to a file and nobody watches."""
    client, key = await bench.client(), await bench.function("print_lines")
    expected = b"".join(
        b"2026-01-01 12:00:00 INFO step %d loss 0.123456 some text in the line\n" % number for number in range(LINES)
    )

    async def ours() -> float:
        start = time.perf_counter()
        run = await client.submit(key, pickle_arguments((LINES,), {}))
        blocks: list[bytes] = []
        final = run
        async for event in client.watch(run.id):
            if event.WhichOneof("what") == "log":
                blocks.append(event.log.data)
            elif event.WhichOneof("what") == "run":
                final = event.run
        taken = time.perf_counter() - start
        assert final.state == pb.RunState.SUCCEEDED, f"the run ended in state {final.state}: {final.reason}"
        received = b"".join(blocks)
        assert received == expected, f"{received.count(10)} of {LINES} lines, or not in order"
        await client.delete_runs([run.id])
        return LINES / taken

    async def printing() -> float:
        return await _print_to_file(bench)

    taken = await medians({"ours": ours, "file": printing}, bench.rounds(3))
    goal = Goal("value", ">=", 200_000)
    return [Row("1,000,000 log lines, watched : print to a file", taken["ours"], "lines/s", taken["file"], goal)]


async def _print_to_file(bench: Bench) -> float:
    """Lines per second of the same function in a process of its own, its output a file."""
    code = (
        "import sys, time, functions; start = time.perf_counter()\n"
        f"functions.print_lines({LINES}); sys.stdout.flush()\n"
        "print(time.perf_counter() - start, file=sys.stderr)"
    )
    with (bench.folder / "lines.txt").open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            stdout=file,
            stderr=asyncio.subprocess.PIPE,
            cwd=bench.project,
            env=child_environment({"PYTHONPATH": str(bench.project)}),
        )
        _, seconds = await process.communicate()
    return LINES / float(seconds)
