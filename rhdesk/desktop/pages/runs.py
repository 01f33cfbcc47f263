"""Runs: all there are, newest first, and one of them in full beside the list."""

from __future__ import annotations

from collections import Counter

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QSplitter

from rhdesk.core.desk import Desk
from rhdesk.core.rows import RunRow, State
from rhdesk.core.store import Change
from rhdesk.desktop.cluster_acts import bring_up
from rhdesk.desktop.cluster_problems import mend_runs, only_down
from rhdesk.desktop.forms.filter_chip import FilterChip
from rhdesk.desktop.models.run_columns import run_columns
from rhdesk.desktop.pages.run_panel import RunPanel
from rhdesk.desktop.run_acts import ask_cancel, ask_delete, run_again, why_not_again
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page

_FAILED = (State.FAILED, State.LOST)
_ME = "\0me"  # no name of anybody


class RunsPage(Page):
    """Targets: "", a run's id, or "?cluster=address"."""

    title = "Runs"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.list = ListPanel(run_columns(me=lambda: desk.store.me), lambda row: row.id, "Runs")
        self.list.set_chips(
            [
                ("all", "All", None),
                ("active", "Active", lambda row: not row.state.is_over),
                ("succeeded", "Succeeded", lambda row: row.state is State.SUCCEEDED),
                ("failed", "Failed", lambda row: row.state in _FAILED),
                ("cancelled", "Cancelled", lambda row: row.state is State.CANCELLED),
            ]
        )
        self.list.bind_sorted(desk.store.runs, lambda row: -row.created)
        self._by = FilterChip("By", self._people, lambda name: "you" if name == _ME else name, any_text="Everyone")
        self._by.setObjectName("runs-by")
        self._by.setAccessibleName("Runs by whom")
        self._by.chosen.connect(lambda name: self._narrow())
        self.list.cleared.connect(self._everybody)
        self.list.add_widget(self._by)
        self.list.retry.connect(desk.retry_now)
        self.list.menu_for = self._menu
        self.list.delete_asked.connect(lambda rows: ask_delete(desk, self.window(), rows))
        self.panel = RunPanel(desk)
        self.panel.closed.connect(self._closed)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(14)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.list)
        self._split.addWidget(self.panel)
        self._split.setStretchFactor(0, 2)
        self._split.setStretchFactor(1, 3)
        self.body.addWidget(self._split, 1)
        self.list.chosen.connect(self._chosen)
        self.list.opened.connect(lambda row: self._show(row.id))
        self.list.set_old(desk.store.runs.is_old)
        for table in (desk.store.clusters, desk.store.functions, desk.store.runs):
            self.destroyed.connect(table.subscribe(self._next_step))
        self._next_step(Change())

    def header_buttons(self) -> list[Button]:
        return [Button("Run function", "primary", "play", lambda: self.desk.navigate("functions", ""))]

    def open(self, target: str) -> None:
        if target.startswith("?cluster="):
            self.list.filter.setText(target.partition("=")[2])
        elif target:
            if self.list.table.rows.place_of(target) < 0:
                self.list.filter.clear()
                self.list.chips.choose("all")
                self._everybody()
            self.list.select(target)
            self._show(target)

    def _people(self) -> list[tuple[str, int]]:
        """Who started the runs that are known, this person first, the others by how many."""
        me = self.desk.store.me
        counts = Counter(_ME if run.by in me else run.by for run in self.desk.store.runs.rows() if run.by)
        mine = counts.pop(_ME, 0)
        return [(_ME, mine), *counts.most_common()]

    def _narrow(self) -> None:
        name, store = self._by.value, self.desk.store
        if not name:
            self.list.narrow(None)
        elif name == _ME:
            self.list.narrow(lambda run: run.by in store.me)
        else:
            self.list.narrow(lambda run: run.by == name)

    def _everybody(self) -> None:
        if self._by.value:
            self._by.set_value("")
            self._narrow()

    def cluster(self) -> str:
        return self.panel.run.cluster if self.panel.run is not None else ""

    def focus_filter(self) -> None:
        if self.panel.isVisible() and self.panel.tabs.current == "log":
            self.panel.log.panel.open_search()
        else:
            self.list.focus_filter()

    def _show(self, id: str) -> None:
        fresh = self.panel.isHidden()
        self.panel.show()
        self.panel.show_run(id)
        if fresh:
            QTimer.singleShot(0, self, lambda: self._split.setSizes([400, 600]))

    def _chosen(self, rows: list[RunRow]) -> None:
        if len(rows) == 1:
            self._show(rows[0].id)
            self.moved.emit(rows[0].id)

    def _closed(self) -> None:
        self.panel.show_run("")
        self.list.table.clearSelection()
        self.moved.emit("")

    def _menu(self, row: RunRow) -> list[MenuEntry | None]:
        rows = self.list.selected()
        active = [run for run in rows if not run.state.is_over]
        ended = [run for run in rows if run.state.is_over]
        return [
            ("panel-right", "Show", lambda: self._show(row.id), ""),
            ("rotate-ccw", "Run again…", lambda: run_again(self.desk, row), why_not_again(self.desk, row)),
            None,
            (
                "circle-stop",
                "Cancel…",
                lambda: ask_cancel(self.desk, self.window(), active),
                "" if active else "It has ended already.",
            ),
            (
                "trash-2",
                "Delete…",
                lambda: ask_delete(self.desk, self.window(), ended),
                "" if ended else "A run that goes on cannot be deleted.",
            ),
        ]

    def _next_step(self, change: Change) -> None:
        self.list.set_mend(*mend_runs(self.desk))
        address = only_down(self.desk.store.clusters.rows())
        if address:
            self.list.set_empty(
                f"{address} is down",
                "Runs are kept on the cluster. Bring it up to see them.",
                "power",
                lambda: [Button(f"Bring up {address}", "primary", "power", lambda: bring_up(self.desk, address))],
            )
        elif len(self.desk.store.functions):
            self.list.set_empty(
                "Nothing has run yet",
                "Choose a function and run it; its log and result will be here.",
                "play",
                lambda: [Button("Run function", "primary", "play", lambda: self.desk.navigate("functions", ""))],
            )
        else:
            self.list.set_empty(
                "Nothing has run yet",
                "Add a function out of a project of yours, and run it.",
                "play",
                lambda: [Button("Add function", "primary", "plus", lambda: self.desk.navigate("functions", "new"))],
            )
