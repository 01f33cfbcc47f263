"""Where a package is used: functions that name it, and environments on clusters that hold it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.environment_rows import EnvironmentRow
from rhdesk.core.package_requests import holding
from rhdesk.core.rows import Problem, State
from rhdesk.core.store import Condition, Phase
from rhdesk.core.words import age_text, bytes_text
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.list_panel import ListPanel

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace


@dataclass(frozen=True)
class _Place:
    cluster: str
    environment: EnvironmentRow

    @property
    def state(self) -> State:
        if self.environment.in_use:
            return State.RUNNING
        return {"installing": State.PREPARING, "failed": State.FAILED}.get(self.environment.state, State.READY)


class PackageUsed(QWidget):
    """Asks the clusters that are up whenever it comes into sight. A double click, or Enter, goes there."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: EntryRow | None = None
        self.functions = ListPanel(
            [
                Column[EntryRow](
                    "name", "Function", lambda row: row.name, Kind.TITLE, 180, stretch=True, second=_address
                ),
                Column[EntryRow]("cluster", "Cluster", _cluster, Kind.MUTED, 120, drop_below=380),
            ],
            lambda row: row.address,
            "Functions",
        )
        self.functions.opened.connect(lambda row: desk.navigate("functions", row.address))
        self.environments = ListPanel(
            [
                Column[_Place](
                    "cluster", "Cluster", lambda row: row.cluster, Kind.TITLE, 150, stretch=True, second=_contents
                ),
                Column[_Place]("state", "State", _state_word, Kind.PILL, 108, value=lambda row: row.state),
                Column[_Place](
                    "size", "Size", lambda row: bytes_text(row.environment.bytes), Kind.NUMBER, 84,
                    sort=lambda row: row.environment.bytes, drop_below=380,
                ),
                Column[_Place](
                    "used", "Used", lambda row: age_text(row.environment.last_use), Kind.MUTED, 100,
                    sort=lambda row: row.environment.last_use, ages=True, drop_below=420,
                ),
            ],
            lambda row: f"{row.cluster} {row.environment.hash}",
            "Environments",
        )  # fmt: skip
        self.environments.opened.connect(lambda row: desk.navigate("clusters", f"{row.cluster}?tab=environments"))
        self.environments.retry.connect(self.refresh)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.setProperty("line", True)
        split.setChildrenCollapsible(False)
        for panel in (self.functions, self.environments):
            panel.setProperty("card", False)
            panel.setMinimumHeight(120)
            split.addWidget(panel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(split)

    def show_package(self, row: EntryRow, users: Sequence[str]) -> None:
        """Show a package; `users` are the addresses of the functions that name it."""
        new = self._row is None or row.address != self._row.address
        self._row = row
        self.functions.set_empty(
            "Used by no function", f"One that needs it has rh:{row.address} among its packages.", "square-function"
        )
        found = (self._desk.store.functions.get(address) for address in users)
        self.functions.set_rows([one for one in found if one is not None])
        if new:
            self.environments.set_rows([], Condition(Phase.LOADING))
            if self.isVisible():
                self.refresh()

    def showEvent(self, event: object) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Ask every cluster that is up."""
        row = self._row
        if row is None:
            return
        clusters = [each.address for each in self._desk.store.clusters.rows() if each.state is State.UP]

        if clusters:
            self.environments.set_empty(
                "In no environment", "No cluster that is up has an environment with it.", "layers"
            )
        else:
            self.environments.set_empty("No cluster is up", "Environments stay on the disks of clusters.", "layers")

        async def ask(workspace: Workspace, progress: Progress) -> tuple[list[_Place], list[Problem]]:
            answers = await asyncio.gather(*(_ask(workspace, each) for each in clusters), return_exceptions=True)
            places: list[_Place] = []
            problems: list[Problem] = []
            for cluster, answer in zip(clusters, answers, strict=True):
                if isinstance(answer, BaseException):
                    problems.append(Problem.of(answer))
                else:
                    places += [_Place(cluster, each) for each in holding(row.address, row.document, answer)]
            return places, problems

        def answered(found: tuple[list[_Place], list[Problem]]) -> None:
            places, problems = found
            failed = Condition(Phase.FAILED, problems[0]) if problems and not places else None
            self.environments.set_rows(places, failed)

        self._desk.act(
            f"package.used:{id(self)}",
            ask,
            on_done=answered,
            on_error=lambda error: self.environments.set_rows([], Condition(Phase.FAILED, Problem.of(error))),
            quiet=True,
        )


async def _ask(workspace: Workspace, cluster: str) -> list[EnvironmentRow]:
    environments = await workspace.environments(cluster)
    return [EnvironmentRow.of(each) for each in await environments.list()]


def _address(row: EntryRow) -> str:
    return row.address


def _cluster(row: EntryRow) -> str:
    return str(getattr(row.document, "cluster", None) or "^local")


def _contents(place: _Place) -> str:
    environment = place.environment
    return " · ".join(part for part in (environment.title, environment.contents, environment.hash[:8]) if part)


def _state_word(place: _Place) -> str:
    return place.state.word
