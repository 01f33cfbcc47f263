"""The benchmarks of rhdesk: `run.py [NAME...] [--list] [--quick]`, or `make bench`.

Prints one table: our value, the value of a peer that was measured in the same run in turn with ours, value / peer,
and whether the goal was met; then says what was missed. Exits 0 when everything ran, 1 when a benchmark broke.
`$BENCH_JSON` names a file for the rows as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from bring_ups import bring_up
from calls import concurrent_callers, no_op_calls
from cloud_windows import cloud_acts, skypilot_starts
from environments import environments
from measure import Row, missed, table
from registries import registries
from shared import Bench
from shared_names import shared_names
from transfers import large_argument, log_lines
from trees import second_sync, sync_over_ssh
from tunnels import bulk_through_tunnel, call_through_tunnel
from windows import first_paint, many_names, smoothness

Benchmark = Callable[[Bench], Awaitable[list[Row]]]

BENCHMARKS: dict[str, Benchmark] = {
    "paint": first_paint,
    "calls": no_op_calls,
    "callers": concurrent_callers,
    "argument": large_argument,
    "sync": second_sync,
    "environment": environments,
    "gap": smoothness,
    "names": many_names,
    "shared-names": shared_names,
    "clouds": cloud_acts,
    "skypilot": skypilot_starts,
    "logs": log_lines,
    "registry": registries,
    "tunnel": call_through_tunnel,
    "ssh-bulk": bulk_through_tunnel,
    "bring-up": bring_up,
    "ssh-sync": sync_over_ssh,
}


async def run(names: list[str], *, quick: bool) -> tuple[list[Row], list[str]]:
    """The rows of the benchmarks called `names`, and the names of those that broke (their tracebacks are printed)."""
    rows: list[Row] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rhb-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as stack:
            bench = Bench(Path(folder), stack, quick=quick)
            for name in names:
                start = time.monotonic()
                try:
                    rows += await BENCHMARKS[name](bench)
                except Exception:
                    traceback.print_exc()
                    broken.append(name)
                print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return rows, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", help="default: all")
    parser.add_argument("--list", action="store_true", help="print the names and what each measures")
    parser.add_argument("--quick", action="store_true", help="a third of the rounds")
    arguments = parser.parse_args()
    if arguments.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:14}{benchmark.__doc__}")
        return 0
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    for switch in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        os.environ.pop(switch, None)  # not set where users work; both slow every child process down
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows, broken = runner.run(run(arguments.names or list(BENCHMARKS), quick=arguments.quick))
    print(f"load {os.getloadavg()[0]:.1f} after\n\n{table(rows)}\n")
    print("'a : b' is measured as value : peer, ratio = value / peer; medians of rounds taken in turn.")
    failures = missed(rows)
    print("Missed:\n  " + "\n  ".join(failures) if failures else "Every goal that was measured was met.")
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    if broken:
        print(f"Broken: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
