"""Suggestions under a line while one types; they come later than the typing, and never hold it up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QCompleter, QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from rhdesk.core.package_names import Suggestion
from rhdesk.desktop import theme
from rhdesk.desktop.forms.inputs import popup_of

_PAUSE = 150  # milliseconds without a key before somebody is asked
_TEXT = int(Qt.ItemDataRole.UserRole) + 1
_NOTE = int(Qt.ItemDataRole.UserRole) + 2
_ROW = 28


class Completion(QObject):
    """The list under one line. Down or Ctrl+Space opens it, Enter takes the chosen one, Escape closes it.

    Signals:
        asked: what is typed; whoever knows answers with `show`.
        picked: a suggestion was taken into the line.
    """

    asked = Signal(str)
    picked = Signal()

    def __init__(self, line: QLineEdit) -> None:
        super().__init__(line)
        self._line = line
        self.enabled = True
        self._model = QStandardItemModel(self)
        self._completer = QCompleter(self._model, self)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setMaxVisibleItems(8)
        self._completer.setWidget(line)
        self.popup = popup_of(self._completer)
        self.popup.setProperty("kind", "popup")
        self.popup.setItemDelegate(_Row(self.popup))
        activated: Any = self._completer.activated
        activated[QModelIndex].connect(self._take)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._ask)
        line.textEdited.connect(self._edited)
        line.installEventFilter(self)

    def show(self, typed: str, suggestions: Sequence[Suggestion]) -> None:
        """Show what `typed` may become, if that is still what stands there."""
        if self._line.text() != typed or not self._line.hasFocus() or not self.enabled:
            return
        if [each.text for each in suggestions] in ([], [typed.strip()]):
            self.popup.hide()
            return
        chosen = str(self.popup.currentIndex().data(_TEXT) or "")
        self._model.clear()
        for each in suggestions:
            item = QStandardItem(each.text)
            item.setData(each.text, _TEXT)
            item.setData(each.note, _NOTE)
            item.setData(f"{each.text} {each.note}".strip(), int(Qt.ItemDataRole.AccessibleTextRole))
            self._model.appendRow(item)
        self._completer.complete(QRect(0, 0, max(340, self._line.width()), self._line.height()))
        for place, each in enumerate(suggestions):
            if each.text == chosen:
                self.popup.setCurrentIndex(self._completer.completionModel().index(place, 0))

    @property
    def is_chosen(self) -> bool:
        """Whether a suggestion is chosen in the open list: Enter is for it then."""
        return self.popup.isVisible() and self.popup.currentIndex().isValid()

    def hide(self) -> None:
        """Close the list; what was asked is not waited for."""
        self._pause.stop()
        self.popup.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and not self.popup.isVisible():
            control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            if event.key() == Qt.Key.Key_Down or (event.key() == Qt.Key.Key_Space and control):
                self._ask()
                return True
        return super().eventFilter(watched, event)

    def _edited(self) -> None:
        if self.enabled:
            self._pause.start()

    def _ask(self) -> None:
        if self.enabled and self._line.cursorPosition() == len(self._line.text()):
            self.asked.emit(self._line.text())

    def _take(self, index: QModelIndex) -> None:
        text = str(index.data(_TEXT) or "")
        if text:
            self._pause.stop()
            self._line.setText(text)
            self.picked.emit()


class _Row(QStyledItemDelegate):
    """A suggestion at the left, the words about it at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, _ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        box = QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, theme.colour("accent_soft"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, theme.colour("hover"))
        inner = box.adjusted(10, 0, -10, 0)
        painter.setFont(theme.mono_font(12))
        painter.setPen(theme.colour("text"))
        text, note = str(index.data(_TEXT)), str(index.data(_NOTE) or "")
        wide = painter.fontMetrics().horizontalAdvance(text)
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        painter.setFont(theme.ui_font(11))
        painter.setPen(theme.colour("text_faint"))
        rest = inner.adjusted(wide + 16, 0, 0, 0)
        shown = painter.fontMetrics().elidedText(note, Qt.TextElideMode.ElideRight, max(0, rest.width()))
        painter.drawText(rest, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.restore()
