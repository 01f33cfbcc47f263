"""Test connection: every step to the hosts of a cluster, with its time, and the remedy under the one that fails."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.words import count_text
from rhdesk.desktop.widgets.base import Button, Card, Label, Rule, ToolButton
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox, StateView
from rhdesk.desktop.widgets.step_list import StepList

if TYPE_CHECKING:
    from collections.abc import Callable

    from rhdesk.core.tasks import Progress
    from rhresources.documents import ClusterDocument
    from rhresources.reach.steps import Step
    from rhresources.workspace import Workspace


class ConnectionTest(Card):
    """`document` gives what is to be tested, or None after it has said what is wrong with it."""

    def __init__(self, desk: Desk, document: Callable[[], ClusterDocument | None]) -> None:
        super().__init__(margins=(0, 0, 0, 0))
        self._desk, self._document = desk, document
        self._task = f"cluster.check:{id(self)}"
        self._number = 0
        self._stale = False
        self.body.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(16, 8, 10, 8)
        head.setSpacing(8)
        self._title = Label("Connection", "h2")
        head.addWidget(self._title, 1)
        self._copy = ToolButton("copy", "Copy all steps", self._put_on_clipboard)
        self._copy.hide()
        head.addWidget(self._copy)
        self.cancel_button = Button("Cancel", "", "x", self.cancel)
        self.cancel_button.setObjectName("test-cancel")
        self.cancel_button.hide()
        head.addWidget(self.cancel_button)
        self.test_button = Button("Test connection", "", "plug", self.start)
        self.test_button.setObjectName("test-connection")
        head.addWidget(self.test_button)
        self.body.addLayout(head)
        self.body.addWidget(Rule())
        self._state = StateView()
        self._state.show_empty(
            "Not tested yet",
            "A test goes every step to the hosts, and says what to do about the one that fails. "
            "Nothing is changed there, and it can be saved untested.",
            "plug",
        )
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(12)
        self.verdict = Label("", "muted", wrap=True)
        self.verdict.setObjectName("test-verdict")
        column.addWidget(self.verdict)
        self._problems = QVBoxLayout()
        column.addLayout(self._problems)
        self.steps = StepList()
        column.addWidget(self.steps)
        column.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(inner)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._state)
        self._stack.addWidget(self._area)
        self.body.addWidget(self._stack, 1)

    @property
    def running(self) -> bool:
        return self._desk.tasks.busy(self._task)

    def start(self) -> None:
        """Test what the document says now."""
        document = self._document()
        if document is None:
            return
        self._number += 1
        number, steps = self._number, self.steps
        steps.clear()
        clear_layout(self._problems)
        self._stale = False
        self._stack.setCurrentWidget(self._area)
        self._say(f"Testing {count_text(len(document.ips), 'host')}…" if len(document.ips) > 1 else "Testing…", "muted")
        self._show_running(True)
        mailbox = self._desk.mailbox

        async def check(workspace: Workspace, progress: Progress) -> list[Step]:
            return await workspace.check(document, lambda step: mailbox.post(partial(self._step, number, step)))

        self._desk.act(
            self._task,
            check,
            on_done=lambda ended: self._done(number, document, ended),
            on_error=lambda error: self._failed(number, error),
            on_end=lambda: self._ended(number),
            quiet=True,
        )

    def cancel(self) -> None:
        """End the test; what was found so far stays."""
        if self.running:
            self._desk.tasks.cancel(self._task)
            self._number += 1  # what comes late is of no interest
            if isValid(self):
                self.steps.settle()
                self._say("The test was cancelled.", "muted")
                self._show_running(False)

    def document_changed(self) -> None:
        """What was tested is not what the form says now."""
        if self.steps.steps and not self.running and not self._stale:
            self._stale = True
            self.verdict.setText(f"{self.verdict.text()} The form was changed since.".strip())
            self.verdict.set_role("muted")

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():  # the dialog was closed
            self.cancel()

    # ------------------------------------------------------------ what comes back

    def _step(self, number: int, step: Step) -> None:
        if number == self._number and isValid(self):
            self.steps.show_step(step)

    def _done(self, number: int, document: ClusterDocument, ended: list[Step]) -> None:
        if number != self._number or not isValid(self):
            return
        for step in ended:
            self.steps.show_step(step)
        failed = {step.host for step in ended if step.state == "failed"}
        bad = [host for host in document.ips if host in failed]
        several = len(document.ips) > 1
        if bad or failed:
            names = ", ".join(bad or sorted(failed))
            good = len(document.ips) - len(bad)
            rest = f" {good} of {len(document.ips)} can." if several and bad and good else ""
            self._say(f"{names} cannot be used yet.{rest}", "error")
            QTimer.singleShot(0, self, self._show_failed)
        else:
            count = len(document.ips)
            what = "Both hosts" if count == 2 else f"All {count} hosts" if several else document.ips[0]
            notes = any(step.state == "note" for step in ended)
            self._say(f"{what} can be used{'; there is something to note' if notes else ''}.", "good")

    def _show_failed(self) -> None:
        row = self.steps.failed()
        if row is not None:
            self._area.ensureWidgetVisible(row, 0, 12)

    def _failed(self, number: int, error: BaseException) -> None:
        if number == self._number and isValid(self):
            self._say("", "muted")
            self._problems.addWidget(ProblemBox(Problem.of(error)))

    def _ended(self, number: int) -> None:
        if number == self._number and isValid(self):
            self.steps.settle()
            self._show_running(False)

    def _say(self, words: str, role: str) -> None:
        self.verdict.setText(words)
        self.verdict.set_role(role)
        self.verdict.setVisible(bool(words))

    def _put_on_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self.steps.as_text())
        self._copy.set_icon("check")
        QTimer.singleShot(1500, self._copy, lambda: self._copy.set_icon("copy"))

    def _show_running(self, running: bool) -> None:
        focus = self.test_button.hasFocus() or self.cancel_button.hasFocus()
        self._copy.setVisible(not running)
        self.cancel_button.setVisible(running)
        self.test_button.setVisible(not running)
        self.test_button.set_text("Test again")
        self.test_button.set_icon("refresh-cw")
        if focus:
            (self.cancel_button if running else self.test_button).setFocus()
