"""Ctrl+K: commands and resources in one fuzzy box."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QKeySequence, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from rhdesk.core.commands import Command, Registry
from rhdesk.desktop import theme
from rhdesk.desktop.models.row_model import Index
from rhdesk.desktop.widgets.base import Label, Rule

_COMMAND = int(Qt.ItemDataRole.UserRole) + 1
_SHOWN = 60
_LINES = 12  # in sight at most
_LINE = 34


class Palette(QDialog):
    """Type, choose with the arrows, Enter does it. What cannot be done now is greyed and says why."""

    def __init__(self, parent: QWidget, registry: Registry) -> None:
        super().__init__(parent)
        self._registry = registry
        self.setWindowFlags(Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Search resources or run a command")
        self.setFixedWidth(600)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 6)
        column.setSpacing(0)
        self.field = QLineEdit()
        self.field.setProperty("kind", "palette")
        self.field.setTextMargins(8, 0, 8, 0)
        self.field.setPlaceholderText("Search resources or run a command")
        self.field.setAccessibleName("Search resources or run a command")
        column.addWidget(self.field)
        column.addWidget(Rule())
        self.list = QListView()
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._model = _Commands()
        self.list.setModel(self._model)
        self.list.setItemDelegate(_CommandDelegate(self.list))
        column.addWidget(self.list)
        self._foot = Label("", "faint")
        self._foot.setContentsMargins(16, 4, 16, 2)
        column.addWidget(self._foot)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list.clicked.connect(lambda index: self._do(index.row()))
        self.list.selectionModel().currentChanged.connect(lambda now, before: self._say())
        self._search("")

    def showEvent(self, event: QShowEvent) -> None:
        parent = self.parentWidget()
        if parent is not None:
            corner = parent.mapToGlobal(parent.rect().topLeft())
            self.move(corner.x() + (parent.width() - self.width()) // 2, corner.y() + 76)
        self.field.setFocus()

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            row = self.list.currentIndex().row()
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
            if event.key() in step:
                self._choose(max(0, min(self._model.rowCount() - 1, row + step[Qt.Key(event.key())])))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(row)
                return True
        return False

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("raised"))
        painter.setPen(theme.colour("border_strong"))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _search(self, text: str) -> None:
        found = self._registry.search(text)[:_SHOWN]
        self._model.show(found)
        self.list.setFixedHeight(min(_LINES, max(1, len(found))) * _LINE)
        self.adjustSize()
        self._choose(0)
        self._say()

    def _choose(self, row: int) -> None:
        self.list.setCurrentIndex(self._model.index(row, 0))

    def _say(self) -> None:
        command = self._model.command(self.list.currentIndex().row())
        if command is None:
            self._foot.setText("Nothing is called that.")
        else:
            self._foot.setText(command.why_not() or "Enter to go · Esc to close")

    def _do(self, row: int) -> None:
        command = self._model.command(row)
        if command is None or not command.enabled:
            return
        self.close()
        self._registry.run(command)


class _Commands(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self._commands: list[Command] = []

    def show(self, commands: list[Command]) -> None:
        self.beginResetModel()
        self._commands = commands
        self.endResetModel()

    def command(self, row: int) -> Command | None:
        return self._commands[row] if 0 <= row < len(self._commands) else None

    def rowCount(self, parent: Index | None = None) -> int:
        return len(self._commands)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        command = self.command(index.row())
        if command is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return command.title
        if role == _COMMAND:
            return command
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{command.title}, {command.group}" + ("" if command.enabled else f", {command.why_not()}")
        return None


class _CommandDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, _LINE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | Any) -> None:
        command: Command = index.data(_COMMAND)
        painter.save()
        rect = QRectF(option.rect)
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.colour("accent_soft"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.colour("hover"))
        enabled = command.enabled
        if command.icon:
            role = "text_muted" if enabled else "border_strong"
            painter.drawPixmap(
                int(rect.left()) + 14, int(rect.center().y()) - 8, theme.icons.pixmap(command.icon, role)
            )
        side = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        right = rect.right() - 16
        painter.setFont(theme.ui_font(12))
        painter.setPen(theme.colour("text_faint"))
        extra = command.keys and QKeySequence(command.keys).toString(QKeySequence.SequenceFormat.NativeText)
        note = extra or command.group
        painter.drawText(QRectF(rect.left(), rect.top(), right - rect.left(), rect.height()), side, note)
        right -= QFontMetrics(painter.font()).horizontalAdvance(note) + 16
        font = theme.ui_font(13, QFont.Weight.Medium if enabled else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(theme.colour("text" if enabled else "text_faint"))
        box = QRectF(rect.left() + 42, rect.top(), right - rect.left() - 42, rect.height())
        text = QFontMetrics(font).elidedText(command.title, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        painter.restore()
