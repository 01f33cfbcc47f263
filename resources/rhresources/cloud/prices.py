"""What clusters cost by the hour, for a list of them: SkyPilot's status does not say, its cost report does."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rhresources.cloud.reading import price_of

_PAUSE = 30.0
_LONGEST_PAUSE = 1800.0
"""Seconds until a report is asked for again that failed, or did not say it all; twice as long each time."""


class Prices:
    """What is known of the prices, and when it is worth while to ask again."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._in_vain: set[str] = set()
        self._pause = 0.0
        self._next = 0.0

    def of(self, hash: str) -> float | None:
        """Of the whole cluster for an hour; None: not known."""
        return self._known.get(hash)

    def are_to_be_asked(self, hashes: Iterable[str]) -> bool:
        """Whether the report may say what is not known yet of these lives of clusters."""
        unknown = {hash for hash in hashes if hash not in self._known}
        if not unknown:
            return False
        return time.monotonic() >= self._next or not unknown <= self._in_vain

    def learn(self, hashes: Collection[str], report: Iterable[Mapping[str, Any]] | None) -> None:
        """What a report says; None: it could not be had."""
        for row in report or ():
            if (price := price_of(row)) is not None:
                self._known[str(row.get("cluster_hash"))] = price
        self._in_vain = {hash for hash in (*self._in_vain, *hashes) if hash not in self._known}
        self._pause = min(max(self._pause * 2, _PAUSE), _LONGEST_PAUSE) if self._in_vain else 0.0
        self._next = time.monotonic() + self._pause
