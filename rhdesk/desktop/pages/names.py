"""Resource names: every place where something has a name, as a tree; what is chosen is edited beside it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QSplitter, QStackedWidget, QTreeView, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import EntryRow, Problem
from rhdesk.core.store import Change, Phase
from rhdesk.core.words import count_text
from rhdesk.desktop.dialogs.clusters import edit_cluster, why_not_edit
from rhdesk.desktop.dialogs.new_resource import NewFolder, NewResource
from rhdesk.desktop.dialogs.resource_acts import ResourceActs
from rhdesk.desktop.forms.document_editor import DocumentEditor
from rhdesk.desktop.models.name_tree import PLACES, NameTree, TreeNode, build
from rhdesk.desktop.widgets.base import Button, Card, Label
from rhdesk.desktop.widgets.list_panel import MenuEntry, SearchField, popup_menu
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.side_panel import SidePanel
from rhdesk.desktop.widgets.states import StaleBanner, StateView

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace

_PAGES = {"cluster": "clusters", "function": "functions", "package": "packages"}


class NamesPage(Page):
    """The tree, and beside it the document of what is chosen."""

    title = "Resource names"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._acts = ResourceActs(desk, self)
        self._folders: list[str] = ["~"]
        self._open: set[str] = {"~"}
        self._wanted = ""
        self._at = "~"
        self._filling = False
        card = Card(margins=(0, 0, 0, 4))
        card.body.setSpacing(0)
        card.setMinimumWidth(280)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 8, 12, 6)
        bar.setSpacing(0)
        self._crumbs = QHBoxLayout()
        self._crumbs.setSpacing(2)
        bar.addLayout(self._crumbs)
        bar.addStretch(1)
        self._search = SearchField("Search", 180)
        self._search.textChanged.connect(lambda text: self._fill())
        bar.addWidget(self._search)
        card.body.addLayout(bar)
        self._stale = StaleBanner()
        self._stale.retry.connect(lambda: desk.retry_now())
        card.body.addWidget(self._stale)
        self.tree = _Tree()
        self.model = NameTree()
        self.tree.set_names(self.model)
        self._state = StateView()
        self._state.retry.connect(lambda: desk.retry_now())
        self._stack = QStackedWidget()
        self._stack.addWidget(self.tree)
        self._stack.addWidget(self._state)
        card.body.addWidget(self._stack, 1)
        self._search.down.connect(self.tree.setFocus)
        self.tree.customContextMenuRequested.connect(self._menu_at)
        self.tree.expanded.connect(lambda index: self._open.add(self.model.node(index).address))
        self.tree.collapsed.connect(lambda index: self._open.discard(self.model.node(index).address))
        self.tree.selectionModel().currentChanged.connect(lambda now, before: self._chosen(now))
        self.tree.delete_pressed.connect(self._delete_chosen)
        self.tree.rename_pressed.connect(self._rename_chosen)

        self.panel = SidePanel(480)
        self.panel.setMinimumWidth(360)
        self.editor = DocumentEditor(desk)
        shown = QWidget()
        column = QHBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.editor)
        self.panel.add_tab("yaml", "YAML", shown, scroll=False)
        self._place = StateView()
        self.panel.add_tab("place", "About", self._place, scroll=False)
        self.panel.closed.connect(self._closed)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(14)
        split.setChildrenCollapsible(False)
        split.addWidget(card)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        split.setSizes([500, 500])
        self.body.addWidget(split)
        self._settle = QTimer(self, singleShot=True, interval=60)
        self._settle.timeout.connect(self._read_folders)
        self.destroyed.connect(desk.store.names.subscribe(self._names_changed))
        self._fill()
        self._show_crumbs("~")

    # ------------------------------------------------------------ the page

    def header_buttons(self) -> list[Button]:
        return [
            Button("New folder", "", "folder", self.new_folder),
            Button("New resource", "primary", "plus", self.new_resource),
        ]

    def open(self, target: str) -> None:
        """ "~/x" or "^local" shows that resource, "new" makes one."""
        if target == "new":
            self.new_resource()
        elif target:
            self._wanted = target
            self._take_wanted()
        elif self.panel.isVisible():
            self.panel.close_panel()

    def shown(self) -> None:
        self._read_folders()

    def focus_filter(self) -> None:
        self._search.setFocus()
        self._search.selectAll()

    def new_resource(self) -> None:
        """Open the dialog for a new resource in the folder that is chosen."""
        NewResource(self.desk, self.window(), self._folder(), self._added).open()

    def new_folder(self) -> None:
        """Open the dialog for a new folder inside the one that is chosen."""
        NewFolder(self.desk, self.window(), self._folder(), self._folder_added).open()

    def _folder(self) -> str:
        node = self.model.node(self.tree.currentIndex())
        folder = node.address if node.is_folder else node.row.folder if node.row is not None else "~"
        return folder if folder.startswith("~") else "~"

    def _added(self, address: str) -> None:
        self._wanted = address
        self._take_wanted()

    def _folder_added(self, folder: str) -> None:
        self._open.add(folder)
        self._wanted = folder
        self._read_folders()

    # ------------------------------------------------------------ the tree

    def _names_changed(self, change: Change) -> None:
        self._fill()
        gone = self.editor.address == self._at and self._at not in self.desk.store.names
        if gone and not self.panel.isHidden() and not self.editor.is_dirty:
            self._at = "~"
            self.panel.close_panel()
        self._settle.start()

    def _read_folders(self) -> None:
        async def read(workspace: Workspace, progress: Progress) -> list[str]:
            return await asyncio.to_thread(workspace.names.folders)

        def done(folders: list[str]) -> None:
            if folders != self._folders:
                self._folders = folders
                self._fill()
            self._take_wanted()

        self.desk.act("names.folders", read, on_done=done, quiet=True)

    def _fill(self) -> None:
        table, words = self.desk.store.names, self._search.text()
        condition = table.condition
        if condition.phase is Phase.STALE:
            self._stale.set_condition(condition)
        else:
            self._stale.clear()
        if condition.phase is Phase.LOADING and not len(table):
            self._state.show_loading("Reading the names…")
            self._stack.setCurrentWidget(self._state)
            return
        if condition.phase is Phase.FAILED:
            self._state.show_failed(condition.problem or Problem("The names cannot be read."), condition.retry_at)
            self._stack.setCurrentWidget(self._state)
            return
        tree = build(table.rows(), self._folders, words)
        if words.strip() and not tree.children:
            clear = Button("Clear the search", "", "x", self._search.clear)
            self._state.show_empty("Nothing has that name", "", "search", [clear])
            self._stack.setCurrentWidget(self._state)
            return
        self._filling = True
        scroll = self.tree.verticalScrollBar().value()
        self.model.show_tree(tree)
        for address in {node.address for node in _folders_of(tree)} if words.strip() else self._open:
            self.tree.setExpanded(self.model.find(address), True)
        self.tree.setCurrentIndex(self.model.find(self._at))
        self.tree.verticalScrollBar().setValue(scroll)
        self._filling = False
        self._stack.setCurrentWidget(self.tree)
        self._take_wanted()

    def _take_wanted(self) -> None:
        if not self._wanted:
            return
        index = self.model.find(self._wanted)
        if not index.isValid():
            if self._wanted in self.desk.store.names and self._search.text():
                self._search.clear()  # it is hidden by the search
            return
        self._wanted = ""
        above = index.parent()
        while above.isValid():
            self.tree.expand(above)
            above = above.parent()
        self.tree.setCurrentIndex(index)
        self.tree.scrollTo(index)
        self._chosen(index)

    def _chosen(self, index: QModelIndex) -> None:
        if self._filling or not index.isValid():
            return
        node = self.model.node(index)
        moved = node.address != self._at or self.panel.isHidden()
        self._at = node.address
        self._show_crumbs(node.address)
        if node.row is not None:
            self._show_resource(node.row)
        else:
            self._show_place(node)
        if moved:
            self.moved.emit(node.address)

    # ------------------------------------------------------------ beside it

    def _show_resource(self, row: EntryRow) -> None:
        self.panel.set_head(row.name, row.address)
        buttons = [Button("Copy the address", "", "copy", lambda: self._acts.copy_address(row))]
        if row.kind in _PAGES and row.document is not None:
            title = f"Open in {_PAGES[row.kind].capitalize()}"
            buttons.insert(0, Button(title, "", "arrow-right", lambda: self._go_to(row)))
        if row.kind == "cluster" and not why_not_edit(getattr(row.document, "type", ""), row.address):
            form = Button("Edit", "", "pencil", lambda: edit_cluster(self.desk, self, row.address), tip="As a form")
            buttons.insert(0, form)
        self.panel.set_buttons(buttons)
        self.panel.tabs.set_visible("yaml", True)
        self.panel.tabs.set_visible("place", False)
        self.panel.tabs.choose("yaml")
        self.editor.show_address(row.address)
        self.panel.show()

    def _show_place(self, node: TreeNode) -> None:
        self.panel.set_head(node.name, node.address)
        self.panel.set_buttons([])
        self.panel.tabs.set_visible("yaml", False)
        self.panel.tabs.set_visible("place", True)
        self.panel.tabs.choose("place")
        self.panel.show()
        QTimer.singleShot(0, self._place, lambda: self._tell_place(node))  # the words wrap at the width it gets now

    def _tell_place(self, node: TreeNode) -> None:
        count = count_text(len(node.children), "name")
        if node.address == "@":
            self._place.show_empty(
                "No registry is connected",
                "Names such as @/train and /owner/train are kept by a registry of a team. Yours, ~/train, need none.",
                "cloud-off",
            )
        elif node.address == "^":
            self._place.show_empty(
                f"{count}, built in",
                "They come with rhdesk and cannot be changed. Make a copy of one to change it.",
                "box",
            )
        else:
            self._place.show_empty(
                f"{node.address}: {count}" if node.children else f"Nothing in {node.address} yet",
                "What is made here begins with this folder's name.",
                "folder-open",
                [Button("New resource", "primary", "plus", self.new_resource)],
            )

    def _go_to(self, row: EntryRow) -> None:
        self.desk.navigate(_PAGES[row.kind], row.address)

    def _closed(self) -> None:
        self.tree.setFocus()
        self.moved.emit("")

    def _show_crumbs(self, address: str) -> None:
        clear_layout(self._crumbs)
        parts = [address] if address[:1] == "^" else address.split("/")
        if address.startswith("^") and len(address) > 1:
            parts = ["^", address[1:]]
        for place, part in enumerate(parts):
            here = "^" if parts[0] == "^" and place == 0 else "/".join(parts[: place + 1])
            if place:
                self._crumbs.addWidget(Label("/" if parts[0] != "^" else "", "faint"))
            title = PLACES.get(part, part) if place == 0 else part
            if place == len(parts) - 1:
                self._crumbs.addWidget(Label(title, "h2"))
            else:
                self._crumbs.addWidget(Button(title, "link", on_click=partial(self._added, here)))

    # ------------------------------------------------------------ acts

    def _menu_at(self, where: QPoint) -> None:
        index = self.tree.indexAt(where)
        if not index.isValid():
            return
        node = self.model.node(index)
        if node.row is not None:
            row = node.row
            kind = _PAGES.get(row.kind, "")
            entries: list[MenuEntry | None] = [
                ("file-code", "Edit as YAML", lambda: self._added(row.address), ""),
                (
                    "arrow-right",
                    f"Open in {kind.capitalize()}" if kind else "Open",
                    lambda: self._go_to(row),
                    "" if kind and row.document is not None else "It is broken.",
                ),
                None,
                *self._acts.menu(row, opened=self._added),
            ]
        else:
            local = "" if node.address.startswith("~") else "Only on this computer."
            entries = [
                ("plus", "New resource…", self.new_resource, local),
                ("folder", "New folder…", self.new_folder, local),
            ]
        popup_menu(self, entries, self.tree.viewport().mapToGlobal(where))

    def _delete_chosen(self) -> None:
        node = self.model.node(self.tree.currentIndex())
        if node.row is not None:
            self._acts.delete([node.row])

    def _rename_chosen(self) -> None:
        row = self.model.node(self.tree.currentIndex()).row
        if row is not None and not row.is_builtin:
            self._acts.rename(row, self._added)


class _Tree(QTreeView):
    """The view; Delete asks to delete, F2 for another name."""

    delete_pressed = Signal()
    rename_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Resource names")
        self.setObjectName("names-tree")
        self.setUniformRowHeights(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setIndentation(18)

    def set_names(self, model: NameTree) -> None:
        """Show a model with columns that fit."""
        self.setModel(model)
        header = self.header()
        header.setFixedHeight(30)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, 112)
        header.resizeSection(2, 104)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        elif event.key() == Qt.Key.Key_F2:
            self.rename_pressed.emit()
        else:
            super().keyPressEvent(event)

    def retheme(self) -> None:
        model = self.model()
        if isinstance(model, NameTree):
            model.layoutChanged.emit()


def _folders_of(node: TreeNode) -> list[TreeNode]:
    """The folders below a node."""
    return [inner for child in node.children if child.is_folder for inner in (child, *_folders_of(child))]
