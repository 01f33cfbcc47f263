"""The window: how soon it is painted, what it weighs, and whether work in its background lets it move smoothly."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from measure import Goal, Row, take_rounds
from processes import BENCH, round_process, running
from shared import Bench

OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen"}
WITH_LAB = {"PYTHONPATH": str(BENCH.parent)}
"""For programs that take from `lab` what stands at their top."""
NAME_ACTS = {
    "come": "10,000 names come",
    "unfold": "folders of 10,000 names open and close",
    "search": "search in 10,000 names",
    "change": "one of 10,000 names changes",
    "palette": "palette over 10,000 names",
}
SETTLED_AFTER = 3.0
"""Seconds after the first paint, by when a window has loaded what it puts off."""


async def first_paint(bench: Bench) -> list[Row]:
    """Start of the window's process to its first paint, what it holds then, and 3 s later; peer: an empty window."""
    await bench.client()  # a window that meets a cluster which is up has more to show, and to load
    for_clouds: list[float] = []
    weights: dict[str, list[float]] = {"ours": [], "settled": [], "bare": []}

    async def ours() -> float:
        painted, settled = await _start_window(bench, "rhdesk", SETTLED_AFTER)
        weights["ours"].append(painted["rss"])
        weights["settled"].append(settled)
        for_clouds.append(painted["for_clouds"])
        return painted["after"]

    async def bare() -> float:
        painted, _ = await _start_window(bench, "bare", 0)
        weights["bare"].append(painted["rss"])
        return painted["after"]

    taken = await take_rounds({"ours": ours, "bare": bare}, bench.rounds(5))
    seconds = {name: statistics.median(figures) for name, figures in taken.items()}
    megabytes = {name: statistics.median(figures) / 1e6 for name, figures in weights.items()}
    light = Goal("value", "<=", 130)
    return [
        Row(
            "window, start to first paint : bare PySide6", seconds["ours"], "s", seconds["bare"], Goal("value", "<=", 1)
        ),
        Row("window, memory at first paint : bare PySide6", megabytes["ours"], "MB", megabytes["bare"], light),
        Row("window, memory 3 s later : bare PySide6", megabytes["settled"], "MB", megabytes["bare"]),
        Row("window, modules for clouds and costs at first paint", max(for_clouds), "", None, Goal("value", "<=", 0)),
    ]


async def smoothness(bench: Bench) -> list[Row]:
    """The longest gap of a 16 ms timer in the window under 16 callers and a 100 MB transfer; peer: the idle window."""
    await bench.client()
    key = await bench.function("nothing")
    environment = {**OFFSCREEN, "RH_HOME": str(bench.home)}
    async with round_process("window_gap.py", key, environment=environment) as window:
        taken = await take_rounds(
            {"loaded": lambda: window.round("loaded"), "idle": lambda: window.round("idle")}, bench.rounds(5)
        )
    loaded, idle = statistics.median(taken["loaded"]), statistics.median(taken["idle"])
    name = "window, longest gap of a 16 ms timer under load : idle"
    return [Row(name, loaded, "ms", idle, Goal("value", "<=", 40))]


async def many_names(bench: Bench) -> list[Row]:
    """How long the window is held by acts on 10,000 names, without waits for a processor; peer: with the waits."""
    from lab.many_names import make_names

    user = bench.folder / "many-names"
    make_names(user / "rh")
    environment = {**OFFSCREEN, **WITH_LAB, "HOME": str(user), "RH_HOME": str(user / "rh")}
    own: dict[str, list[float]] = defaultdict(list)
    whole: dict[str, list[float]] = defaultdict(list)
    for _ in range(bench.rounds(5)):
        async with round_process("window_names.py", environment=environment) as window:
            for act in NAME_ACTS:
                own[act].append(await window.round(act))
                whole[act].append(await window.round("whole"))
    return rows_of_holds(NAME_ACTS, own, whole)


def rows_of_holds(
    titles: Mapping[str, str], own: Mapping[str, list[float]], whole: Mapping[str, list[float]]
) -> list[Row]:
    """The longest hold of the window in each act, its own and with waits for a processor, in milliseconds."""
    return [
        Row(
            f"window, {title}, longest hold : with waits",
            statistics.median(own[act]),
            "ms",
            statistics.median(whole[act]),
            Goal("value", "<=", 50),
        )
        for act, title in titles.items()
    ]


async def _start_window(bench: Bench, which: str, settle: float) -> tuple[dict[str, float], float]:
    """The report of the first paint, and `after` how many seconds it was; resident bytes `settle` seconds later."""
    report, log = bench.folder / "first-paint.json", bench.folder / "window.log"
    report.unlink(missing_ok=True)
    command = (sys.executable, str(BENCH / "window_start.py"), which, str(report))
    start = time.monotonic()
    async with running(*command, environment={**OFFSCREEN, "RH_HOME": str(bench.home)}, log=log) as process:
        while not report.exists() or not report.read_text().endswith("}"):
            if process.returncode is not None or time.monotonic() > start + 60:
                raise RuntimeError(f"{which} painted nothing (exit code {process.returncode}): {log.read_text()}")
            await asyncio.sleep(0.01)
        painted = json.loads(report.read_text())
        await asyncio.sleep(settle)
        settled = _resident(process.pid)
    return {**painted, "after": painted["time"] - start}, settled


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmRSS")
