"""Adds up charges: by day, cluster, run, function or label; now, this month, and where the month is going. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Literal

from rhresources.costs.charges import HOUR, Charge
from rhresources.costs.facts import RunFact
from rhresources.costs.words import LABEL_WAY

Way = Literal["cluster", "day", "run", "function", "person", "label"]
WAYS: tuple[Way, ...] = ("cluster", "day", "run", "function", "person", "label")

IDLE = "idle"
NO_LABEL = "no label"
NOT_KNOWN = "not known"

Days = tuple[tuple[date, dict[str, float]], ...]
"""(day, dollars by something), in order, also those days without."""

_PACE_DAYS = 7  # what the last days cost says where the month is going


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill.

    Attributes:
        key: the cluster, the day as 2026-11-30, the run, the function, the person, or "name=value" of a label; or
            `IDLE`.
        what: of a run its function, of an idle line its cluster.
        amount: dollars.
        estimated: how much of them is a guess.
        seconds: that clusters were up for it.
        unpriced: how many of those had no known price.
    """

    key: str
    what: str = ""
    amount: float = 0.0
    estimated: float = 0.0
    seconds: float = 0.0
    unpriced: float = 0.0

    def plus(self, charge: Charge, share: float) -> Line:
        seconds, amount = (charge.end - charge.start) * share, charge.amount * share
        return replace(
            self,
            amount=self.amount + amount,
            estimated=self.estimated + (amount if charge.estimated else 0.0),
            seconds=self.seconds + seconds,
            unpriced=self.unpriced + (seconds if charge.price is None else 0.0),
        )


@dataclass(frozen=True, slots=True)
class ClusterCost:
    """What one cluster costs.

    Attributes:
        spent: in all.
        month: since this month began.
        estimated: how much of `spent` is a guess.
        life: since it was launched last.
        up_since: 0: it is not up.
        price: for an hour, now; None: it is not up, or nobody knows.
    """

    cluster: str
    spent: float = 0.0
    month: float = 0.0
    estimated: float = 0.0
    life: float = 0.0
    up_since: float = 0.0
    price: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Spending at a glance.

    Attributes:
        per_hour: of all clusters that are up.
        unpriced: clusters that are up at a price that nobody knows.
        month: dollars since the month began; `estimated` of them are a guess.
        projected: what the month comes to if it goes on as in the last days; None: too early to say.
        days: the last days by cluster.
        days_by: the same days by "function" and by each label, "label team": what has none, or where nothing ran,
            stands under "no team" or `IDLE`, so that each adds up to what the day cost.
        idle: dollars of this month that were paid while nothing ran.
        budget: what a month may cost; 0: nobody said.
    """

    at: float
    per_hour: float = 0.0
    unpriced: tuple[str, ...] = ()
    month: float = 0.0
    estimated: float = 0.0
    projected: float | None = None
    idle: float = 0.0
    days: Days = ()
    days_by: dict[str, Days] = field(default_factory=dict)
    estimated_days: frozenset[date] = frozenset()
    clusters: dict[str, ClusterCost] = field(default_factory=dict)
    runs: dict[str, Line] = field(default_factory=dict)
    budget: float = 0.0


def between(charges: Iterable[Charge], since: float, until: float) -> Iterator[Charge]:
    """The parts of charges that lie between two times."""
    for charge in charges:
        start, end = max(charge.start, since), min(charge.end, until)
        if end > start:
            yield charge if (start, end) == (charge.start, charge.end) else replace(charge, start=start, end=end)


def by_day(charges: Iterable[Charge]) -> Iterator[tuple[date, Charge]]:
    """The parts of charges with the day of this computer's time zone that each lies in."""
    for charge in charges:
        start = charge.start
        while start < charge.end:
            day = datetime.fromtimestamp(start).date()
            end = min(charge.end, midnight(day + timedelta(days=1)))
            yield day, replace(charge, start=start, end=end)
            start = end


def midnight(day: date) -> float:
    """When a day begins here; of days with 23 or 25 hours too."""
    return datetime(day.year, day.month, day.day).timestamp()


def total(charges: Iterable[Charge]) -> Line:
    """All of them in one line."""
    line = Line("total")
    for charge in charges:
        line = line.plus(charge, 1.0)
    return line


def bill(charges: Iterable[Charge], way: Way) -> list[Line]:
    """The lines of a bill, the most expensive first, days in order.

    Of labels the lines add up to more than the whole where something has several.
    """
    lines: dict[tuple[str, str], Line] = {}

    def add(key: str, charge: Charge, share: float = 1.0, what: str = "") -> None:
        lines[key, what] = lines.get((key, what), Line(key, what)).plus(charge, share)

    if way == "day":
        for day, charge in by_day(charges):
            add(day.isoformat(), charge)
        return [lines[key] for key in sorted(lines)]
    for charge in charges:
        cluster = charge.life.cluster
        if way == "cluster":
            add(cluster, charge)
        elif way == "label":
            _add_labels(charge, add)
        elif not charge.runs:
            add(IDLE, charge, what=cluster)
        for run in charge.runs if way in ("run", "function", "person") else ():
            share = 1.0 / len(charge.runs)
            if way == "run":
                add(run.id, charge, share, run.function)
            elif way == "person":
                add(run.by or NOT_KNOWN, charge, share)
            else:
                add(run.function, charge, share)
    return sorted(lines.values(), key=lambda line: (-line.amount, line.key, line.what))


