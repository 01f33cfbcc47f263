"""Where credentials go: which keyring, whether it is locked, and the button that unlocks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from rhdesk.core.rows import Problem
from rhdesk.desktop.widgets.base import Button, Card, IconLabel, Label
from rhdesk.desktop.widgets.states import Spinner

if TYPE_CHECKING:
    from rhresources.credentials import StoreState


class StoreCard(Card):
    """Shows a StoreState. The wait for a keyring's own prompt goes on elsewhere; here it can be given up."""

    unlock_asked = Signal()
    cancel_asked = Signal()
    retry_asked = Signal()

    def __init__(self) -> None:
        super().__init__(margins=(16, 12, 12, 12))
        self.setObjectName("credential-store")
        row = QHBoxLayout()
        row.setSpacing(12)
        self._icon = IconLabel("lock", "text_faint", 20)
        self._spinner = Spinner(20)
        for mark in (self._icon, self._spinner):
            row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.title = Label("", "h2")
        self.sentence = Label("", "muted", wrap=True, select=True)
        self._remedy = Label("", "faint", wrap=True, select=True)
        for label in (self.title, self.sentence, self._remedy):
            words.addWidget(label)
        row.addLayout(words, 1)
        self.unlock_button = Button("Unlock…", "primary", "lock-open", self.unlock_asked.emit)
        self.unlock_button.setObjectName("store-unlock")
        self.cancel_button = Button("Stop waiting", "", "x", self.cancel_asked.emit)
        self.retry_button = Button("Look again", "", "refresh-cw", self.retry_asked.emit)
        for button in (self.unlock_button, self.cancel_button, self.retry_button):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.body.addLayout(row)
        self.show_loading()

    def show_loading(self) -> None:
        self._show("", "", "Looking for the keyring of this computer…", "Where credentials are kept", busy=True)

    def show_state(self, state: StoreState, waiting: bool = False) -> None:
        """Show what becomes of credentials now; `waiting`: this window waits for the keyring's own prompt."""
        if not state.usable:
            self._show("clock", "warn", state.sentence, "Kept for this session only", state.remedy, retry=True)
        elif waiting or state.waiting:
            words = f"{state.title} shows a prompt of its own for its password; it may stand behind this window."
            self._show("lock", "warn", words, state.name, busy=True, cancel=waiting, retry=not waiting)
        elif state.locked:
            words = "What is kept there cannot be read or changed until it is unlocked with its own password."
            self._show("lock", "warn", words, f"{state.name}, locked", unlock=True)
        else:
            self._show("lock-open", "ok", state.sentence, f"{state.name}, unlocked")

    def show_problem(self, problem: Problem) -> None:
        self._show("circle-alert", "error", problem.sentence, "Where credentials are kept", problem.remedy, retry=True)

    def _show(
        self,
        icon: str,
        role: str,
        sentence: str,
        title: str,
        remedy: str = "",
        *,
        busy: bool = False,
        unlock: bool = False,
        cancel: bool = False,
        retry: bool = False,
    ) -> None:
        focus = self.window().focusWidget() if self.isVisible() else None
        if icon:
            self._icon.set_icon(icon, role)
        self._icon.setVisible(not busy)
        self._spinner.setVisible(busy)
        self.title.setText(title)
        self.sentence.setText(sentence)
        self._remedy.setText(remedy)
        self._remedy.setVisible(bool(remedy))
        shown = {self.unlock_button: unlock, self.cancel_button: cancel, self.retry_button: retry}
        for button, visible in shown.items():
            button.setVisible(visible)
        if focus in shown:  # the button that was pressed has gone: the next one takes over
            able = next((button for button, visible in shown.items() if visible), None)
            (able or self.window()).setFocus()
        self.setAccessibleName(f"{title}. {sentence} {remedy}".strip())
