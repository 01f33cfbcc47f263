"""The times that a cluster was up, out of what was seen and what SkyPilot wrote down. Pure; facts have no order.

What the cloud says of its instances counts more than anything else (`instances.py`). Where it says nothing SkyPilot's
word counts more than what we saw, up to the moment when it was read last; after that counts what we saw.
Where nobody saw the end it is bounded, and marked as estimated: a machine of one's own is counted until it was last
seen up; a cluster in a cloud until it was first seen not to be up, or, if that is sooner, until its autostop must have
stopped it after the last that was seen of it and of its runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rhresources.costs.clock import SETTLED
from rhresources.costs.facts import Interval, Known, RunFact, Sighting
from rhresources.costs.instances import by_instances
from rhresources.costs.spans import GRACE, Span

_STARTS_WITHIN = 120.0  # seconds before its hosts run that SkyPilot may count already: it begins when it asks for them
_STOPS_WITHIN = 180.0  # seconds that an autostop takes longer than its minutes


def spans_of(known: Known, now: float, runs: Sequence[RunFact] = ()) -> list[Span]:
    """The times that a cluster was up, one after the other; none overlaps another, none ends after `now`.

    Args:
        known: all that is known of one life of it.
        now: what is up counts until then.
        runs: on it, in the order of their start.
    """
    looks = sorted(_looks(known.sightings), key=_Look.order)
    if known.life.kind == "own":
        spans = _seen_spans(looks, None, own=True, now=now)
    else:
        read = max((each.last for each in known.sightings if each.seen == "read"), default=float("-inf"))
        told = _told_spans(known, looks, now)
        carried = told.pop() if told and told[-1].is_open else None
        floor = told[-1].end if told else float("-inf")
        later = [look for look in looks if look.at > read and look.sighting.seen in ("up", "down", "gone")]
        spans = told + _seen_spans(later, carried, own=False, now=now, floor=floor)
        spans = [_asleep(span, known.sightings, runs) for span in spans]
        spans = [_from_its_request(span, known.sightings) for span in spans]
        if known.instances:
            spans = by_instances(known, spans, now, lambda span: _asleep(span, known.sightings, runs))
    return list(_in_turn(spans, now))


# ------------------------------------------------------------ what SkyPilot wrote down


def _told_spans(known: Known, looks: list[_Look], now: float) -> list[Span]:
    spans: list[Span] = []
    intervals = sorted(known.intervals, key=lambda each: (_start_of(each), each.start))
    for place, interval in enumerate(intervals):
        start = _start_of(interval)
        limit = _start_of(intervals[place + 1]) if place + 1 < len(intervals) else float("inf")
        within = [look for look in looks if start - GRACE <= look.at <= limit]
        up = max((look.at for look in within if look.sighting.seen == "up"), default=None)
        if interval.end is not None:
            spans.append(_closed(interval, start, limit, up, within))
        elif known.life.ended or limit < float("inf"):
            # SkyPilot forgot to write down the end, as it does of launches that failed: one that was never up is free
            if up is not None:
                gone = min((each.at for each in within if each.sighting.seen in ("down", "gone") and each.at >= up),
                           default=up)  # fmt: skip
                spans.append(Span(start, max(start, min(gone, limit)), max(start, up), estimated=True))
        else:
            read = max((look.at for look in looks if look.sighting.seen == "read"), default=start)
            spans.append(Span(start, now, max(start, read, up or start), is_open=True))
    return spans


def _start_of(interval: Interval) -> float:
    return min(interval.start, interval.start_read)  # nobody can read of a start before it


def _closed(interval: Interval, start: float, limit: float, up: float | None, within: list[_Look]) -> Span:
    assert interval.end is not None
    end = min(interval.end, interval.end_read)
    odd = interval.end > interval.end_read + GRACE or interval.start > interval.start_read + GRACE
    if end < start:  # the clock was set back meanwhile
        end, odd = max(start, up or start), True
    # SkyPilot takes the time that a cluster was stopped for time up when it is taken down then
    stopped = [look.at for look in within if look.sighting.seen == "down" and (up or start) <= look.at < end - SETTLED]
    end = min(end, limit, *stopped)
    if up is None and any(look.sighting.seen == "trying" for look in within):
        return Span(start, end, start, estimated=True)  # a launch that failed; whether there ever were hosts nobody saw
    exact = interval.watched or any(look.sighting.exact and abs(look.at - end) <= GRACE for look in within)
    if odd or exact or up is None or up >= end - GRACE:
        return Span(start, end, end, estimated=odd)
    return Span(start, end, max(start, up), estimated=True)  # it was found ended; when it ended nobody saw


# ------------------------------------------------------------ what we saw


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    sighting: Sighting
    joined: bool = False  # with the look before it: there were others all the time

    def order(self) -> tuple[float, int, bool, float, bool]:
        """By time; what was seen up in the moment of its end was up until then."""
        rank = ("read", "trying", "up", "down", "gone").index(self.sighting.seen)
        return self.at, rank, self.joined, self.sighting.since, self.sighting.exact


def _looks(sightings: Iterable[Sighting]) -> Iterator[_Look]:
    for sighting in sightings:
        yield _Look(sighting.first, sighting)
        if sighting.last > sighting.first:
            yield _Look(sighting.last, sighting, joined=True)


def _seen_spans(
    looks: list[_Look], span: Span | None, *, own: bool, now: float, floor: float = float("-inf")
) -> list[Span]:
    """The times that a cluster was seen up; `span` is one that it was in already."""
    spans: list[Span] = []
    for look in looks:
        since = look.sighting.since
        if look.sighting.seen == "up":
            if span is not None and own and _restarted(span, look):
                spans.append(replace(span, end=span.seen_until, estimated=True))
                floor, span = span.seen_until, None
            if span is None:
                start = max(floor, min(since, look.at)) if since > 0 else look.at
                span = Span(start, look.at, look.at, estimated=since <= 0 and look.at - floor > GRACE)
            span = replace(span, seen_until=max(span.seen_until, look.at))
        else:
            if span is not None:
                spans.append(_ended(span, look, own))
                span = None
            floor = max(floor, look.at)
    if span is not None:
        unseen = now - span.seen_until > GRACE
        if own and unseen:
            spans.append(replace(span, end=span.seen_until, estimated=True))
        else:
            spans.append(replace(span, end=now, is_open=True, estimated=span.estimated or unseen))
    return spans


def _restarted(span: Span, look: _Look) -> bool:
    """Whether a machine's server was away since it was last seen."""
    if look.joined or look.at - span.seen_until <= GRACE:
        return False
    return look.sighting.since <= 0 or look.sighting.since > span.seen_until + GRACE


