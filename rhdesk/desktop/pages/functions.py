"""Functions: every one that is saved, what it runs on and needs, how its last run went; its form beside the list."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QSplitter, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.last_arguments import short_arguments
from rhdesk.core.rows import RunRow, State
from rhdesk.core.store import Change
from rhdesk.core.words import age_text, duration_text, moment_text
from rhdesk.desktop.dialogs.add_function import AddFunction
from rhdesk.desktop.dialogs.resource_acts import ResourceActs
from rhdesk.desktop.forms.document_editor import DocumentEditor
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.pages.function_run import FunctionRun
from rhdesk.desktop.pages.function_source import file_of
from rhdesk.desktop.widgets.base import Button, column_of
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.side_panel import Facts, SidePanel


class FunctionsPage(Page):
    """A list, and beside it one function with its form."""

    title = "Functions"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._acts = ResourceActs(desk, self)
        self._last: dict[str, RunRow] = {}
        self._today: dict[str, int] = {}
        self._wanted: tuple[str, str] = ("", "")
        self._dialog: AddFunction | None = None
        columns = [
            Column[EntryRow](
                "name", "Name", lambda row: row.name, Kind.TITLE, 220, stretch=True, second=_second, tip=_second
            ),
            Column[EntryRow]("cluster", "Cluster", _cluster, Kind.MUTED, 120, drop_below=620),
            Column[EntryRow]("packages", "Packages", _packages, Kind.MUTED, 150, stretch=True, drop_below=760),
            Column[EntryRow](
                "last", "Last run", self._last_text, Kind.PILL, 128,
                value=self._last_state, sort=self._last_time, varies=True,
            ),
            Column[EntryRow](
                "when", "When", self._last_when, Kind.MUTED, 110, sort=self._last_time, ages=True, drop_below=480
            ),
            Column[EntryRow](
                "today", "Today", self._today_text, Kind.NUMBER, 76,
                sort=self._today_count, drop_below=560, varies=True,
            ),
        ]  # fmt: skip
        self.list = ListPanel(columns, lambda row: row.address, "Functions")
        self.list.set_chips(
            [
                ("all", "All", None),
                ("running", "Running", lambda row: not self._is_over(row)),
                ("failed", "Failed", self._is_failed),
            ]
        )
        self.list.set_empty(
            "No functions yet",
            "Add one out of a folder with Python in it; then it runs here with a click.",
            "square-function",
            lambda: [self._add_button()],
        )
        self.list.menu_for = self._menu
        self.list.chosen.connect(self._chosen)
        self.list.opened.connect(lambda row: self._show(row, focus=True))
        self.list.delete_asked.connect(self._acts.delete)
        self.list.retry.connect(lambda: desk.retry_now())

        self.panel = SidePanel(460)
        self.panel.setMinimumWidth(400)
        self.list.setMinimumWidth(280)
        self.run_view = FunctionRun(desk)
        self.run_view.submitted.connect(lambda run: desk.navigate("runs", run))
        self._runs = ListPanel(_run_columns(), lambda run: run.id, "Recent runs")
        self._runs.set_empty("Not run yet", "Runs of this function are listed here.", "play")
        self._runs.opened.connect(lambda run: desk.navigate("runs", run.id))
        self._facts = Facts()
        about = QWidget()
        self._about = column_of(self._facts, None)
        self._about.setContentsMargins(16, 12, 16, 12)
        about.setLayout(self._about)
        self.editor = DocumentEditor(desk)
        self.panel.add_tab("run", "Run", self.run_view, scroll=False)
        self.panel.add_tab("runs", "Runs", self._runs, scroll=False)
        self.panel.add_tab("about", "About", about)
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
        order_tabs(self.panel, self.list.table)

        self._refill()
        self._settle = QTimer(self, singleShot=True, interval=150)
        self._settle.timeout.connect(self._count_runs)
        for table, then in ((desk.store.runs, self._runs_changed), (desk.store.functions, self._functions_changed)):
            self.destroyed.connect(table.subscribe(then))
        self._count_runs()

    # ------------------------------------------------------------ the page

    def header_buttons(self) -> list[Button]:
        button = self._add_button("primary")
        button.setObjectName("function-add")
        return [button]

    def open(self, target: str) -> None:
        """ "~/train" shows that function, "~/train?again=RUN" with the arguments of a run, "new" adds one."""
        if target == "new":
            self.add()
            return
        address, _, query = target.partition("?")
        self._wanted = (address, parse_qs(query).get("again", [""])[0])
        if address:
            self.list.select(address)
            self._take_wanted()
        elif self.panel.isVisible():
            self.panel.close_panel()

    def shown(self) -> None:
        self.run_view.refresh()

    def focus_filter(self) -> None:
        self.list.focus_filter()

    def add(self) -> None:
        """Open the dialog that adds functions."""
        self._dialog = AddFunction(self.desk, self.window(), self._added)
        self._dialog.open()

    def _add_button(self, kind: str = "primary") -> Button:
        return Button("Add a function", kind, "plus", self.add)

    def _added(self, address: str) -> None:
        self._wanted = (address, "")
        self.list.select(address)
        self._take_wanted()

    # ------------------------------------------------------------ one function

    def _chosen(self, rows: list[EntryRow]) -> None:
        if len(rows) == 1:
            self._show(rows[0])

    def _show(self, row: EntryRow, *, focus: bool = False) -> None:
        new = row.address != self.editor.address or self.panel.isHidden()
        self.panel.set_head(row.name, row.address)
        broken = row.document is None
        for key in ("run", "runs", "about"):
            self.panel.tabs.set_visible(key, not broken)
        self.editor.show_address(row.address)
        if broken:
            self.panel.tabs.choose("yaml")
        else:
            self.run_view.show_function(row)
            self._fill_facts(row)
            self._fill_runs()
            if new:
                self.panel.tabs.choose("run")
        self.panel.show()
        if focus and not broken:
            self.run_view.focus_form()
        if new:
            self.moved.emit(row.address)

    def _closed(self) -> None:
        self.list.table.clearSelection()
        self.list.table.setFocus()
        self.moved.emit("")

    def _fill_facts(self, row: EntryRow) -> None:
        document = row.document
        resources = document.resources
        asked = [
            f"{resources.cpus:g} CPU" if resources.cpus else "",
            f"{resources.gpus:g} GPU" if resources.gpus else "",
        ]
        self._facts.set_facts(
            [
                ("Address", row.address),
                ("Description", row.description),
                ("Function", document.code.name),
                *_places(document),
                ("Cluster", document.cluster or "^local, this computer"),
                ("Packages", "\n".join(document.packages) or "the requirements of its folder"),
                ("Set-up", "\n".join(document.setup_commands)),
                ("Python", document.python or ""),
                ("Takes", ", ".join(part for part in asked if part)),
                ("Variables", ", ".join(document.env)),
                ("Document", row.path),
                ("Changed", moment_text(row.modified)),
            ],
            mono=("File", "Folder", "Repository", "Revision", "Module", "Function", "Document", "Packages", "Set-up"),
        )

    def _fill_runs(self) -> None:
        address = self.run_view.address
        runs = [run for run in self.desk.store.runs.rows() if self.desk.store.is_of(run, address)]
        runs.sort(key=lambda run: run.created, reverse=True)
        self._runs.set_rows(runs, self.desk.store.runs.condition)

    # ------------------------------------------------------------ changes

    def _functions_changed(self, change: Change) -> None:
        self._refill()
        address = self.editor.address
        row = self.desk.store.functions.get(address)
        if not self.panel.isHidden() and (change.reset or address in change.changed | change.removed):
            if row is not None:
                self._show(row)
            elif not self.editor.is_dirty:
                self.panel.close_panel()
        self._take_wanted()

    def _refill(self) -> None:
        """Show the functions; chips and columns depend on the runs too."""
        self.list.set_rows(self.desk.store.functions.rows(), self.desk.store.functions.condition)
        self.list.table.viewport().update()

    def _runs_changed(self, change: Change) -> None:
        self._settle.start()

    def _take_wanted(self) -> None:
        address, again = self._wanted
        row = self.desk.store.functions.get(address)
        if row is None:
            return
        run = self.desk.store.runs.get(again) if again else None
        if again and run is None:
            return  # comes with the runs
        self._wanted = ("", "")
        self._show(row, focus=run is not None)
        if run is not None:
            self.run_view.fill_from(run)

    def _count_runs(self) -> None:
        self._last, self._today = {}, {}
        midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        for run in self.desk.store.runs.rows():
            if not self.desk.store.is_of(run, run.name):
                continue
            last = self._last.get(run.name)
            if last is None or run.created > last.created:
                self._last[run.name] = run
            if run.created >= midnight:
                self._today[run.name] = self._today.get(run.name, 0) + 1
        self._refill()
        if self.panel.isVisible():
            self._fill_runs()
        self._take_wanted()

    def _is_over(self, row: EntryRow) -> bool:
        run = self._last.get(row.address)
        return run is None or run.state.is_over

    def _is_failed(self, row: EntryRow) -> bool:
        run = self._last.get(row.address)
        return row.document is None or (run is not None and run.state in (State.FAILED, State.LOST))

    def _last_state(self, row: EntryRow) -> State | None:
        if row.document is None:
            return State.BROKEN
        run = self._last.get(row.address)
        return run.state if run is not None else None

    def _last_text(self, row: EntryRow) -> str:
        state = self._last_state(row)
        return state.word if state is not None else "Not run yet"

    def _last_time(self, row: EntryRow) -> float | None:
        run = self._last.get(row.address)
        return run.created if run is not None else None

    def _last_when(self, row: EntryRow) -> str:
        run = self._last.get(row.address)
        return age_text(run.created) if run is not None else "Not run yet"

    def _today_count(self, row: EntryRow) -> int:
        return self._today.get(row.address, 0)

    def _today_text(self, row: EntryRow) -> str:
        count = self._today_count(row)
        return f"{count:,}" if count else "—"

    def _menu(self, row: EntryRow) -> list[MenuEntry | None]:
        broken = "Its document is broken; mend it first." if row.document is None else ""
        last = self._last.get(row.address)
        return [
            ("play", "Run…", lambda: self._show(row, focus=True), broken),
            (
                "square-terminal",
                "Show the last run",
                lambda: self.desk.navigate("runs", last.id if last is not None else ""),
                "" if last is not None else "It was not run yet.",
            ),
            ("file-code", "Edit as YAML", lambda: self._edit(row), ""),
            None,
            *self._acts.menu(row, opened=self._added),
        ]

    def _edit(self, row: EntryRow) -> None:
        self._show(row)
        self.panel.tabs.choose("yaml")
        self.editor.focus_text()


def _second(row: EntryRow) -> str:
    if row.document is None:
        return row.problem
    code = row.document.code
    where = "" if row.address == f"~/{row.name}" else f"{row.address}  ·  "  # names of others repeat
    return f"{where}{code.pointer}  in  {code.source}"


def _places(document: Any) -> list[tuple[str, str]]:
    """Where the code of a function is."""
    code = document.code
    if code.place == "module":
        return [("Module", code.module), ("Code", "in an installed package; none is sent")]
    if code.place == "git":
        revision = code.revision or "the default branch"
        return [("File", code.file), ("Repository", code.git_url), ("Revision", revision)]
    return [("File", str(file_of(document))), ("Folder", code.root)]


def _cluster(row: EntryRow) -> str:
    return str(getattr(row.document, "cluster", None) or "^local") if row.document is not None else "—"


def _packages(row: EntryRow) -> str:
    packages = list(getattr(row.document, "packages", ()))
    return ", ".join(packages) if packages else "—" if row.document is None else "its own requirements"


def _arguments(run: RunRow) -> str:
    return short_arguments(run.arguments, 200) or "no arguments"


def _run_columns() -> list[Column[RunRow]]:
    return [
        Column("state", "State", lambda run: run.state.word, Kind.PILL, 122, value=lambda run: run.state),
        Column("arguments", "Arguments", _arguments, Kind.MONO, 120, stretch=True),
        Column("took", "Took", lambda run: duration_text(run.duration(time.time())), Kind.NUMBER, 100, ages=True),
        Column(
            "when", "When", lambda run: age_text(run.created), Kind.MUTED, 96, sort=lambda run: run.created, ages=True,
            drop_below=400,
        ),
    ]  # fmt: skip
