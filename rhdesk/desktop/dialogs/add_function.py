"""Adding functions: choose a file or folder, its functions are found without running anything; choose, name, add."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QGridLayout, QLineEdit, QStackedWidget, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.cluster_choice import ClusterChoice
from rhdesk.desktop.forms.file_choice import choose_file, choose_folder
from rhdesk.desktop.forms.name_field import address_problem
from rhdesk.desktop.forms.offering_text import PackageLines
from rhdesk.desktop.forms.static_schema import summary
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.name_moves import cautions_of
from rhdesk.desktop.widgets.base import Button, Card, Label, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.list_panel import SearchField
from rhdesk.desktop.widgets.resource_table import ResourceTable
from rhdesk.desktop.widgets.states import StateView
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.code.find import FoundFunction
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

_PAUSE = 250
_HERE = Qt.ShortcutContext.WidgetShortcut


@dataclass(frozen=True)
class Candidate:
    """A function that was found, with the tree that would travel for it."""

    root: Path
    file: str  # relative to the root
    found: FoundFunction

    @property
    def key(self) -> str:
        return f"{self.file}:{self.found.name}"


def find_candidates(path: Path) -> list[Candidate]:
    """The public functions of a file, or of every Python file of a folder.

    Raises:
        RhError: there is no such file or folder, or the file is not Python.
    """
    from rhresources.code.find import find_functions
    from rhresources.code.listing import find_root

    path = path.expanduser().absolute()
    found = find_functions(path)
    if path.is_file():
        root = find_root(path)
        return [Candidate(root, path.relative_to(root).as_posix(), one) for one in found]
    top = find_root(path)
    root = top if top in (path, *path.parents) else path
    candidates = [Candidate(root, (path / one.file).relative_to(root).as_posix(), one) for one in found]
    # what people run stands in few files near the top; tests are seldom meant
    return sorted(candidates, key=lambda one: (_is_test(one.file), one.file.count("/"), one.file, one.found.line))


class AddFunction(Dialog):
    """Opened by the Functions page; `added` is given the address of the last function that was made."""

    def __init__(self, desk: Desk, parent: QWidget, added: Callable[[str], object]) -> None:
        super().__init__(
            parent,
            "Add a function",
            "Choose a file, or a folder with Python in it. Nothing is run; the code stays where it is.",
            width=640,
        )
        self._desk, self._added = desk, added
        self._name_typed = False
        self._searched = ""
        self.folder = QLineEdit()
        self.folder.setObjectName("function-folder")
        self.folder.setPlaceholderText("/path/to/project or /path/to/train.py")
        self.folder.setAccessibleName("File or folder")
        self.body.addLayout(
            row_of(
                self.folder,
                Button("Folder…", "", "folder-open", self._choose_folder),
                Button("File…", "", "file-code", self._choose_file),
            )
        )
        card = Card(margins=(0, 0, 0, 0))
        card.body.setSpacing(0)
        self._filter = SearchField("Filter the functions", 200)
        self._count = Label("", "faint")
        bar = row_of(self._count, None, self._filter)
        bar.setContentsMargins(16, 6, 8, 6)
        self._bar = QWidget()
        self._bar.setLayout(bar)
        card.body.addWidget(self._bar)
        self.candidates = ResourceTable(_columns(), lambda one: one.key, "Functions that were found")
        self.candidates.setObjectName("function-candidates")
        self.candidates.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.candidates.chosen.connect(lambda rows: self._chosen())
        self.candidates.opened.connect(lambda row: self._create())
        self._filter.textChanged.connect(self._filtered)
        self._filter.down.connect(self._to_candidates)
        self._state = StateView()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.candidates)
        self._stack.addWidget(self._state)
        card.body.addWidget(self._stack, 1)
        card.setMinimumHeight(240)
        self.body.addWidget(card, 1)

        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        self.name = QLineEdit()
        self.name.setObjectName("function-name")
        self.name.setAccessibleName("Name")
        self.name.setPlaceholderText("~/name")
        self.cluster = ClusterChoice(desk)
        self.packages = PackageLines(desk)
        self.packages.setPlaceholderText("The requirements of its folder. Else one a line: numpy==1.26, rh:~/deps")
        self.packages.setObjectName("function-packages")
        for line, (title, control) in enumerate(
            (("Name", self.name), ("Cluster", self.cluster), ("Packages", self.packages))
        ):
            grid.addWidget(Label(title, "strong"), line, 0)
            grid.addWidget(control, line, 1)
        self.body.addLayout(grid)
        self.add_button("Cancel")
        self.accept_button = self.add_button("Add", "primary", self._create)
        self.accept_button.setObjectName("function-accept")
        self.resize(720, 640)

        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._search)
        self.folder.textChanged.connect(lambda text: self._timer.start())
        self.folder.returnPressed.connect(self._entered)
        QShortcut(QKeySequence(Qt.Key.Key_Down), self.folder, self._to_candidates, context=_HERE)
        self.name.textEdited.connect(self._named)
        self._show_start()
        self._chosen()
        self.folder.setFocus()

    # ------------------------------------------------------------ finding

    def _choose_folder(self) -> None:
        choose_folder(self, "Choose a folder", self._take, start=self.folder.text())

    def _choose_file(self) -> None:
        choose_file(
            self,
            "Choose a Python file",
            lambda path: self._take(path),
            filter="Python (*.py)",
            start=self.folder.text(),
        )

    def _take(self, path: Path) -> None:
        self.folder.setText(str(path))
        self._search()

    def _entered(self) -> None:
        """Enter looks at once; where the functions are there already it goes on to them."""
        if self._timer.isActive():
            self._search()
        else:
            self._to_candidates()

    def _to_candidates(self) -> None:
        if self.candidates.rows.rowCount():
            self.candidates.setFocus()
            if not self.candidates.selected():
                self.candidates.selectRow(0)

    def _search(self) -> None:
        self._timer.stop()
        text = self.folder.text().strip()
        if text == self._searched:
            return
        self._searched = text
        self.show_problem(None)
        if not text:
            self._desk.tasks.cancel("function.find")
            self._show_start()
            return

        async def find(progress: Progress) -> list[Candidate]:
            return await asyncio.to_thread(find_candidates, Path(text))

        def done(found: list[Candidate]) -> None:
            if text == self._searched:
                self._show_found(found)

        def failed(error: BaseException) -> None:
            if text == self._searched:
                self._show_failed(error)

        self._stack.setCurrentWidget(self._state)
        self._state.show_loading("Looking for functions…")
        self._bar.hide()
        self._desk.tasks.start("function.find", find, on_done=done, on_error=failed, quiet=True)

    def _show_found(self, found: list[Candidate]) -> None:
        self.candidates.set_rows(found)
        self._bar.setVisible(bool(found))
        if not found:
            self._stack.setCurrentWidget(self._state)
            self._state.show_empty(
                "No functions there", "Public functions at the top level of Python files are found.", "square-function"
            )
        else:
            self._filtered(self._filter.text())
            if len(found) == 1:
                self.candidates.selectRow(0)
        self._chosen()

    def _show_failed(self, error: BaseException) -> None:
        problem = Problem.of(error)
        self.candidates.set_rows([])
        self._bar.hide()
        self._stack.setCurrentWidget(self._state)
        if isinstance(error, RhError):
            self._state.show_empty(problem.sentence, problem.remedy, "file-code")
        else:
            self._state.show_failed(problem)
        self._chosen()

    def _show_start(self) -> None:
        self.candidates.set_rows([])
        self._bar.hide()
        self._stack.setCurrentWidget(self._state)
        self._state.show_empty("Its functions are listed here", "Choose where your code is.", "folder-open")
        self._chosen()

    def _filtered(self, text: str) -> None:
        self.candidates.rows.set_filter(text)
        shown, total = self.candidates.rows.rowCount(), self.candidates.rows.total
        words = count_text(total, "function")
        self._count.setText(words if shown == total else f"{shown:,} of {words}")
        if shown:
            self._stack.setCurrentWidget(self.candidates)
        else:
            self._stack.setCurrentWidget(self._state)
            self._state.show_empty("Nothing matches the filter", icon="list-filter")

    # ------------------------------------------------------------ naming and making

    def _named(self, text: str) -> None:
        self._name_typed = bool(text.strip())
        self.show_problem(address_problem(text, self._desk) if text.strip() else None)

    def _chosen(self) -> None:
        rows = self.candidates.selected()
        several = len(rows) > 1
        self.name.setEnabled(not several)
        if several:
            self.name.setText("")
            self.name.setPlaceholderText("each gets the name of its function")
        else:
            self.name.setPlaceholderText("~/name")
            if rows and not self._name_typed:
                self.name.setText(self._free_name(rows[0].found.name))
        self.accept_button.allow("" if rows else "Choose a function first.")
        self.accept_button.set_text(f"Add {len(rows)}" if several else "Add")

    def _free_name(self, name: str, taken: frozenset[str] = frozenset()) -> str:
        address, number = f"~/{name}", 2
        while address in self._desk.store.names or address in taken:
            address, number = f"~/{name}-{number}", number + 1
        return address

    def _create(self) -> None:
        rows: list[Candidate] = self.candidates.selected()
        if not rows:
            return
        if len(rows) == 1:
            text = self.name.text().strip()
            if problem := address_problem(text, self._desk):
                self.show_problem(problem)
                self.name.setFocus()
                return
            names = [text]
        else:
            names = []
            for one in rows:
                names.append(self._free_name(one.found.name, frozenset(names)))
        cluster = self.cluster.chosen
        packages = [line.strip() for line in self.packages.toPlainText().splitlines() if line.strip()]

        async def create(workspace: Workspace, progress: Progress) -> list[Entry]:
            from rhresources.shared_code import hand_over

            wanted = list(zip(names, rows, strict=True))
            saved = await asyncio.to_thread(_save, workspace, wanted, cluster, packages)
            return [await hand_over(workspace, entry, progress) for entry in saved]

        self.accept_button.setEnabled(False)
        self._desk.act("function.create", create, on_done=self._created, on_error=self._not_created, quiet=True)

    def _created(self, saved: list[Entry]) -> None:
        self.accept()
        if cautions := cautions_of(saved):
            self._desk.notifier.warning(cautions)
        self._added(saved[-1].name)

    def _not_created(self, error: BaseException) -> None:
        self.accept_button.setEnabled(True)
        self.show_problem(Problem.of(error))


def _save(workspace: Workspace, wanted: list[tuple[str, Candidate]], cluster: str, packages: list[str]) -> list[Entry]:
    """Save a document for each."""
    from rhresources.documents import parse_document

    saved = []
    for name, one in wanted:
        document = parse_document(
            {
                "kind": "function",
                "description": (summary(one.found.docstring).splitlines() or [""])[0][:2000],
                "cluster": cluster,
                "code": {"root": str(one.root), "file": one.file, "name": one.found.name},
                "packages": packages,
            }
        )
        saved.append(workspace.names.save(name, document, overwrite=False))
    return saved


def _columns() -> list[Column[Candidate]]:
    return [
        Column(
            "name",
            "Function",
            lambda one: f"{one.found.name}{one.found.signature}",
            Kind.TITLE,
            300,
            stretch=True,
            second=lambda one: f"{one.file}, line {one.found.line}",
            sort=lambda one: one.found.name.casefold(),
            tip=lambda one: f"{one.found.name}{one.found.signature}",
        ),
        Column(
            "about",
            "What it does",
            lambda one: (summary(one.found.docstring).splitlines() or [""])[0],
            Kind.MUTED,
            220,
            stretch=True,
            tip=lambda one: one.found.docstring,
        ),
    ]


def _is_test(file: str) -> bool:
    parts = file.split("/")
    return "tests" in parts or "test" in parts or parts[-1].startswith("test_") or parts[-1] == "conftest.py"
