"""What the chart of spending shows: a bar for every day, stacked by cluster, function or a label. No Qt."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from rhdesk.core.words import money_text
from rhresources.costs.words import LABEL_WAY

if TYPE_CHECKING:
    from rhresources.costs.spending import Summary

EVERYTHING_ELSE = "everything else"
_NAMED = 3  # of them with a colour of their own
BY_CLUSTER = "cluster"
_BUDGET_IN_SIGHT = 3.0  # times the highest bar; a line further up would leave no room for the bars


@dataclass(frozen=True)
class Bar:
    """One day; `amounts` in the order of the series."""

    day: date
    amounts: tuple[float, ...]
    estimated: bool = False

    @property
    def total(self) -> float:
        return sum(self.amounts)

    @property
    def title(self) -> str:
        return f"{self.day.day} {self.day:%b}"


@dataclass(frozen=True)
class SpendBars:
    """All of them.

    Attributes:
        series: names of what it is stacked by, those that cost most first, then the rest together.
        budget: what one day of this month may cost; 0: nobody said, or far more than any day did.
    """

    series: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = ()
    budget: float = 0.0

    @property
    def highest(self) -> float:
        return max((bar.total for bar in self.bars), default=0.0)

    @property
    def words(self) -> str:
        """The chart for those who cannot see it."""
        spent = [f"{bar.title} {money_text(bar.total)}" for bar in self.bars if bar.total]
        return "Spend by day: " + (", ".join(spent) or "nothing") + "."


def ways_of(summary: Summary) -> list[tuple[str, str]]:
    """What the bars can be stacked by, each with its words: ("label team", "By team")."""
    return [(way, f"By {way.removeprefix(LABEL_WAY)}") for way in (BY_CLUSTER, *summary.days_by)]


def bars_of(summary: Summary, days: int, way: str = BY_CLUSTER) -> SpendBars:
    """The last `days` days of a summary, stacked by one of `ways_of`."""
    shown = summary.days_by.get(way, summary.days)[-days:]
    totals: Counter[str] = Counter()
    for _, by_key in shown:
        totals.update({key: amount for key, amount in by_key.items() if amount > 0})
    named = [key for key, _ in sorted(totals.items(), key=lambda each: (-each[1], each[0]))]
    if len(named) > _NAMED + 1:
        named = named[:_NAMED]
    rest = len(totals) > len(named)
    bars = []
    for day, by_key in shown:
        amounts = [by_key.get(key, 0.0) for key in named]
        if rest:
            amounts.append(sum(amount for key, amount in by_key.items() if key not in named))
        bars.append(Bar(day, tuple(amounts), day in summary.estimated_days))
    series = (*named, *([EVERYTHING_ELSE] if rest else []))
    highest = max((bar.total for bar in bars), default=0.0)
    budget = summary.budget / monthrange(shown[-1][0].year, shown[-1][0].month)[1] if shown else 0.0
    return SpendBars(series, tuple(bars), budget if budget <= highest * _BUDGET_IN_SIGHT else 0.0)


def short_names(series: tuple[str, ...]) -> list[str]:
    """Names without folders, where that leaves them different."""
    short = [name.rpartition("/")[2] for name in series]
    return short if len(set(short)) == len(short) else list(series)
