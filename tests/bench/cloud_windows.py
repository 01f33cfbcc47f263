"""The window and clouds: whether it moves smoothly while SkyPilot's server starts and over very many offers."""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path

from measure import Goal, Row
from processes import round_process
from shared import Bench
from windows import OFFSCREEN

FIRST, LATER = Goal("value", "<=", 100), Goal("value", "<=", 30)
ACTS = {
    "dialog": "new cloud cluster opens",
    "chips": "chips over 20,000 offers",
    "search": "search over 20,000 offers",
    "sort": "sort 20,000 offers",
    "clouds": "25 clouds come",
    "chart": "chart of spending",
}
_IN_A_NETWORK_OF_ITS_OWN = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


async def cloud_acts(bench: Bench) -> list[Row]:
    """How long each act holds the window, without waits for a processor; in a window that has just been opened."""
    first: dict[str, list[float]] = defaultdict(list)
    later: dict[str, list[float]] = defaultdict(list)
    for number in range(bench.rounds(5)):
        environment = {**OFFSCREEN, **_home(bench, f"acts-{number}")}
        async with round_process("window_acts.py", "stand-in", environment=environment) as window:
            for act in ACTS:
                first[act].append(await window.round(act))
                later[act] += [await window.round(act) for _ in range(2)]
    rows = []
    for act, title in ACTS.items():
        at_first, after = statistics.median(first[act]), statistics.median(later[act])
        rows.append(Row(f"window, {title}, longest hold the first time : later", at_first, "ms", after, FIRST))
        rows.append(Row(f"window, {title}, longest hold later", after, "ms", None, LATER))
    return rows


async def skypilot_starts(bench: Bench) -> list[Row]:
    """The longest gap of a 16 ms timer in the window while SkyPilot's own server starts; peer: the idle window."""
    from lab.clouds.downloads import skypilot_environment

    environment = {**OFFSCREEN, "RH_SKYPILOT_ENVIRONMENT": str(skypilot_environment())}
    gaps: dict[str, list[float]] = defaultdict(list)
    for number in range(bench.rounds(3)):
        home = _home(bench, f"skypilot-{number}")
        words = {"environment": {**environment, **home}, "before": _IN_A_NETWORK_OF_ITS_OWN}
        async with round_process("window_acts.py", "skypilot", **words) as window:  # type: ignore[arg-type]
            for act in ("idle", "server"):
                gaps[f"{act}, own"].append(await window.round(act))
                gaps[act].append(await window.round("whole"))
    middle = {name: statistics.median(figures) for name, figures in gaps.items()}
    name = "window, longest gap of a 16 ms timer while SkyPilot's server starts"
    return [
        Row(f"{name} : idle", middle["server"], "ms", middle["idle"], Goal("value", "<=", 60)),
        Row(f"{name}, without waits for a processor", middle["server, own"], "ms", middle["idle, own"]),
    ]


def _home(bench: Bench, name: str) -> dict[str, str]:
    """The environment of a user who has nothing yet."""
    user: Path = bench.folder / name
    (user / "rh").mkdir(parents=True, mode=0o700)
    return {"HOME": str(user), "RH_HOME": str(user / "rh")}
