"""The steps of something that takes long, as they come, with the time of each."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QWidget

from rhdesk.core.rows import TaskRow
from rhdesk.core.task_steps import TaskStep, steps_of
from rhdesk.core.words import clock_text, duration_text
from rhdesk.desktop.widgets.base import ElidedLabel, IconLabel, Label, clear_layout
from rhdesk.desktop.widgets.states import Spinner
from rhdesk.desktop.widgets.wrapped import WrappedLabel

_MOST = 40
_CLOCK = 52  # pixels, so that nothing moves while it counts
_TOP = Qt.AlignmentFlag.AlignTop
_MARKS = {
    "done": ("check", "ok"),
    "refused": ("circle-minus", "warn"),
    "failed": ("circle-x", "error"),
    "cancelled": ("ban", "text_faint"),
}


class PhaseList(QWidget):
    """Ended steps with a check and how long each took; those that go on with a spinner and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._shown: list[TaskStep] = []
        self._clocks: list[tuple[Label, float]] = []
        self._timer = QTimer(self, interval=1000)
        self._timer.timeout.connect(self._tick)

    def show_task(self, task: TaskRow) -> None:
        """Show the steps of a task so far."""
        steps = steps_of(task)[-_MOST:]
        if steps == self._shown:
            return
        self._shown = steps
        clear_layout(self._grid)
        self._clocks = []
        line = 0
        for step in steps:
            running = step.state == "running"
            mark = Spinner(16) if running else IconLabel(*_MARKS[step.state])
            self._grid.addWidget(mark, line, 0, _TOP)
            words = WrappedLabel(step.words, "" if running or step.state == "failed" else "muted")
            self._grid.addWidget(words, line, 1)
            clock = Label(duration_text(step.took) if step.took else "", "faint")
            clock.setMinimumWidth(_CLOCK)
            clock.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(clock, line, 2, _TOP | Qt.AlignmentFlag.AlignRight)
            if running:
                self._clocks.append((clock, step.began))
                if step.output:
                    line += 1
                    self._grid.addWidget(ElidedLabel(step.output, "faint"), line, 1, 1, 2)
            line += 1
        self._tick()
        if self._clocks:
            self._timer.start()
        else:
            self._timer.stop()

    def _tick(self) -> None:
        for clock, began in self._clocks:
            clock.setText(clock_text(max(0.0, time.time() - began)))
