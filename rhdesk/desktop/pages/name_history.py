"""The versions of a name in the registry: who changed what and when, and the way back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.rows import Problem
from rhdesk.core.words import age_text, moment_text
from rhdesk.desktop.forms.diff_view import DiffView
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.base import Button, ChipRow, ElidedLabel, Rule, row_of
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.resource_table import ResourceTable
from rhdesk.desktop.widgets.states import StateView

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.registry.answers import Version
    from rhresources.workspace import Workspace

_DONE = {"saved": "saved it", "moved": "moved it", "deleted": "deleted it", "restored": "restored it"}
_COLUMNS: list[Column[Version]] = [
    Column(
        "who",
        "What happened",
        lambda version: f"{version.by or 'Somebody'} {_DONE.get(version.action, version.action)}",
        Kind.TITLE,
        200,
        True,
        second=lambda version: _second(version),
    ),
    Column("age", "When", lambda version: age_text(version.at), Kind.MUTED, 104, ages=True,
           tip=lambda version: moment_text(version.at)),
    Column("number", "Version", lambda version: f"{version.number}", Kind.NUMBER, 84),
]  # fmt: skip


class HistoryView(QWidget):
    """The versions, newest first; below, what the chosen one changed, or how it differs from now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: EntryRow | None = None
        self._loaded_of: tuple[str, int] = ("", 0)
        self._versions: list[Version] = []
        self._texts: dict[tuple[str, int], str] = {}
        self.table = ResourceTable(_COLUMNS, lambda version: str(version.number), "Versions")
        self.table.setObjectName("versions")
        self.table.chosen.connect(lambda chosen: self._show_diff())
        self._against = ChipRow()
        self._against.set_chips([("before", "What it changed"), ("now", "Against now")])
        self._against.chosen.connect(lambda key: self._show_diff())
        self._said = ElidedLabel("", "faint")
        self.restore_button = Button("Restore", "", "rotate-ccw", self._restore)
        self.restore_button.setObjectName("restore-version")
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Rule())
        bar = row_of(self._against, self._said, self.restore_button)
        bar.setStretch(1, 1)
        bar.setContentsMargins(12, 6, 12, 6)
        column.addLayout(bar)
        self._diff = QVBoxLayout()
        self._diff.setContentsMargins(12, 0, 12, 12)
        column.addLayout(self._diff, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(below)
        split.setSizes([220, 300])
        self._state = StateView()
        self._state.retry.connect(self._load)
        self._stack = QStackedWidget()
        self._stack.addWidget(split)
        self._stack.addWidget(self._state)
        self._split = split
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)

    def show_row(self, row: EntryRow, *, visible: bool) -> None:
        """Be about this resource; what is not in sight is not asked for."""
        if self._row is not None and self._row.address != row.address:
            self._texts.clear()
            self._loaded_of = ("", 0)
        self._row = row
        if visible and self._loaded_of != (row.address, row.version):
            self._load()

    def _load(self) -> None:
        row = self._row
        if row is None:
            return
        if self._loaded_of[0] != row.address:
            self._stack.setCurrentWidget(self._state)
            self._state.show_loading("Reading its history…")
        self._loaded_of = (row.address, row.version)

        async def load(workspace: Workspace, progress: Progress) -> list[Version]:
            return await asyncio.to_thread(workspace.names.history, row.address)

        def done(versions: list[Version]) -> None:
            self._versions = versions
            self._stack.setCurrentWidget(self._split)
            chosen = self.table.current()
            self.table.set_rows(versions)
            if versions and (chosen is None or chosen.number not in {version.number for version in versions}):
                self.table.select(str(versions[0].number))
            self._show_diff()

        def failed(error: BaseException) -> None:
            self._loaded_of = ("", 0)
            self._stack.setCurrentWidget(self._state)
            self._state.show_failed(Problem.of(error))

        self._desk.act(f"history:{id(self)}", load, on_done=done, on_error=failed, quiet=True)

    def _show_diff(self) -> None:
        row, version = self._row, self.table.current()
        self.restore_button.allow(self._why_not_restore(version))
        if row is None or version is None:
            return
        place = next(place for place, each in enumerate(self._versions) if each.number == version.number)
        before = self._versions[place + 1] if place + 1 < len(self._versions) else None
        other = self._versions[0] if self._against.current == "now" else before
        pair = (version, other) if self._against.current == "now" else (other, version)
        numbers = [each.number if each is not None else 0 for each in pair]
        self._said.setText(f"{numbers[0]} → {numbers[1]}" if numbers[0] else "The first")

        async def read(workspace: Workspace, progress: Progress) -> dict[int, str]:
            return {
                number: await asyncio.to_thread(workspace.names.version_text, row.address, number)
                for number in numbers
                if number and (row.address, number) not in self._texts
            }

        def done(texts: dict[int, str]) -> None:
            if self._row is None or self._row.address != row.address:
                return
            self._texts.update({(row.address, number): text for number, text in texts.items()})
            old, new = (self._texts.get((row.address, number), "") for number in numbers)
            clear_layout(self._diff)
            self._diff.addWidget(DiffView(old, new))

        def failed(error: BaseException) -> None:
            clear_layout(self._diff)
            self._said.setText(Problem.of(error).sentence)

        self._desk.act(f"history.diff:{id(self)}", read, on_done=done, on_error=failed, quiet=True)

    def _why_not_restore(self, version: Version | None) -> str:
        if version is None or self._row is None:
            return "Choose a version."
        if self._row.why_fixed:
            return self._row.why_fixed
        if self._versions and version.number == self._versions[0].number:
            return "It is the newest."
        return "It deleted the name; choose an earlier one." if version.action == "deleted" else ""

    def _restore(self) -> None:
        row, version = self._row, self.table.current()
        if row is None or version is None:
            return
        before = self._versions[0].number

        async def restore(workspace: Workspace, progress: Progress) -> None:
            await asyncio.to_thread(workspace.names.restore, row.address, version.number)

        def done(nothing: None) -> None:
            sentence = f"Restored version {version.number} of {row.address}"
            self._desk.undoing.tell(sentence, lambda: self._take_back(row, before))
            self._desk.read_names()

        self._desk.act(f"names.restore:{row.address}", restore, on_done=done)

    def _take_back(self, row: EntryRow, number: int) -> None:
        async def restore(workspace: Workspace, progress: Progress) -> None:
            await asyncio.to_thread(workspace.names.restore, row.address, number)

        def done(nothing: None) -> None:
            self._desk.notifier.success(f"{row.address} is as it was before")
            self._desk.read_names()

        self._desk.act(f"names.restore:{row.address}", restore, on_done=done)


def _second(version: Version) -> str:
    return "  ·  ".join(part for part in (moment_text(version.at), version.note) if part)
