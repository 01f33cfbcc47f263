"""Shows the questions that come on the way to a host, one at a time, wherever the person is in the window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.questions import Waiting
from rhdesk.desktop.widgets.dialog import Dialog

if TYPE_CHECKING:  # made when the first question comes, long after the first paint
    from rhdesk.desktop.dialogs.host_key import HostKeyDialog
    from rhdesk.desktop.dialogs.secret import SecretDialog
    from rhresources.reach.questions import SecretQuestion

_MARK = "● Question · "


class Asking(QObject):
    """Lives as long as its window. A minimised window calls for attention, and asks when it is back."""

    def __init__(self, window: QWidget, desk: Desk) -> None:
        super().__init__(window)
        self._window = window
        self._questions = desk.questions
        self._waiting: Waiting | None = None
        self._dialog: HostKeyDialog | SecretDialog | None = None
        self._keeps: dict[str, bool] = {}
        window.installEventFilter(self)
        self.destroyed.connect(desk.questions.subscribe(self._changed))

    @property
    def dialog(self) -> HostKeyDialog | SecretDialog | None:
        """The dialog in sight, if one is."""
        return self._dialog

    def _changed(self) -> None:
        waiting = self._questions.waiting()
        if self._waiting is not None and self._waiting not in waiting:
            self._close()  # whoever asked has gone, or it is answered
        if not waiting:
            self._mark_title(False)
        elif self._waiting is None:
            self._show(waiting[0])
        if self._dialog is not None:
            others = len(waiting) - 1
            self._dialog.say(f"{others} more to answer" if others else "")

    def _show(self, waiting: Waiting) -> None:
        QApplication.alert(self._window)
        if self._window.isMinimized():
            self._mark_title(True)
            return
        self._mark_title(False)
        self._waiting = waiting
        question: Any = waiting.question
        self._dialog = dialog = self._make(question, waiting.is_secret)
        dialog.answered.connect(partial(self._answered, waiting))
        dialog.destroyed.connect(partial(self._gone, waiting))
        dialog.open()

    def _make(self, question: Any, is_secret: bool) -> HostKeyDialog | SecretDialog:
        if is_secret:
            from rhdesk.desktop.dialogs.secret import SecretDialog

            return SecretDialog(self._parent(), question, keep=self._keep_of(question))
        from rhdesk.desktop.dialogs.host_key import HostKeyDialog

        return HostKeyDialog(self._parent(), question)

    def _answered(self, waiting: Waiting, answer: Any) -> None:
        if self._waiting is not waiting:
            return  # it was taken back
        self._waiting, self._dialog = None, None
        question: Any = waiting.question
        if waiting.is_secret and answer is not None and question.keeping:
            self._keeps[question.keeping] = answer.keep
        self._questions.answer(waiting, answer)

    def _gone(self, waiting: Waiting, destroyed: object = None) -> None:
        """The dialog went with the one that it stood on: the question is asked again, on what is there now."""
        if self._waiting is waiting and isValid(self._window):
            self._waiting, self._dialog = None, None
            self._changed()

    def _close(self) -> None:
        dialog, self._dialog, self._waiting = self._dialog, None, None
        if dialog is not None and isValid(dialog):
            dialog.done(0)

    def _keep_of(self, question: SecretQuestion) -> bool:
        """What was chosen last; a keyring is only written to by somebody who said so."""
        return self._keeps.get(question.keeping, not question.keeping.startswith("in "))

    def _parent(self) -> QWidget:
        """The dialog on top, else the window: what stands below a dialog cannot be used."""
        top: QWidget | None = QApplication.activeModalWidget()
        while top is not None and not (isinstance(top, Dialog) and top.isVisible()):
            top = top.parentWidget()
        return top if top is not None else self._window

    def _mark_title(self, marked: bool) -> None:
        title = self._window.windowTitle()
        if marked != title.startswith(_MARK):
            self._window.setWindowTitle(_MARK + title if marked else title.removeprefix(_MARK))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.WindowStateChange and not self._window.isMinimized():
            self._changed()
        return False
