"""The environments on a cluster: what they are made of, their size and last use; open one, remove those unused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.environment_rows import EnvironmentRow, one_of_each
from rhdesk.core.rows import Problem, State
from rhdesk.core.store import Condition, Phase
from rhdesk.core.tasks import Progress
from rhdesk.core.words import age_text, bytes_text, count_text
from rhdesk.desktop.dialogs.environment_details import EnvironmentDetails
from rhdesk.desktop.dialogs.remove_environments import RemoveUnused, remove_environments
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.base import Button, Label, row_of
from rhdesk.desktop.widgets.dialog import confirm
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.states import StateView

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


class EnvironmentsView(QWidget):
    """Asks the cluster when it comes into sight, and after everything that was done to an environment."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._address = ""
        self._heard = 0.0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.list = ListPanel(_columns(), lambda row: row.key, "Environments")
        self.list.setProperty("card", False)
        self.list.set_chips(
            [
                ("all", "All", None),
                ("unused", "Unused", lambda row: not row.fixed),
                ("failed", "Failed", lambda row: row.state == "failed"),
            ]
        )
        self.list.set_empty("No environments yet", "The first run of a function installs what it needs here.", "layers")
        self.list.add_tool("refresh-cw", "Ask again", self.refresh)
        self.list.menu_for = self._menu
        self.list.opened.connect(lambda row: self.open_environment(row.hash))
        self.list.delete_asked.connect(self._ask_remove)
        self.list.chosen.connect(lambda rows: self._allow())
        self.list.retry.connect(self.refresh)
        column.addWidget(self.list, 1)
        self._total = Label("", "faint")
        self.prune_button = Button("Remove unused…", "flat", "trash-2", self._prune)
        self.prune_button.setObjectName("environments-prune")
        self.open_button = Button("Open", "", "", self._open_chosen)
        self.open_button.setObjectName("environment-open")
        foot = row_of(self._total, None, self.prune_button, self.open_button)
        foot.setContentsMargins(16, 8, 12, 10)
        self._foot = QWidget()
        self._foot.setLayout(foot)
        column.addWidget(self._foot)
        self._state = StateView()
        self._state.retry.connect(self.refresh)
        column.addWidget(self._state, 1)
        self._stand_by()

    def show_cluster(self, address: str) -> None:
        """Show the environments of another cluster."""
        if address != self._address:
            self._desk.tasks.cancel(self._asks)
        self._address = address
        self.list.set_rows([], Condition())
        self._stand_by()
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: object) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Ask the cluster what is there."""
        address = self._address
        if not self._stand_by():
            return
        if not self.list.table.rows.total:
            self.list.set_rows([], Condition())

        async def ask(workspace: Workspace, progress: Progress) -> list[EnvironmentRow]:
            environments = await (await workspace.environments(address)).list()
            return [EnvironmentRow.of(one) for one in environments]

        def answered(rows: list[EnvironmentRow]) -> None:
            if address == self._address:
                self._show(rows)

        def failed(error: BaseException) -> None:
            if address == self._address:
                rows = self.list.table.rows.all_rows()
                phase = Phase.STALE if rows else Phase.FAILED
                self.list.set_rows(rows, Condition(phase, Problem.of(error), self._heard))

        self._desk.act(self._asks, ask, on_done=answered, on_error=failed, quiet=True)

    def open_environment(self, hash: str) -> EnvironmentDetails:
        """Open one of them in a dialog of its own."""
        row = next((row for row in self.list.table.rows.all_rows() if row.hash == hash), None)
        dialog = EnvironmentDetails(self._desk, self.window(), self._address, hash, row)
        dialog.changed.connect(self.refresh)
        dialog.open()
        return dialog

    @property
    def _asks(self) -> str:
        return f"environments {id(self)}"

    def _stand_by(self) -> bool:
        """Show the list where the cluster can be asked, else why not."""
        row = self._desk.store.clusters.get(self._address)
        up = row is not None and row.state in (State.UP, State.STARTING)
        self.list.setVisible(up)
        self._foot.setVisible(up)
        self._state.setVisible(not up)
        if not up:
            down = row is None or row.state is State.DOWN
            title = "Not known while it is down" if down else "Not known while it cannot be asked"
            self._state.show_empty(title, "What is installed there stays there.", "layers")
        self._allow()
        return up

    def _show(self, rows: list[EnvironmentRow]) -> None:
        self._heard = time.time()
        rows.sort(key=lambda row: -row.last_use)
        self.list.set_rows(rows)
        self.list.table.leave_out(() if any(row.host for row in rows) else ("host",))
        size = bytes_text(sum(row.bytes for row in rows))
        hosts = len({row.host for row in rows})
        count = count_text(len(one_of_each(rows)), "environment")
        self._total.setText(f"{count}{f' on {hosts} hosts' if hosts > 1 else ''} · {size}" if rows else "")
        self._allow()

    def _allow(self) -> None:
        rows = self.list.table.rows.all_rows()
        free = any(not row.fixed for row in rows)
        self.prune_button.allow("" if free else "All of them are in use." if rows else "There is none.")
        self.open_button.allow("" if len(self.list.selected()) == 1 else "Choose one environment first.")

    def _open_chosen(self) -> None:
        for row in self.list.selected()[:1]:
            self.open_environment(row.hash)

    def _menu(self, row: EnvironmentRow) -> list[MenuEntry | None]:
        copy = QGuiApplication.clipboard().setText
        chosen = self.list.selected()
        several = len(chosen) > 1
        remove = f"Remove {len(chosen)}…" if several else "Remove…"
        return [
            ("layers", "Open", lambda: self.open_environment(row.hash), ""),
            ("play", "Its runs", lambda: self._desk.navigate("runs", f"?cluster={self._address}"), ""),
            ("copy", "Copy the hash", lambda: copy(row.hash), ""),
            None,
            ("trash-2", remove, lambda: self._ask_remove(chosen if several else [row]), "" if several else row.fixed),
        ]

    def _ask_remove(self, rows: Sequence[EnvironmentRow]) -> None:
        going = [row for row in rows if not row.fixed]
        if not going:
            self._desk.notifier.warning(rows[0].fixed if rows else "Nothing was chosen.")
            return
        one = len(going) == 1
        confirm(
            self.window(),
            "Remove this environment?" if one else f"Remove {len(going)} environments?",
            f"It frees {bytes_text(sum(row.bytes for row in going))}. A run that needs "
            + ("it" if one else "one of them")
            + " installs it again.",
            "Remove",
            lambda: remove_environments(self._desk, self._address, going, self.refresh),
            victims=[f"{row.title} · {row.facts}" for row in going],
        )

    def _prune(self) -> None:
        rows = self.list.table.rows.all_rows()
        RemoveUnused(self._desk, self.window(), self._address, rows, self.refresh).open()


def _columns() -> list[Column[EnvironmentRow]]:
    return [
        Column(
            "packages", "Made of", lambda row: row.title, Kind.TITLE, 150, stretch=True, second=_second,
            sort=lambda row: row.title.casefold(), tip=lambda row: "\n".join(row.packages) or "No packages",
        ),
        Column("host", "Host", lambda row: row.host, Kind.MUTED, 96, drop_below=500),
        Column(
            "python", "Python", lambda row: row.python, Kind.MUTED, 72, sort=lambda row: _version(row.python),
            drop_below=620,
        ),
        Column("size", "Size", _size, Kind.NUMBER, 84, sort=lambda row: row.bytes),
        Column(
            "used", "Used", _used, Kind.MUTED, 104, sort=lambda row: row.last_use, ages=True,
            role=lambda row: {"failed": "error", "installing": "warn"}.get(row.state, "ok" if row.in_use else ""),
        ),
    ]  # fmt: skip


def _second(row: EnvironmentRow) -> str:
    return " · ".join(part for part in ("renewed" if row.renewed else "", row.facts) if part)


def _size(row: EnvironmentRow) -> str:
    return bytes_text(row.bytes) if row.bytes else "—"


def _used(row: EnvironmentRow) -> str:
    if row.state != "ready":
        return "Installing" if row.state == "installing" else "Failed"
    return "In use" if row.in_use else age_text(row.last_use)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
