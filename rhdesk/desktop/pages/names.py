"""Resource names: every place where something has a name, as a tree; what is chosen is edited beside it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.name_index import LOCAL, MINE, SHARED, Node
from rhdesk.core.rows import Problem
from rhdesk.core.store import Change, Phase
from rhdesk.core.words import count_text
from rhdesk.desktop.access_acts import reach_my_way
from rhdesk.desktop.dialogs.deleted_names import DeletedNames
from rhdesk.desktop.dialogs.new_resource import NewFolder, NewResource
from rhdesk.desktop.dialogs.resource_acts import ResourceActs
from rhdesk.desktop.forms.name_field import registry_of
from rhdesk.desktop.name_moves import into_folder, why_not_into
from rhdesk.desktop.pages.name_panel import KIND_PAGES, NamePanel
from rhdesk.desktop.registry_acts import log_in
from rhdesk.desktop.widgets.base import Button, Card, Label, ToolButton
from rhdesk.desktop.widgets.crumbs import Crumbs
from rhdesk.desktop.widgets.list_panel import MenuEntry, SearchField, popup_menu
from rhdesk.desktop.widgets.name_outline import NameOutline
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.registry_line import RegistryLine
from rhdesk.desktop.widgets.states import StaleBanner, StateView

_KEYS = {"rename": "F2", "delete": "Del", "copy to": "Ctrl+Shift+C"}
_MARKED_AT_MOST = 200  # names; where more changed at once, none stands out


class NamesPage(Page):
    """The tree, and beside it what is chosen: the document of a name, or what a folder is."""

    title = "Resource names"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.acts = ResourceActs(desk, self)
        self._opened: set[str] = {"~/"}
        self._closed: set[str] = set()  # while something is searched for: what was closed by hand
        self._wanted = ""
        self._at = "~/"
        self._tab = ""
        self._seen_registry = ""
        self.tree = NameOutline()
        self._search = SearchField("Search all places", 164)
        self._search.setToolTip("Ctrl+F")
        self._deleted = ToolButton("history", "Deleted names…", self.show_deleted)
        self._deleted.setObjectName("names-deleted")
        self._found = Label("", "faint")
        self._crumbs = Crumbs()
        self._crumbs.chosen.connect(self._go_to)
        self._stale = StaleBanner()
        self._state = StateView()
        self._stack = QStackedWidget()
        self.registry_line = RegistryLine(desk)
        self.panel = NamePanel(desk, self.acts, self.new_resource)
        self.editor = self.panel.editor
        self._lay_out()
        self._refill = QTimer(self, singleShot=True, interval=0)
        self._refill.timeout.connect(self._fill)
        self._search.textChanged.connect(lambda text: self._searched())
        self._search.down.connect(self._into_list)
        self._stale.retry.connect(lambda: desk.retry_now())
        self._state.retry.connect(lambda: desk.retry_now())
        self.tree.switched.connect(self._switch)
        self.tree.chosen.connect(self._chosen)
        self.tree.opened.connect(self._opened_one)
        self.tree.menu_asked.connect(self._menu)
        self.tree.delete_pressed.connect(self.delete_chosen)
        self.tree.rename_pressed.connect(self.rename_chosen)
        self.tree.undo_pressed.connect(desk.undoing.take_back)
        self.tree.dropped.connect(self._dropped)
        self.tree.pasted.connect(self._pasted)
        self.panel.closed.connect(self._closed_panel)
        self.destroyed.connect(desk.store.names.subscribe(self._names_changed))
        self.destroyed.connect(desk.store.registry.subscribe(lambda change: self._refill.start()))
        self._fill()
        self._show_crumbs("~/")

    def _lay_out(self) -> None:
        card = Card(margins=(0, 0, 0, 4))
        card.body.setSpacing(0)
        card.setMinimumWidth(300)
        card.body.addWidget(self.registry_line)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 8, 12, 6)
        bar.setSpacing(8)
        bar.addWidget(self._crumbs, 1)
        bar.addWidget(self._found)
        bar.addWidget(self._search)
        bar.addWidget(self._deleted)
        card.body.addLayout(bar)
        card.body.addWidget(self._stale)
        self._stack.addWidget(self.tree)
        self._stack.addWidget(self._state)
        card.body.addWidget(self._stack, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(14)
        split.setChildrenCollapsible(False)
        split.addWidget(card)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        split.setSizes([520, 480])
        self.body.addWidget(split)

    # ------------------------------------------------------------ the page

    def header_buttons(self) -> list[Button]:
        return [
            Button("New folder", "", "folder", self.new_folder),
            Button("New resource", "primary", "plus", self.new_resource),
        ]

    def open(self, target: str) -> None:
        """ "~/x", "@/x" or "^local" shows that resource, "~/x?tab=history" that tab of it, "new" makes one."""
        if target == "new":
            self.new_resource()
        elif target:
            self._wanted, _, self._tab = target.partition("?tab=")
            self._take_wanted()
        elif self.panel.isVisible():
            self.panel.close_panel()

    def shown(self) -> None:
        self.desk.read_names()

    def focus_filter(self) -> None:
        self._search.setFocus()
        self._search.selectAll()

    def chosen_rows(self) -> list[EntryRow]:
        """The resources that an act means."""
        return self.tree.selected()

    def chosen_folder(self) -> str:
        """The folder that is chosen, or that the chosen resource is in; where nothing can be put, that of the user."""
        node = self.tree.current()
        folder = node.parent if node is not None and not node.is_folder else node
        return LOCAL if folder is None or why_not_into(folder.address) else folder.address

    def new_resource(self) -> None:
        """Open the dialog for a new resource in the folder that is chosen."""
        NewResource(self.desk, self.window(), self.chosen_folder(), self._go_to).open()

    def new_folder(self) -> None:
        """Open the dialog for a new folder inside the one that is chosen."""
        NewFolder(self.desk, self.window(), self.chosen_folder(), self._folder_added, self._go_to).open()

    def _go_to(self, address: str) -> None:
        self._wanted = address
        self.desk.read_names()
        self._take_wanted()

    def _folder_added(self, folder: str) -> None:
        self._go_to(f"{folder}/")

    # ------------------------------------------------------------ the tree

    def _names_changed(self, change: Change) -> None:
        changed = change.changed & self.desk.store.news
        if not change.reset and len(changed) <= _MARKED_AT_MOST:
            self.tree.mark(changed)
        self._refill.start()

    def _searched(self) -> None:
        self._closed.clear()
        self._fill()

    def _fill(self) -> None:
        table, index, words = self.desk.store.names, self.desk.store.index, self._search.text().strip()
        registry = registry_of(self.desk)
        user = registry.user if registry is not None else ""
        self._deleted.setVisible(registry is not None)
        if user != self._seen_registry:  # somebody logged in: what is theirs is shown at once
            self._seen_registry = user
            if registry is not None:
                self._opened.add(f"{registry.mine}/")
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
        if words:
            lines, count = index.search(words, self._closed)
            self._found.setText(f"{count:,} found" if count else "")
            opened = {node.key for node in lines if node.is_folder} - self._closed
            if not lines:
                clear = Button("Clear the search", "", "x", self._search.clear)
                self._state.show_empty("Nothing has that name", "", "search", [clear])
                self._stack.setCurrentWidget(self._state)
                return
        else:
            self._found.setText("")
            lines, opened = index.lines(self._opened), self._opened
        here = self.tree.current()
        hides = bool(words) and (here is None or index.find(here.key) is not None)
        self.tree.show_lines(lines, opened, registry, some=hides)
        self._stack.setCurrentWidget(self.tree)
        self._take_wanted()
        self._follow_chosen()

    def _follow_chosen(self) -> None:
        """Show beside the tree what became of what is chosen."""
        node = self.desk.store.index.find(self._at)
        if node is None and not self.editor.is_dirty:
            here = self.tree.current()
            self._show_crumbs(here.key if here is not None else "~/")
        if self.panel.isHidden():
            return
        if node is not None and node.key == self._at:
            self.panel.update_node(node)
        elif not self.editor.is_dirty:
            self.panel.close_panel()

    def _switch(self, node: Node, opened: bool) -> None:
        if self._search.text().strip():
            (self._closed.discard if opened else self._closed.add)(node.key)
        else:
            (self._opened.add if opened else self._opened.discard)(node.key)
        self._fill()

    def _into_list(self) -> None:
        self.tree.setFocus()
        if self._search.text().strip():  # to the first that was found, not to the folders around it
            first = next((node for node in self.tree.lines.shown() if not node.is_folder), None)
            if first is not None:
                self.tree.choose(first.key)
        elif self.tree.current() is None and self.tree.lines.rowCount():
            self.tree.choose(self.tree.lines.key_at(0))

    def _take_wanted(self) -> None:
        if not self._wanted:
            return
        node = self.desk.store.index.find(self._wanted)
        if node is None:
            return
        if self._search.text() and self.tree.lines.place_of(node.key) < 0:
            self._wanted = node.key
            self._search.clear()  # it is hidden by the search
            return
        self._wanted = ""
        if not set(closed := [each.key for each in node.above]) <= self._opened:
            self._opened.update(closed)
            self._fill()
        self.tree.choose(node.key)
        if self._at != node.key or self.panel.isHidden() or self._tab:  # else choosing it has shown it
            self._chosen(node)

    def _chosen(self, node: Node) -> None:
        moved = node.key != self._at or self.panel.isHidden()
        self._at = node.key
        self._show_crumbs(node.key)
        self.panel.show_node(node, self._tab)
        self._tab = ""
        if moved:
            self.moved.emit(node.key)

    def _opened_one(self, node: Node) -> None:
        self._chosen(node)
        self.editor.focus_text()

    def _closed_panel(self) -> None:
        self.tree.setFocus()
        self.moved.emit("")

    def _show_crumbs(self, key: str) -> None:
        node = self.desk.store.index.find(key)
        self._crumbs.show_path([(each.key, each.name) for each in (*node.above, node)] if node is not None else [])

    # ------------------------------------------------------------ acts

    def delete_chosen(self) -> None:
        """Delete what is selected; of a folder, all that is in it."""
        rows, node = self.chosen_rows(), self.tree.current()
        if not rows and node is not None and node.is_folder:
            rows = self.desk.store.index.inside(node) if not node.is_place else []
        if rows:
            self.acts.delete(rows)

    def rename_chosen(self) -> None:
        """Ask for another name of the chosen resource or folder."""
        node = self.tree.current()
        if node is None or node.is_place:
            return
        if node.row is None:
            if node.count:
                self.acts.rename_folder(node, self._go_to)
        elif node.row.why_fixed:
            self.desk.notifier.warning(f"{node.address} cannot be renamed. {node.row.why_fixed}")
        else:
            self.acts.rename(node.row, self._go_to)

    def show_deleted(self, folder: str = "") -> None:
        """What was deleted in the registry, or in a folder of it, and the way back."""
        DeletedNames(self.desk, self.window(), folder).open()

    def copy_chosen(self) -> None:
        """Ask where a copy of the chosen resource goes."""
        rows = self.chosen_rows()
        if rows:
            self.acts.duplicate(rows[0], self._go_to)

    def _dropped(self, addresses: list[str], node: Node, copy: bool | None) -> None:
        into_folder(self.desk, addresses, node.address, copy=copy, done=self._go_to)

    def _pasted(self, addresses: list[str], node: Node, was_cut: bool) -> None:
        folder = node.parent if not node.is_folder and node.parent is not None else node
        into_folder(self.desk, addresses, folder.address, copy=not was_cut, done=self._go_to)

    def _menu(self, node: Node, where: QPoint) -> None:
        popup_menu(self, self._row_menu(node.row) if node.row is not None else self._folder_menu(node), where)

    def _row_menu(self, row: EntryRow) -> list[MenuEntry | None]:
        rows = self.chosen_rows()
        if len(rows) > 1:
            fixed = next((each.why_fixed for each in rows if each.why_fixed), "")
            many = count_text(len(rows), "name")
            return [
                ("copy", f"Copy {many}\tCtrl+C", self.tree.copy, ""),
                None,
                ("trash-2", f"Delete {many}…\tDel", lambda: self.acts.delete(rows), fixed),
            ]
        kind = KIND_PAGES.get(row.kind, "")
        over_ssh = getattr(row.document, "type", "") == "ssh"
        way = ("key-round", "Reach it my way…", partial(reach_my_way, self.desk, self, row.address), "")
        return [
            ("file-code", f"{'Show' if row.why_fixed else 'Edit'} as YAML\tEnter", self.editor.focus_text, ""),
            (
                "arrow-right",
                f"Open in {kind.capitalize()}" if kind else "Open",
                lambda: self.desk.navigate(kind, row.address),
                "" if kind and row.document is not None else "It is broken.",
            ),
            *([way] if over_ssh else []),
            None,
            ("copy", "Copy\tCtrl+C", self.tree.copy, ""),
            *self.acts.menu(row, opened=self._go_to, keys=_KEYS),
        ]

    def _folder_menu(self, node: Node) -> list[MenuEntry | None]:
        if node.address == MINE:
            return [("log-in", "Log in…", lambda: log_in(self.desk, self.window()), "")]
        fixed = why_not_into(node.address)
        entries: list[MenuEntry | None] = [
            ("plus", "New resource…", self.new_resource, fixed),
            ("folder", "New folder…", self.new_folder, fixed),
            ("clipboard", "Paste\tCtrl+V", self.tree.paste, fixed or self.tree.why_not_paste),
        ]
        if node.address.startswith("/") and node.address != SHARED:
            entries += [
                ("share-2", "Share all that is in it…", lambda: self.acts.share(node.address), ""),
                ("history", "Deleted names…", lambda: self.show_deleted(node.address), ""),
            ]
        if not node.is_place:
            empty = "" if node.count else "There is nothing in it."
            entries += [
                None,
                ("pencil", "Rename or move…\tF2", self.rename_chosen, empty),
                ("trash-2", "Delete all that is in it…\tDel", self.delete_chosen, empty),
            ]
        return entries
