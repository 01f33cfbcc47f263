"""Times that a cluster was up, as they are worked out of facts."""

from __future__ import annotations

from dataclasses import dataclass

GRACE = 300.0  # seconds without a look that leave nothing to guess


@dataclass(frozen=True, slots=True)
class Span:
    """A time that a cluster was up.

    Attributes:
        end: until when it is counted; now where `is_open`.
        seen_until: until when it was surely up; what is counted after that is a guess.
        is_open: it is up as far as anybody knows.
        estimated: its start or its end was seen by nobody.
        sure_from: from when on it was surely up; what is counted before that is a guess.
        shares: (from when, which part of the cluster was up), where its hosts did not come and go all at once.
    """

    start: float
    end: float
    seen_until: float
    is_open: bool = False
    estimated: bool = False
    sure_from: float = float("-inf")
    shares: tuple[tuple[float, float], ...] = ()
