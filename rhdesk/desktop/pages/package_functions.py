"""The functions of a package: its modules as a tree, the functions of one beside their words; chosen ones are saved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.package_modules import ModuleContents, ModuleRow, ModuleSource, PackageFunction
from rhdesk.core.package_sources import OpenedPackage, is_here, open_package
from rhdesk.core.rows import Problem, State
from rhdesk.core.words import age_text, count_text
from rhdesk.desktop.cluster_acts import bring_up, why_not_up
from rhdesk.desktop.dialogs.make_functions import MakeFunctions
from rhdesk.desktop.forms.cluster_choice import LOCAL, ClusterChoice
from rhdesk.desktop.forms.inputs import CalmCombo
from rhdesk.desktop.forms.result_text import TextView
from rhdesk.desktop.forms.static_schema import summary
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.pages.module_tree import ModuleTree
from rhdesk.desktop.widgets.base import Button, ElidedLabel, Label, Rule, ToolButton, row_of
from rhdesk.desktop.widgets.list_panel import SearchField
from rhdesk.desktop.widgets.resource_table import ResourceTable
from rhdesk.desktop.widgets.states import StateView

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace


class PackageFunctions(QWidget):
    """Reads when it comes into sight. `install_asked` when there is nothing to read on the chosen cluster yet."""

    install_asked = Signal(str)  # the address of the cluster

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: EntryRow | None = None
        self._read_for: tuple[Any, ...] = ()
        self._source: ModuleSource | None = None
        self._module = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.cluster = ClusterChoice(desk)
        self.cluster.activated.connect(lambda place: self.refresh())
        self.environment = CalmCombo()
        self.environment.setAccessibleName("Environment")
        self.environment.setMinimumContentsLength(15)
        self.environment.setToolTip(
            "The environment whose modules are shown: what it was made of, and when it was used"
        )
        self.environment.activated.connect(lambda place: self._chose_environment())
        self._place = ElidedLabel("", "faint", middle=True)
        self.filter = SearchField("Filter", 130)
        refresh = ToolButton("refresh-cw", "Read again", self.refresh)
        bar = row_of(self.cluster, self.environment, self._place, None, self.filter, refresh, spacing=6)
        bar.setStretch(bar.indexOf(self._place), 100)
        bar.setContentsMargins(12, 10, 12, 8)
        column.addLayout(bar)
        column.addWidget(Rule())
        self.tree = ModuleTree()
        self.tree.asked.connect(self._read_inside)
        self.tree.chosen.connect(self._chose_module)
        self.filter.textChanged.connect(self.tree.set_filter)
        self.filter.down.connect(self.tree.setFocus)
        self.functions = ResourceTable(_columns(), lambda one: one.key, "Functions of the module")
        self.functions.setObjectName("package-functions")
        self.functions.setMinimumHeight(110)
        self.functions.chosen.connect(self._chose_functions)
        self.functions.opened.connect(lambda one: self.make_functions())
        self._note = StateView()
        self._below = QStackedWidget()
        self._below.addWidget(self.functions)
        self._below.addWidget(self._note)
        self.words = TextView(wrap=True)
        self.words.setAccessibleName("What the function does")
        self.words.setMinimumHeight(60)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setHandleWidth(1)
        self._split.setProperty("line", True)
        self._split.setChildrenCollapsible(False)
        for part, share in ((self.tree, 5), (self._below, 5), (self.words, 3)):
            self._split.addWidget(part)
            self._split.setStretchFactor(self._split.count() - 1, share)
        self.words.hide()
        self._state = StateView()
        self._state.retry.connect(self.refresh)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._split)
        self._stack.addWidget(self._state)
        column.addWidget(self._stack, 1)
        column.addWidget(Rule())
        self._count = Label("", "faint")
        self.make_button = Button("Make functions…", "primary", "plus", self.make_functions)
        self.make_button.setObjectName("package-make-functions")
        foot = row_of(self._count, None, self.make_button)
        foot.setContentsMargins(16, 10, 16, 10)
        column.addLayout(foot)
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._cluster_changed()))
        self._allow()

    def show_package(self, row: EntryRow) -> None:
        """Show the functions of a package; they are read once it is in sight."""
        self._row = row
        if self.isVisible():
            self._show()

    def showEvent(self, event: object) -> None:
        self._show()

    def refresh(self) -> None:
        """Read it again."""
        self._read_for = ()
        self._show()

    def make_functions(self) -> None:
        """Ask for names of the chosen functions, and save them."""
        chosen: list[PackageFunction] = self.functions.selected()
        if not chosen or self._row is None:
            return

        def made(addresses: list[str]) -> None:
            self._desk.navigate("functions", addresses[-1])

        cluster = self.cluster.chosen if self.cluster.isVisibleTo(self) else LOCAL
        MakeFunctions(self._desk, self.window(), chosen, [f"rh:{self._row.address}"], cluster, made).open()

    # ------------------------------------------------------------ where it is read

    def _key(self) -> tuple[Any, ...]:
        row = self._row
        if row is None:
            return ()
        known = self.cluster.row
        state = known.state if known is not None and not is_here(row.document) else None
        return row.address, row.modified, self.cluster.chosen, state

    def _cluster_changed(self) -> None:
        if self.isVisible():
            self._show()

    def _show(self) -> None:
        row = self._row
        if row is None or row.document is None or (key := self._key()) == self._read_for:
            return
        self._read_for = key
        self._source, self._module = None, ""
        here = is_here(row.document)
        self.cluster.setVisible(not here)
        self.environment.hide()
        self.filter.hide()
        self._place.setVisible(here)
        self._place.setText("")
        self.tree.show_top([])
        self._show_contents(ModuleContents())
        self._stack.setCurrentWidget(self._state)
        if not here and not self.cluster.is_up:
            self._say_down()
            return
        self._state.show_loading("Checking it out…" if row.document.install_method == "git" else "Reading its modules…")
        self._open()

    def _open(self, hash: str = "") -> None:
        row, cluster, key = self._row, self.cluster.chosen, self._read_for
        assert row is not None

        async def read(workspace: Workspace, progress: Progress) -> OpenedPackage:
            return await open_package(workspace, row, cluster, hash)

        def done(found: OpenedPackage) -> None:
            if key == self._read_for:
                self._show_opened(found)

        def failed(error: BaseException) -> None:
            if key == self._read_for:
                self._stack.setCurrentWidget(self._state)
                self._state.show_failed(Problem.of(error), retry_text="Try again")

        self._desk.act(self._task("open"), read, on_done=done, on_error=failed, quiet=True)

    def _show_opened(self, found: OpenedPackage) -> None:
        self._source = found.source
        self._place.setText(found.place)
        self.environment.clear()
        for one in found.environments:
            self.environment.addItem(f"{one.contents or one.hash[:8]} · {age_text(one.last_use)}", one.hash)
        self.environment.setCurrentIndex(self.environment.findData(found.chosen))
        self.environment.setVisible(len(found.environments) > 1)
        cluster = self.cluster.chosen
        if found.source is None:
            self._state.show_empty(
                f"Not installed on {cluster} yet",
                "Its modules are read there, without running anything, as soon as it is.",
                "package",
                [Button("Install…", "primary", "download", lambda: self.install_asked.emit(cluster))],
            )
            return
        if not found.modules:
            self._state.show_empty("No modules in it", "It has no Python that could be read.", "package")
            return
        self.filter.show()
        self.tree.show_top(found.modules)
        self._stack.setCurrentWidget(self._split)
        first = next((row for row in found.modules if row.has_functions), found.modules[0])
        self.tree.choose(first.name)

    def _chose_environment(self) -> None:
        self._stack.setCurrentWidget(self._state)
        self._state.show_loading("Reading its modules…")
        self._open(str(self.environment.currentData()))

    def _say_down(self) -> None:
        cluster, row = self.cluster.chosen, self.cluster.row
        if row is not None and row.state in (State.STARTING, State.CONNECTING):
            self._state.show_loading(row.sentence or f"{cluster}: {row.state.word.lower()}…")
            return
        down = row is None or row.state is State.DOWN
        text = "The modules of an installed package are read where it is installed."
        up = Button("Bring up", "", "power", lambda: bring_up(self._desk, cluster))
        up.allow(why_not_up(row) if row is not None else "")
        self._state.show_empty(f"{cluster} is down" if down else f"{cluster} cannot be asked now", text, "power", [up])

    # ------------------------------------------------------------ modules and functions

    def _read_inside(self, module: str) -> None:
        source, key = self._source, self._read_for
        if source is None:
            return

        async def read(progress: Progress) -> list[ModuleRow]:
            return await source.modules(module)

        def done(rows: list[ModuleRow]) -> None:
            if key == self._read_for and source is self._source:
                self.tree.add(module, rows)

        self._desk.tasks.start(f"{self._task('inside')} {module}", read, on_done=done)

    def _chose_module(self, row: ModuleRow | None) -> None:
        source, self._module = self._source, row.name if row is not None else ""
        if source is None or row is None:
            return
        if not row.has_functions:
            self._show_contents(ModuleContents(note="Its files have the functions."))
            return

        async def read(progress: Progress) -> ModuleContents:
            return await source.functions(row.name)

        def done(found: ModuleContents) -> None:
            if source is self._source and row.name == self._module:
                more = " The modules inside it may have some." if row.inside and not found.functions else ""
                self._show_contents(replace(found, note=found.note + more))

        def failed(error: BaseException) -> None:
            if source is self._source and row.name == self._module:
                self._show_contents(ModuleContents())
                problem = Problem.of(error)
                here = self._row is not None and is_here(self._row.document)
                remedy = problem.remedy if here else "No functions can be made of this module."
                self._note.show_empty(problem.sentence, remedy, "triangle-alert")

        self.functions.set_rows([])
        self._note.show_loading("Reading…")
        self._below.setCurrentWidget(self._note)
        self._desk.tasks.start(self._task("functions"), read, on_done=done, on_error=failed, quiet=True)

    def _show_contents(self, found: ModuleContents) -> None:
        self.functions.set_rows(found.functions)
        self.words.hide()
        if found.functions:
            self._below.setCurrentWidget(self.functions)
        else:
            title = f"{self._module} has no functions of its own" if self._module else "No functions"
            self._note.show_empty(title, found.note, "square-function")
            self._below.setCurrentWidget(self._note)
        self._allow()

    def _chose_functions(self, rows: list[PackageFunction]) -> None:
        one = rows[0] if len(rows) == 1 else None
        self.words.setVisible(one is not None)
        if one is not None:
            origin = f"\ndefined in {one.defined_in}" if one.defined_in else ""
            doc = f"\n\n{one.found.docstring}" if one.found.docstring else ""
            self.words.setPlainText(f"{one.found.name}{one.found.signature}{origin}{doc}")
        self._allow()

    def _allow(self) -> None:
        chosen, total = len(self.functions.selected()), self.functions.rows.total
        self.make_button.allow("" if chosen else "Choose functions first.")
        self.make_button.set_text(f"Make {count_text(chosen, 'function')}…" if chosen else "Make functions…")
        of = f"{chosen} of {count_text(total, 'function')}" if chosen else count_text(total, "function")
        self._count.setText(of if total else "")

    def _task(self, what: str) -> str:
        return f"package.functions {what} {id(self)}"


def _columns() -> list[Column[PackageFunction]]:
    return [
        Column(
            "name",
            "Function",
            lambda one: f"{one.found.name}{one.found.signature}",
            Kind.TITLE,
            200,
            stretch=True,
            second=_second,
            sort=lambda one: one.found.name.casefold(),
            tip=lambda one: f"{one.found.name}{one.found.signature}",
        )
    ]


def _second(one: PackageFunction) -> str:
    kind = "" if one.found.kind == "plain" else one.found.kind
    words = (summary(one.found.docstring).splitlines() or [""])[0] or f"Line {one.found.line}"
    return " · ".join(part for part in (kind, words) if part)
