"""The environments on a cluster: what is in them, how big they are, when they were used; and Remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem, State
from rhdesk.core.tasks import Progress
from rhdesk.core.words import age_text, bytes_text, count_text
from rhdesk.desktop.widgets.base import Button, Card, Label, ToolButton, clear_layout
from rhdesk.desktop.widgets.dialog import confirm
from rhdesk.desktop.widgets.states import StateView

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


@dataclass(frozen=True)
class EnvironmentRow:
    """One environment of a cluster. `state` is "ready", "installing" or "failed"; sizes in bytes."""

    hash: str
    python: str
    packages: tuple[str, ...]
    bytes: int
    created: float
    used: float
    in_use: bool
    state: str


class EnvironmentsView(QWidget):
    """Asks the cluster when it comes into sight, and after every removal."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._address = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(10)
        head = QHBoxLayout()
        self._total = Label("", "muted")
        head.addWidget(self._total, 1)
        head.addWidget(ToolButton("refresh-cw", "Ask again", self.refresh))
        column.addLayout(head)
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        column.addLayout(self._list)
        self._state = StateView()
        self._state.retry.connect(self.refresh)
        column.addWidget(self._state, 1)

    def show_cluster(self, address: str) -> None:
        self._address = address
        self._show([])
        self._state.show_loading()
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: object) -> None:
        self.refresh()

    def refresh(self) -> None:
        address = self._address
        row = self._desk.store.clusters.get(address)
        if row is None or row.state not in (State.UP, State.STARTING):
            self._show([])
            down = row is None or row.state is State.DOWN
            title = "Not known while it is down" if down else "Not known while it cannot be asked"
            self._state.show_empty(title, "Environments stay on the cluster's disk.", "layers")
            self._state.show()
            return

        async def ask(workspace: Workspace, progress: Progress) -> list[EnvironmentRow]:
            client = await workspace.connect(address)
            states = ("ready", "installing", "failed")
            return [
                EnvironmentRow(
                    each.hash,
                    each.python,
                    tuple(each.packages),
                    each.bytes,
                    each.created,
                    each.used,
                    each.in_use,
                    states[each.state] if each.state < len(states) else "ready",
                )
                for each in await client.list_environments()
            ]

        self._desk.act(
            f"environments {id(self)}",
            ask,
            on_done=self._answered,
            on_error=lambda error: self._state.show_failed(Problem.of(error)),
            quiet=True,
        )

    def _answered(self, rows: list[EnvironmentRow]) -> None:
        rows.sort(key=lambda row: -(row.used or row.created))
        self._show(rows)
        if not rows:
            self._state.show_empty(
                "No environments yet", "The first run of a function installs what it needs here.", "layers"
            )

    def _show(self, rows: list[EnvironmentRow]) -> None:
        clear_layout(self._list)
        self._state.setVisible(not rows)
        size = bytes_text(sum(row.bytes for row in rows))
        self._total.setText(f"{count_text(len(rows), 'environment')} · {size}" if rows else "")
        for row in rows:
            self._list.addWidget(self._card(row))

    def _card(self, row: EnvironmentRow) -> Card:
        card = Card(margins=(12, 8, 8, 10))
        card.body.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(Label(f"Python {row.python}", "strong"))
        head.addWidget(Label(row.hash[:10], "mono", select=True))
        head.addStretch(1)
        remove = Button("Remove", "link", on_click=lambda: self._ask_remove(row))
        remove.allow("Something runs in it now." if row.in_use else "")
        head.addWidget(remove)
        card.body.addLayout(head)
        packages = ", ".join(row.packages) or "No packages"
        card.body.addWidget(Label(packages, "", wrap=True, select=True))
        words = [bytes_text(row.bytes), "in use" if row.in_use else f"used {age_text(row.used or row.created)}"]
        if row.state != "ready":
            words.insert(0, {"installing": "being installed", "failed": "could not be installed"}[row.state])
        label = Label(" · ".join(words), "error" if row.state == "failed" else "faint")
        card.body.addWidget(label, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _ask_remove(self, row: EnvironmentRow) -> None:
        confirm(
            self.window(),
            "Remove this environment?",
            f"It frees {bytes_text(row.bytes)}. A run that needs it installs it again.",
            "Remove",
            lambda: self._remove(row),
            victims=[f"Python {row.python}: {', '.join(row.packages) or 'no packages'}"],
        )

    def _remove(self, row: EnvironmentRow) -> None:
        address = self._address

        async def remove(workspace: Workspace, progress: Progress) -> int:
            return await (await workspace.connect(address)).remove_environment(row.hash)

        self._desk.act(
            f"remove environment {row.hash}",
            remove,
            on_done=lambda freed: self._desk.notifier.success(f"{bytes_text(freed)} freed on {address}."),
            on_end=self.refresh,
        )
