"""One thing that needs the user's attention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Concern:
    """`role` is "error" or "warn"."""

    icon: str
    role: str
    title: str
    text: str
    act_text: str
    act: Callable[[], object]
