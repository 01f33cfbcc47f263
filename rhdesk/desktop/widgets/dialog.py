"""Dialogs. They are opened, never executed: `exec()` inside a coroutine would kill every other task of its loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.core.rows import Problem
from rhdesk.desktop.widgets.base import Button, Card, IconLabel, Label
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox


class Dialog(QDialog):
    """A window-modal dialog: title, words, `body`, a place for a problem, and buttons at the foot.

    Attributes:
        is_gone: it was closed, and what it was made of is or will be deleted.
    """

    def __init__(self, parent: QWidget, title: str, text: str = "", *, icon: str = "", width: int = 480) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(width)
        self._fits = self.is_gone = False
        self.finished.connect(self._finished)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(20, 18, 20, 16)
        outer.setSpacing(12)
        head = QHBoxLayout()
        head.setSpacing(10)
        if icon:
            head.addWidget(IconLabel(icon, "text_muted", 20), 0, Qt.AlignmentFlag.AlignTop)
        heading = Label(title, "h2", wrap=True)
        head.addWidget(heading, 1)
        outer.addLayout(head)
        if text:
            outer.addWidget(Label(text, "muted", wrap=True))
        self.body = QVBoxLayout()
        self.body.setSpacing(10)
        outer.addLayout(self.body, 1)
        self._problem = QVBoxLayout()
        outer.addLayout(self._problem)
        self._foot = QHBoxLayout()
        self._foot.setSpacing(8)
        self._note = Label("", "faint")
        self._foot.addWidget(self._note)
        self._foot.addStretch(1)
        outer.addLayout(self._foot)

    def add_button(self, text: str, kind: str = "", act: Callable[[], object] | None = None) -> Button:
        """A button at the foot, left to right; without `act` it closes the dialog."""
        button = Button(text, kind, on_click=act or self.reject)
        self._foot.addWidget(button)
        if kind == "primary":
            button.setDefault(True)
        return button

    def fit(self) -> None:
        """Be as high as what is in it, once it is shown: wrapped text has its height only at the width that it gets."""
        self._fits = True

    def grow(self) -> None:
        """Higher if what is in it needs that now; else it would be squeezed."""
        QTimer.singleShot(0, self, lambda: self._fit(shrink=False))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._fits:
            self._fit(shrink=True)

    def _fit(self, *, shrink: bool) -> None:
        layout = self.layout()
        if layout is not None:
            layout.activate()
            wraps = layout.hasHeightForWidth()
            needed = layout.totalHeightForWidth(self.width()) if wraps else self.sizeHint().height()
            if needed > self.height() or (shrink and needed != self.height()):
                self.resize(self.width(), needed)

    def accept(self) -> None:
        """Close it; nothing where it was closed already, while something went on for it."""
        if not self.is_gone:
            super().accept()

    def _finished(self) -> None:
        self.is_gone = True

    def say(self, words: str) -> None:
        """A few words at the left of the foot."""
        self._note.setText(words)

    def show_problem(self, problem: Problem | None, actions: list[Button] | None = None) -> None:
        """Say in the dialog what went wrong (None: nothing any more), with buttons for what to do about it."""
        clear_layout(self._problem)
        if problem is not None:
            self._problem.addWidget(ProblemBox(problem, actions))
            self.grow()


def confirm(
    parent: QWidget,
    title: str,
    text: str,
    act_text: str,
    act: Callable[[], object],
    *,
    victims: Sequence[str] = (),
    type_to_confirm: str = "",
    kind: str = "danger",
    leave_text: str = "Cancel",
) -> Dialog:
    """Ask before something that cannot be undone.

    Args:
        victims: what will die, one a line; the first ten are listed.
        type_to_confirm: a name that must be typed first; only for the worst class of acts.
    """
    dialog = Dialog(parent, title, text, icon="triangle-alert" if kind == "danger" else "")
    if victims:
        card = Card(margins=(12, 8, 12, 8))
        card.body.setSpacing(4)
        for victim in victims[:10]:
            card.body.addWidget(Label(victim, "", wrap=True))
        if len(victims) > 10:
            card.body.addWidget(Label(f"and {len(victims) - 10} more", "faint"))
        dialog.body.addWidget(card)
    cancel = dialog.add_button(leave_text)

    def accept() -> None:
        dialog.accept()
        act()

    button = dialog.add_button(act_text, kind, accept)
    if type_to_confirm:
        dialog.body.addWidget(Label(f"Type {type_to_confirm} to confirm:", "muted"))
        field = QLineEdit()
        field.setAccessibleName(f"Type {type_to_confirm} to confirm")
        field.textChanged.connect(lambda typed: button.setEnabled(typed.strip() == type_to_confirm))
        button.setEnabled(False)
        dialog.body.addWidget(field)
        field.setFocus()
    else:
        (cancel if kind == "danger" else button).setFocus()
    dialog.open()
    return dialog
