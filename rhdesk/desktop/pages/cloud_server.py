"""How SkyPilot's server is, and what can be done to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem, State
from rhdesk.core.store import Change, Phase
from rhdesk.core.words import bytes_text
from rhdesk.desktop.skypilot_acts import (
    CHECK_TASK,
    SERVER_STATES,
    SERVER_TASK,
    cancel_checking,
    read_server,
    server,
    start_server,
    stop_server,
    why_not_stop_server,
)
from rhdesk.desktop.widgets.base import Button, Card, Label, StatePill, row_of
from rhdesk.desktop.widgets.phases import PhaseList
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox

if TYPE_CHECKING:
    from rhresources.cloud.answers import ServerInfo

_NOT_THERE = ("off", "dead", "not-installed")


class ServerCard(Card):
    """One line while all is well; what is wrong, and the steps of a start, under it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(margins=(16, 10, 12, 10))
        self._desk = desk
        self._trouble: Problem | None = None
        self._said: object = None
        self.pill = StatePill(State.CONNECTING)
        self._where = Label("", "muted", wrap=True)
        self._where.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.start = Button("Start", "", "power", lambda: start_server(desk))
        self.start.setObjectName("skypilot-start")
        self.stop = Button("Stop", "", "power-off", lambda: stop_server(desk, self))
        self.stop.setObjectName("skypilot-stop")
        self._again = Button("Look again", "", "refresh-cw", lambda: read_server(desk))
        self._settings = Button("Settings", "flat", "settings", lambda: desk.navigate("settings", ""))
        row = row_of(Label("SkyPilot", "h2"), self.pill, self._where, spacing=10)
        row.setStretch(2, 1)
        for button in (self._settings, self._again, self.stop, self.start):
            row.addWidget(button)
        self.body.addLayout(row)
        self._problem = QVBoxLayout()
        self.body.addLayout(self._problem)
        self._phases = PhaseList()
        self.body.addWidget(self._phases)
        self._cancel = Button("Cancel", "", "x", lambda: cancel_checking(desk))
        self.body.addLayout(row_of(self._cancel, None))
        for table in (desk.store.skypilot, desk.store.tasks):
            self.destroyed.connect(table.subscribe(self._changed))
        self._show()

    def show_trouble(self, problem: Problem | None) -> None:
        """Why SkyPilot cannot be asked, beside what its server says of itself."""
        self._trouble = problem
        self._show()

    def _changed(self, change: Change) -> None:
        self._show()

    def _show(self) -> None:
        info, table = server(self._desk), self._desk.store.skypilot
        task = self._desk.store.tasks.get(SERVER_TASK)
        busy = task is not None and task.state == "running"
        checking = self._desk.tasks.busy(CHECK_TASK)
        self._phases.setVisible(busy)
        self._cancel.setVisible(busy)
        if busy and task is not None:
            self._phases.show_task(task)
        problem = self._trouble
        if info is None:
            failed = table.condition.phase is Phase.FAILED
            self.pill.set_state(State.FAILED if failed else State.CONNECTING)
            self._where.setText("" if failed else "Looking…")
            problem = table.condition.problem or problem
        else:
            if info.owned and info.state in _NOT_THERE and (busy or checking):
                info = replace(info, state="starting")  # it is asked for, and nobody has looked since
            self.pill.set_state(SERVER_STATES.get(info.state, State.DOWN))
            self._where.setText(_words(info))
            if info.sentence and info.state not in ("off", "not-installed", "starting"):
                problem = Problem(info.sentence, info.remedy)
            elif info.state == "starting":
                problem = None
        self._say(problem)
        reason = why_not_stop_server(self._desk)
        self.stop.setVisible(not reason)
        off = info is not None and info.owned and info.state in _NOT_THERE
        self.start.setVisible(off and not busy and not checking)
        installs = info is not None and info.state == "not-installed"
        self.start.set_text("Install and start" if installs else "Start")
        self._again.setVisible(info is not None and not info.owned and info.state != "ready")

    def _say(self, problem: Problem | None) -> None:
        if problem == self._said:
            return
        self._said = problem
        clear_layout(self._problem)
        if problem is not None:
            self._problem.addWidget(ProblemBox(problem))


def _words(info: ServerInfo) -> str:
    where = "On this computer, started and ended by rhdesk" if info.owned else f"At {info.url}"
    if info.state == "not-installed":
        size = f", about {bytes_text(info.needs)}" if info.needs else ""
        folder = f" into {info.folder}" if info.folder else ""
        return f"Not installed. It brings clusters up in clouds{size}{folder}."
    if info.state == "off":
        return "Not needed yet. It starts by itself when something asks for a cloud."
    version = f"{info.version} · " if info.version else ""
    return f"{version}{where}"
