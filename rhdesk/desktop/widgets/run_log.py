"""The live log of one run: a LogPanel with the feed behind it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem, RunRow, State
from rhdesk.core.tasks import Progress
from rhdesk.core.words import bytes_text
from rhdesk.desktop.cluster_problems import LOST, ClusterProblem
from rhdesk.desktop.forms.file_choice import choose_save
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.log_view import LogPanel
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


class RunLog(QWidget):
    """Shows the log of the run it is given, live while the run goes on. `name` keeps several of these apart."""

    run_changed = Signal(object)  # the run's new record

    def __init__(self, desk: Desk, name: str) -> None:
        super().__init__()
        self._desk = desk
        self._task = f"log {name}"
        self._run: RunRow | None = None
        self._broken = False  # the following ended with an error
        self._began = False  # some of the log is shown, and it can go on from its end
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._problems = QVBoxLayout()
        column.addLayout(self._problems)
        self._lost = ClusterProblem(desk, margins=(12, 8, 12, 8), beside=True)
        column.addWidget(self._lost)
        self.panel = LogPanel()
        column.addWidget(self.panel, 1)
        self.panel.piece_wanted.connect(self._fetch_piece)
        self.panel.save_asked.connect(self._ask_save)
        self.destroyed.connect(partial(desk.tasks.cancel, self._task))
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._cluster_changed()))

    @property
    def run(self) -> RunRow | None:
        return self._run

    def show_run(self, run: RunRow | None) -> None:
        """Show another run (or the same, when its record changed)."""
        if run is not None and self._run is not None and run.id == self._run.id:
            self._run = run
            self._say()
            self._show_lost()
            return
        self._run = run
        self._began = False
        self._show_lost()
        self.panel.clear()
        clear_layout(self._problems)
        if run is None:
            self._desk.tasks.cancel(self._task)
            self.panel.say("No run is chosen.")
            return
        self.panel.say("Reading the log…" if self._lost.isHidden() else "")
        self._start(run)

    def _start(self, run: RunRow) -> None:
        """Follow the log: from its end as it is shown, where some of it is."""
        clear_layout(self._problems)
        self._broken = False
        offset = self.panel.buffer.size if self._began else None

        async def follow(workspace: Workspace, progress: Progress) -> None:
            from rhdesk.core.log_feed import LogSink, follow_log
            from rhresources.settings import Settings

            settings = await asyncio.to_thread(Settings.load, self._desk.home)
            client = await workspace.connect(run.cluster)
            sink = LogSink(
                on_start=lambda offset: self._if_same(run.id, lambda: self._begin(offset)),
                on_block=lambda offset, data: self._if_same(run.id, lambda: self.panel.feed(offset, data)),
                on_run=lambda row: self._if_same(run.id, lambda: self._record(row)),
                on_progress=lambda text: self._if_same(run.id, lambda: self._prepares(text)),
            )
            lines, mailbox = settings.log_tail_lines, self._desk.mailbox
            await follow_log(client, run.cluster, run.id, mailbox, sink, lines=lines, offset=offset)

        self._desk.act(
            self._task,
            follow,
            on_error=lambda error: self._failed(run, error),
            on_done=lambda _: self._say(),
            quiet=True,
        )

    def _if_same(self, id: str, act: object) -> None:
        if self._run is not None and self._run.id == id and callable(act):
            act()

    def _begin(self, offset: int) -> None:
        self._began = True
        self.panel.clear(offset)
        self._say()

    def _record(self, row: RunRow) -> None:
        self._run = row
        self._say()
        self.run_changed.emit(row)

    def _prepares(self, text: str) -> None:
        self.panel.say(text.strip().splitlines()[-1] if text.strip() else "")

    def _say(self) -> None:
        run = self._run
        if run is None:
            return
        if run.state.is_over:
            self.panel.say("It printed nothing.")
        elif run.started:
            self.panel.say("Waiting for its first line…")
        else:
            self.panel.say(run.reason or f"{run.state.word}…")

    # ------------------------------------------------------------ a connection that was lost

    def _cluster_changed(self) -> None:
        run = self._run
        row = self._desk.store.clusters.get(run.cluster) if run is not None else None
        if run is not None and row is not None and self._broken and row.state in (State.UP, State.STARTING):
            self._start(run)
        self._show_lost()

    def _show_lost(self) -> None:
        """Say what became of the way to the cluster, while there is still something to come from it."""
        run = self._run
        row = self._desk.store.clusters.get(run.cluster) if run is not None else None
        waits = run is not None and (self._broken or not run.state.is_over)
        lost = row if row is not None and waits and row.state in LOST else None
        self._lost.show_cluster(lost, "The log goes on by itself when it answers again.")
        if lost is not None:
            clear_layout(self._problems)  # one box that says so is enough

    def _failed(self, run: RunRow, error: BaseException) -> None:
        self._broken = True
        row = self._desk.store.clusters.get(run.cluster)
        if row is not None and row.state in LOST:
            self._show_lost()
            return
        retry = Button("Retry", "link", "refresh-cw", lambda: self._start(run))
        self._problems.addWidget(ProblemBox(Problem.of(error), [retry]))
        self.panel.say("")

    def _fetch_piece(self, offset: int, length: int) -> None:
        run = self._run
        if run is None:
            return

        async def fetch(workspace: Workspace, progress: Progress) -> tuple[int, bytes]:
            from rhdesk.core.log_feed import read_piece

            return await read_piece(await workspace.connect(run.cluster), run.id, offset, length)

        self._desk.act(
            f"{self._task} piece",
            fetch,
            on_done=lambda piece: self._if_same(run.id, lambda: self.panel.feed_piece(*piece)),
        )

    def _ask_save(self) -> None:
        run = self._run
        if run is not None:
            short = run.name.rpartition(":")[2].rpartition("/")[2] or "run"
            choose_save(self, "Save the whole log", f"{short}-{run.id}.log", lambda path: self._save(run, path))

    def _save(self, run: RunRow, path: Path) -> None:
        async def save(workspace: Workspace, progress: Progress) -> int:
            from rhdesk.core.log_feed import save_log

            return await save_log(await workspace.connect(run.cluster), run.id, path, progress)

        self._desk.act(
            f"save log {run.id}",
            save,
            title=f"Saving the log of {run.name}",
            on_done=lambda size: self._desk.notifier.success(f"{bytes_text(size)} written to {path}."),
        )
