"""Packages: what is saved under a name, by which method it is installed, who uses it; edit and install beside it."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import EntryRow, Problem, State
from rhdesk.core.store import Change
from rhdesk.core.words import age_text
from rhdesk.desktop.dialogs.new_package import NewPackage
from rhdesk.desktop.dialogs.resource_acts import ResourceActs, named_by
from rhdesk.desktop.forms.document_editor import DocumentEditor
from rhdesk.desktop.forms.package_form import METHODS, PackageForm
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.pages.package_install import PackageInstall
from rhdesk.desktop.widgets.base import Button, Label, Rule, clear_layout
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.side_panel import SidePanel
from rhdesk.desktop.widgets.states import ProblemBox
from rhresources.errors import DocumentError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace


class PackagesPage(Page):
    """A list, and beside it one package."""

    title = "Packages"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._acts = ResourceActs(desk, self)
        self._users: dict[str, list[str]] = {}
        self._wanted = ""
        columns = [
            Column[EntryRow]("name", "Name", lambda row: row.name, Kind.TITLE, 180, stretch=True, second=_second),
            Column[EntryRow]("method", "Method", method_of, Kind.TEXT, 116),
            Column[EntryRow]("target", "What", target_of, Kind.MONO, 200, stretch=True, drop_below=500),
            Column[EntryRow](
                "used", "Used by", self._used_text, Kind.NUMBER, 110, sort=self._used_count, drop_below=620
            ),
            Column[EntryRow](
                "changed", "Changed", lambda row: age_text(row.modified), Kind.MUTED, 110,
                sort=lambda row: row.modified, ages=True, drop_below=720,
            ),
        ]  # fmt: skip
        self.list = ListPanel(columns, lambda row: row.address, "Packages")
        self.list.setMinimumWidth(280)
        self.list.set_empty(
            "No packages yet",
            "A package saves under a name what functions need: a requirements file, a folder, a git repository.",
            "package",
            lambda: [Button("New package", "primary", "plus", self.add)],
        )
        self.list.menu_for = self._menu
        self.list.chosen.connect(lambda rows: self._show(rows[0]) if len(rows) == 1 else None)
        self.list.opened.connect(self._show)
        self.list.delete_asked.connect(self._acts.delete)
        self.list.retry.connect(lambda: desk.retry_now())
        self.panel = SidePanel(440)
        self.panel.setMinimumWidth(400)
        self.edit = _EditTab(desk)
        self.install = PackageInstall(desk)
        self.used = ListPanel(
            [Column("name", "Function", lambda row: row.name, Kind.TITLE, 200, stretch=True, second=_address)],
            lambda row: row.address,
            "Used by",
        )
        note = "A function names it in its packages as rh:~/name."
        self.used.set_empty("Used by no function", note, "square-function")
        self.used.opened.connect(lambda row: desk.navigate("functions", row.address))
        self.editor = DocumentEditor(desk)
        self.panel.add_tab("package", "Package", self.edit, scroll=False)
        self.panel.add_tab("install", "Install", self.install, scroll=False)
        self.panel.add_tab("used", "Used by", self.used, scroll=False)
        self.panel.add_tab("yaml", "YAML", self.editor, scroll=False)
        self.panel.closed.connect(self._closed)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(14)
        split.setChildrenCollapsible(False)
        split.addWidget(self.list)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 5)
        split.setStretchFactor(1, 4)
        split.setSizes([520, 480])
        self.body.addWidget(split)
        self.destroyed.connect(desk.store.packages.subscribe(self._packages_changed))
        self.destroyed.connect(desk.store.functions.subscribe(lambda change: self._count_users()))
        self._count_users()

    def header_buttons(self) -> list[Button]:
        button = Button("New package", "primary", "plus", self.add)
        button.setObjectName("package-add")
        return [button]

    def open(self, target: str) -> None:
        """ "~/deps" shows that package, "new" makes one."""
        if target == "new":
            self.add()
        elif target:
            self._wanted = target
            self.list.select(target)
            self._take_wanted()
        elif self.panel.isVisible():
            self.panel.close_panel()

    def focus_filter(self) -> None:
        self.list.focus_filter()

    def add(self) -> None:
        """Open the dialog for a new package."""
        NewPackage(self.desk, self.window(), self._added).open()

    def _added(self, address: str) -> None:
        self._wanted = address
        self.list.select(address)
        self._take_wanted()

    def _show(self, row: EntryRow) -> None:
        new = row.address != self.editor.address or self.panel.isHidden()
        self.panel.set_head(row.name, row.address)
        broken = row.document is None
        for key in ("package", "install", "used"):
            self.panel.tabs.set_visible(key, not broken)
        self.editor.show_address(row.address)
        if broken:
            self.panel.tabs.choose("yaml")
        else:
            self.edit.show_package(row)
            self.install.show_package(row)
            self._fill_used(row)
            if new:
                self.panel.tabs.choose("package")
        self.panel.show()
        if new:
            self.moved.emit(row.address)

    def _closed(self) -> None:
        self.list.table.clearSelection()
        self.list.table.setFocus()
        self.moved.emit("")

    def _fill_used(self, row: EntryRow) -> None:
        found = (self.desk.store.functions.get(address) for address in self._users.get(row.address, ()))
        self.used.set_rows([one for one in found if one is not None])

    def _packages_changed(self, change: Change) -> None:
        self._refill()
        address = self.editor.address
        row = self.desk.store.packages.get(address)
        if not self.panel.isHidden() and (change.reset or address in change.changed | change.removed):
            if row is not None:
                self._show(row)
            elif not self.editor.is_dirty:
                self.panel.close_panel()
        self._take_wanted()

    def _take_wanted(self) -> None:
        row = self.desk.store.packages.get(self._wanted)
        if row is not None:
            self._wanted = ""
            self.list.select(row.address)
            self._show(row)

    def _count_users(self) -> None:
        self._users = {}
        for function in self.desk.store.functions.rows():
            for name in named_by(function):
                self._users.setdefault(name, []).append(function.address)
        self._refill()

    def _refill(self) -> None:
        self.list.set_rows(self.desk.store.packages.rows(), self.desk.store.packages.condition)
        self.list.table.viewport().update()

    def _used_count(self, row: EntryRow) -> int:
        return len(self._users.get(row.address, ()))

    def _used_text(self, row: EntryRow) -> str:
        count = self._used_count(row)
        return f"{count:,}" if count else "—"

    def _menu(self, row: EntryRow) -> list[MenuEntry | None]:
        broken = "Its document is broken; mend it first." if row.document is None else ""
        return [
            ("pencil", "Edit", lambda: self._open_tab(row, "package"), broken),
            ("download", "Install…", lambda: self._open_tab(row, "install"), broken),
            ("file-code", "Edit as YAML", lambda: self._open_tab(row, "yaml"), ""),
            None,
            *self._acts.menu(row, opened=self._added),
        ]

    def _open_tab(self, row: EntryRow, tab: str) -> None:
        self._show(row)
        self.panel.tabs.choose(tab)


class _EditTab(QWidget):
    """The form of a saved package with Save and Revert."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: EntryRow | None = None
        self._dirty = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        inner = QWidget()
        words = QVBoxLayout(inner)
        words.setContentsMargins(16, 12, 16, 12)
        words.setSpacing(12)
        self._notes = QVBoxLayout()
        words.addLayout(self._notes)
        self.form = PackageForm()
        self.form.changed.connect(self._changed)
        words.addWidget(self.form, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        column.addWidget(area, 1)
        column.addWidget(Rule())
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 10, 16, 10)
        foot.setSpacing(8)
        self._mark = Label("", "faint")
        foot.addWidget(self._mark, 1)
        self._revert = Button("Revert", "flat", "rotate-ccw", self._take_row)
        self.save_button = Button("Save", "primary", "save", self.save)
        foot.addWidget(self._revert)
        foot.addWidget(self.save_button)
        column.addLayout(foot)

    def show_package(self, row: EntryRow) -> None:
        """Show a package; what is typed into the form of the same one stays."""
        new = self._row is None or row.address != self._row.address
        if new or not self._dirty:
            self._row = row
            self._take_row()
        elif self._row is not None and row.modified != self._row.modified:
            self._note(
                Problem(f"{row.address} was changed elsewhere.", "Revert takes that over; Save is refused until then.")
            )

    def save(self) -> None:
        """Save the form into the document; its comments stay."""
        row = self._row
        if row is None or not self.form.check():
            return
        try:
            document = self.form.document()
        except DocumentError as error:
            self._note(Problem.of(error))
            return

        async def save(workspace: Workspace, progress: Progress) -> Any:
            from rhresources.documents import update_text

            entry = await asyncio.to_thread(workspace.names.load, row.address)
            text = update_text(entry.text, document)
            return await asyncio.to_thread(workspace.names.save_text, row.address, text, modified=row.modified)

        def done(entry: Any) -> None:
            self._dirty = False
            self._say("Saved")

        def failed(error: BaseException) -> None:
            self._note(Problem.of(error))

        clear_layout(self._notes)
        self._desk.act(f"package.save:{row.address}", save, on_done=done, on_error=failed, quiet=True)

    def _take_row(self) -> None:
        row = self._row
        if row is None:
            return
        newest = self._desk.store.packages.get(row.address)
        self._row = row = newest if newest is not None and newest.document is not None else row
        clear_layout(self._notes)
        self.form.blockSignals(True)
        self.form.set_document(row.document)
        self.form.blockSignals(False)
        self._dirty = False
        self._say("")

    def _changed(self) -> None:
        self._dirty = True
        self._say("● Not saved")

    def _say(self, words: str) -> None:
        self._mark.setText(words)
        self._revert.setVisible(self._dirty)
        self.save_button.setEnabled(self._dirty)

    def _note(self, problem: Problem) -> None:
        clear_layout(self._notes)
        self._notes.addWidget(ProblemBox(problem))


def method_of(row: EntryRow) -> str:
    """How a package is installed, as people call it."""
    if row.document is None:
        return State.BROKEN.word
    return METHODS[row.document.install_method][0]


def target_of(row: EntryRow) -> str:
    """What a package installs."""
    document = row.document
    if document is None:
        return "—"
    if document.install_method == "git":
        return f"{document.git_url}@{document.revision}" if document.revision else str(document.git_url)
    return " ".join(part for part in (document.target, shlex.join(document.options)) if part)


def _second(row: EntryRow) -> str:
    return row.problem or row.description or row.address


def _address(row: EntryRow) -> str:
    return row.address
