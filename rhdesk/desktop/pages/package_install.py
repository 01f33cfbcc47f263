"""Installing a saved package on one or several clusters at once: each with its state, its words, Cancel and Retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.package_requests import install
from rhdesk.core.rows import ClusterRow, State, TaskRow
from rhdesk.core.store import Change
from rhdesk.core.words import count_text, duration_text
from rhdesk.desktop.forms.cluster_choice import LOCAL
from rhdesk.desktop.forms.python_choice import PythonChoice
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.widgets.base import Button, ElidedLabel, Rule, StatePill
from rhdesk.desktop.widgets.removal import let_go_of_focus
from rhdesk.desktop.widgets.states import Spinner
from rhdesk.desktop.widgets.task_output import TaskOutput

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace

_LINE = 48  # pixels; with and without a second line of words
_LINES_HIGH = 4 * _LINE  # what clusters take of the page before they scroll
_PAUSE = 200  # milliseconds; the load of a cluster changes its row every few seconds
_WORDS = {
    "running": "Installing…",
    "done": "Installed",
    "nothing": "It was there already",
    "failed": "Failed; what was installed before stays",
    "cancelled": "Cancelled; what was installed before stays",
}


def install_task(address: str, cluster: str) -> str:
    """The name of the task that installs a package on a cluster."""
    return f"install:{address}:{cluster}"


class PackageInstall(QWidget):
    """Installations go on while another package is shown; they are found here again."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: EntryRow | None = None
        self._wanted = {LOCAL}
        self._unsaved = False
        self._shown = ""
        self._lines: dict[str, ClusterLine] = {}
        self._outputs: dict[str, TaskOutput] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 10, 16, 10)
        bar.setSpacing(8)
        self._all = Button("Choose all", "link", on_click=self._choose_all)
        self._all.setProperty("flush", True)
        self._state = ElidedLabel("", "faint")
        bar.addWidget(self._all)
        bar.addWidget(self._state, 1)
        self.python = PythonChoice()
        bar.addWidget(self.python)
        self.install_button = Button("Install", "primary", "download", self.install)
        self.install_button.setObjectName("install-button")
        bar.addWidget(self.install_button)
        column.addLayout(bar)
        column.addWidget(Rule())
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._list.addStretch(1)
        self._area = area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the line that has it
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        below = QWidget()
        under = QVBoxLayout(below)
        under.setContentsMargins(0, 0, 0, 0)
        under.setSpacing(0)
        under.addWidget(Rule())
        self._stack = QStackedWidget()
        under.addWidget(self._stack, 1)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setHandleWidth(1)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(area)
        self._split.addWidget(below)
        self._split.setStretchFactor(1, 1)
        column.addWidget(self._split, 1)
        self._settle = QTimer(self, singleShot=True, interval=_PAUSE)
        self._settle.timeout.connect(self._fill)
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._settle.start()))
        self.destroyed.connect(desk.store.tasks.subscribe(self._tasks_changed))
        self._fill()

    def show_package(self, row: EntryRow) -> None:
        """Show a package, and what is being done about it on each cluster."""
        new = self._row is None or row.address != self._row.address
        self._row = row
        if new:
            for output in self._outputs.values():
                self._stack.removeWidget(output)
                output.deleteLater()
            self._outputs = {}
            busy = [cluster for cluster in self._lines if self._task_of(cluster) is not None]
            self._shown = busy[0] if busy else LOCAL
            self._fill()
            self._show_output(self._shown)

    def install(self) -> None:
        """Install on every chosen cluster; those that are down are brought up first."""
        chosen = [cluster for cluster in self._lines if cluster in self._wanted]
        for cluster in chosen:
            self._install_on(cluster)
        if chosen and self._shown not in chosen:
            self._show_output(chosen[0])

    def choose(self, clusters: set[str]) -> None:
        """Choose these clusters and no other."""
        self._wanted = set(clusters)
        self._fill()

    def set_unsaved(self, unsaved: bool) -> None:
        """Whether something is typed that would not be installed."""
        self._unsaved = unsaved
        self._say()

    def line(self, cluster: str) -> ClusterLine:
        """The line of a cluster.

        Raises:
            KeyError: it has none.
        """
        return self._lines[cluster]

    def output(self, cluster: str) -> TaskOutput:
        """What is said by the installation on a cluster."""
        if cluster not in self._outputs:
            address = self._row.address if self._row is not None else ""
            output = TaskOutput(
                self._desk,
                install_task(address, cluster),
                _WORDS,
                f"Nothing was installed on {cluster} from here. Install makes an environment with this package; "
                "functions that need just it then find it ready.",
            )
            output.retry.connect(lambda: self._install_on(cluster))
            self._stack.addWidget(output)
            self._outputs[cluster] = output
            order_tabs(self._split, self.install_button)
        return self._outputs[cluster]

    def _install_on(self, cluster: str) -> None:
        if self._row is None:
            return
        address, python = self._row.address, self.python.chosen

        async def act(workspace: Workspace, progress: Progress) -> str:
            return await install(workspace, address, cluster, python, progress)

        self._desk.act(
            install_task(address, cluster),
            act,
            title=f"Install {address} on {cluster}",
            go_to=("packages", f"{address}?tab=install"),
            quiet=True,
        )

    def _task_of(self, cluster: str) -> TaskRow | None:
        return self._desk.store.tasks.get(install_task(self._row.address if self._row else "", cluster))

    def _choose_all(self) -> None:
        everyone = set(self._lines)
        self.choose(set() if everyone <= self._wanted else everyone)

    def _tick(self, cluster: str, wanted: bool) -> None:
        (self._wanted.add if wanted else self._wanted.discard)(cluster)
        self._say()

    def _tasks_changed(self, change: Change) -> None:
        address = self._row.address if self._row else ""
        if change.reset or any(name.startswith(f"install:{address}:") for name in change.changed | change.removed):
            self._refresh()

    # ------------------------------------------------------------ what is shown

    def _fill(self) -> None:
        known = {row.address: row for row in self._desk.store.clusters.rows() if not row.is_template}
        addresses = sorted({LOCAL, *known}, key=lambda one: (one != LOCAL, one))
        for gone in set(self._lines) - set(addresses):
            line = self._lines.pop(gone)
            self._wanted.discard(gone)
            let_go_of_focus(line)
            self._list.removeWidget(line)
            line.deleteLater()
        new = [address for address in addresses if address not in self._lines]
        for place, address in enumerate(addresses):
            if address in new:
                self._lines[address] = made = ClusterLine(address)
                made.ticked.connect(lambda wanted, address=address: self._tick(address, wanted))
                made.chosen.connect(lambda address=address: self._show_output(address))
                made.retry.connect(lambda address=address: self._install_on(address))
                made.cancel.connect(lambda address=address: self._cancel(address))
                self._list.insertWidget(place, made)
            self._lines[address].show_cluster(known.get(address))
        self._lines = {address: self._lines[address] for address in addresses}
        if new:
            order_tabs(self._split, self.install_button)
            self._area.setMinimumHeight(min(_LINES_HIGH, len(self._lines) * _LINE))
        self._refresh()

    def _refresh(self) -> None:
        for address, line in self._lines.items():
            line.show_task(self._task_of(address), address in self._wanted)
            line.mark(address == self._shown)
        self._say()

    def _show_output(self, cluster: str) -> None:
        self._shown = cluster
        self._stack.setCurrentWidget(self.output(cluster))
        for address, line in self._lines.items():
            line.mark(address == cluster)

    def _cancel(self, cluster: str) -> None:
        if self._row is not None:
            self._desk.tasks.cancel(install_task(self._row.address, cluster))

    def _say(self) -> None:
        chosen = [self._lines[address] for address in self._lines if address in self._wanted]
        down = sum(1 for line in chosen if line.is_down)
        self.install_button.set_text(f"Install on {len(chosen)} clusters" if len(chosen) > 1 else "Install")
        self.install_button.allow("" if chosen else "No cluster is chosen.")
        words = ["What is not saved is not installed."] if self._unsaved else []
        words += [f"{count_text(down, 'cluster')} will be brought up first."] if down else []
        self._state.setText(" ".join(words))
        self._all.set_text("Choose none" if set(self._lines) <= self._wanted else "Choose all")
        self._all.setVisible(len(self._lines) > 1)