def _ended(span: Span, look: _Look, own: bool) -> Span:
    unseen = look.at - span.seen_until > GRACE and not look.sighting.exact
    end = span.seen_until if unseen and own else look.at
    return replace(
        span,
        end=max(span.start, end),
        seen_until=max(span.start, span.seen_until if unseen else end),
        is_open=False,
        estimated=span.estimated or unseen,
    )


def _asleep(span: Span, sightings: Iterable[Sighting], runs: Sequence[RunFact]) -> Span:
    """The same until its autostop must have stopped it, if nobody saw what became of it."""
    if span.end - span.seen_until <= GRACE:
        return span
    ups = [each for each in sightings if each.seen == "up" and each.first <= span.seen_until]
    last = max(ups, key=lambda each: (min(each.last, span.seen_until), each.first, each.autostop), default=None)
    if last is None or last.autostop < 0:
        return span
    idle = 60 * last.autostop + _STOPS_WITHIN
    awake = span.seen_until
    for run in runs:
        if run.started > awake + idle:
            break
        if run.ended > 0:
            awake = max(awake, run.ended)
        elif run.started >= span.start:
            return span  # it may be going still
    if awake + idle >= span.end:
        return span
    return replace(span, end=awake + idle, is_open=False, estimated=True)


def _from_its_request(span: Span, sightings: Iterable[Sighting]) -> Span:
    """The same, with its beginning as a guess: SkyPilot, whose times these are, does not say when its hosts began."""
    ups = (each.first for each in sightings if each.seen == "up" and each.first >= span.start)
    sure = min([span.start + _STARTS_WITHIN, *ups])
    return replace(span, sure_from=sure) if sure > span.start else span


def _in_turn(spans: list[Span], now: float) -> Iterator[Span]:
    """No second twice, none to come, and none that lasted no time."""
    floor = float("-inf")
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        start, end = max(span.start, floor), min(span.end, now)
        if end > start:
            floor = end
            yield replace(span, start=start, end=end, seen_until=min(max(span.seen_until, start), end))
