"""How much one token or one address may ask for: buckets that fill at a steady rate and are emptied by requests.

They hold for one server process. They keep a program that runs wild, or a guesser of tokens, from being a burden to
the others; they are no quota.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from rhresources.errors import UsageError

_REMEMBERED = 50_000
_FILES_BESIDES = 100  # of the database and the logs, and of those who are told that there are too many connections


@dataclass(frozen=True, slots=True)
class Limits:
    """What `serve --limit NAME=NUMBER` sets; 0: no limit.

    Attributes:
        token: requests a second with one token; ten seconds' worth may come at once.
        address: requests a second from one address, likewise.
        guesses: wrong tokens a minute from one address, and as many at once; then only right ones are answered.
        unknown: requests a second from one address whose tokens are looked up then; ten seconds' worth at once.
        feeds: open feeds of changes.
        feeds_per_token: those with one token.
        connections: open connections.
        connections_per_address: those from one address; behind a proxy, as many requests that are being answered.
        seconds: how long a request may take to arrive, and how long an answer may wait to be taken.
    """

    token: float = 500
    address: float = 2000
    guesses: float = 10
    unknown: float = 20
    feeds: float = 2000
    feeds_per_token: float = 50
    connections: float = 5000
    connections_per_address: float = 1000
    seconds: float = 30

    def changed(self, written: str) -> Limits:
        """These with one that `NAME=NUMBER` says.

        Raises:
            UsageError: there is no such limit, or that is no number.
        """
        name, _, number = written.partition("=")
        name = name.strip().replace("-", "_")
        known = [field.name for field in fields(self)]
        try:
            value = float(number)
        except ValueError:
            value = -1
        if name not in known or not 0 <= value < 1e9:
            raise UsageError(
                f"{written!r} is not a limit.", remedy=f"Write NAME=NUMBER; the names are {', '.join(known)}."
            )
        return replace(self, **{name: value})

    def within(self, files: int) -> Limits:
        """These where only so many files may be open: no connections for which there is none, and one address half."""
        most = max(files - _FILES_BESIDES, files // 2)
        if 0 < self.connections <= most:
            return self
        of_one = min(self.connections_per_address or most, most // 2)
        return replace(self, connections=most, connections_per_address=of_one)


class Buckets:
    """One bucket for each key. For one thread.

    Args:
        rate: how much flows in each second; 0: there is no limit.
        size: how much a full one holds.
    """

    def __init__(self, rate: float, size: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._size = max(size, 1.0)
        self._clock = clock
        self._filled: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, key: Hashable) -> float:
        """For how many seconds there is nothing in it; 0: there is something."""
        return 0.0 if self._rate <= 0 else max(0.0, (1.0 - self._level(key)) / self._rate)

    def take(self, key: Hashable) -> float:
        """Take one out, if there is one; for how many seconds there is none, else 0."""
        if self._rate <= 0:
            return 0.0
        level = self._level(key)
        if level < 1.0:
            return (1.0 - level) / self._rate
        self._filled[key] = (level - 1.0, self._clock())
        self._filled.move_to_end(key)
        if len(self._filled) > _REMEMBERED:
            self._filled.popitem(last=False)  # untouched for longest, so the fullest
        return 0.0

    def _level(self, key: Hashable) -> float:
        level, at = self._filled.get(key, (self._size, 0.0))
        return min(self._size, level + (self._clock() - at) * self._rate)


class Slots:
    """Counts what is open, in all and by key. For one thread."""

    def __init__(self, most: float, most_of_one: float) -> None:
        self._most = most or float("inf")
        self._most_of_one = most_of_one or float("inf")
        self._open: Counter[Hashable] = Counter()
        self._all = 0

    def take(self, key: Hashable) -> Callable[[], None] | None:
        """Open one more; what to call when it closes. None where there are too many."""
        if self._all >= self._most or self._open[key] >= self._most_of_one:
            return None
        self._open[key] += 1
        self._all += 1

        def free() -> None:
            self._all -= 1
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

        return free


@lru_cache(4096)
def network_of(address: str) -> str:
    """What counts as one address: of IPv6 all that one customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
