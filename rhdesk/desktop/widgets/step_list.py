"""The steps towards hosts as they come: state, time, what was found, and the remedy under the one that failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from rhdesk.core.words import clock_text, duration_text
from rhdesk.desktop.widgets.base import IconLabel, Label, row_of
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import DetailsFold, Spinner
from rhdesk.desktop.widgets.wrapped import WrappedLabel

if TYPE_CHECKING:
    from rhresources.reach.steps import Step

NAMES = {
    "resolve": "Find the host",
    "reach": "Reach it",
    "host key": "Host key",
    "log in": "Log in",
    "forwarding": "Forwarding",
    "python": "Python",
    "disk": "Disk",
    "server": "Server",
    "gpu": "GPU",
}
"""What the steps are called here."""

_MARKS = {
    "done": ("check", "ok"),
    "note": ("info", "info"),
    "failed": ("circle-x", "error"),
    "skipped": ("circle-minus", "text_faint"),
}
_WORDS = {"running": "running", "done": "done", "note": "done", "failed": "failed", "skipped": "skipped"}
_SHOW_CLOCK = 2.0


class StepList(QWidget):
    """A group for each host, in the order they came."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(16)
        self._groups: dict[str, _Group] = {}
        self._steps: dict[tuple[str, str], Step] = {}
        self._timer = QTimer(self, interval=500)
        self._timer.timeout.connect(self._tick)

    @property
    def steps(self) -> list[Step]:
        """As they stand."""
        return list(self._steps.values())

    def clear(self) -> None:
        clear_layout(self._column)
        self._groups, self._steps = {}, {}
        self._timer.stop()

    def show_step(self, step: Step) -> None:
        """Add a step, or change the one of that host and name."""
        self._steps[step.host, step.name] = step
        group = self._groups.get(step.host)
        if group is None:
            group = self._groups[step.host] = _Group(step.host)
            self._column.addWidget(group)
            for host, one in self._groups.items():
                one.show_title(len(self._groups) > 1 or "@" in host)
        group.show_step(step)
        self._timer.start()

    def as_text(self) -> str:
        """All steps as plain text, for the clipboard."""
        lines = []
        for host in self._groups:
            lines.append(host)
            for step in (step for step in self._steps.values() if step.host == host):
                took = f" ({duration_text(step.seconds)})" if step.seconds else ""
                lines.append(f"  {step.state}  {NAMES.get(step.name, step.name)}{took}  {step.sentence}".rstrip())
                lines += [f"    {part}" for text in (step.remedy, step.detail) for part in text.splitlines()]
        return "\n".join(lines)

    def failed(self) -> QWidget | None:
        """The first row that says what failed."""
        return next((row for group in self._groups.values() for row in group.rows() if row.failed), None)

    def settle(self) -> None:
        """Nothing goes on any more: what still runs was cancelled."""
        self._timer.stop()
        for group in self._groups.values():
            group.settle()

    def _tick(self) -> None:
        for group in self._groups.values():
            group.tick()


class _Group(QWidget):
    """One host."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(7)
        jump = "@" in host
        self._title = QWidget()
        words = row_of(IconLabel("network" if jump else "server"), Label(host, "h3", select=True))
        if jump:
            words.addWidget(Label("on the way", "faint"))
        words.addStretch(1)
        self._title.setLayout(words)
        self._column.addWidget(self._title)
        self._rows: dict[str, _Row] = {}

    def rows(self) -> list[_Row]:
        return list(self._rows.values())

    def show_title(self, shown: bool) -> None:
        self._title.setVisible(shown)

    def show_step(self, step: Step) -> None:
        row = self._rows.get(step.name)
        if row is None:
            row = self._rows[step.name] = _Row()
            self._column.addWidget(row)
        row.show_step(step)

    def settle(self) -> None:
        for row in self._rows.values():
            row.settle()

    def tick(self) -> None:
        for row in self._rows.values():
            row.tick()


class _Row(QWidget):
    """One step."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnMinimumWidth(1, 88)
        self._grid.setColumnStretch(2, 1)
        self._running = self.failed = False
        self._since = time.monotonic()
        self._clock = Label("", "faint")

    def show_step(self, step: Step) -> None:
        clear_layout(self._grid)
        self._running = step.state == "running"
        self._since = time.monotonic()
        top = Qt.AlignmentFlag.AlignTop
        mark = Spinner(16) if self._running else IconLabel(*_MARKS[step.state])
        self._grid.addWidget(mark, 0, 0, top)
        name = NAMES.get(step.name, step.name)
        failed = self.failed = step.state == "failed"
        role = "strong" if self._running or failed else "muted" if step.state == "skipped" else ""
        self._grid.addWidget(Label(name, role), 0, 1, top)
        if step.sentence and not failed:
            self._grid.addWidget(WrappedLabel(step.sentence, "muted"), 0, 2, top)
        timed = not self._running and step.state != "skipped"
        self._clock = Label(duration_text(step.seconds) if timed else "", "faint")
        self._grid.addWidget(self._clock, 0, 3, top | Qt.AlignmentFlag.AlignRight)
        below: list[QWidget] = [WrappedLabel(step.sentence, "")] if failed and step.sentence else []
        below += [WrappedLabel(step.remedy, "muted")] if step.remedy else []
        if step.detail:
            fold = DetailsFold(step.detail)
            fold.set_copied("\n".join(part for part in (step.sentence, step.remedy, step.detail) if part))
            below.append(fold)
        for line, widget in enumerate(below, 1):  # what failed has the whole width to say why
            self._grid.addWidget(widget, line, 1 if failed else 2, 1, 3 if failed else 2)
        self.setAccessibleName(f"{name}: {_WORDS[step.state]}. {step.sentence} {step.remedy}".strip())

    def settle(self) -> None:
        if self._running:
            self._running = False
            spinner = self._grid.itemAtPosition(0, 0)
            widget = spinner.widget() if spinner is not None else None
            if widget is not None:
                widget.hide()
                self._grid.removeWidget(widget)
                widget.deleteLater()
            self._grid.addWidget(IconLabel("ban", "text_faint"), 0, 0, Qt.AlignmentFlag.AlignTop)
            self._clock.setText("")

    def tick(self) -> None:
        passed = time.monotonic() - self._since
        if self._running and passed >= _SHOW_CLOCK:
            self._clock.setText(clock_text(passed))
