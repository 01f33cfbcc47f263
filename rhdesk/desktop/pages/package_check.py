"""What installing a package would bring: resolved on a cluster, nothing installed, beside what is there now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.environment_rows import OWN_PACKAGE, EnvironmentRow, one_of_each
from rhdesk.core.package_requests import Plan, PlannedRow, environments_of, read_package, request_of
from rhdesk.core.rows import State
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.cluster_choice import ClusterChoice
from rhdesk.desktop.forms.inputs import CalmCombo
from rhdesk.desktop.forms.python_choice import PythonChoice
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.base import Button, Label, Rule
from rhdesk.desktop.widgets.list_panel import ListPanel
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import StateView
from rhdesk.desktop.widgets.task_output import TaskOutput

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace

_AUTOMATIC, _NOTHING = "", "-"
_ROLES = {"added": "ok", "removed": "error", "newer": "info", "older": "warn", "other": "warn"}
_WORDS = {"added": "+ added", "removed": "− removed", "newer": "↑ newer", "older": "↓ older", "other": "≠ other"}


@dataclass(frozen=True)
class _Answer:
    plan: Plan
    beside: EnvironmentRow | None
    document: object  # what the YAML said that was checked


class PackageCheck(QWidget):
    """One check at a time. The YAML that is checked is the one in the editor, saved or not."""

    text_wanted = Signal()  # the page gives it with `check`

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: EntryRow | None = None
        self._task = f"package.check:{id(self)}"
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 10, 16, 8)
        bar.setSpacing(8)
        bar.addWidget(Label("On", "muted"))
        self.cluster = ClusterChoice(desk)
        self.cluster.activated.connect(lambda place: self._cluster_chosen())
        bar.addWidget(self.cluster)
        self.python = PythonChoice()
        bar.addWidget(self.python)
        self.beside = CalmCombo()
        self.beside.setAccessibleName("Environment to compare with")
        self.beside.setToolTip("Which environment is shown as what is there now")
        bar.addStretch(1)
        self.check_button = Button("Check", "primary", "shield-check", self.text_wanted.emit)
        self.check_button.setObjectName("check-button")
        bar.addWidget(self.check_button)
        column.addLayout(bar)
        second = QHBoxLayout()
        second.setContentsMargins(16, 0, 16, 10)
        second.setSpacing(8)
        second.addWidget(Label("Compared with", "muted"))
        second.addWidget(self.beside, 1)
        column.addLayout(second)
        column.addWidget(Rule())
        self._notes = QVBoxLayout()
        column.addLayout(self._notes)
        columns = [
            Column[PlannedRow](
                "name",
                "Package",
                lambda row: row.name,
                Kind.TITLE,
                130,
                stretch=True,
                second=lambda row: "needed by rhdesk" if row.name == OWN_PACKAGE else "",
            ),
            Column[PlannedRow]("kind", "By", lambda row: row.kind, Kind.MUTED, 64, drop_below=460),
            Column[PlannedRow]("before", "Now", lambda row: row.before or "—", Kind.MONO, 92, role=_before_role),
            Column[PlannedRow]("after", "Then", lambda row: row.after or "—", Kind.MONO, 92, role=_after_role),
            Column[PlannedRow](
                "change", "Change", lambda row: _WORDS.get(row.change, ""), Kind.MUTED, 92, role=_role, drop_below=400
            ),
        ]
        self.table = ListPanel(columns, lambda row: f"{row.kind}:{row.name}", "Plan")
        self.table.setProperty("card", False)
        self.table.set_chips([("all", "All", None), ("changed", "Changes", lambda row: bool(row.change))])
        self.table.set_empty("Nothing would be installed", "The package asks for nothing.", "package")
        self.output = TaskOutput(
            desk,
            self._task,
            {"running": "Resolving on the cluster…", "failed": "It cannot be installed so", "cancelled": "Cancelled"},
            "",
        )
        self.output.retry.connect(self.text_wanted.emit)
        self._state = StateView()
        self._stack = QStackedWidget()
        for widget in (self._state, self.output, self.table):
            self._stack.addWidget(widget)
        column.addWidget(self._stack, 1)
        self._environments: list[EnvironmentRow] = []
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._say()))
        self._fill_beside()
        self._reset()

    def show_package(self, row: EntryRow) -> None:
        """Show a package; the plan of another one goes."""
        if self._row is None or row.address != self._row.address:
            self._desk.tasks.cancel(self._task)
            self._row = row
            self._environments = []
            self._fill_beside()
            self._reset()
            if self.isVisible():
                self._ask_environments()
        self._row = row

    def check(self, text: str) -> None:
        """Resolve what this YAML says, on the chosen cluster, which is brought up if it is not."""
        row = self._row
        if row is None:
            return
        cluster, wanted = self.cluster.chosen, str(self.beside.currentData() or "")
        python = self.python.chosen

        async def check(workspace: Workspace, progress: Progress) -> _Answer:
            document = await read_package(text)
            request = request_of(document, python)
            environments = await workspace.environments(cluster, up=True, ask=True, progress=progress)
            known = [EnvironmentRow.of(each) for each in await environments.list()]
            before = _to_compare(wanted, row, known)
            plan = Plan.of(await environments.check(request, before.hash if before else "", progress))
            by_hash = {each.hash: each for each in known}
            return _Answer(plan, by_hash.get(plan.compared_with), document)

        self._drop_notes()
        self._stack.setCurrentWidget(self.output)
        self._desk.act(
            self._task,
            check,
            title=f"Check {row.address} on {cluster}",
            go_to=("packages", f"{row.address}?tab=check"),
            on_done=self._planned,
            on_end=self._say,
            quiet=True,
        )
        self._say()

    def showEvent(self, event: object) -> None:
        self._ask_environments()

    # ------------------------------------------------------------ what is there now

    def _cluster_chosen(self) -> None:
        self._desk.tasks.cancel(self._task)
        self._environments = []
        self._fill_beside()
        self._reset()
        self._ask_environments()

    def _ask_environments(self) -> None:
        cluster = self.cluster.chosen
        known = self._desk.store.clusters.get(cluster)
        if known is None or known.state is not State.UP:
            return

        async def ask(workspace: Workspace, progress: Progress) -> list[EnvironmentRow]:
            environments = await workspace.environments(cluster)
            return [EnvironmentRow.of(each) for each in await environments.list()]

        def answered(found: list[EnvironmentRow]) -> None:
            if cluster == self.cluster.chosen:
                self._environments = one_of_each(each for each in found if each.state == "ready")
                self._fill_beside()

        # a cluster that cannot be asked says so when it is checked on
        self._desk.act(f"{self._task}:list", ask, on_done=answered, on_error=lambda error: None, quiet=True)

    def _fill_beside(self) -> None:
        chosen = self.beside.currentData()
        self.beside.clear()
        own = environments_of(self._row.address, self._row.document, self._environments) if self._row else []
        self.beside.addItem("what it has now" if own or not self._environments else "nothing", _AUTOMATIC)
        for each in self._environments:
            self.beside.addItem(f"{each.title}  ·  {each.hash[:8]}", each.hash)
        if own or not self._environments:
            self.beside.addItem("nothing", _NOTHING)
        self.beside.setCurrentIndex(max(0, self.beside.findData(chosen)))

    # ------------------------------------------------------------ what is shown

    def _planned(self, answer: _Answer) -> None:
        plan = answer.plan
        self.table.set_rows(sorted(plan.rows, key=lambda row: (not row.change, row.name)))
        self.table.chips.choose("all")
        self._stack.setCurrentWidget(self.table)
        self._drop_notes()
        self._notes.setContentsMargins(16, 10, 16, 2)
        words = [self._words(answer)]
        if self._row is not None and answer.document != self._row.document:
            words.append("This is what stands in the editor; it is not saved.")
        self._notes.addWidget(Label(" ".join(words), "muted", wrap=True))
        self._ask_environments()

    def _words(self, answer: _Answer) -> str:
        plan, count = answer.plan, count_text(len(answer.plan.rows), "package")
        if plan.ready and not plan.changes:
            return f"It is installed there already: {count}."
        if answer.beside is None and not plan.compared_with:
            return f"{count} would be installed; nothing is there to compare with."
        beside = f"{answer.beside.title} ({answer.beside.hash[:8]})" if answer.beside else plan.compared_with[:8]
        if not plan.changes:
            return f"Nothing changes, compared with {beside}: {count}."
        kinds = {kind: sum(1 for row in plan.rows if row.change == kind) for kind in _WORDS}
        listed = ", ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
        return f"{listed}, compared with {beside}; {count} in all."

    def _reset(self) -> None:
        self._drop_notes()
        self._state.show_empty(
            "Not checked yet",
            "Check resolves the package on the cluster, which is brought up if it is not, and shows which versions "
            "would be installed. Nothing is installed.",
            "shield-check",
        )
        self._stack.setCurrentWidget(self._state)
        self._say()

    def _drop_notes(self) -> None:
        clear_layout(self._notes)
        self._notes.setContentsMargins(0, 0, 0, 0)

    def _say(self) -> None:
        running = self._desk.tasks.busy(self._task)
        self.check_button.setEnabled(not running)


def _to_compare(wanted: str, row: EntryRow, known: list[EnvironmentRow]) -> EnvironmentRow | None:
    """The environment that is "now": the chosen one, else that of the saved package alone, where there is one."""
    if wanted == _NOTHING:
        return None
    if wanted:
        return next((each for each in known if each.hash == wanted), None)
    own = [each for each in environments_of(row.address, row.document, known) if each.state == "ready"]
    return own[0] if own else None


def _role(row: PlannedRow) -> str:
    return _ROLES.get(row.change, "")


def _before_role(row: PlannedRow) -> str:
    return "error" if row.change == "removed" else ""


def _after_role(row: PlannedRow) -> str:
    return _ROLES.get(row.change, "text") if row.after else ""
