"""What a long act says while it goes on, line by line, with its state and Cancel."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import TaskRow
from rhdesk.core.store import Change
from rhdesk.core.words import duration_text
from rhdesk.desktop.forms.result_text import TextView
from rhdesk.desktop.widgets.base import Button, Label
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox, Spinner


class TaskOutput(QWidget):
    """Follows the task of one name in the store; `retry` is pressed after it failed or was cancelled."""

    retry = Signal()

    def __init__(self, desk: Desk, name: str, words: dict[str, str], placeholder: str) -> None:
        """Args:
        words: what is said in the states "running", "done", "failed" and "cancelled"; "nothing" where it is done and
            nothing had to be.
        placeholder: stands there before anything was done.
        """
        super().__init__()
        self._desk, self._name, self._words = desk, name, words
        self._lines: tuple[str, ...] = ()
        self._shown: TaskRow | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._head = QWidget()
        row = QHBoxLayout(self._head)
        row.setContentsMargins(12, 8, 12, 4)
        row.setSpacing(8)
        self._spinner = Spinner(16)
        row.addWidget(self._spinner)
        self._state = Label("", "muted")
        row.addWidget(self._state, 1)
        self.cancel_button = Button("Cancel", "", on_click=lambda: desk.tasks.give_up(name))
        self.cancel_button.setObjectName("task-cancel")
        self.retry_button = Button("Try again", "", "refresh-cw", self.retry.emit)
        row.addWidget(self.retry_button)
        row.addWidget(self.cancel_button)
        column.addWidget(self._head)
        self._notes = QVBoxLayout()
        column.addLayout(self._notes)
        self.text = TextView(wrap=True)
        self.text.setAccessibleName("What is being done")
        self._placeholder = placeholder
        column.addWidget(self.text, 1)
        self.destroyed.connect(desk.store.tasks.subscribe(self._changed))
        self._show()

    @property
    def task(self) -> TaskRow | None:
        """The task as it is now; None before the first."""
        return self._desk.store.tasks.get(self._name)

    def _changed(self, change: Change) -> None:
        if change.reset or self._name in change.changed or self._name in change.removed:
            self._show()

    def _show(self) -> None:
        row = self.task
        self._head.setVisible(row is not None)
        state = row.state if row is not None else ""
        self._spinner.setVisible(state == "running")
        self.cancel_button.setVisible(state == "running")
        self.retry_button.setVisible(state in ("failed", "cancelled"))
        said = self._words.get(state, "")
        if row is not None and state == "done":
            nothing = "" if row.lines else self._words.get("nothing", "")
            said = nothing or f"{said} in {duration_text(max(0.0, row.ended - row.started))}"
        self._state.setText(said)
        if row is None or self._shown is None or row.state != self._shown.state:
            clear_layout(self._notes)
            problem = row.problem if row is not None else None
            self._notes.setContentsMargins(*((12, 4, 12, 8) if problem else (0, 0, 0, 0)))
            if problem is not None:
                self._notes.addWidget(ProblemBox(problem))
        self._shown = row
        self.text.setPlaceholderText(self._placeholder if row is None else "")
        lines = row.lines if row is not None else ()
        if lines != self._lines:
            bar = self.text.verticalScrollBar()
            at_end = bar.value() >= bar.maximum() - 2
            self._lines = lines
            self.text.setPlainText("\n".join(line.rstrip("\n") for line in lines))
            if at_end:
                bar.setValue(bar.maximum())
