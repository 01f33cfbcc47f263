"""The columns of the run tables."""

from __future__ import annotations

import time
from collections.abc import Callable

from rhdesk.core.last_arguments import short_arguments
from rhdesk.core.rows import RunRow
from rhdesk.core.words import age_text, clock_text, duration_text, moment_text
from rhdesk.desktop.models.columns import Column, Kind


def why_text(row: RunRow) -> str:
    """The sentence about a run's state: its error, or what it waits for."""
    if row.error_type:
        return f"{row.error_type.rpartition('.')[2]}: {row.error_message}".rstrip(": ")
    return row.problem.sentence if row.problem is not None else row.reason


def _took_text(row: RunRow) -> str:
    took = row.duration(time.time())
    return duration_text(took) if took is None or row.state.is_over else clock_text(took)


def by_text(row: RunRow, me: frozenset[str]) -> str:
    """Who started a run."""
    return "You" if row.by in me else row.by or "—"


def _by_tip(row: RunRow) -> str:
    if not row.by:
        return "Its cluster does not know who started it."
    return f"{row.by}, as the program that started it says."


def run_columns(*, compact: bool = False, me: Callable[[], frozenset[str]] = frozenset) -> list[Column[RunRow]]:
    """`compact` for narrow places: name, state, how long, when. `me`: the names of whoever looks."""
    columns: list[Column[RunRow]] = [
        Column(
            "name",
            "Function",
            lambda row: row.name or row.id,
            Kind.TITLE,
            150 if compact else 190,
            True,
            second=lambda row: why_text(row) or short_arguments(row.arguments) or "no arguments",
        ),
        Column(
            "state",
            "State",
            lambda row: row.state.word,
            Kind.PILL,
            124,
            value=lambda row: row.state,
            tip=why_text,
        ),
        Column(
            "duration",
            "Took",
            _took_text,
            Kind.NUMBER,
            92,
            sort=lambda row: row.duration(time.time()),
            ages=True,
            drop_below=400,
        ),
        Column(
            "created",
            "Started",
            lambda row: age_text(row.created),
            Kind.MUTED,
            104,
            sort=lambda row: -row.created,
            ages=True,
            drop_below=300,
            tip=lambda row: moment_text(row.created),
        ),
    ]
    if not compact:
        columns.append(
            Column(
                "by",
                "By",
                lambda row: by_text(row, me()),
                Kind.MUTED,
                120,
                drop_below=640,
                varies=True,
                tip=_by_tip,
            )
        )
        columns.append(Column("cluster", "Cluster", lambda row: row.cluster, Kind.MUTED, 130, drop_below=700))
        columns.append(Column("client", "From", lambda row: row.client or "—", Kind.MUTED, 116, drop_below=820))
    return columns
