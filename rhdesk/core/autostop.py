"""When a cluster in a cloud stops by itself, as far as can be told from here. No Qt."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rhdesk.core.rows import ClusterRow, RunRow, State


def idle_since(row: ClusterRow, runs: Iterable[RunRow]) -> float:
    """When the last run on a cluster ended, or it was brought up; 0: something runs, or nobody knows."""
    cluster = row.cloud
    if cluster is None or row.state not in (State.UP, State.NO_SERVER) or row.runs_active:
        return 0.0
    ended = [run.ended for run in runs if run.cluster == row.address and run.ended]
    return max([cluster.launched, *ended])


def stops_at(row: ClusterRow, runs: Iterable[RunRow]) -> float:
    """When it stops or goes away by itself if nothing is run on it; 0: never, or not while something runs.

    An estimate: SkyPilot counts on the cluster, looks once a minute, and counts from when autostop was set.
    """
    cluster = row.cloud
    if cluster is None or cluster.autostop_mins < 0 or row.told is not None:
        return 0.0  # of what others run not every run is known here
    since = idle_since(row, runs)
    return since + 60.0 * cluster.autostop_mins if since else 0.0


def autostop_words(minutes: int, down: bool) -> str:
    """What an autostop does: "Stops after 30 min idle"."""
    if minutes < 0:
        return "Never stops by itself"
    return f"{'Goes away' if down else 'Stops'} after {minutes_text(minutes)} idle"


def minutes_text(minutes: int) -> str:
    """`90` -> "1 h 30 min"."""
    hours, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else "") if part
    )


def countdown_text(row: ClusterRow, runs: Iterable[RunRow], now: float | None = None) -> str:
    """ "Stops in 12 min", "Not while a run is going", "Never stops by itself"; "" where it is not up."""
    cluster = row.cloud
    if cluster is None or not row.is_billed:
        return ""
    word = "Goes away" if cluster.autostop_down else "Stops"
    if row.state is State.STOPS_ITSELF:
        return "Goes away now" if cluster.autostop_down else "Stops now"
    if cluster.autostop_mins < 0:
        return "Never stops by itself"
    if row.runs_active:
        return f"{word} {minutes_text(cluster.autostop_mins)} after its last run"
    at = stops_at(row, runs)
    if not at:
        return autostop_words(cluster.autostop_mins, cluster.autostop_down)
    left = at - (time.time() if now is None else now)
    return f"{word} in about {minutes_text(max(1, round(left / 60)))}" if left > 0 else f"{word} any minute"
