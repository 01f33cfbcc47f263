"""Packages: what is saved under a name, how it is installed, who uses it; edit, check and install it beside that."""

from __future__ import annotations

import shlex

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.rows import State
from rhdesk.core.store import Change
from rhdesk.core.words import age_text
from rhdesk.desktop.dialogs.new_package import NewPackage
from rhdesk.desktop.dialogs.resource_acts import ResourceActs, named_by
from rhdesk.desktop.forms.name_field import registry_of
from rhdesk.desktop.forms.package_form import METHODS
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.pages.package_check import PackageCheck
from rhdesk.desktop.pages.package_edit import PackageEditor
from rhdesk.desktop.pages.package_functions import PackageFunctions
from rhdesk.desktop.pages.package_install import PackageInstall
from rhdesk.desktop.pages.package_used import PackageUsed
from rhdesk.desktop.widgets.base import Button, ToolButton
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.side_panel import SidePanel

_TABS = ("package", "check", "install", "used", "functions")


class PackagesPage(Page):
    """A list, and beside it one package."""

    title = "Packages"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._acts = ResourceActs(desk, self)
        self._users: dict[str, list[str]] = {}
        self._wanted = self._wanted_tab = ""
        self._is_new = False  # what is wanted was just made
        columns = [
            Column[EntryRow]("name", "Name", lambda row: row.name, Kind.TITLE, 180, stretch=True, second=_second),
            Column[EntryRow]("method", "Method", method_of, Kind.TEXT, 116),
            Column[EntryRow]("target", "What", target_of, Kind.MONO, 200, stretch=True, drop_below=500),
            Column[EntryRow](
                "used", "Used by", self._used_text, Kind.NUMBER, 110,
                sort=self._used_count, drop_below=620, varies=True,
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
        self._whole = ToolButton("maximize-2", "Use the whole page", self._switch_whole, checkable=True)
        self._whole.setObjectName("package-whole")
        self.panel.add_mark(self._whole)
        self.editor = PackageEditor(desk)
        self.editor.users = lambda address: self._users.get(address, ())
        self.editor.check_asked.connect(self._check)
        self.check = PackageCheck(desk)
        self.check.text_wanted.connect(lambda: self._check(self.editor.editor.text))
        self.install = PackageInstall(desk)
        self.editor.editor.dirty_changed.connect(self.install.set_unsaved)
        self.used = PackageUsed(desk)
        self.functions = PackageFunctions(desk)
        self.functions.install_asked.connect(self._install_on)
        self.panel.add_tab("package", "Package", self.editor, scroll=False)
        self.panel.add_tab("check", "Check", self.check, scroll=False)
        self.panel.add_tab("install", "Install", self.install, scroll=False)
        self.panel.add_tab("used", "Used by", self.used, scroll=False)
        self.panel.add_tab("functions", "Functions", self.functions, scroll=False)
        self.panel.closed.connect(self._closed)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(14)
        split.setChildrenCollapsible(False)
        split.addWidget(self.list)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 5)
        split.setSizes([320, 720])
        self.body.addWidget(split)
        order_tabs(self.panel, self.list.table)
        self.destroyed.connect(desk.store.packages.subscribe(self._packages_changed))
        self.destroyed.connect(desk.store.functions.subscribe(lambda change: self._count_users()))
        self._count_users()

    def header_buttons(self) -> list[Button]:
        button = Button("New package", "primary", "plus", self.add)
        button.setObjectName("package-add")
        return [button]

    def open(self, target: str) -> None:
        """ "~/deps" shows that package, "~/deps?tab=install" that tab of it, "new" makes one."""
        if target == "new":
            self.add()
        elif target:
            self._wanted, _, self._wanted_tab = target.partition("?tab=")
            self.list.select(self._wanted)
            self._take_wanted()
        elif self.panel.isVisible():
            self.panel.close_panel()

    def focus_filter(self) -> None:
        self.list.focus_filter()

    def add(self) -> None:
        """Open the dialog for a new package."""
        NewPackage(self.desk, self.window(), self._added).open()

    def _added(self, address: str) -> None:
        self._wanted, self._is_new = address, True
        self.list.select(address)
        self._take_wanted()

    def _show(self, row: EntryRow) -> None:
        new = row.address != self.editor.address or self.panel.isHidden()
        self.panel.set_head(row.name, row.address)
        broken = row.document is None
        for key in _TABS[1:]:
            self.panel.tabs.set_visible(key, not broken)
        if broken or new:
            self.panel.tabs.choose("package")
        self.editor.show_address(row.address)
        if not broken:
            self.check.show_package(row)
            self.install.show_package(row)
            self.functions.show_package(row)
            self.used.show_package(row, self._users.get(row.address, ()))
        self.panel.show()
        if new:
            self.moved.emit(row.address)

    def _closed(self) -> None:
        self._whole.setChecked(False)
        self._switch_whole()
        self.list.table.clearSelection()
        self.list.table.setFocus()
        self.moved.emit("")

    def _switch_whole(self) -> None:
        """The package takes the page of the list too, or gives it back."""
        whole = self._whole.isChecked()
        self.list.setVisible(not whole)
        self._whole.set_icon("minimize-2" if whole else "maximize-2")
        self._whole.setToolTip("Show the list" if whole else "Use the whole page")

    def _check(self, text: str) -> None:
        self.panel.tabs.choose("check")
        self.check.cluster.setFocus()  # what had it is out of sight now
        self.check.check(text)

    def _install_on(self, cluster: str) -> None:
        self.install.choose({cluster})
        self.panel.tabs.choose("install")

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
            if self._wanted_tab in _TABS and row.document is not None:
                self.panel.tabs.choose(self._wanted_tab)
            self._wanted_tab = ""
            if self._is_new:
                self._is_new = False
                self.list.table.setFocus()  # where one was is gone with the dialog

    def _count_users(self) -> None:
        self._users = {}
        registry = registry_of(self.desk)
        for function in self.desk.store.functions.rows():
            for name in named_by(function, registry):
                self._users.setdefault(name, []).append(function.address)
        self._refill()
        row = self.desk.store.packages.get(self.editor.address)
        if row is not None and row.document is not None:
            self.used.show_package(row, self._users.get(row.address, ()))

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
            ("pencil", "Edit", lambda: self._open_tab(row, "package"), ""),
            ("shield-check", "Check…", lambda: self._open_tab(row, "check"), broken),
            ("download", "Install…", lambda: self._open_tab(row, "install"), broken),
            ("square-function", "Used by…", lambda: self._open_tab(row, "used"), broken),
            None,
            *self._acts.menu(row, opened=self._added),
        ]

    def _open_tab(self, row: EntryRow, tab: str) -> None:
        self._show(row)
        self.panel.tabs.choose(tab)
        if tab == "package":
            self.editor.focus_form()


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
    said = row.problem or row.description
    if said and row.address != f"~/{row.name}":  # names of others repeat
        return f"{row.address}  ·  {said}"
    return said or row.address
