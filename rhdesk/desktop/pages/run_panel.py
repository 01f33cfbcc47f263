"""One run in full: log, result, error, details; cancel, run again, delete."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.cost_words import run_cost_text
from rhdesk.core.desk import Desk
from rhdesk.core.last_arguments import short_arguments
from rhdesk.core.results import ErrorReport, ResultPreview
from rhdesk.core.rows import Problem, RunRow, State
from rhdesk.core.store import SPENDING, Change
from rhdesk.core.tasks import Progress
from rhdesk.core.words import age_text, bytes_text, clock_text, duration_text, moment_text
from rhdesk.desktop.forms.result_view import ResultView
from rhdesk.desktop.models.run_columns import why_text
from rhdesk.desktop.run_acts import ask_cancel, ask_delete, run_again, why_not_again
from rhdesk.desktop.widgets.base import Button, StatePill
from rhdesk.desktop.widgets.run_log import RunLog
from rhdesk.desktop.widgets.side_panel import Facts, SidePanel

if TYPE_CHECKING:
    from rhresources.costs.spending import Line
    from rhresources.workspace import Workspace


class RunPanel(SidePanel):
    """Follows the store for the run it shows."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(480)
        self._desk = desk
        self._id = ""
        self._was_over = False
        self._buttons_for: tuple[str, State, bool] | None = None
        self._result_for: tuple[str, State] | None = None
        self._result_missing = False  # it could not be fetched
        self.preview: ResultPreview | None = None  # what the Result tab shows
        self._pill = StatePill()
        self.add_mark(self._pill)
        self.log = RunLog(desk, "runs")
        self.result = ResultView()
        self.result.on_download = self._download
        self.error = ResultView()
        details = QWidget()
        column = QVBoxLayout(details)
        column.setContentsMargins(16, 14, 16, 14)
        self._facts = Facts(name_width=96)
        column.addWidget(self._facts)
        column.addStretch(1)
        self.add_tab("log", "Log", self.log, scroll=False)
        self.add_tab("result", "Result", self.result, scroll=False)
        self.add_tab("error", "Error", self.error, scroll=False)
        self.add_tab("details", "Details", details)
        self.log.run_changed.connect(self._record)
        self.tabs.chosen.connect(lambda key: self._load_result())
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tick)
        self.destroyed.connect(desk.store.runs.subscribe(self._changed))
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._cluster_changed()))
        self.destroyed.connect(desk.store.spending.subscribe(lambda change: self._cost_changed()))

    @property
    def run(self) -> RunRow | None:
        return self._desk.store.runs.get(self._id)

    def show_run(self, id: str) -> None:
        """Show a run, now or as soon as the store knows it; "" for none."""
        if id == self._id:
            return
        self._id = id
        self._result_for = self._buttons_for = self.preview = None
        self.result.clear()
        self.error.clear()
        self.log.show_run(None)
        self._was_over = False
        self.tabs.choose("log")
        self._refresh()

    # ------------------------------------------------------------ contents

    def _changed(self, change: Change) -> None:
        if self._id and (change.reset or self._id in change.changed or self._id in change.removed):
            self._refresh()

    def _record(self, row: RunRow) -> None:
        """The watch of the log knows sooner than the list."""
        known = self._desk.store.runs.get(row.id)
        if known is None or known.revision <= row.revision:
            self._desk.store.runs.update({row.id: row})

    def _refresh(self) -> None:
        run = self.run
        if run is None:
            self.set_head("Run" if self._id else "", self._id)
            self.set_buttons([])
            return
        self._pill.set_state(run.state)
        self._tick()
        self.log.show_run(run)
        self._show_buttons(run)
        self._show_error(run)
        self._show_details(run)
        self._leave_empty_log(run)
        self._load_result()
        pace = 5000 if run.state.is_over else 1000  # how long ago it was goes on
        if not self._clock.isActive() or self._clock.interval() != pace:
            self._clock.start(pace)

    def _tick(self) -> None:
        run = self.run
        if run is None:
            return
        took = run.duration(time.time())
        me = self._desk.store.me
        words = [run.cluster, *([f"by {run.by}"] if run.by and run.by not in me else []), age_text(run.created)]
        if self._desk.store.runs.is_old(run) and not run.state.is_over:
            words.append("how it is now is not known")
        elif took is not None:
            words.append(duration_text(took) if run.state.is_over else f"for {clock_text(took)}")
        reason = "" if run.state.is_over else why_text(run)
        self.set_head(run.name or run.id, " · ".join([*words, reason] if reason else words))

    def _show_buttons(self, run: RunRow) -> None:
        again_not = why_not_again(self._desk, run)
        key = (run.id, run.state, bool(again_not))
        if key == self._buttons_for:
            return
        self._buttons_for = key
        again = Button("Run again…", "primary" if run.state.is_over else "", "rotate-ccw", lambda: self._again())
        again.setObjectName("run-again")
        again.allow(again_not)
        if run.state.is_over:
            delete = Button("Delete…", "flat", "trash-2", lambda: ask_delete(self._desk, self.window(), [run]))
            self.set_buttons([again, delete])
        else:
            cancel = Button("Cancel…", "", "circle-stop", lambda: self._cancel())
            cancel.setObjectName("run-cancel")
            self.set_buttons([cancel, again])

    def _show_error(self, run: RunRow) -> None:
        failed = _failed(run)
        self.tabs.set_visible("error", failed)
        self.tabs.set_visible("result", not failed)
        if not failed:
            if self.tabs.current == "error":
                self.tabs.choose("log")
            return
        if self.tabs.current == "result":
            self.tabs.choose("error")
        if run.error_type:
            report = ErrorReport(run.error_type, run.error_message, run.traceback)
        elif run.problem is not None:
            report = ErrorReport("", run.problem.sentence, run.problem.detail, run.problem.remedy)
        else:
            report = ErrorReport("", run.reason or f"The run was {run.state.word.lower()}.")
        self.error.show_error(report)

    def _show_details(self, run: RunRow) -> None:
        self._facts.set_facts(
            [
                ("Run", run.id),
                ("Function", run.name),
                ("Arguments", short_arguments(run.arguments) or "none"),
                ("State", _state_text(run)),
                ("Submitted", moment_text(run.created)),
                ("Started", moment_text(run.started) if run.started else ""),
                ("Ended", moment_text(run.ended) if run.ended else ""),
                ("Took", duration_text(run.duration(time.time())) if run.started else ""),
                ("Cost", run_cost_text(self._cost())),
                ("Log", bytes_text(run.log_bytes)),
                ("Result", f"{run.result_type}, {bytes_text(run.result_bytes)}" if run.result_type else ""),
                ("Items", f"{run.items:,} yielded" if run.items else ""),
                ("Cluster", run.cluster),
                ("Host", f"{run.host}, process {run.pid}" if run.pid else run.host),
                ("Environment", run.environment),
                ("Code", f"{run.project} at {run.tree[:12]}" if run.project else "with the function itself"),
                ("Started from", run.client),
                ("By", run.by),
                ("Cancelled by", run.cancelled_by),
                ("Account", run.user),
            ],
            mono=("Run", "Arguments", "Environment", "Code"),
        )

    def _cost(self) -> Line | None:
        summary = self._desk.store.spending.get(SPENDING)
        return summary.runs.get(self._id) if summary is not None else None

    def _cost_changed(self) -> None:
        run = self.run
        if run is not None:
            self._show_details(run)

    def _leave_empty_log(self, run: RunRow) -> None:
        """A run that printed nothing has its result or its error to show."""
        if run.state.is_over and not self._was_over and not run.log_bytes and self.tabs.current == "log":
            if run.state is State.SUCCEEDED:
                self.tabs.choose("result")
            elif _failed(run):
                self.tabs.choose("error")
        self._was_over = run.state.is_over

    # ------------------------------------------------------------ the result

    def _cluster_changed(self) -> None:
        """A result that could not be fetched is fetched when the cluster is back."""
        run = self.run
        row = self._desk.store.clusters.get(run.cluster) if run is not None else None
        if self._result_missing and row is not None and row.state is State.UP:
            self._result_for = None
            self._load_result()

    def _load_result(self) -> None:
        run = self.run
        if run is None or self.tabs.current != "result" or self._result_for == (run.id, run.state):
            return
        self._result_for = (run.id, run.state)
        self._result_missing = False
        if run.state is State.SUCCEEDED:
            self._fetch(run)
        elif run.state is State.CANCELLED:
            self.result.show_note("It was cancelled", run.reason, "ban")
        else:
            self.result.show_note("Not there yet", "The result will be here when the run has ended.", "clock")

    def _fetch(self, run: RunRow) -> None:
        self.result.show_loading()

        async def fetch(workspace: Workspace, progress: Progress) -> ResultPreview:
            reply = await (await workspace.connect(run.cluster)).result(run.id, preview=True)
            record = reply.run
            return ResultPreview.of(record.preview, record.result_type, record.result_bytes)

        def show(preview: ResultPreview) -> None:
            if self._id == run.id:
                self.preview = preview
                self.result.show_preview(preview)

        def failed(error: BaseException) -> None:
            if self._id == run.id:
                self._result_missing = True
                self.result.show_problem(Problem.of(error), lambda: self._fetch(run))

        self._desk.act("result preview", fetch, on_done=show, on_error=failed, quiet=True)

    def _download(self, path: Path) -> None:
        run = self.run
        if run is None:
            return

        async def save(workspace: Workspace, progress: Progress) -> int:
            from rhdesk.core.results import save_value

            return await save_value(await workspace.connect(run.cluster), run.id, path)

        self._desk.act(
            f"save result {run.id}",
            save,
            title=f"Saving the result of {run.name}",
            on_done=lambda size: self._desk.notifier.success(f"{bytes_text(size)} written to {path}."),
        )

    # ------------------------------------------------------------ acts

    def _cancel(self) -> None:
        if self.run is not None:
            ask_cancel(self._desk, self.window(), [self.run])

    def _again(self) -> None:
        if self.run is not None:
            run_again(self._desk, self.run)


def _state_text(run: RunRow) -> str:
    word, why = run.state.word, why_text(run)
    return why if why.startswith(word) else f"{word}: {why}" if why else word


def _failed(run: RunRow) -> bool:
    return run.state in (State.FAILED, State.LOST)
