"""Running a function: what it is, the form of its parameters, where, and the button."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.last_arguments import LastArguments, parse_arguments, short_arguments
from rhdesk.core.rows import Problem, RunRow, State
from rhdesk.core.words import age_text
from rhdesk.desktop.forms.cluster_choice import LOCAL, ClusterChoice
from rhdesk.desktop.forms.parameter_form import ParameterForm
from rhdesk.desktop.forms.schema import fields_of, refined
from rhdesk.desktop.forms.static_schema import summary
from rhdesk.desktop.pages.function_source import FunctionSource, fetch_source, file_of, read_source, stamp_of
from rhdesk.desktop.widgets.base import Button, ChipRow, Label, Rule
from rhdesk.desktop.widgets.dialog import confirm
from rhdesk.desktop.widgets.list_panel import MenuEntry, popup_menu
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox, problem_actions

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace

_OFFERED_RUNS = 10


class FunctionRun(QWidget):
    """The form of one function at a time. `submitted` carries the id of a run that was started."""

    submitted = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._last = LastArguments(desk.home)
        self._row: EntryRow | None = None
        self._source: FunctionSource | None = None
        self._starting = False
        self._exact = ""  # the cluster whose own reading of the types is shown
        self._asked: tuple[object, ...] | None = None  # what the last inspection was about
        self._from_run: RunRow | None = None
        self._focus_wanted = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        inner = QWidget()
        words = QVBoxLayout(inner)
        words.setContentsMargins(16, 12, 16, 12)
        words.setSpacing(8)
        self._signature = Label("", "mono", wrap=True, select=True)
        self._about = Label("", "muted", wrap=True, select=True)
        words.addWidget(self._signature)
        words.addWidget(self._about)
        self._notes = QVBoxLayout()
        self._notes.setSpacing(8)
        words.addLayout(self._notes)
        self._arguments = QWidget()
        below = QVBoxLayout(self._arguments)
        below.setContentsMargins(0, 4, 0, 0)
        below.setSpacing(8)
        tools = QHBoxLayout()
        tools.setSpacing(4)
        tools.addWidget(Label("Arguments", "h3"))
        tools.addStretch(1)
        self._fill = Button("Fill from a run", "link", "history", self._offer_runs)
        tools.addWidget(self._fill)
        self._ways = ChipRow()
        self._ways.set_chips([("form", "Form"), ("json", "JSON")])
        tools.addWidget(self._ways)
        below.addLayout(tools)
        self.form = ParameterForm()
        below.addWidget(self.form)
        words.addWidget(self._arguments)
        words.addStretch(1)
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
        foot.addWidget(Label("on", "muted"))
        self.cluster = ClusterChoice(desk)
        self.cluster.setObjectName("run-cluster")
        foot.addWidget(self.cluster)
        self._status = Label("", "faint")
        foot.addWidget(self._status, 1)
        self.run_button = Button("Run", "primary", "play", self.run, tip="Ctrl+Enter")
        self.run_button.setObjectName("run-button")
        foot.addWidget(self.run_button)
        column.addLayout(foot)

        self._ways.chosen.connect(lambda way: self.form.show_json(way == "json"))
        self.form.run_asked.connect(self.run)
        self.cluster.activated.connect(lambda place: self._inspect())
        self._settle = QTimer(self, singleShot=True, interval=200)
        self._settle.timeout.connect(self._clusters_settled)
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._settle.start()))

    # ------------------------------------------------------------ which function

    @property
    def address(self) -> str:
        return self._row.address if self._row is not None else ""

    def show_function(self, row: EntryRow) -> None:
        """Show a function; of the one that is shown already, look whether it changed."""
        new = row.address != self.address
        changed = not new and self._row is not None and row.modified != self._row.modified
        self._row = row
        if new:
            self._source, self._exact, self._from_run, self._asked = None, "", None, None
            self._allow_run()
            self._focus_wanted = False
            self._clear_notes()
            self._about.setText("")
            self._signature.setText("")
            self._ways.choose("form")
            self.form.set_fields(())
            self.cluster.choose(str(getattr(row.document, "cluster", None) or LOCAL))
        if new or changed:
            self._read(lambda: None)
        else:
            self.refresh()
        self._fill.setVisible(bool(self._runs()))

    def fill_from(self, run: RunRow) -> None:
        """Give the form the arguments of an earlier run."""
        self._from_run = run
        if self.form.fields:
            self._take_run()

    def focus_form(self) -> None:
        """Put the cursor into the first field, as soon as the fields are there."""
        self._focus_wanted = not self.form.fields
        self.form.focus_first()

    def refresh(self) -> None:
        """Read the source again if its file changed."""
        if self._row is None or self._row.document is None:
            return
        self._look("refresh", lambda changed: self._read(lambda: None) if changed else None)

    def _look(self, why: str, then: Callable[[bool], object]) -> None:
        """Tell `then` whether the source is another now; the file may lie on a disk that takes its time."""
        row, source = self._row, self._source
        if row is None or source is None:
            return
        document = row.document

        async def look(progress: Progress) -> bool:
            return await asyncio.to_thread(lambda: stamp_of(file_of(document)) != source.stamp)

        def looked(changed: bool) -> None:
            if row.address == self.address:
                then(changed)

        self._desk.tasks.start(f"function.{why}:{id(self)}", look, on_done=looked)

    # ------------------------------------------------------------ schema

    def _read(self, then: Callable[[], object]) -> None:
        row = self._row
        if row is None or row.document is None:
            return
        document, address = row.document, row.address

        async def read(progress: Progress) -> FunctionSource:
            return await asyncio.to_thread(read_source, document)

        def done(source: FunctionSource) -> None:
            if address != self.address:
                return
            first = self._source is None
            changed = self._source is not None and self._source.stamp != source.stamp
            self._source = source
            self._show_source(source, first=first, changed=changed)
            then()

        key = f"function.read:{id(self)}"
        if document.code.place == "git":
            self._desk.act(key, partial(fetch_source, document), on_done=done, quiet=True)
        else:
            self._desk.tasks.start(key, read, on_done=done)

    def _show_source(self, source: FunctionSource, *, first: bool, changed: bool) -> None:
        self._clear_notes()
        self._about.setText(summary(source.docstring))
        self._about.setVisible(bool(source.docstring))
        name = self._row.document.code.name if self._row is not None else ""
        self._signature.setText(f"{name}{source.signature}" if source.signature else "")
        self._signature.setVisible(bool(source.signature))
        self._arguments.setVisible(source.schema is not None)
        if source.problem:
            buttons = problem_actions(("Read again", lambda: self._read(lambda: None)))
            problem = Problem(source.problem, "Mend the file, or say in the YAML where the function is now.")
            self._notes.addWidget(ProblemBox(problem, buttons))
        if source.schema is not None and (first or changed or not self._exact):
            self._exact = ""
            self.form.set_fields(fields_of(source.schema))
        if self._focus_wanted:
            self._focus_wanted = False
            self.form.focus_first()
        if first and source.schema is not None:
            self.form.set_values(self._last.get(self.address))
        if self._from_run is not None:
            self._take_run()
        self._allow_run()
        self._say()
        self._inspect()

    def _inspect(self) -> None:
        """Ask the cluster, where it is up, for the types as Python itself sees them."""
        cluster, row, source = self.cluster.chosen, self._row, self._source
        if row is None or source is None or source.problem:
            return
        if not self.cluster.is_up:
            self._asked = None  # asked again when it is back
            return
        asked = (row.address, cluster, row.modified, source.stamp)
        if self._asked == asked:
            return
        self._asked, address = asked, row.address

        async def inspect(workspace: Workspace, progress: Progress) -> pb.InspectReply:
            return await workspace.inspect(address, on=cluster, up=False)

        def done(reply: pb.InspectReply) -> None:
            if address == self.address and source is self._source:
                self._inspected(reply, cluster)

        def failed(error: BaseException) -> None:
            if address == self.address:
                self._note_inspection(Problem.of(error))

        self._status.setText("Reading the types…")
        self._desk.act(
            f"function.inspect:{id(self)}", inspect, on_done=done, on_error=failed, on_end=self._say, quiet=True
        )

    def _inspected(self, reply: pb.InspectReply, cluster: str) -> None:
        module = next(iter(reply.modules), None)
        if module is None:
            return
        if module.HasField("error"):
            name = module.error.type.rpartition(".")[2]
            sentence = f"{module.module.module} cannot be imported on {cluster}: {name}: {module.error.message}"
            self._note_inspection(Problem(sentence.rstrip(".") + ".", "", module.error.traceback))
            return
        if not module.functions:
            return
        signature = module.functions[0]
        try:
            exact = fields_of(signature.schema)
        except ValueError:
            return  # the form of the source stays
        source = self._source.schema if self._source is not None else None
        fields = refined(exact, fields_of(source or {}))
        self._exact = cluster
        self.form.set_fields(fields)
        if self._from_run is not None:
            self._take_run()
        self._say()

    def _note_inspection(self, problem: Problem) -> None:
        self._clear_notes()
        known = "The form shows what its source alone tells. "
        box = ProblemBox(
            Problem(problem.sentence, known + problem.remedy, problem.detail),
            problem_actions(("Try again", self._inspect_again)),
            level="warn",
        )
        self._notes.addWidget(box)

    def _inspect_again(self) -> None:
        self._asked = None
        self._clear_notes()
        self._inspect()

    def _say(self) -> None:
        self._status.setText("Reading its source…" if self._source is None else "")

    # ------------------------------------------------------------ arguments of earlier runs

    def _runs(self) -> list[RunRow]:
        found = [run for run in self._desk.store.runs.rows() if self._desk.store.is_of(run, self.address)]
        return sorted(found, key=lambda run: run.created, reverse=True)[:_OFFERED_RUNS]

    def _offer_runs(self) -> None:
        entries: list[MenuEntry | None] = []
        for run in self._runs():
            given = short_arguments(run.arguments, 60) or "no arguments"
            words = f"{age_text(run.created)}  ·  {run.state.word}  ·  {given}"
            why_not = "" if parse_arguments(run.arguments) is not None else "Its arguments were not kept whole."
            entries.append(("history", words, partial(self.fill_from, run), why_not))
        popup_menu(self, entries, self._fill.mapToGlobal(self._fill.rect().bottomLeft()))

    def _take_run(self) -> None:
        run, self._from_run = self._from_run, None
        assert run is not None
        read = parse_arguments(run.arguments)
        if read is None:
            sentence = "The arguments of that run were not kept whole, so the form could not be filled from it."
            self._notes.addWidget(ProblemBox(Problem(sentence, "Fill in what is missing."), level="info"))
            return
        self.form.set_arguments(*read)

    def _clusters_settled(self) -> None:
        if self._row is not None:
            self._inspect()

    # ------------------------------------------------------------ the run

    def run(self) -> None:
        """Read the source again if it changed, check the arguments, bring the cluster up if one agrees, and go."""
        if self._row is None or self._source is None or not self.run_button.isEnabled():
            return
        self._status.setText("Looking at its source…")
        self._look("run", lambda changed: self._read(self._checked_run) if changed else self._checked_run())

    def _checked_run(self) -> None:
        self._say()
        if self._source is None or self._source.problem:
            return
        arguments = self.form.arguments()
        if arguments is None:
            return
        cluster, row = self.cluster.chosen, self.cluster.row
        if row is None or row.state not in (State.DOWN, State.FAILED):  # on the way to it what is needed is asked
            self._submit(cluster, *arguments)
            return
        confirm(
            self.window(),
            f"Bring {cluster} up?",
            f"{cluster} is {row.state.word.lower()}. It is brought up first, then {self.address} runs.",
            "Bring up and run",
            lambda: self._submit(cluster, *arguments),
            kind="primary",
        )

    def _submit(self, cluster: str, args: list[object], kwargs: dict[str, object]) -> None:
        from rhresources.wire.client import new_run_id

        address, run_id = self.address, new_run_id()
        secret = {field.name for field in self.form.fields if field.format == "password"}
        self._last.set(address, {name: value for name, value in self.form.values().items() if name not in secret})

        async def submit(workspace: Workspace, progress: Progress) -> str:
            run = await workspace.submit(address, args, kwargs, on=cluster, run=run_id, up=True, progress=progress)
            return str(run.id)

        def failed(error: BaseException) -> None:
            if address == self.address:
                self._clear_notes()
                self._notes.addWidget(ProblemBox(Problem.of(error), problem_actions(("Try again", self.run))))

        def ended() -> None:
            self._starting = False
            self._allow_run()

        self._clear_notes()
        self._starting = True
        self._allow_run()
        self._desk.act(
            f"run:{run_id}",
            submit,
            title=f"Start {address} on {cluster}",
            go_to=("runs", run_id),
            on_done=self.submitted.emit,
            on_error=failed,
            on_end=ended,
            quiet=True,
        )

    def _allow_run(self) -> None:
        """Run waits for the source: until it was read nobody has seen which arguments there are."""
        of_source = "Its source is being read." if self._source is None else self._source.problem
        self.run_button.allow("It is being started." if self._starting else of_source)
        self.run_button.set_text("Starting…" if self._starting else "Run")
        self._say()

    def _clear_notes(self) -> None:
        clear_layout(self._notes)