class ClusterLine(QFrame):
    """One cluster: whether it is wanted, its state, and how far the installation there is."""

    ticked = Signal(bool)
    chosen = Signal()
    retry = Signal()
    cancel = Signal()

    def __init__(self, address: str) -> None:
        super().__init__()
        self.is_up = self.is_down = False
        self._about = ""
        self.setProperty("line", "plain")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QHBoxLayout()
        row.setContentsMargins(16, 7, 12, 7)
        row.setSpacing(10)
        self.box = QCheckBox()
        self.box.setAccessibleName(f"Install on {address}")
        self.box.clicked.connect(self.ticked)
        self.box.installEventFilter(self)
        row.addWidget(self.box)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(ElidedLabel(address, "strong"))
        self._second = ElidedLabel("", "faint")
        words.addWidget(self._second)
        row.addLayout(words, 1)
        self._pill = StatePill()
        row.addWidget(self._pill)
        self._spinner = Spinner(16)
        row.addWidget(self._spinner)
        self.task_pill = StatePill()
        row.addWidget(self.task_pill)
        self.act_button = Button("Cancel", "link", on_click=self._act)
        self.act_button.installEventFilter(self)
        row.addWidget(self.act_button)
        column.addLayout(row)
        column.addWidget(Rule())
        self.setMinimumHeight(_LINE)
        self._running = False

    def show_cluster(self, row: ClusterRow | None) -> None:
        """What is known of the cluster."""
        self.is_up = row is not None and row.state is State.UP
        self.is_down = row is not None and row.state in (State.DOWN, State.FAILED)
        said = row.sentence if row is not None and row.state is not State.DOWN and not self.is_up else ""
        self._about = said or ("Brought up first" if self.is_down else "")
        self._pill.set_state(row.state if row is not None else State.CONNECTING)

    def show_task(self, task: TaskRow | None, wanted: bool) -> None:
        """How far the installation is; `wanted`: whether it is ticked."""
        if self.box.isChecked() != wanted:
            self.box.setChecked(wanted)
        state = task.state if task is not None else ""
        self._running = state == "running"
        self._spinner.setVisible(self._running)
        self._pill.setVisible(not state)
        shown = {"done": State.SUCCEEDED, "failed": State.FAILED, "cancelled": State.CANCELLED}.get(state)
        self.task_pill.setVisible(shown is not None)
        if shown is not None:
            self.task_pill.set_state(shown)
        again = state in ("failed", "cancelled")
        if not (self._running or again):
            let_go_of_focus(self.act_button)
        self.act_button.setVisible(self._running or again)
        self.act_button.set_text("Retry" if again else "Cancel")
        said = _line_words(task) if task is not None else self._about
        self._second.setText(said)
        self._second.setVisible(bool(said))

    def mark(self, shown: bool) -> None:
        """Whether what it says is shown below."""
        if bool(self.property("chosen")) != shown:
            self.setProperty("chosen", shown)
            self.style().unpolish(self)
            self.style().polish(self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit()
        super().mousePressEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() is QEvent.Type.FocusIn:
            self.chosen.emit()  # the log follows the keyboard too
        return False

    def _act(self) -> None:
        (self.cancel if self._running else self.retry).emit()


def _line_words(task: TaskRow) -> str:
    if task.state == "running":
        return task.sentence or "Connecting…"
    took = duration_text(max(0.0, task.ended - task.started))
    if task.state == "done":
        return f"{_WORDS['done']} in {took}" if task.lines else _WORDS["nothing"]
    return task.sentence
