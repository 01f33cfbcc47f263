"""What stands beside the tree of names: the document of a resource and its history, or what a folder is."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.name_index import BUILTIN, LOCAL, MINE, SHARED, Node
from rhdesk.core.words import count_text, moment_text
from rhdesk.desktop.access_acts import reach_my_way
from rhdesk.desktop.dialogs.clusters import edit_cluster, why_not_edit
from rhdesk.desktop.dialogs.resource_acts import ResourceActs
from rhdesk.desktop.forms.document_editor import DocumentEditor
from rhdesk.desktop.forms.name_field import registry_of
from rhdesk.desktop.pages.name_history import HistoryView
from rhdesk.desktop.registry_acts import log_in
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.side_panel import SidePanel
from rhdesk.desktop.widgets.states import StateView

KIND_PAGES = {"cluster": "clusters", "function": "functions", "package": "packages"}
"""The page of each kind of resource."""


class NamePanel(SidePanel):
    """`new_resource` makes a resource in the folder that is chosen."""

    def __init__(self, desk: Desk, acts: ResourceActs, new_resource: Callable[[], object]) -> None:
        super().__init__(480)
        self.setMinimumWidth(360)
        self._desk, self._acts, self._new = desk, acts, new_resource
        self._node: Node | None = None
        self._buttons_of: tuple[object, ...] = ()
        self._is_reading = False
        self.editor = DocumentEditor(desk)
        shown = QWidget()
        column = QHBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.editor)
        self.history = HistoryView(desk)
        self._place = StateView()
        self.add_tab("yaml", "YAML", shown, scroll=False)
        self.add_tab("history", "History", self.history, scroll=False)
        self.add_tab("place", "About", self._place, scroll=False)
        self.tabs.chosen.connect(self._tab_chosen)

    def show_node(self, node: Node, tab: str = "") -> None:
        """Show another resource or folder, at a tab of it."""
        other = self._node is None or self._node.key != node.key
        self._node = node
        row = node.row
        self.tabs.set_visible("yaml", row is not None)
        self.tabs.set_visible("history", row is not None and row.in_registry)
        self.tabs.set_visible("place", row is None)
        if row is None:
            self._buttons_of = ()
            self.set_head("Shared with me" if node.address == SHARED else node.name, self._written(node))
            self.set_buttons(self._folder_buttons(node))
            self.tabs.choose("place")
            self.show()
            QTimer.singleShot(0, self._place, lambda: self._tell_place(node))  # words wrap at the width it gets now
            return
        kept = self.tabs.current if not other and self.tabs.current != "place" else "yaml"
        wanted = tab or kept
        self._show_row(row)
        self.editor.show_address(row.address)
        self.tabs.choose("yaml" if wanted == "history" and not row.in_registry else wanted)
        self.history.show_row(row, visible=self.tabs.current == "history")
        self.show()

    def update_node(self, node: Node) -> None:
        """The same, as it is now."""
        before, self._node = self._node, node
        if node.row is not None:
            self._show_row(node.row)
            self.history.show_row(node.row, visible=self.tabs.current == "history")
        elif before is None or before.count != node.count or before.name != node.name or self._is_reading:
            self._tell_place(node)

    def _tab_chosen(self, key: str) -> None:
        if key == "history" and self._node is not None and self._node.row is not None:
            self.history.show_row(self._node.row, visible=True)

    def _show_row(self, row: EntryRow) -> None:
        registry = registry_of(self._desk)
        second = row.address
        if row.in_registry and registry is not None and not registry.online:
            second = f"{row.address}  ·  as of {moment_text(row.seen or registry.seen)}"
        self.set_head(row.name, second)
        of = (row.address, row.kind, row.document is None, row.why_not_shared, registry is None)
        if of == self._buttons_of:
            return
        self._buttons_of = of
        buttons = []
        kind = getattr(row.document, "type", "")
        if row.kind == "cluster" and not why_not_edit(self._desk, kind, row.address):
            buttons.append(
                Button("Edit", "", "pencil", lambda: edit_cluster(self._desk, self, row.address), tip="As a form")
            )
        if row.kind in KIND_PAGES and row.document is not None:
            title = f"Open in {KIND_PAGES[row.kind].capitalize()}"
            buttons.append(
                Button(title, "", "arrow-right", lambda: self._desk.navigate(KIND_PAGES[row.kind], row.address))
            )
        if row.in_registry:
            share = Button("Share", "", "share-2", lambda: self._acts.share(row.address))
            share.setObjectName("name-share")
            share.allow(row.why_not_shared)
            buttons.append(share)
            if kind == "ssh":
                tip = "Reach it my way: my user, key, port and jump hosts, on this computer alone"
                words = "" if buttons[0].text().strip() == "Edit" else "My way…"  # there is no room for four words
                own = Button(words, "", "key-round", lambda: reach_my_way(self._desk, self, row.address), tip=tip)
                own.setAccessibleName("Reach it my way")
                own.setObjectName("name-own-way")
                buttons.append(own)
        else:
            buttons.append(Button("Copy to…", "", "clipboard", lambda: self._acts.duplicate(row, self._go)))
        self.set_buttons(buttons)

    def _go(self, address: str) -> None:
        self._desk.navigate("names", address)

    # ------------------------------------------------------------ folders

    def _written(self, node: Node) -> str:
        registry = registry_of(self._desk)
        if node.address in (SHARED, MINE):
            return registry.host if registry is not None else "No registry"
        return f"{node.address}, written @" if registry is not None and node.address == registry.mine else node.address

    def _folder_buttons(self, node: Node) -> list[Button]:
        if not node.address.startswith("/") or node.address == SHARED:
            return []
        share = Button("Share all that is in it", "", "share-2", lambda: self._acts.share(node.address))
        share.setObjectName("name-share")
        return [share]

    def _tell_place(self, node: Node) -> None:
        registry = registry_of(self._desk)
        self._is_reading = (
            registry is not None and registry.online and not registry.listed and node.address.startswith("/")
        )
        if self._is_reading:
            self._place.show_loading("Reading the names of the registry…")
            return
        count = count_text(node.count, "name")
        new = Button("New resource", "primary", "plus", self._new)
        if node.address == MINE:
            self._place.show_empty(
                "No registry is connected",
                "A registry keeps names for a team: @/train is yours, /owner/train somebody's who lets you use it. "
                "Names on this computer, ~/train, need none.",
                "cloud-off",
                [Button("Log in", "primary", "log-in", lambda: log_in(self._desk, self.window()))],
            )
        elif node.address == BUILTIN:
            self._place.show_empty(
                f"{count}, built in",
                "They come with rhdesk and cannot be changed. Make a copy of one to change it.",
                "box",
            )
        elif node.address == SHARED:
            text = "What others let you use stands here, in the folders of its owners."
            self._place.show_empty(f"{count} shared with you" if node.count else "Nothing yet", text, "share-2")
        elif node.address == LOCAL or not node.is_place:
            self._place.show_empty(
                f"{node.address}: {count}" if node.count else f"Nothing in {node.address} yet",
                "What is made here begins with this folder's name.",
                "folder-open",
                [new],
            )
        else:
            mine = registry is not None and node.address == registry.mine
            text = "Yours alone until you share it." if mine else f"Every member of {node.name} may change it."
            title = f"{count} in {node.address}" if node.count else f"Nothing in {node.address} yet"
            self._place.show_empty(title, text, "user" if mine else "users", [new])
