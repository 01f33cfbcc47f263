"""The painted area of a log: scrolling, following the end, selecting, and copying."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame

from rhdesk.desktop import theme
from rhdesk.desktop.widgets.log_view.ansi import Line, parse_line
from rhdesk.desktop.widgets.log_view.buffer import LogBuffer
from rhdesk.desktop.widgets.log_view.colouring import coloured
from rhdesk.desktop.widgets.log_view.painting import LinePainter, Mark
from rhdesk.desktop.widgets.log_view.search import Search
from rhdesk.desktop.widgets.log_view.selecting import Place, SelectingArea

MARGIN = 16.0
_FRAME_MS = 33


class LogView(SelectingArea):
    """Shows a LogBuffer. The vertical scroll bar counts lines; while wrapping, a line takes several rows."""

    follow_changed = Signal(bool)
    near_top = Signal()  # older lines are wanted
    near_end = Signal()  # newer lines are wanted (only while the newest are not held)
    menu_asked = Signal(QPoint)

    def __init__(self, buffer: LogBuffer) -> None:
        super().__init__(buffer)
        self.search: Search | None = None
        self.current_match: tuple[int, int, int] | None = None
        self._follow = True
        self._wrap = False
        self._placing = False
        self._widest = 0
        self._lines = LinePainter(theme.mono_font(12))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Log")
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._frame = QTimer(self, interval=_FRAME_MS, singleShot=True)
        self._frame.timeout.connect(self._settle)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.horizontalScrollBar().valueChanged.connect(self.viewport().update)
        self._line = lru_cache(maxsize=2048)(self._read_line)

    # ------------------------------------------------------------ from outside

    @property
    def follow(self) -> bool:
        return self._follow

    def set_follow(self, follow: bool) -> None:
        """Keep the newest line in sight. It lets go when the user scrolls up, and comes back at the end."""
        if follow:
            self._settle()
            bar = self.verticalScrollBar()
            bar.setValue(bar.maximum())
        if follow != self._follow:
            self._follow = follow
            self.follow_changed.emit(follow)

    def set_wrap(self, wrap: bool) -> None:
        self._wrap = wrap
        self._line.cache_clear()
        self.horizontalScrollBar().setValue(0)
        self._settle()

    def grown(self, dropped_in_front: int = 0) -> None:
        """Lines were added at the end, and so many left at the front."""
        if dropped_in_front:
            self._shift(-dropped_in_front)
        if not self._frame.isActive():
            self._frame.start()

    def grown_in_front(self, added: int) -> None:
        """Older lines were put before the first; what is in sight stays where it is."""
        self._shift(added)
        self._settle()

    def reset(self) -> None:
        """The buffer holds something else now."""
        self._line.cache_clear()
        self.clear_selection()
        self.current_match = None
        self._widest = 0
        self.verticalScrollBar().setValue(0)
        self._settle()

    def show_place(self, line: int, column: int = 0) -> None:
        """Bring a place into sight, a third from the top when it was out of it."""
        bar = self.verticalScrollBar()
        page = self._page_lines()
        if not bar.value() <= line < bar.value() + page - 1:
            self.let_go()
            bar.setValue(max(0, line - page // 3))
        side = self.horizontalScrollBar()
        x = column * self._lines.step
        if not self._wrap and not side.value() <= x < side.value() + self.viewport().width() - 80:
            side.setValue(max(0, int(x - self.viewport().width() / 3)))
        self.viewport().update()

    def text_of(self, number: int) -> str:
        return self._line(number).text

    def top_place(self) -> Place:
        """Where a search from what is in sight begins."""
        if self.current_match is not None:
            return self.current_match[:2]
        return (max(0, self.verticalScrollBar().value() - 1), 1 << 30)

    # ------------------------------------------------------------ layout

    def _read_line(self, number: int) -> Line:
        return coloured(parse_line(self.buffer.line(number)))

    def _columns(self) -> int:
        return max(20, int((self.viewport().width() - 2 * MARGIN) / self._lines.step))

    def _rows_of(self, number: int) -> int:
        return max(1, -(-len(self._line(number).text) // self._columns())) if self._wrap else 1

    def _page_lines(self) -> int:
        return max(1, int(self.viewport().height() / self._lines.row))

    def _last_top(self) -> int:
        """The highest line that can be the first in sight: the last line then stands at the bottom."""
        rows, page = 0, self._page_lines()
        number = self.buffer.lines
        if not self._wrap:
            return max(0, number - page)
        while number > 0 and rows < page:
            rows += self._rows_of(number - 1)
            if rows > page and number < self.buffer.lines:
                break
            number -= 1
        return number

    def _settle(self) -> None:
        """Give the scroll bars their ranges and repaint; at most thirty times a second while lines pour in."""
        if self.buffer.lines:
            # the last line may have grown since it was read
            self._line.cache_clear()
        bar, side = self.verticalScrollBar(), self.horizontalScrollBar()
        self._placing = True
        bar.setPageStep(self._page_lines())
        bar.setRange(0, self._last_top())
        if self._follow:
            bar.setValue(bar.maximum())
        width = 0 if self._wrap else int(self._widest * self._lines.step + 2 * MARGIN - self.viewport().width())
        side.setPageStep(self.viewport().width())
        side.setSingleStep(int(self._lines.step * 4))
        side.setRange(0, max(0, width))
        self._placing = False
        self.viewport().update()

    def _shift(self, lines: int) -> None:
        """Line numbers changed by `lines`: selection and scroll position go along."""

        self._line.cache_clear()
        self.shift_selection(lines)
        if self.current_match is not None:
            line, start, end = self.current_match
            self.current_match = (line + lines, start, end) if line + lines >= 0 else None
        bar = self.verticalScrollBar()
        self._placing = True
        bar.setRange(0, max(bar.maximum(), bar.value() + lines))
        bar.setValue(max(0, bar.value() + lines))
        self._placing = False

    def _scrolled(self, value: int) -> None:
        self.viewport().update()
        if self._placing:
            return
        at_end = value >= self.verticalScrollBar().maximum()
        if value < self._page_lines() and self.buffer.start > 0:
            self.near_top.emit()
        if at_end and not self.buffer.at_live_end:
            self.near_end.emit()
        elif at_end != self._follow:
            self._follow = at_end
            self.follow_changed.emit(at_end)

    def let_go(self) -> None:
        if self._follow:
            self._follow = False
            self.follow_changed.emit(False)

    # ------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), theme.colour("console"))
        height = self.viewport().height()
        y, number = self._top_edge(), self.verticalScrollBar().value()
        widest = self._widest
        used: set[int] = set()
        while y < height and number < self.buffer.lines:
            line = self._line(number)
            widest = max(widest, len(line.text))
            used.add(self.buffer.chunk_place(number))
            y = self._paint_line(painter, number, line, y)
            number += 1
        painter.end()
        if len(self.buffer.chunks()) > 64:
            self.buffer.trim_indexes(used)
        if widest > self._widest:
            self._widest = widest
            if not self._wrap:
                QTimer.singleShot(0, self, self._settle)

    def _top_edge(self) -> float:
        """Where the first line in sight begins: above the view, where wrapped lines at the end are higher than it."""
        bar = self.verticalScrollBar()
        if not self._wrap or bar.value() < bar.maximum():
            return 0.0
        rows = sum(self._rows_of(number) for number in range(bar.value(), self.buffer.lines))
        return min(0.0, self.viewport().height() - rows * self._lines.row)

    def _paint_line(self, painter: QPainter, number: int, line: Line, y: float) -> float:
        columns = self._columns() if self._wrap else max(1, len(line.text))
        marks = self._marks(number, line.text)
        left = MARGIN - (0 if self._wrap else self.horizontalScrollBar().value())
        for start in range(0, max(1, len(line.text)), columns):
            end = min(len(line.text), start + columns)
            self._lines.paint(painter, line, start, end, marks, left, y, self.viewport().width())
            y += self._lines.row
        return y

    def _marks(self, number: int, text: str) -> list[Mark]:
        marks: list[Mark] = []
        if self.search is not None:
            for start, end in self.search.matches_in(text):
                now = self.current_match is not None and self.current_match[:2] == (number, start)
                marks.append((start, end, "match_now" if now else "match"))
        span = self.selection()
        if span is not None and span[0][0] <= number <= span[1][0]:
            start = span[0][1] if number == span[0][0] else 0
            end = span[1][1] if number == span[1][0] else max(len(text), 1)
            marks.append((start, end, "accent"))
        return marks

    def place_at(self, point: QPoint) -> Place:
        if not self.buffer.lines:
            return (0, 0)
        y, number = self._top_edge(), self.verticalScrollBar().value()
        while number < self.buffer.lines - 1 and y + self._rows_of(number) * self._lines.row <= point.y():
            y += self._rows_of(number) * self._lines.row
            number += 1
        text = self._line(number).text
        row = max(0, int((point.y() - y) / self._lines.row)) if self._wrap else 0
        start = min(row * self._columns(), len(text)) if self._wrap else 0
        x = point.x() - MARGIN + (0 if self._wrap else self.horizontalScrollBar().value())
        if text.isascii():
            column = start + round(x / self._lines.step)
        else:
            column = start
            while column < len(text) and self._lines.advance(text, start, column + 1) - self._lines.step / 2 < x:
                column += 1
        return (number, max(0, min(len(text), column)))

    # ------------------------------------------------------------ keys

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_asked.emit(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar, side = self.verticalScrollBar(), self.horizontalScrollBar()
        extend = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        key = event.key()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif extend and key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right,
                                Qt.Key.Key_Home, Qt.Key.Key_End):  # fmt: skip
            self.extend_selection(key, bar.value())
        elif key == Qt.Key.Key_Home:
            self.let_go()
            bar.setValue(0)
        elif key == Qt.Key.Key_End:
            self.set_follow(True)
        elif key == Qt.Key.Key_Up:
            bar.setValue(bar.value() - 1)
        elif key == Qt.Key.Key_Down:
            bar.setValue(bar.value() + 1)
        elif key == Qt.Key.Key_Left:
            side.setValue(side.value() - side.singleStep())
        elif key == Qt.Key.Key_Right:
            side.setValue(side.value() + side.singleStep())
        elif key == Qt.Key.Key_PageUp:
            bar.setValue(bar.value() - self._page_lines() + 1)
        elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_Space):
            bar.setValue(bar.value() + self._page_lines() - 1)
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------ Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._settle()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            side = self.horizontalScrollBar()
            side.setValue(side.value() - event.angleDelta().y())
            return
        super().wheelEvent(event)

    def retheme(self) -> None:
        self.viewport().update()
