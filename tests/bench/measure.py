"""What a benchmark says: rounds taken in turn, medians of them, goals, and the table of rows.

Every figure stands beside a peer that was measured in the same run. The measurements of one benchmark take turns,
round by round, so that whatever else the machine does falls on all of them alike; a row gives the medians.
"""

from __future__ import annotations

import operator
import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Measurement = Callable[[], Awaitable[float]]
"""Takes one round and returns its figure."""


@dataclass(frozen=True)
class Goal:
    """What a row should reach: its value, or its ratio (value / peer), at most or at least `limit`."""

    of: Literal["value", "ratio"]
    comparison: Literal["<=", ">="]
    limit: float

    def __str__(self) -> str:
        return f"{self.of} {self.comparison} {self.limit:,.6g}"

    def met(self, value: float, ratio: float | None) -> bool | None:
        """Whether it is reached; None where there was no peer to compare with."""
        measured = value if self.of == "value" else ratio
        if measured is None:
            return None
        return bool((operator.le if self.comparison == "<=" else operator.ge)(measured, self.limit))


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is value / peer; `goal` None marks a row that only informs."""

    name: str
    value: float
    unit: str
    peer: float | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        return self.goal.met(self.value, self.ratio) if self.goal else None

    def as_json(self) -> dict[str, object]:
        """The row as `$BENCH_JSON` holds it."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "peer": None if self.peer is None else round(self.peer, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "goal": str(self.goal) if self.goal else None,
            "met": self.met,
        }


async def take_rounds(measurements: Mapping[str, Measurement], rounds: int) -> dict[str, list[float]]:
    """Take every measurement `rounds` times, in turn, each time beginning with another one.

    One turn goes ahead that is not counted: caches fill, connections open.
    """
    names = list(measurements)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            figure = await measurements[name]()
            if number >= 0:
                figures[name].append(figure)
    return figures


async def medians(measurements: Mapping[str, Measurement], rounds: int) -> dict[str, float]:
    """The median of the rounds of each measurement."""
    return {name: statistics.median(taken) for name, taken in (await take_rounds(measurements, rounds)).items()}


def table(rows: list[Row]) -> str:
    """The rows as text, aligned."""
    lines = [("benchmark", "value", "unit", "peer", "ratio", "goal", "met")]
    for row in rows:
        lines.append(
            (
                row.name,
                _figure(row.value),
                row.unit,
                "" if row.peer is None else _figure(row.peer),
                "" if row.ratio is None else f"{row.ratio:.2f}",
                str(row.goal or ""),
                {True: "yes", False: "NO", None: ""}[row.met],
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    right = {1, 3, 4}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def missed(rows: list[Row]) -> list[str]:
    """One sentence for every goal that was not reached."""
    sentences = []
    for row in rows:
        if row.goal is None or row.met:
            continue
        if row.met is None:
            sentences.append(f"{row.name}: there was no peer to compare with.")
        else:
            reached = row.value if row.goal.of == "value" else row.ratio
            assert reached is not None
            sentences.append(f"{row.name}: {row.goal.of} {_figure(reached)}, the goal is {row.goal}.")
    return sentences


def _figure(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
