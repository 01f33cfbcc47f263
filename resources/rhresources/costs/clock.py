"""Two clocks at once: the one that people set, and one that nobody can.

Money must not come out of a clock that was set. Every moment is kept by both; of a start of the computer ("boot") the
first moment that is known ties them together, and later ones are placed by the steady clock alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SETTLED = 60.0  # seconds that two clocks may differ before one of them counts as wrong


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by both clocks.

    Attributes:
        wall: seconds since the epoch, by a clock that may be set.
        steady: seconds since the computer started, asleep or not.
        boot: which start of the computer; empty: cannot be told, so that only `wall` counts.
    """

    wall: float
    steady: float = 0.0
    boot: str = ""


Ties = Mapping[str, Moment]
"""Of every boot the moment by which its steady clock is read."""


def now() -> Moment:
    """This moment."""
    boot = _boot()
    return Moment(time.time(), _steady() if boot else 0.0, boot)


def true_time(moment: Moment, ties: Ties) -> float:
    """When a moment was, whatever the clock was set to meanwhile."""
    tie = ties.get(moment.boot) if moment.boot else None
    if tie is None:
        return moment.wall
    steadily = tie.wall + moment.steady - tie.steady
    return moment.wall if abs(moment.wall - steadily) < SETTLED else steadily


def _steady() -> float:
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()  # goes on through sleep on macOS and Windows


@cache
def _boot() -> str:
    """Names this start of the computer; only Linux has a name that setting the clock does not change."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
