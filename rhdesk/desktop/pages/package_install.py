"""Installing a saved package on a cluster: the installer's own words as they come, and Cancel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import EntryRow, Problem, TaskRow
from rhdesk.core.store import Change
from rhdesk.core.words import duration_text
from rhdesk.desktop.forms.cluster_choice import ClusterChoice
from rhdesk.desktop.forms.result_text import TextView
from rhdesk.desktop.widgets.base import Button, Label, Rule, clear_layout
from rhdesk.desktop.widgets.states import ProblemBox, Spinner

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace


class PackageInstall(QWidget):
    """The installation of one package at a time; it goes on while another package is shown."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: EntryRow | None = None
        self._shown_lines: tuple[str, ...] = ()
        self._problems: dict[str, Problem] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 10, 16, 10)
        bar.setSpacing(8)
        bar.addWidget(Label("on", "muted"))
        self.cluster = ClusterChoice(desk)
        self.cluster.activated.connect(lambda place: self._show())
        bar.addWidget(self.cluster)
        self._spinner = Spinner(16)
        bar.addWidget(self._spinner)
        self._state = Label("", "faint")
        bar.addWidget(self._state, 1)
        self._cancel = Button("Cancel", "", on_click=self._stop)
        self.install_button = Button("Install", "primary", "download", self.install)
        self.install_button.setObjectName("install-button")
        bar.addWidget(self._cancel)
        bar.addWidget(self.install_button)
        column.addLayout(bar)
        column.addWidget(Rule())
        self._notes = QVBoxLayout()
        column.addLayout(self._notes)
        self.output = TextView(wrap=True)
        self.output.setAccessibleName("What the installer says")
        self.output.setPlaceholderText(
            "Makes an environment with this package. Functions that need just it then find it ready."
        )
        column.addWidget(self.output, 1)
        self.destroyed.connect(desk.store.tasks.subscribe(self._tasks_changed))
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._show()))
        self._show()

    def show_package(self, row: EntryRow) -> None:
        """Show a package and what its installation says."""
        if self._row is None or row.address != self._row.address:
            self._shown_lines = ()
            self.output.clear()
        self._row = row
        self._show()

    def install(self) -> None:
        """Install on the chosen cluster, which is brought up if it is not."""
        if self._row is None:
            return
        address, cluster, name = self._row.address, self.cluster.chosen, self._task
        self._problems.pop(name, None)

        async def install(workspace: Workspace, progress: Progress) -> None:
            from rhresources.code.pointer import Pointer
            from rhresources.code.specs import Needs, make_environment
            from rhresources.wire import cluster_pb2 as pb

            client = await workspace.connect(cluster, up=True, progress=progress, ask=True)
            needs = Needs(packages=tuple(workspace.names.packages([f"rh:{address}"])))
            nowhere = Pointer("install", Path.home(), "", "", "install", only=())
            environment = await make_environment(client, workspace.trees, nowhere, needs, progress)
            spec = pb.FunctionSpec(name="install", entry=pb.Entry(builtin="python"), environment=environment)
            await client.prepare(spec, lambda event: progress(event.phase or event.output))

        def failed(error: BaseException) -> None:
            self._problems[name] = Problem.of(error)
            self._show()

        self._desk.act(
            name,
            install,
            title=f"Install {address} on {cluster}",
            go_to=("packages", address),
            on_error=failed,
            on_end=self._show,
            quiet=True,
        )
        self._show()

    @property
    def _task(self) -> str:
        return f"install:{self._row.address if self._row else ''}:{self.cluster.chosen}"

    def _stop(self) -> None:
        self._desk.tasks.cancel(self._task)
        self._show()

    def _tasks_changed(self, change: Change) -> None:
        if self._task in change.changed or self._task in change.removed:
            self._show()

    def _show(self) -> None:
        row = self._desk.store.tasks.get(self._task)
        running = row is not None and row.state == "running"
        self._spinner.setVisible(running)
        self._cancel.setVisible(running)
        self.install_button.setVisible(not running)
        self._state.setText(self._words(row))
        clear_layout(self._notes)
        problem = self._problems.get(self._task)
        self._notes.setContentsMargins(*((12, 8, 12, 8) if problem else (0, 0, 0, 0)))
        if problem is not None and not running:
            self._notes.addWidget(ProblemBox(problem))
        lines = row.lines if row is not None else ()
        if lines != self._shown_lines:
            bar = self.output.verticalScrollBar()
            at_end = bar.value() >= bar.maximum() - 2
            self._shown_lines = lines
            self.output.setPlainText("\n".join(line.rstrip("\n") for line in lines))
            if at_end:
                bar.setValue(bar.maximum())

    def _words(self, row: TaskRow | None) -> str:
        if row is None:
            return "" if self.cluster.row is None or self.cluster.is_up else "It is brought up first."
        took = duration_text(max(0.0, row.ended - row.started)) if row.ended else ""
        return {
            "running": "Installing…",
            "done": f"Installed in {took}" if row.lines else "It was there already",
            "failed": "Failed; the environment before it is kept",
            "cancelled": "Cancelled",
        }[row.state]
