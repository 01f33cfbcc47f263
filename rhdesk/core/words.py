"""Numbers in the words that people read: bytes, durations, ages, money."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from rhresources.ages import ago

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster

_ACCELERATORS = re.compile(r"[\w.-]+:\d+(?:\.\d+)?")


def bytes_text(count: float) -> str:
    """`1536` -> "1.5 KB"; decimal-looking steps of 1024, at most four characters of figure."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def duration_text(seconds: float | None) -> str:
    """`75.3` -> "1 min 15 s"; "—" for None. Two units at most."""
    if seconds is None:
        return "—"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, unit, small_size, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {unit} {rest} {small}" if rest else f"{whole // size} {unit}"
    raise AssertionError


def clock_text(seconds: float) -> str:
    """A duration that still grows, in whole seconds: "0 s", "42 s", "1 min 15 s"."""
    return f"{int(seconds)} s" if seconds < 60 else duration_text(float(int(seconds)))


def age_text(when: float, now: float | None = None) -> str:
    """How long ago `when` (seconds since the epoch) was, as `ago` says it; "—" for never."""
    return ago(when, now) if when else "—"


def moment_text(when: float) -> str:
    """`when` as a local date and time: "2026-11-23 15:04:05"; "—" for 0."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when)) if when else "—"


def money_text(amount: float | None) -> str:
    """US dollars: "$32.77", "$0.0042"; "—" for None."""
    if amount is None:
        return "—"
    return f"${amount:.4f}" if 0 < abs(amount) < 0.01 else f"${amount:,.2f}"


def cluster_hardware(cluster: CloudCluster) -> str:
    """What a cluster in a cloud is made of, the accelerators first: "2 hosts, 8 × A100, p4d.24xlarge"."""
    parts = [part.strip() for part in cluster.hardware.split(",") if part.strip()]
    accelerators = [_counted(part) for part in parts if _ACCELERATORS.fullmatch(part)]
    others = [part for part in parts if not _ACCELERATORS.fullmatch(part)]
    hosts = [f"{cluster.hosts} hosts"] if cluster.hosts > 1 and parts else []
    return ", ".join([*hosts, *accelerators, *others])


def _counted(accelerator: str) -> str:
    name, _, count = accelerator.partition(":")
    return f"{count} × {name}"


def count_text(count: int, one: str, many: str = "") -> str:
    """`3, "run"` -> "3 runs"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
