"""Draws one cell of a resource table by the kind of its column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from rhdesk.desktop import theme
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.models.row_model import COLUMN_ROLE, OLD_ROLE, ROW_ROLE, Index
from rhdesk.desktop.widgets.base import paint_pill

_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class RowDelegate(QStyledItemDelegate):
    """Ground, focus and hover for the whole row; then the cell itself."""

    hovered_row = -1

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, theme.ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row, column = index.data(ROW_ROLE), index.data(COLUMN_ROLE)
        if column is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect)
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.colour("selected"))
            if index.column() == 0 and state & QStyle.StateFlag.State_Active:
                painter.fillRect(QRectF(rect.left(), rect.top(), 2, rect.height()), theme.colour("accent"))
        elif index.row() == self.hovered_row:
            painter.fillRect(rect, theme.colour("hover"))
        painter.setPen(theme.colour("border"))
        painter.drawLine(QPointF(rect.left(), rect.bottom() - 0.5), QPointF(rect.right(), rect.bottom() - 0.5))
        cell = rect.adjusted(16 if index.column() == 0 else 12, 0, -12, 0)
        painter.setClipRect(rect)
        if index.data(OLD_ROLE):
            painter.setOpacity(0.55)
        self._cell(painter, cell, row, column)
        painter.restore()

    def _cell(self, painter: QPainter, cell: QRectF, row: Any, column: Column[Any]) -> None:
        text = column.text(row)
        if column.kind is Kind.TITLE:
            second = column.second(row) if column.second is not None else ""
            middle = cell.center().y()
            upper = QRectF(cell.left(), middle - 17, cell.width(), 18) if second else cell
            _words(painter, upper, text, theme.ui_font(13, QFont.Weight.Medium), "text")
            if second:
                lower = QRectF(cell.left(), middle + 1, cell.width(), 15)
                _words(painter, lower, second, theme.ui_font(11), "text_faint")
        elif column.kind is Kind.PILL and column.value is not None:
            state = column.value(row)
            if state is not None:
                paint_pill(painter, cell.left(), cell.center().y(), state)
        elif column.kind is Kind.BAR and column.value is not None:
            _bar(painter, cell, column.value(row), text)
        elif column.kind is Kind.SPARK and column.value is not None:
            paint_spark(painter, cell.adjusted(0, 9, 0, -9), column.value(row) or (), "accent", top=100.0)
        else:
            font = theme.mono_font(12) if column.kind is Kind.MONO else theme.ui_font(
                13, QFont.Weight.Medium if column.kind is Kind.STRONG_NUMBER else QFont.Weight.Normal
            )  # fmt: skip
            strong = column.kind in (Kind.TEXT, Kind.STRONG_NUMBER) and text != "—"
            role = column.role(row) if column.role is not None else ""
            _words(painter, cell, text, font, role or ("text" if strong else "text_muted"), column.to_the_right)


def _words(painter: QPainter, box: QRectF, text: str, font: QFont, role: str, right: bool = False) -> None:
    painter.setFont(font)
    painter.setPen(theme.colour(role))
    line = text if "\n" not in text else text.replace("\n", " ")
    shown = QFontMetrics(font).elidedText(line, Qt.TextElideMode.ElideRight, int(box.width()))
    painter.drawText(box, _RIGHT if right else _LEFT, shown)


def _bar(painter: QPainter, cell: QRectF, percent: float | None, text: str) -> None:
    if percent is None:
        _words(painter, cell, "—", theme.ui_font(13), "text_muted")
        return
    width = min(52.0, max(24.0, cell.width() - 44))
    paint_bar(painter, QRectF(cell.left(), cell.center().y() - 2, width, 4), percent)
    _words(painter, cell.adjusted(width + 8, 0, 8, 0), text, theme.ui_font(12), "text_muted")


def paint_bar(painter: QPainter, bar: QRectF, percent: float) -> None:
    """A horizontal load bar; it turns to the colour of warning from 90 %."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour("border_strong"))
    painter.drawRoundedRect(bar, bar.height() / 2, bar.height() / 2)
    share = min(100.0, max(0.0, percent))
    if share > 0:
        fill = QRectF(bar)
        fill.setWidth(max(bar.height(), bar.width() * share / 100))
        painter.setBrush(theme.colour("warn" if share >= 90 else "accent"))
        painter.drawRoundedRect(fill, bar.height() / 2, bar.height() / 2)


def paint_spark(painter: QPainter, box: QRectF, values: Sequence[float], role: str, top: float | None = None) -> None:
    """The recent past of one figure as a line without axes; `top` fixes the scale, else it fits the values."""
    if len(values) < 2:
        return
    low = 0.0 if top is not None else min(values)
    span = ((top if top is not None else max(values)) - low) or 1.0
    step = box.width() / (len(values) - 1)
    points = [
        QPointF(box.left() + place * step, box.bottom() - min(1.0, max(0.0, (value - low) / span)) * box.height())
        for place, value in enumerate(values)
    ]
    painter.setBrush(theme.colour(role, 36))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawPolygon([QPointF(box.left(), box.bottom()), *points, QPointF(box.right(), box.bottom())])
    painter.setPen(QPen(theme.colour(role), 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(points)
