"""Tells this person that somebody else cancelled a run of theirs."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from rhdesk.core.desk import Desk
from rhdesk.core.rows import RunRow, State
from rhdesk.core.store import Change

_RECENT = 3600.0  # seconds; of what is longer ago the list of runs tells


def tell_of_cancels(desk: Desk) -> Callable[[], None]:
    """Begin to tell; what is returned ends it."""
    told: set[str] = set()

    def changed(change: Change) -> None:
        runs = desk.store.runs
        rows = runs.rows() if change.reset else [row for id in change.changed if (row := runs.get(id)) is not None]
        for row in rows:
            if row.id not in told and _is_cancelled_by_others(row, desk.store.me):
                told.add(row.id)
                desk.notifier.warning(
                    f"{row.cancelled_by} cancelled your run of {row.name} on {row.cluster}.",
                    action_text="Show",
                    action=partial(desk.navigate, "runs", row.id),
                )

    return desk.store.runs.subscribe(changed)


def _is_cancelled_by_others(row: RunRow, me: frozenset[str]) -> bool:
    return (
        row.state is State.CANCELLED
        and row.by in me
        and bool(row.cancelled_by)
        and row.cancelled_by not in me
        and time.time() - row.ended < _RECENT
    )
