"""Draws a line of the tree of names: arrow, icon, name and marks; then kind and age."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from rhdesk.core.name_index import Node
from rhdesk.desktop import theme
from rhdesk.desktop.models.name_lines import (
    FRESH_ROLE,
    NODE_ROLE,
    OLD_ROLE,
    Index,
    NameLines,
    badges_of,
    icon_of,
)

LINE_HEIGHT = 32
_LEFT = 10
_STEP = 18
_ARROW = 20
_SIDE = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


def arrow_box(node: Node, row: QRectF) -> QRectF:
    """Where the arrow of a folder stands in its cell."""
    return QRectF(row.left() + _LEFT + node.depth * _STEP - 2, row.top(), _ARROW, row.height())


class NameDelegate(QStyledItemDelegate):
    """`drop_row` is the line that something would be dropped on."""

    hovered_row = -1
    drop_row = -1

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, LINE_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        node, model = index.data(NODE_ROLE), index.model()
        if node is None or not isinstance(model, NameLines):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect)
        self._ground(painter, rect, option.state, index)
        painter.setClipRect(rect)
        if index.data(OLD_ROLE):
            painter.setOpacity(0.6)
        if index.column() == 0:
            self._name(painter, rect, node, model)
        else:
            broken = index.column() == 1 and node.row is not None and bool(node.row.problem)
            text = str(index.data() or "")
            _words(painter, rect.adjusted(12, 0, -8, 0), text, theme.ui_font(12), "error" if broken else "text_faint")
        painter.restore()

    def _ground(self, painter: QPainter, rect: QRectF, state: QStyle.StateFlag, index: Index) -> None:
        if index.row() == self.drop_row:
            painter.fillRect(rect, theme.colour("accent_soft"))
        elif state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.colour("selected"))
        elif index.data(FRESH_ROLE):
            painter.fillRect(rect, theme.colour("ok", 34))
        elif index.row() == self.hovered_row:
            painter.fillRect(rect, theme.colour("hover"))
        if index.column() == 0:
            if state & QStyle.StateFlag.State_Selected and state & QStyle.StateFlag.State_Active:
                painter.fillRect(QRectF(rect.left(), rect.top(), 2, rect.height()), theme.colour("accent"))
            elif index.data(FRESH_ROLE):
                painter.fillRect(QRectF(rect.left(), rect.top(), 2, rect.height()), theme.colour("ok"))

    def _name(self, painter: QPainter, rect: QRectF, node: Node, model: NameLines) -> None:
        middle = rect.center().y()
        left = rect.left() + _LEFT + node.depth * _STEP
        if node.is_folder and (node.folders or node.resources):
            arrow = "chevron-down" if model.is_open(node) else "chevron-right"
            painter.drawPixmap(QPointF(left, middle - 7), theme.icons.pixmap(arrow, "text_faint", 14))
        left += _ARROW
        name, role = icon_of(node, model.registry)
        painter.drawPixmap(QPointF(left, middle - 8), theme.icons.pixmap(name, role))
        left += 24
        right = rect.right() - 8
        for icon, colour in reversed(badges_of(node)):
            right -= 14
            painter.drawPixmap(QPointF(right, middle - 7), theme.icons.pixmap(icon, colour, 14))
            right -= 6
        font = theme.ui_font(13, QFont.Weight.Medium if node.is_place else QFont.Weight.Normal)
        _words(painter, QRectF(left, rect.top(), max(0.0, right - left), rect.height()), node.name, font, "text")


def _words(painter: QPainter, box: QRectF, text: str, font: QFont, role: str) -> None:
    painter.setFont(font)
    painter.setPen(theme.colour(role))
    shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
    painter.drawText(box, _SIDE, shown)
