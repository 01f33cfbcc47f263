"""What was deleted in the registry: found by words, looked at, and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import owner_of
from rhdesk.core.rows import Problem
from rhdesk.core.words import age_text, count_text, moment_text
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.base import Card
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.list_panel import SearchField
from rhdesk.desktop.widgets.resource_table import ResourceTable
from rhdesk.desktop.widgets.states import StateView

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.registry.answers import Deleted
    from rhresources.workspace import Workspace

_MOST = 500
_PAUSE = 250


class DeletedNames(Dialog):
    """Lists the newest first; `folder` of the registry narrows it, "" is everywhere. Enter or Restore brings back."""

    def __init__(self, desk: Desk, parent: QWidget, folder: str = "") -> None:
        where = f"in {folder}" if folder else "in the registry"
        super().__init__(
            parent,
            f"Deleted {where}",
            "A name comes back as it was, with its history and those it was shared with.",
            icon="trash-2",
            width=560,
        )
        self.setObjectName("deleted-dialog")
        self._desk, self._folder, self._asked = desk, folder, ""
        self.search = SearchField("Search what was deleted", 240)
        self.search.setObjectName("deleted-search")
        self.search.down.connect(self._into_list)
        self.table = ResourceTable(_columns(), lambda row: row.name, "Deleted names")
        self.table.setObjectName("deleted-names")
        self.table.chosen.connect(lambda chosen: self._allow())
        self.table.opened.connect(lambda row: self._restore())
        self._state = StateView()
        self._state.retry.connect(self._load)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._state)
        card = Card(margins=(0, 0, 0, 0))
        card.body.addWidget(self._stack)
        self.body.addWidget(self.search)
        self.body.addWidget(card, 1)
        self.add_button("Close")
        self.restore_button = self.add_button("Restore", "primary", self._restore)
        self.restore_button.setObjectName("deleted-restore")
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._load)
        self.search.textChanged.connect(lambda text: self._pause.start())
        self.resize(680, 520)
        self._state.show_loading("Asking what was deleted…")
        self._stack.setCurrentWidget(self._state)
        self._load()
        self.search.setFocus()

    def _load(self) -> None:
        words, folder = self.search.text().strip(), self._folder or None
        self._asked = words
        self._allow()

        async def load(workspace: Workspace, progress: Progress) -> list[Deleted]:
            return await asyncio.to_thread(workspace.names.deleted, folder, words, most=_MOST)

        def done(found: list[Deleted]) -> None:
            if not self.is_gone and words == self._asked:
                self._show(found)

        def failed(error: BaseException) -> None:
            if not self.is_gone:
                self.say("")
                self._state.show_failed(Problem.of(error))
                self._stack.setCurrentWidget(self._state)

        self._desk.act(f"deleted.load:{id(self)}", load, on_done=done, on_error=failed, quiet=True)

    def _show(self, found: Sequence[Deleted]) -> None:
        self.table.set_rows(found)
        more = f"The newest {_MOST}; search for older ones" if len(found) == _MOST else ""
        self.say(more or (count_text(len(found), "name") if found else ""))
        if found:
            self._stack.setCurrentWidget(self.table)
            if not self.table.selected():
                self.table.select(found[0].name)
        else:
            if self._asked:
                self._state.show_empty("Nothing that was deleted has these words", "", "search")
            else:
                text = "What is deleted in the registry stays here, and you can bring it back."
                self._state.show_empty("Nothing was deleted", text, "trash-2")
            self._stack.setCurrentWidget(self._state)
        self._allow()

    def _into_list(self) -> None:
        if self._stack.currentWidget() is self.table:
            self.table.setFocus()

    def _chosen(self) -> list[Deleted]:
        return self.table.selected() if self._stack.currentWidget() is self.table else []

    def _why_not(self) -> str:
        rows = self._chosen()
        if not rows:
            return "Choose a name."
        fixed = next((row for row in rows if row.access == "read"), None)
        return f"You might only read {fixed.name}; ask {owner_of(fixed.name)}." if fixed is not None else ""

    def _allow(self) -> None:
        count = len(self._chosen())
        self.restore_button.set_text(f"Restore {count}" if count > 1 else "Restore")
        self.restore_button.allow(self._why_not())

    def _restore(self) -> None:
        if self._why_not():
            return
        rows = self._chosen()

        async def restore(workspace: Workspace, progress: Progress) -> None:
            for row in rows:
                await asyncio.to_thread(workspace.names.restore, row.name, row.version)

        def done(nothing: None) -> None:
            what = rows[0].name if len(rows) == 1 else count_text(len(rows), "name")
            self._desk.notifier.success(f"Brought back {what}")
            self._desk.read_names()
            if not self.is_gone:
                self.accept()
                self._desk.navigate("names", rows[0].name)

        def failed(error: BaseException) -> None:
            if self.is_gone:
                self._desk.notifier.error(error, act=self.windowTitle())
                return
            self.show_problem(Problem.of(error))
            self._load()

        self.restore_button.allow("It is being brought back.")
        self._desk.act(f"deleted.restore:{id(self)}", restore, on_done=done, on_error=failed, quiet=True)


def _columns() -> list[Column[Deleted]]:
    return [
        Column("name", "Name", lambda row: row.name, Kind.TITLE, 220, stretch=True, second=lambda row: row.description),
        Column("kind", "Kind", lambda row: row.kind, Kind.MUTED, 90),
        Column("age", "Deleted", lambda row: age_text(row.at), Kind.MUTED, 110, sort=lambda row: row.at, ages=True,
               tip=lambda row: moment_text(row.at)),
        Column("by", "By", lambda row: row.by, Kind.MUTED, 100),
    ]  # fmt: skip
