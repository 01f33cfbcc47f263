"""The card about one day over the chart of spending: what each part of it cost."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from rhdesk.core.spend_bars import Bar
from rhdesk.core.words import money_text
from rhdesk.desktop import theme
from rhdesk.desktop.widgets.base import Label
from rhdesk.desktop.widgets.removal import clear_layout


class Swatch(QWidget):
    """A small square in the colour of a series."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.setFixedSize(9, 9)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        series = theme.tokens().series
        painter.setBrush(QColor(series[self._number % len(series)]))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)


class SpendDay(QFrame):
    """Lies over the chart and lets the pointer through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("card", "raised")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(10, 7, 10, 8)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnMinimumWidth(2, 64)

    def show_day(self, bar: Bar, names: list[str]) -> None:
        """Show what a day cost."""
        clear_layout(self._grid)
        self._grid.addWidget(Label(bar.title, "strong"), 0, 0, 1, 2)
        self._grid.addWidget(Label(money_text(bar.total), "strong"), 0, 2, Qt.AlignmentFlag.AlignRight)
        line = 1
        for number, (name, amount) in enumerate(zip(names, bar.amounts, strict=True)):
            if amount <= 0:
                continue
            self._grid.addWidget(Swatch(number), line, 0)
            self._grid.addWidget(Label(name, "faint"), line, 1)
            self._grid.addWidget(Label(money_text(amount), "faint"), line, 2, Qt.AlignmentFlag.AlignRight)
            line += 1
        if bar.estimated:
            self._grid.addWidget(Label("partly estimated", "faint"), line, 0, 1, 3)
        for child in self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            child.show()  # Qt would do so later, and until then it has no size
        self._grid.activate()
