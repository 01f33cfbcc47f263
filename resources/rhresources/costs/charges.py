"""Cuts the times that clusters were up into charges: one price, one run or none, sure or estimated. Pure.

A run costs its share of its cluster's price while it runs. Of several that run at once each gets an equal part, and
what is paid while none runs is *idle*: so all runs and the idle time add up to what the cluster cost, to the cent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rhresources.costs.facts import Known, Life, RunFact
from rhresources.costs.merging import spans_of
from rhresources.costs.spans import Span

HOUR = 3600.0
_LATE = HOUR  # a price that was learnt so long after the fact is a guess


@dataclass(frozen=True, slots=True)
class Charge:
    """A stretch of time of one cluster, at one price.

    Attributes:
        price: of all of the cluster that was up then, for an hour; None: nobody ever knew.
        runs: that shared it; empty: idle.
        estimated: whether it was up then, or its price, is a guess.
    """

    life: Life
    start: float
    end: float
    price: float | None
    runs: tuple[RunFact, ...] = ()
    estimated: bool = False
    is_open: bool = field(default=False, compare=False)

    @property
    def amount(self) -> float:
        """Dollars."""
        return (self.price or 0.0) * (self.end - self.start) / HOUR


def charges_of(known: Iterable[Known], runs: Iterable[RunFact], now: float) -> list[Charge]:
    """Every charge there is until `now`, in the order of time; no second of a life is in two of them."""
    by_cluster: dict[str, list[RunFact]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.started, run.id)):
        if run.started > 0:
            by_cluster[run.cluster].append(run)
    charges: list[Charge] = []
    for each in known:
        prices, here = _prices(each), by_cluster.get(each.life.cluster, [])
        for span, inside in _with_runs(spans_of(each, now, here), here):
            charges += _shared(each.life, span, prices, inside)
    return sorted(charges, key=lambda charge: (charge.start, charge.life.id))


def _prices(known: Known) -> list[tuple[float, float]]:
    """(from when, price): what was said first of a time counts for it, and is never changed by what is said later."""
    said = []
    for each in known.sightings:
        if each.price is not None:
            said += [(each.first, each.price), (each.last, each.price)]
    changes: list[tuple[float, float]] = []
    for at, price in sorted(said):
        if not changes or changes[-1][1] != price:
            changes.append((at, price))
    return changes


def _priced(span: Span, prices: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float, float | None, bool]]:
    """(from, to, price, whether it is a guess), cut where the price changed."""
    if not prices:
        yield span.start, span.end, None, False
        return
    place = max(0, bisect_right(prices, (span.start, float("inf"))) - 1)
    late = prices[0][0] > span.start + _LATE
    start = span.start
    while start < span.end:
        until = prices[place + 1][0] if place + 1 < len(prices) else float("inf")
        end = min(span.end, until)
        if end > start:
            yield start, end, prices[place][1], late and place == 0
            start = end
        place += 1


def _of_those_up(
    span: Span, priced: Iterable[tuple[float, float, float | None, bool]]
) -> Iterator[tuple[float, float, float | None, bool]]:
    """The same, cut where hosts came or went, at the price of those that were up."""
    if not span.shares:
        yield from priced
        return
    for start, end, price, late in priced:
        for place, (since, share) in enumerate(span.shares):
            until = span.shares[place + 1][0] if place + 1 < len(span.shares) else float("inf")
            if (part_end := min(end, until)) > (part_start := max(start, since)):
                yield part_start, part_end, None if price is None else price * share, late


def _with_runs(spans: Iterable[Span], runs: Sequence[RunFact]) -> Iterator[tuple[Span, list[RunFact]]]:
    """The runs that may have been going in each span; both come in the order of time."""
    place, going = 0, list[RunFact]()
    for span in spans:
        while place < len(runs) and runs[place].started < span.end:
            going.append(runs[place])
            place += 1
        yield span, going
        going = [run for run in going if run.ended > span.end]  # one without an end ended with the span it began in


def _shared(life: Life, span: Span, prices: Sequence[tuple[float, float]], runs: Iterable[RunFact]) -> Iterator[Charge]:
    """The charges of one span: cut where a run began or ended, where the price changed, and where guessing begins."""
    changes: dict[float, tuple[list[RunFact], list[RunFact]]] = defaultdict(lambda: ([], []))
    for run in runs:
        began, ended = _within(run, span)
        if ended > began:
            changes[began][0].append(run)
            changes[ended][1].append(run)
    guesses_from = span.seen_until if span.seen_until < span.end else span.start
    moments = sorted({*changes, guesses_from, span.sure_from})
    for start, end, price, late in _of_those_up(span, _priced(span, prices)):
        # what goes on at `start` is built anew for every price; there are few
        active: dict[str, RunFact] = {}
        at = start
        for moment in [*(each for each in moments if each < end), end]:
            if moment > at:
                guess = late or (span.estimated and at >= guesses_from) or at < span.sure_from
                yield Charge(life, at, moment, price, tuple(active.values()), guess, span.is_open)
                at = moment
            began_here, ended_here = changes.get(moment, ([], []))
            for run in ended_here:
                active.pop(run.id, None)
            active.update((run.id, run) for run in began_here)


def _within(run: RunFact, span: Span) -> tuple[float, float]:
    """When a run was going inside of a span. One whose end nobody saw ended with the span in which it began."""
    began = max(run.started, span.start)
    if run.ended > 0:
        return began, min(run.ended, span.end)
    return began, span.end if span.start <= run.started < span.end else began
