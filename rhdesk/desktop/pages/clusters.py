"""Clusters: every one there is, bring up and take down, and details beside the list."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.store import Change
from rhdesk.desktop.access_acts import access_menu
from rhdesk.desktop.cloud_acts import cloud_menu
from rhdesk.desktop.cluster_acts import bring_up, take_down, why_not_down, why_not_up
from rhdesk.desktop.cluster_problems import mending_act
from rhdesk.desktop.dialogs.clusters import (
    delete_cluster,
    edit_cluster,
    new_cloud_cluster,
    new_cluster,
    why_not_delete,
    why_not_edit,
)
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.models.cluster_columns import cluster_columns
from rhdesk.desktop.pages.cluster_panel import ClusterPanel
from rhdesk.desktop.pages.found_banner import FoundBanner
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry, popup_menu
from rhdesk.desktop.widgets.page import Page

_WRONG = (
    State.FAILED, State.UNREACHABLE, State.NEEDS_YOU, State.BROKEN, State.UNHEALTHY, State.NO_SERVER,
)  # fmt: skip
_DOWN = (State.DOWN, State.STOPPED, State.STOPS_ITSELF)


class ClustersPage(Page):
    """Targets: "", an address, or "address?tab=environments"."""

    title = "Clusters"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.list = ListPanel(cluster_columns(desk.store), lambda row: row.address, "Clusters")
        self.list.set_chips(
            [
                ("mine", "Yours", lambda row: not row.is_template),
                ("up", "Running", lambda row: row.state is State.UP),
                ("starting", "Starting", lambda row: row.state in (State.STARTING, State.LAUNCHING)),
                ("down", "Down", lambda row: row.state in _DOWN and not row.is_template),
                ("failed", "Needs attention", lambda row: row.state in _WRONG),
                ("templates", "To rent", lambda row: row.is_template),
            ]
        )
        self.list.table.rows.set_keep(lambda row: not row.is_template)
        words = "Machines that you can log in to over SSH become one, and so does hardware that a cloud rents."
        self.list.set_empty("No clusters", words, "server", lambda: [self._ssh_button(), self._cloud_button()])
        self.list.bind(desk.store.clusters)
        self.list.retry.connect(desk.retry_now)
        self.list.menu_for = self._menu
        self.panel = ClusterPanel(desk)
        self.panel.closed.connect(self._closed)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(14)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.list)
        self._split.addWidget(self.panel)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._found = FoundBanner(desk)
        self.body.addWidget(self._found)
        self.body.addWidget(self._split, 1)
        order_tabs(self.panel, self.list.table)
        self.list.chosen.connect(self._chosen)
        self.list.opened.connect(lambda row: self.open(row.address))
        self.destroyed.connect(desk.store.clusters.subscribe(self._changed))

    def header_buttons(self) -> list[Button]:
        self._up = Button("Bring up", "primary", "power", self._bring_up)
        self._up.setObjectName("cluster-up")
        self._down = Button("Take down", "", "power-off", self._take_down)
        self._down.setObjectName("cluster-down")
        self._allow()
        return [self._new_button(), self._down, self._up]

    def open(self, target: str) -> None:
        address, _, rest = target.partition("?tab=")
        if not address:
            return
        row = self.desk.store.clusters.get(address)
        if row is not None and row.is_template:
            self.list.chips.choose("templates")
        self.list.select(address)
        self._show_panel(address, rest)
        self._allow()

    def cluster(self) -> str:
        row = self.list.current()
        return row.address if row is not None else ""

    def focus_filter(self) -> None:
        self.list.focus_filter()

    def _show_panel(self, address: str, tab: str = "") -> None:
        fresh = self.panel.isHidden()
        self.panel.show()
        self.panel.show_cluster(address, tab)
        if fresh:
            width = self._split.width() or self.width()
            panel = max(400, int(width * 0.4))
            self._split.setSizes([width - panel, panel])

    # ------------------------------------------------------------ acts

    def _new_button(self) -> Button:
        button = Button("New cluster", "", "plus")
        button.setObjectName("cluster-new")
        entries: list[MenuEntry | None] = [
            ("server", "Machines of your own, over SSH…", lambda: new_cluster(self.desk, self), ""),
            ("cloud", "In a cloud…", lambda: new_cloud_cluster(self.desk, self), ""),
        ]
        below = button.rect().bottomLeft
        button.clicked.connect(lambda checked=False: popup_menu(self, entries, button.mapToGlobal(below())))
        return button

    def _ssh_button(self) -> Button:
        return Button("Machines of your own", "primary", "server", lambda: new_cluster(self.desk, self))

    def _cloud_button(self) -> Button:
        return Button("In a cloud", "", "cloud", lambda: new_cloud_cluster(self.desk, self))

    def _bring_up(self) -> None:
        address = self._address()
        bring_up(self.desk, address)
        if not address.startswith("^rh-"):
            self.open(address)

    def _take_down(self) -> None:
        take_down(self.desk, self.window(), self._address())

    def _address(self) -> str:
        """The chosen cluster, else this computer."""
        row = self.list.current()
        return row.address if row is not None else "^local"

    def _allow(self) -> None:
        if not hasattr(self, "_up"):
            return
        address = self._address()
        row = self.desk.store.clusters.get(address)
        rents = row is not None and row.is_template
        self._up.set_text(f"Rent {address}…" if rents else f"Bring up {address}")
        self._up.allow(why_not_up(row))
        self._down.allow(why_not_down(row))

    def _menu(self, row: ClusterRow) -> list[MenuEntry | None]:
        address = row.address
        mend = mending_act(self.desk, row)
        entries: list[MenuEntry | None] = [("panel-right", "Details", lambda: self.open(address), ""), None]
        if mend is not None and row.state is not State.FAILED:
            entries.append(("refresh-cw", mend[0], mend[1], ""))
        if row.is_template:
            entries += [("cloud", "Rent…", lambda: bring_up(self.desk, address), ""), None]
        else:
            entries += [
                ("power", "Bring up", lambda: bring_up(self.desk, address), why_not_up(row)),
                *cloud_menu(self.desk, self.window(), row),
                ("power-off", "Take down…", lambda: take_down(self.desk, self.window(), address), why_not_down(row)),
                None,
            ]
            entries += [*access_menu(self.desk, self.window(), row), None]
        if row.kind in ("ssh", "cloud") and not row.is_template:
            edit = partial(edit_cluster, self.desk, self, address)
            words = "Edit, test connection…" if row.kind == "ssh" else "Edit…"
            entries.append(
                ("plug" if row.kind == "ssh" else "pencil", words, edit, why_not_edit(self.desk, row.kind, address))
            )
        entries += [
            ("file-text", "Show the document", lambda: self.desk.navigate("names", address), ""),
            ("play", "Its runs", lambda: self.desk.navigate("runs", f"?cluster={address}"), ""),
        ]
        if not row.is_template:
            entries += [None, ("trash-2", "Delete…", partial(self._delete, row), why_not_delete(self.desk, row))]
        return entries

    def _delete(self, row: ClusterRow) -> None:
        delete_cluster(self.desk, self, row.address)

    # ------------------------------------------------------------ what changes

    def _chosen(self, rows: list[ClusterRow]) -> None:
        if len(rows) == 1:
            self._show_panel(rows[0].address)
            self.moved.emit(rows[0].address)
        self._allow()

    def _closed(self) -> None:
        self.list.table.clearSelection()
        self.moved.emit("")

    def _changed(self, change: Change) -> None:
        self._allow()
