"""The steps of reaching a host, told one by one: what *Test connection* shows and where a bring-up failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

StepName = Literal["resolve", "reach", "host key", "log in", "forwarding", "python", "disk", "gpu", "server"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step towards one host.

    Attributes:
        name: which one.
        host: as the cluster's document names it; of a jump host "user@jump:22".
        state: "running" is told first, then one of the others. "note": it worked and there is something to say of it.
        seconds: that it took.
        sentence: what was found, "192.0.2.7, port 22", or what is wrong.
        remedy: what to do about it.
        detail: raw words of the other side.
    """

    name: StepName
    host: str
    state: Literal["running", "done", "note", "failed", "skipped"]
    seconds: float = 0.0
    sentence: str = ""
    remedy: str = ""
    detail: str = ""


OnStep = Callable[[Step], None]
"""Hears of every step, on the event loop."""
