"""Why a cluster cannot be used now, in place: the sentence, when it is tried again, and the act that mends it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, Problem, State
from rhdesk.desktop.access_acts import connect_to, retry_now, upgrade
from rhdesk.desktop.cluster_acts import bring_up
from rhdesk.desktop.widgets.base import Button, clear_layout
from rhdesk.desktop.widgets.states import ProblemBox

LOST = (State.UNREACHABLE, State.NEEDS_YOU)
"""States in which a cluster that may well be up cannot be asked."""


def mending_act(desk: Desk, row: ClusterRow) -> tuple[str, Callable[[], object]] | None:
    """What helps a cluster in its present state: (words, act); None where nothing is wrong with it."""
    address = row.address
    if row.state is State.UNREACHABLE:
        return "Retry now", partial(retry_now, desk, address)
    if row.state is State.NEEDS_YOU:
        return "Connect", partial(connect_to, desk, address)
    if row.state is State.FAILED and row.differs:
        return "Upgrade", partial(upgrade, desk, address)
    if row.state is State.FAILED:
        return "Try again", partial(bring_up, desk, address)
    return None


class ClusterProblem(QWidget):
    """Shows what is wrong with one cluster, and hides when nothing is."""

    def __init__(self, desk: Desk, *, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> None:
        super().__init__()
        self._desk = desk
        self._shown: object = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(*margins)
        self.hide()

    def show_cluster(self, row: ClusterRow | None, note: str = "") -> None:
        """Show the problem of `row`; `note` says what it means for the place where this stands."""
        key = (row.address, row.state, row.problem, row.retry_at, row.differs, note) if row is not None else None
        if key == self._shown:
            return
        self._shown = key
        clear_layout(self._column)
        act = mending_act(self._desk, row) if row is not None else None
        if row is None or (row.problem is None and act is None):
            self.hide()
            return
        problem = row.problem or Problem(row.sentence or f"{row.address} is {row.state.word.lower()}.")
        if note:
            problem = Problem(problem.sentence, " ".join(part for part in (problem.remedy, note) if part), problem.detail)
        level = "warn" if row.state is State.NEEDS_YOU else "error"
        buttons = [Button(act[0], "link", on_click=act[1])] if act is not None else []
        self._column.addWidget(ProblemBox(problem, buttons, level=level, retry_at=row.retry_at))
        self.show()
