"""The steps of something that takes long, as they come, with the time of each."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QWidget

from rhdesk.core.rows import TaskRow
from rhdesk.core.task_steps import TaskStep, steps_of
from rhdesk.core.words import clock_text, duration_text
from rhdesk.desktop.widgets.base import ElidedLabel, IconLabel, Label
from rhdesk.desktop.widgets.removal import discard
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
        self._rows: list[_Row] = []
        self._timer = QTimer(self, interval=1000)
        self._timer.timeout.connect(self._tick)

    def show_task(self, task: TaskRow) -> None:
        """Show the steps of a task so far. Those that did not change stay as they are: nothing flickers, and words that
        somebody marks to copy stay marked."""
        steps = steps_of(task)[-_MOST:]
        same = 0
        while same < min(len(steps), len(self._rows)) and steps[same] == self._rows[same].step:
            same += 1
        for row in self._rows[same:]:
            row.leave()
        del self._rows[same:]
        for step in steps[same:]:
            line = self._rows[-1].last_line + 1 if self._rows else 0
            self._rows.append(_Row(self._grid, line, step))
        self._tick()
        if any(row.runs for row in self._rows):
            self._timer.start()
        else:
            self._timer.stop()

    def _tick(self) -> None:
        now = time.time()
        for row in self._rows:
            row.tick(now)


class _Row:
    """One step, in a line of the grid, or in two if an installer said something."""

    def __init__(self, grid: QGridLayout, line: int, step: TaskStep) -> None:
        self.step = step
        self.runs = step.state == "running"
        self.last_line = line
        mark = Spinner(16) if self.runs else IconLabel(*_MARKS[step.state])
        words = WrappedLabel(step.words, "" if self.runs or step.state == "failed" else "muted")
        self._clock = Label(duration_text(step.took) if step.took else "", "faint")
        self._clock.setMinimumWidth(_CLOCK)
        self._clock.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._widgets: list[QWidget] = [mark, words, self._clock]
        grid.addWidget(mark, line, 0, _TOP)
        grid.addWidget(words, line, 1)
        grid.addWidget(self._clock, line, 2, _TOP | Qt.AlignmentFlag.AlignRight)
        if self.runs and step.output:
            self.last_line += 1
            output = ElidedLabel(step.output, "faint")
            grid.addWidget(output, self.last_line, 1, 1, 2)
            self._widgets.append(output)
        for widget in self._widgets:
            widget.show()  # now: a layout would do it later, and leave the place empty until then

    def tick(self, now: float) -> None:
        if self.runs:
            self._clock.setText(clock_text(max(0.0, now - self.step.began)))

    def leave(self) -> None:
        """Be gone."""
        for widget in self._widgets:
            discard(widget)  # its layout hears of that by itself
