"""The chart of spending: stacked bars by day, the budget's line, and a card about the day under the pointer.

Importing this loads pyqtgraph and numpy, a second and 60 MB: import it in a thread, when there is something to show.
"""

from __future__ import annotations

from math import floor, log10
from typing import Any

import pyqtgraph
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QFocusEvent, QFont, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from rhdesk.core.spend_bars import SpendBars, short_names
from rhdesk.desktop import theme
from rhdesk.desktop.widgets.spend_day import SpendDay

_WIDEST = 26.0  # pixels of a bar
_ROUND = 4.0
_LABEL = 52  # pixels that the name of a day takes
_STEPS = (1, 2, 5)


class SpendChart(pyqtgraph.PlotWidget):  # type: ignore[misc]
    """Follows the theme; Left and Right go through the days, Escape lets go."""

    def __init__(self) -> None:
        self._amounts, self._days = _Axis("left"), _Axis("bottom")
        super().__init__(axisItems={"left": self._amounts, "bottom": self._days}, background=None, enableMenu=False)
        self._data = SpendBars()
        self._shown = -1
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(self.Shape.NoFrame)
        self.setStyleSheet("QGraphicsView { background: transparent; }")
        self.setMouseTracking(True)
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.setContentsMargins(0, 4, 4, 0)
        self._box = plot.getViewBox()
        self._box.setDefaultPadding(0.0)
        self._items = _Bars()
        plot.addItem(self._items)
        self._day = SpendDay(self)
        self._day.hide()
        self.retheme()

    @property
    def shown_day(self) -> int:
        """The place of the day that the card is about; -1: none."""
        return self._shown

    def show_bars(self, data: SpendBars) -> None:
        """Show these."""
        self._data = data
        count, top, step = len(data.bars), *_scale(max(data.highest, data.budget))
        self._amounts.setTicks([[(step * place, _tick(step * place, step)) for place in range(round(top / step) + 1)]])
        self._say_days()
        self._box.setRange(xRange=(-0.5, max(count, 1) - 0.5), yRange=(0, top), padding=0.0)
        self._items.show_bars(data, top, step)
        self.setAccessibleName(data.words)
        self.show_day(self._shown if self._shown < count else -1)

    def _say_days(self) -> None:
        """Name as many days as there is room for, the last one always."""
        bars = self._data.bars
        every = max(1, -(-len(bars) * _LABEL // max(1, self.width() - _LABEL)))
        last = len(bars) - 1
        self._days.setTicks([[(place, bar.title) for place, bar in enumerate(bars) if (last - place) % every == 0]])

    def show_day(self, place: int) -> None:
        """Show the card about the day at `place`; -1: none."""
        self._shown = place
        self._items.show_day(place)
        if not 0 <= place < len(self._data.bars):
            self._day.hide()
            return
        self._day.show_day(self._data.bars[place], short_names(self._data.series))
        self._day.adjustSize()
        left, right = (
            self.mapFromScene(self._box.mapViewToScene(QPointF(place + side, 0))).x() for side in (-0.5, 0.5)
        )
        x = right + 2 if right + 2 + self._day.width() <= self.width() - 4 else left - 2 - self._day.width()
        self._day.move(int(x), max(0, min(6, self.height() - self._day.height())))
        self._day.show()
        self._day.raise_()

    def retheme(self) -> None:
        for axis in (self._amounts, self._days):
            axis.retheme()
        self._items.update()

    # ------------------------------------------------------------ Qt

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if event is not None:  # pyqtgraph calls it by itself before all is made
            self._say_days()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        where = self._box.mapSceneToView(self.mapToScene(event.position().toPoint()))
        inside = self._box.sceneBoundingRect().contains(self.mapToScene(event.position().toPoint()))
        self.show_day(round(where.x()) if inside and 0 <= round(where.x()) < len(self._data.bars) else -1)

    def leaveEvent(self, event: QEvent) -> None:
        self.show_day(-1)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.show_day(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self._data.bars) - 1
        if event.key() == Qt.Key.Key_Left:
            self.show_day(last if self._shown < 0 else max(0, self._shown - 1))
        elif event.key() == Qt.Key.Key_Right:
            self.show_day(last if self._shown < 0 else min(last, self._shown + 1))
        elif event.key() == Qt.Key.Key_Escape and self._shown >= 0:
            self.show_day(-1)
        else:
            QWidget.keyPressEvent(self, event)


class _Axis(pyqtgraph.AxisItem):  # type: ignore[misc]
    """Words only; the lines are drawn with the bars, in the colours of the theme."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.setStyle(tickLength=0, tickAlpha=0, tickTextOffset=8 if orientation == "left" else 6, tickFont=_small())
        if orientation == "left":
            self.setStyle(autoExpandTextSpace=True, autoReduceTextSpace=False)
        else:
            self.setHeight(24)

    def retheme(self) -> None:
        self.setPen(pyqtgraph.mkPen(None))
        self.setTextPen(theme.colour("text_faint"))


class _Bars(pyqtgraph.GraphicsObject):  # type: ignore[misc]
    """Lines, bars, and the line of the budget; painted in pixels, so that corners are round and lines are sharp."""

    def __init__(self) -> None:
        super().__init__()
        self._data = SpendBars()
        self._top = self._step = 1.0
        self._day = -1

    def show_bars(self, data: SpendBars, top: float, step: float) -> None:
        self.prepareGeometryChange()
        self._data, self._top, self._step = data, top, step
        self.informViewBoundsChanged()
        self.update()

    def show_day(self, place: int) -> None:
        if place != self._day:
            self._day = place
            self.update()

    def boundingRect(self) -> QRectF:
        return QRectF(-0.5, 0, max(len(self._data.bars), 1), self._top)

    def paint(self, painter: QPainter, *rest: Any) -> None:
        there, possible = self.sceneTransform().inverted()
        if not possible:
            return
        painter.setTransform(there, True)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = self.sceneTransform().mapRect(self.boundingRect())
        self._lines(painter, plot)
        count = max(len(self._data.bars), 1)
        slot = plot.width() / count
        for place, bar in enumerate(self._data.bars):
            left = plot.left() + place * slot
            if place == self._day:
                band = QRectF(left + 1, plot.top(), slot - 2, plot.height())
                painter.fillRect(band, theme.colour("hover"))
            if bar.total > 0:
                width = min(_WIDEST, slot * 0.58)
                self._bar(painter, QRectF(left + (slot - width) / 2, plot.top(), width, plot.height()), place)
        if self._data.budget > 0:
            self._budget(painter, plot)

    def _y(self, plot: QRectF, amount: float) -> float:
        return plot.bottom() - amount / self._top * plot.height()

    def _lines(self, painter: QPainter, plot: QRectF) -> None:
        painter.setPen(QPen(theme.colour("border"), 1))
        for place in range(round(self._top / self._step) + 1):
            y = round(self._y(plot, place * self._step)) + 0.5
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))

    def _bar(self, painter: QPainter, slot: QRectF, place: int) -> None:
        bar = self._data.bars[place]
        top = self._y(slot, bar.total)
        shape = QPainterPath()
        shape.setFillRule(Qt.FillRule.WindingFill)
        radius = min(_ROUND, (slot.bottom() - top) / 2)
        shape.addRoundedRect(QRectF(slot.left(), top, slot.width(), slot.bottom() - top), radius, radius)
        shape.addRect(QRectF(slot.left(), slot.bottom() - radius, slot.width(), radius))
        painter.save()
        painter.setClipPath(shape, Qt.ClipOperation.IntersectClip)
        base, series = 0.0, theme.tokens().series
        for number, amount in enumerate(bar.amounts):
            low, high = self._y(slot, base), self._y(slot, base + amount)
            colour = pyqtgraph.mkColor(series[number % len(series)])
            colour.setAlpha(255 if self._day in (-1, place) else 165)
            gap = 1.0 if base > 0 and low - high > 3 else 0.0
            painter.fillRect(QRectF(slot.left(), high, slot.width(), low - high - gap), colour)
            base += amount
        if bar.estimated:
            lines = theme.colour("surface", 110)
            painter.fillRect(slot, QBrush(lines, Qt.BrushStyle.BDiagPattern))
        painter.restore()

    def _budget(self, painter: QPainter, plot: QRectF) -> None:
        y = round(self._y(plot, self._data.budget)) + 0.5
        pen = QPen(theme.colour("warn"), 1.2)
        pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        painter.setFont(_small())
        text = f"budget {_tick(self._data.budget, self._step)}"
        width = painter.fontMetrics().horizontalAdvance(text) + 14
        box = QRectF(plot.right() - width, min(max(y - 9, plot.top()), plot.bottom() - 18), width, 18)
        painter.setPen(QPen(theme.colour("warn"), 1))
        painter.setBrush(theme.colour("surface"))
        painter.drawRoundedRect(box, 4, 4)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)


def _small() -> QFont:
    return theme.ui_font(11)


def _scale(highest: float) -> tuple[float, float]:
    """(top of the axis, step) with three to five steps to the highest bar."""
    if highest <= 0:
        return 4.0, 1.0
    size = 10.0**-12
    while True:
        for figure in _STEPS:
            step = figure * size
            if highest <= step * 5:
                return step * max(1, -(-highest * 1.02 // step)), step
        size *= 10


def _tick(amount: float, step: float) -> str:
    """Dollars, with as many decimals as tell two steps apart."""
    decimals = 0 if step >= 1 and amount >= 1 else max(2, -floor(log10(step)))
    return f"${amount:,.{decimals}f}" if amount else "$0"
