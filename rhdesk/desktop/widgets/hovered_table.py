"""A table whose delegate knows over which row the pointer is; the base of every list of rows."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QEvent
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QTableView


class HoveredRow(Protocol):
    """What paints that row; -1: the pointer is over none."""

    hovered_row: int


class HoveredTable(QTableView):
    """Sets the delegate's `hovered_row` and paints anew where it changes."""

    _delegate: HoveredRow

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.indexAt(event.position().toPoint()).row())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._delegate.hovered_row:
            self._delegate.hovered_row = row
            self.viewport().update()
