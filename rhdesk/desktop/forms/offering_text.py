"""Text of several lines that offers what the word under the cursor may become."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QTextCursor

from rhdesk.core.desk import Desk
from rhdesk.desktop.forms.inputs import GrowingText, offer, popup_of

_LINES = re.compile(r"\n")
_SAVED = "rh:"


class OfferingText(GrowingText):
    """`apart` is what stands between two words."""

    def __init__(self, *, lines: int, apart: re.Pattern[str]) -> None:
        super().__init__(lines=lines)
        self._apart = apart
        self._known: list[str] = []
        self._completer = offer([], self)
        self._popup = popup_of(self._completer)
        self._completer.setWidget(self)
        self._completer.activated.connect(self._take)

    @property
    def known(self) -> list[str]:
        return self._known

    def set_known(self, names: Sequence[str]) -> None:
        """What is offered."""
        self._known = list(names)
        self._completer.setModel(QStringListModel(self._known, self._completer))

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
        return self._apart.split(cursor.block().text()[: cursor.positionInBlock()])[-1]

    def _take(self, name: str) -> None:
        cursor = self.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._word()))
        cursor.insertText(name)
        self.setTextCursor(cursor)


class PackageLines(OfferingText):
    """The packages of a function, one a line; those that are saved, in any place, are offered."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(lines=4, apart=_LINES)
        self.setAccessibleName("Packages")
        self.set_known([f"{_SAVED}{row.address}" for row in desk.store.packages.rows() if row.document is not None])
