"""Drains the mailbox on the interface's thread: one queued signal for any number of calls, 8 ms at a time."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal

from rhdesk.core.bridge import Mailbox
from rhdesk.core.notifier import Notifier

BUDGET = 0.008


class Dispatcher(QObject):
    """Lives as long as the window. Whatever a call raises is told to the user, and the rest goes on."""

    _woken = Signal()

    def __init__(self, mailbox: Mailbox, notifier: Notifier) -> None:
        super().__init__()
        self._mailbox = mailbox
        self._notifier = notifier
        self._woken.connect(self._drain, Qt.ConnectionType.QueuedConnection)
        mailbox.on_wake(self._woken.emit)

    def _drain(self) -> None:
        # what is left asks for the next slice through the queue, so that paint and input events come in between
        self._mailbox.drain(BUDGET, self._notifier.error)
