"""Selecting in a log with mouse and keyboard, and copying what is selected."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QAbstractScrollArea

from rhdesk.desktop.widgets.log_view.ansi import parse_line
from rhdesk.desktop.widgets.log_view.buffer import LogBuffer

Place = tuple[int, int]
"""Line and column."""


class SelectingArea(QAbstractScrollArea):
    """The selection goes from `anchor` to `caret`. What a place is on the screen is the subclass's to say."""

    def __init__(self, buffer: LogBuffer) -> None:
        super().__init__()
        self.buffer = buffer
        self._anchor: Place | None = None
        self._caret: Place | None = None
        self._drag = QTimer(self, interval=40)
        self._drag.timeout.connect(self._drag_on)
        self._drag_at = QPoint()

    def place_at(self, point: QPoint) -> Place:
        """The place under a point of the viewport."""
        raise NotImplementedError

    def text_of(self, number: int) -> str:
        """What is shown of a line."""
        raise NotImplementedError

    def show_place(self, line: int, column: int = 0) -> None:
        """Bring a place into sight."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Follow the end no longer."""
        raise NotImplementedError

    def selection(self) -> tuple[Place, Place] | None:
        """First place and the place after the last; None where nothing is selected."""
        if self._anchor is None or self._caret is None or self._anchor == self._caret:
            return None
        return (self._anchor, self._caret) if self._anchor < self._caret else (self._caret, self._anchor)

    def has_selection(self) -> bool:
        return self.selection() is not None

    def selected_text(self) -> str:
        """What is selected, as it is shown, lines whole."""
        span = self.selection()
        if span is None:
            return ""
        (first, start), (last, end) = span
        lines = [parse_line(self.buffer.line(number), whole=True).text for number in range(first, last + 1)]
        if first == last:
            return lines[0][start:end]
        return "\n".join([lines[0][start:], *lines[1:-1], lines[-1][:end]])

    def copy(self) -> None:
        """Put what is selected on the clipboard."""
        if self.has_selection():
            QGuiApplication.clipboard().setText(self.selected_text())

    def select_all(self) -> None:
        if self.buffer.lines:
            last = self.buffer.lines - 1
            self._anchor, self._caret = (0, 0), (last, len(parse_line(self.buffer.line(last), whole=True).text))
            self.viewport().update()

    def clear_selection(self) -> None:
        self._anchor = self._caret = None

    def shift_selection(self, lines: int) -> None:
        """The numbers of all lines changed by `lines`."""

        def moved(place: Place | None) -> Place | None:
            if place is None:
                return None
            return (place[0] + lines, place[1]) if place[0] + lines >= 0 else (0, 0)

        self._anchor, self._caret = moved(self._anchor), moved(self._caret)

    def extend_selection(self, key: int, top: int) -> None:
        """Shift and an arrow, Home or End; `top` is the first line in sight."""
        line, column = self._caret or (top, 0)
        if self._anchor is None:
            self._anchor = (line, column)
        last = max(0, self.buffer.lines - 1)
        if key == Qt.Key.Key_Up:
            line = max(0, line - 1)
        elif key == Qt.Key.Key_Down:
            line = min(last, line + 1)
        elif key == Qt.Key.Key_Left:
            column -= 1
        elif key == Qt.Key.Key_Right:
            column += 1
        elif key == Qt.Key.Key_Home:
            column = 0
        else:
            column = 1 << 30
        column = max(0, min(column, len(self.text_of(line)) if self.buffer.lines else 0))
        self._caret = (line, column)
        self.show_place(line, column)

    # ------------------------------------------------------------ the mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        place = self.place_at(event.position().toPoint())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._anchor is not None:
            self._caret = place
        else:
            self._anchor = self._caret = place
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        number, column = self.place_at(event.position().toPoint())
        text = self.text_of(number) if self.buffer.lines else ""
        start = end = min(column, len(text))
        while start > 0 and not text[start - 1].isspace():
            start -= 1
        while end < len(text) and not text[end].isspace():
            end += 1
        self._anchor, self._caret = (number, start), (number, end)
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and self._anchor is not None:
            self._drag_at = event.position().toPoint()
            self._caret = self.place_at(self._drag_at)
            self.let_go()
            outside = not 0 <= self._drag_at.y() < self.viewport().height()
            if outside and not self._drag.isActive():
                self._drag.start()
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag.stop()

    def _drag_on(self) -> None:
        """The mouse is held above or below the view: scroll, and select along."""
        if 0 <= self._drag_at.y() < self.viewport().height():
            self._drag.stop()
            return
        bar = self.verticalScrollBar()
        over = self._drag_at.y() if self._drag_at.y() < 0 else self._drag_at.y() - self.viewport().height()
        bar.setValue(bar.value() + over // 16 + (1 if over > 0 else 0))
        self._caret = self.place_at(self._drag_at)
        self.viewport().update()
