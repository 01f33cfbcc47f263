"""The times that a cluster was up by what its cloud says of each instance, which is what a bill is made of. Pure.

A cluster of several hosts is billed for each: while some of them run it costs their part of its price. A cloud may not
say when an instance ended (EC2 forgets one that was terminated after an hour, and a stop when it is started again):
then the next best that is known of the cluster counts, and is marked as estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from rhresources.costs.facts import Instance, Known
from rhresources.costs.spans import GRACE, Span


def by_instances(known: Known, otherwise: Sequence[Span], now: float, asleep: Callable[[Span], Span]) -> list[Span]:
    """When the cluster was up.

    Args:
        otherwise: what is known without the cloud's word.
        asleep: bounds a span by its autostop.
    """
    instances = sorted(known.instances, key=lambda each: (each.launched, each.id))
    spans = [_span_of(each, instances, known, otherwise, now, asleep) for each in instances]
    spans = [span for span in spans if span.end > span.start]
    kept = list(_not_told(known, otherwise, instances[0].launched))
    if known.unasked:
        kept += [
            replace(each, estimated=True, seen_until=each.start)
            for each in otherwise
            if each not in kept and not any(span.start < each.end and each.start < span.end for span in spans)
        ]
    return [*kept, *_joined(spans, max(1, known.life.hosts))]


def _span_of(
    instance: Instance,
    instances: Sequence[Instance],
    known: Known,
    otherwise: Sequence[Span],
    now: float,
    asleep: Callable[[Span], Span],
) -> Span:
    """The span of one instance."""
    start = instance.launched
    abroad = bool(instance.region and known.life.region) and instance.region != known.life.region  # at another price
    if instance.ended is not None:
        return Span(start, instance.ended, start if abroad else instance.ended, estimated=abroad)
    again = min((each.launched for each in instances if each.id == instance.id and each.launched > start),
                default=float("inf"))  # fmt: skip
    seen = max(start, instance.seen)
    limit = min(again, instance.missed or float("inf"))
    span = next((each for each in reversed(otherwise) if each.start <= seen + GRACE and each.end >= seen), None)
    if span is not None and span.is_open and limit == float("inf"):
        sure = max(seen, span.seen_until)
        found = Span(start, span.end, sure, is_open=True, estimated=now - sure > GRACE)
    elif span is not None:
        end = min(span.end, limit)
        sure = min(span.seen_until, end - (0.0 if span.estimated else GRACE))  # an end that was seen was seen by then
        found = Span(start, end, max(seen, sure), estimated=True)
    elif limit < float("inf") or known.life.ended or _seen_gone(known, seen):
        found = Span(start, limit if limit < float("inf") else seen, seen, estimated=True)
    else:
        found = Span(start, now, seen, is_open=True, estimated=now - seen > GRACE)
    found = asleep(found)
    return replace(found, end=max(start, found.end), estimated=found.estimated or abroad)


def _seen_gone(known: Known, after: float) -> bool:
    return any(each.seen in ("down", "gone") and each.first > after for each in known.sightings)


def _not_told(known: Known, otherwise: Iterable[Span], first: float) -> Iterator[Span]:
    """What was before the first that the cloud told of, if the cluster was seen up then: rather than waited for."""
    for span in otherwise:
        ups = [each for each in known.sightings if each.seen == "up" and span.start - GRACE <= each.first <= span.end]
        if span.start < first - GRACE and any(each.first < first - GRACE for each in ups):
            if span.end <= first:
                yield span
            else:
                sure = min(first, max(span.start, *(min(each.last, first) for each in ups if each.first < first)))
                yield replace(span, end=first, seen_until=sure, is_open=False, estimated=True)


def _joined(spans: Sequence[Span], hosts: int) -> Iterator[Span]:
    """The times that at least one instance ran, each with how many of the cluster's hosts that were."""
    group: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if group and span.start >= max(each.end for each in group):
            yield _union(group, hosts)
            group = []
        group.append(span)
    if group:
        yield _union(group, hosts)


def _union(group: Sequence[Span], hosts: int) -> Span:
    end = max(each.end for each in group)
    guesses = [each.seen_until if each.seen_until < each.end else each.start for each in group if each.estimated]
    moments = sorted({moment for each in group for moment in (each.start, each.end)} - {end})
    running = [sum(each.start <= moment < each.end for each in group) for moment in moments]
    return Span(
        group[0].start,
        end,
        min(guesses, default=end),
        is_open=any(each.is_open for each in group),
        estimated=bool(guesses),
        shares=tuple((moment, count / hosts) for moment, count in zip(moments, running, strict=True)),
    )
