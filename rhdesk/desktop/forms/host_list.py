"""Hosts, one a line; entries of ~/.ssh/config are offered while one types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QTextCursor

from rhdesk.desktop.forms.inputs import GrowingText, offer, popup_of

_APART = re.compile(r"[,;\s]+")
_LINE = re.compile(r"(?:ssh\s+)?(?:-p\s*(?P<early>\d+)\s+)?(?P<user>[^@\s:]+)@(?P<host>[^@\s:]+|\[[^\]]+\])"
                   r"(?::(?P<port>\d+)|\s+-p\s*(?P<late>\d+))?")  # fmt: skip


class HostList(GrowingText):
    """The names of hosts as text. `left` comes when the field loses the focus."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__(lines=6)
        self.setPlaceholderText("A name, an address, or an entry of ~/.ssh/config; one a line")
        self.setAccessibleName("Hosts")
        self._known: list[str] = []
        self._completer = offer([], self)
        self._popup = popup_of(self._completer)
        self._completer.setWidget(self)
        self._completer.activated.connect(self._take)

    @property
    def hosts(self) -> list[str]:
        return [word for word in _APART.split(self.toPlainText()) if word]

    @property
    def known(self) -> list[str]:
        return self._known

    def set_known(self, names: Sequence[str]) -> None:
        """What is offered."""
        self._known = list(names)
        self._completer.setModel(QStringListModel(self._known, self._completer))

    def set_hosts(self, hosts: Sequence[str]) -> None:
        self.setPlainText("\n".join(hosts))

    def add_host(self, host: str) -> None:
        """Add one at the end, unless it is there."""
        if host not in self.hosts:
            self.set_hosts([*self.hosts, host])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        offering = self._popup.isVisible()
        if offering and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Escape):
            event.ignore()  # they are for the popup
            return
        super().keyPressEvent(event)
        if event.text():
            self._offer()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._completer.setWidget(self)
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            self.left.emit()

    def _offer(self) -> None:
        word = self._word()
        self._completer.setCompletionPrefix(word)
        count = self._completer.completionCount() if word else 0
        if count == 0 or (count == 1 and self._completer.currentCompletion() == word):
            self._popup.hide()
            return
        box = self.cursorRect()
        box.setWidth(max(200, self._popup.sizeHintForColumn(0) + 40))
        self._completer.complete(box)

    def _word(self) -> str:
        cursor = self.textCursor()
        return _APART.split(cursor.block().text()[: cursor.positionInBlock()])[-1]

    def _take(self, name: str) -> None:
        cursor = self.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._word()))
        cursor.insertText(name)
        self.setTextCursor(cursor)


def split_accounts(text: str) -> tuple[list[str], str, str] | None:
    """(hosts, user, port) of lines like "alice@gpu1:2222" or "ssh -p 2222 alice@gpu1", as people paste them.

    None where a line is no such thing, or where they do not agree on the user and the port.
    """
    hosts, accounts = [], set()
    for line in text.splitlines():
        if line.strip():
            found = _LINE.fullmatch(line.strip())
            if found is None:
                return None
            hosts.append(found["host"].strip("[]"))
            accounts.add((found["user"], found["port"] or found["early"] or found["late"] or ""))
    return (hosts, *accounts.pop()) if len(accounts) == 1 else None
