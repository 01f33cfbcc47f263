"""Why a cluster cannot be used now, in place: the sentence, when it is tried again, and the act that mends it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, Problem, State
from rhdesk.desktop.access_acts import connect_to, reach_my_way, retry_now, upgrade
from rhdesk.desktop.cluster_acts import bring_up
from rhdesk.desktop.dialogs.clusters import edit_cluster, why_fixed
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox

_RENTED = (State.NO_SERVER, State.UNHEALTHY)

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
    if row.why_not_ours:  # what would help is done where it is run
        return None
    if row.state is State.FAILED:
        return "Try again", partial(bring_up, desk, address)
    if row.state is State.NO_SERVER:
        return "Start the server", partial(bring_up, desk, address)
    if row.state is State.UNHEALTHY:
        return "Repair", partial(bring_up, desk, address)
    return None


def mend_runs(desk: Desk) -> tuple[str, Callable[[], object] | None]:
    """What brings the runs of clusters that cannot be asked up to date: (words, act); no act: trying again does."""
    condition, clusters = desk.store.runs.condition, desk.store.clusters
    rows = [row for address in condition.of if (row := clusters.get(address)) is not None]
    if not condition.of:
        # the table as a whole is old: that is a matter of this computer's own server
        rows = [row for row in clusters.rows() if row.kind == "machine"][:1]
    row = next((row for row in rows if row.state in LOST), rows[0] if rows else None)
    if row is None:
        return "", None
    if row.state is State.DOWN:
        return f"Bring up {row.address}", partial(bring_up, desk, row.address)
    if row.state is State.NEEDS_YOU:
        return "Connect", partial(connect_to, desk, row.address)
    if row.state is State.UNREACHABLE and condition.of:
        return "Retry now", partial(retry_now, desk, row.address)
    return "", None


def only_down(clusters: list[ClusterRow]) -> str:
    """The cluster to bring up where no runs are known because nothing is up; "" where something is."""
    reached = [row for row in clusters if row.kind in ("machine", "ssh")]
    if any(row.state is not State.DOWN and row.state not in LOST for row in reached):
        return ""
    return next((row.address for row in reached if row.kind == "machine" and row.state is State.DOWN), "")


class ClusterProblem(QWidget):
    """Shows what is wrong with one cluster, and hides when nothing is."""

    def __init__(self, desk: Desk, *, margins: tuple[int, int, int, int] = (0, 0, 0, 0), beside: bool = False) -> None:
        super().__init__()
        self._desk = desk
        self._beside = beside
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
            problem = Problem(problem.sentence, f"{problem.remedy} {note}".strip(), problem.detail)
        level = "warn" if row.state in (State.NEEDS_YOU, State.NO_SERVER) else "error"
        buttons = [Button(act[0], "link", on_click=act[1])] if act is not None else []
        if row.kind == "cloud" and row.state is State.UNREACHABLE:  # nobody can ask SkyPilot
            buttons.append(Button("Clouds", "link", on_click=partial(self._desk.navigate, "clouds", "")))
        elif (
            not self._beside
            and row.kind in ("ssh", "cloud")
            and row.state not in _RENTED
            and not why_fixed(self._desk, row.address)
        ):
            buttons.append(Button("Edit", "link", on_click=partial(edit_cluster, self._desk, self, row.address)))
        if not self._beside and row.kind == "ssh" and row.address.startswith("/"):  # others wrote how it is reached
            own = partial(reach_my_way, self._desk, self, row.address)
            buttons.append(Button("Reach it my way", "link", on_click=own))
        box = ProblemBox(problem, buttons, level=level, retry_at=row.retry_at, beside=self._beside)
        self._column.addWidget(box)
        self.show()
