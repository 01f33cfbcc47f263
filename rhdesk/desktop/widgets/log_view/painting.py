"""How one line of a log is drawn: its grounds (matches, selection), its text in spans of colour."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from rhdesk.desktop import theme
from rhdesk.desktop.widgets.log_view.ansi import Line, Style

Mark = tuple[int, int, str]
"""A ground: first column, column after the last, role of its colour in the theme."""


class LinePainter:
    """Draws in one fixed-width font. `step` is the width of a character, `row` the height of a row, in pixels."""

    def __init__(self, font: QFont) -> None:
        metrics = QFontMetricsF(font)
        self._font = font
        self.step = metrics.horizontalAdvance("0")
        self.row = float(round(metrics.height() + 2))
        self._ascent = metrics.ascent() + 1

    def advance(self, text: str, start: int, end: int) -> float:
        """Pixels from column `start` to column `end`."""
        if text.isascii():
            return (end - start) * self.step
        return QFontMetricsF(self._font).horizontalAdvance(text[start:end])

    def paint(
        self,
        painter: QPainter,
        line: Line,
        start: int,
        end: int,
        marks: Sequence[Mark],
        left: float,
        y: float,
        right: float,
    ) -> None:
        """Draw the columns [start, end) of a line at (`left`, `y`); what lies beyond `right` is left out."""
        for begin, stop, role in marks:
            first, last = max(begin, start), min(stop, end)
            if first < last or begin == stop == end:
                x1 = left + self.advance(line.text, start, first)
                x2 = left + self.advance(line.text, start, last) if last > first else x1 + self.step / 2
                # the selection lets the words shine through
                ground = theme.colour(role, 110 if role == "accent" else 255)
                painter.fillRect(QRectF(x1, y, x2 - x1, self.row), ground)
        at = start
        for begin, stop, style in line.spans:
            begin, stop = max(begin, start), min(stop, end)
            if begin >= stop:
                continue
            if at < begin:
                self._draw(painter, line.text, at, begin, left + self.advance(line.text, start, at), y, right, None)
            self._draw(painter, line.text, begin, stop, left + self.advance(line.text, start, begin), y, right, style)
            at = stop
        if at < end:
            self._draw(painter, line.text, at, end, left + self.advance(line.text, start, at), y, right, None)

    def _draw(
        self, painter: QPainter, text: str, begin: int, end: int, x: float, y: float, right: float, style: Style | None
    ) -> None:
        if x > right:
            return
        font, colour, back = self._font, theme.colour("text"), None
        if style is not None:
            colour, back = _colours(style)
            if style.bold or style.italic or style.underline:
                font = QFont(self._font)
                font.setBold(style.bold)
                font.setItalic(style.italic)
                font.setUnderline(style.underline)
        if back is not None:
            painter.fillRect(QRectF(x, y, self.advance(text, begin, end), self.row), back)
        painter.setFont(font)
        painter.setPen(colour)
        # what lies far to the left or right of the view need not be shaped
        room = int((right - x) / self.step) + 2
        skip = max(0, int(-x / self.step) - 1) if text.isascii() else 0
        shown = text[begin + skip : min(end, begin + room)]
        painter.drawText(QPointF(x + skip * self.step, y + self._ascent), shown)


def _colours(style: Style) -> tuple[QColor, QColor | None]:
    fore = _colour(style.fore, bright=style.bold) or theme.colour("text")
    back = _colour(style.back)
    if style.inverse:
        fore, back = back or theme.colour("console"), fore
    if style.faint:
        fore = QColor(fore)
        fore.setAlpha(150)
    return fore, back


def _colour(name: str, *, bright: bool = False) -> QColor | None:
    if not name:
        return None
    if name.startswith("@"):
        return theme.colour(name[1:])
    if name.startswith("ansi"):
        number = int(name[4:])
        return QColor(theme.tokens().ansi[number + 8 if bright and number < 8 else number])
    return QColor(name)