def summary_of(charges: Sequence[Charge], now: float, days: int = 14) -> Summary:
    """Spending at a glance, `now`."""
    today = datetime.fromtimestamp(now).date()
    month_began = midnight(today.replace(day=1))
    this_month = list(between(charges, month_began, now))
    month = total(this_month)
    up = {charge.life.id: charge for charge in charges if charge.is_open and charge.end >= now}
    shown = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    parts = list(by_day(between(charges, midnight(shown[0]), now)))
    return Summary(
        at=now,
        per_hour=sum(charge.price or 0.0 for charge in up.values()),
        unpriced=tuple(sorted({charge.life.cluster for charge in up.values() if charge.price is None})),
        month=month.amount,
        estimated=month.estimated,
        projected=_projected(charges, month.amount, now, today),
        idle=sum(charge.amount for charge in this_month if not charge.runs),
        days=_days(shown, parts, lambda charge: {charge.life.cluster: 1.0}),
        days_by=_days_by(shown, parts),
        estimated_days=frozenset(day for day, charge in parts if charge.estimated and charge.amount > 0),
        clusters=_clusters(charges, month_began, now),
        runs={line.key: line for line in bill(charges, "run") if line.key != IDLE},
    )


def _days(
    shown: Sequence[date], parts: Iterable[tuple[date, Charge]], split: Callable[[Charge], Mapping[str, float]]
) -> Days:
    found: dict[date, defaultdict[str, float]] = {day: defaultdict(float) for day in shown}
    for day, charge in parts:
        for key, share in split(charge).items():
            found[day][key] += charge.amount * share
    return tuple((day, dict(by_key)) for day, by_key in found.items())


def _days_by(shown: Sequence[date], parts: Sequence[tuple[date, Charge]]) -> dict[str, Days]:
    """By function and by every label that there is."""
    names = {name for _, charge in parts for labels in _labels_of(charge) for name in labels}
    days = {f"{LABEL_WAY}{name}": _days(shown, parts, partial(_by_label, name=name)) for name in sorted(names)}
    if any(charge.runs for _, charge in parts):
        days = {"function": _days(shown, parts, _by_function), **days}
    return days


def _by_function(charge: Charge) -> Mapping[str, float]:
    return _shares([run.function for run in charge.runs] or [IDLE])


def _by_label(charge: Charge, name: str) -> Mapping[str, float]:
    return _shares([labels.get(name) or f"no {name}" for labels in _labels_of(charge)])


def _shares(keys: Sequence[str]) -> Mapping[str, float]:
    return {key: count / len(keys) for key, count in Counter(keys).items()}


def _labels_of(charge: Charge) -> list[dict[str, str]]:
    """Of each party to a charge: the runs that shared it, else the cluster alone."""
    runs: tuple[RunFact | None, ...] = charge.runs or (None,)
    return [{**charge.life.labels, **(run.labels if run is not None else {})} for run in runs]


def _projected(charges: Sequence[Charge], month: float, now: float, today: date) -> float | None:
    priced = [charge.start for charge in charges if charge.amount > 0]
    if not priced:
        return None
    since = max(now - _PACE_DAYS * 24 * HOUR, min(priced))
    if now - since < 24 * HOUR:
        return None  # the first evening says nothing about a month
    pace = total(between(charges, since, now)).amount / (now - since)
    next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return month + pace * max(0.0, midnight(next_month) - now)


def _clusters(charges: Sequence[Charge], month_began: float, now: float) -> dict[str, ClusterCost]:
    found: dict[str, ClusterCost] = {}
    newest = {charge.life.cluster: charge.life.id for charge in charges}
    for charge in charges:
        cluster = charge.life.cluster
        old = found.get(cluster, ClusterCost(cluster))
        in_month = total(between([charge], month_began, now)).amount if charge.end > month_began else 0.0
        new = replace(
            old,
            spent=old.spent + charge.amount,
            month=old.month + in_month,
            estimated=old.estimated + (charge.amount if charge.estimated else 0.0),
            life=old.life + (charge.amount if charge.life.id == newest[cluster] else 0.0),
        )
        if charge.is_open:
            first = old.up_since or charge.start
            new = replace(new, up_since=first, price=charge.price if charge.end >= now else old.price)
        found[cluster] = new
    return found


def _add_labels(charge: Charge, add: Callable[[str, Charge, float], None]) -> None:
    parties = _labels_of(charge)
    for labels in parties:
        for key in [f"{name}={value}" for name, value in sorted(labels.items())] or [NO_LABEL]:
            add(key, charge, 1.0 / len(parties))
