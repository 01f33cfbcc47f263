"""The painted area of a log: scrolling, following the end, selecting, and copying."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame

from rhdesk.desktop import theme
from rhdesk.desktop.widgets.log_view.ansi import Line, Style, parse_line
from rhdesk.desktop.widgets.log_view.buffer import LogBuffer
from rhdesk.desktop.widgets.log_view.colouring import coloured
from rhdesk.desktop.widgets.log_view.search import Search

MARGIN = 16.0
_FRAME_MS = 33

Place = tuple[int, int]  # line, column


class LogView(QAbstractScrollArea):
    """Shows a LogBuffer. The vertical scroll bar counts lines; while wrapping, a line takes several rows."""

    follow_changed = Signal(bool)
    near_top = Signal()  # older lines are wanted
    near_end = Signal()  # newer lines are wanted (only while the newest are not held)
    menu_asked = Signal(QPoint)

    def __init__(self, buffer: LogBuffer) -> None:
        super().__init__()
        self.buffer = buffer
        self.search: Search | None = None
        self.current_match: tuple[int, int, int] | None = None
        self._follow = True
        self._wrap = False
        self._placing = False
        self._widest = 0
        self._anchor: Place | None = None
        self._caret: Place | None = None
        self._font = theme.mono_font(12)
        metrics = QFontMetricsF(self._font)
        self._step = metrics.horizontalAdvance("0")
        self._row = float(round(metrics.height() + 2))
        self._ascent = metrics.ascent() + 1
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Log")
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._frame = QTimer(self, interval=_FRAME_MS, singleShot=True)
        self._frame.timeout.connect(self._settle)
        self._drag = QTimer(self, interval=40)
        self._drag.timeout.connect(self._drag_on)
        self._drag_at = QPoint()
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
        self._anchor = self._caret = self.current_match = None
        self._widest = 0
        self.verticalScrollBar().setValue(0)
        self._settle()

    def show_place(self, line: int, column: int = 0) -> None:
        """Bring a place into sight, a third from the top when it was out of it."""
        bar = self.verticalScrollBar()
        page = self._page_lines()
        if not bar.value() <= line < bar.value() + page - 1:
            self._let_go()
            bar.setValue(max(0, line - page // 3))
        side = self.horizontalScrollBar()
        x = column * self._step
        if not self._wrap and not side.value() <= x < side.value() + self.viewport().width() - 80:
            side.setValue(max(0, int(x - self.viewport().width() / 3)))
        self.viewport().update()

    def selected_text(self) -> str:
        """What is selected, as it is shown, lines whole."""
        span = self._selection()
        if span is None:
            return ""
        (first, start), (last, end) = span
        lines = [parse_line(self.buffer.line(number), whole=True).text for number in range(first, last + 1)]
        if first == last:
            return lines[0][start:end]
        return "\n".join([lines[0][start:], *lines[1:-1], lines[-1][:end]])

    def has_selection(self) -> bool:
        return self._selection() is not None

    def copy(self) -> None:
        if self.has_selection():
            QGuiApplication.clipboard().setText(self.selected_text())

    def select_all(self) -> None:
        if self.buffer.lines:
            last = self.buffer.lines - 1
            self._anchor, self._caret = (0, 0), (last, len(parse_line(self.buffer.line(last), whole=True).text))
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
        return max(20, int((self.viewport().width() - 2 * MARGIN) / self._step))

    def _rows_of(self, number: int) -> int:
        return max(1, -(-len(self._line(number).text) // self._columns())) if self._wrap else 1

    def _page_lines(self) -> int:
        return max(1, int(self.viewport().height() / self._row))

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
        width = 0 if self._wrap else int(self._widest * self._step + 2 * MARGIN - self.viewport().width())
        side.setPageStep(self.viewport().width())
        side.setSingleStep(int(self._step * 4))
        side.setRange(0, max(0, width))
        self._placing = False
        self.viewport().update()

    def _shift(self, lines: int) -> None:
        """Line numbers changed by `lines`: selection and scroll position go along."""

        def moved(place: Place | None) -> Place | None:
            if place is None:
                return None
            return (place[0] + lines, place[1]) if place[0] + lines >= 0 else (0, 0)

        self._line.cache_clear()
        self._anchor, self._caret = moved(self._anchor), moved(self._caret)
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

    def _let_go(self) -> None:
        if self._follow:
            self._follow = False
            self.follow_changed.emit(False)

    # ------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), theme.colour("console"))
        height = self.viewport().height()
        y = 0.0
        number = self.verticalScrollBar().value()
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

    def _paint_line(self, painter: QPainter, number: int, line: Line, y: float) -> float:
        columns = self._columns() if self._wrap else max(1, len(line.text))
        marks = self._marks(number, line.text)
        for start in range(0, max(1, len(line.text)), columns):
            end = min(len(line.text), start + columns)
            left = MARGIN - (0 if self._wrap else self.horizontalScrollBar().value())
            for begin, stop, role in marks:
                a, b = max(begin, start), min(stop, end)
                if a < b or (begin == stop == end):
                    x1 = left + self._advance(line.text, start, a)
                    x2 = left + self._advance(line.text, start, b) if b > a else x1 + self._step / 2
                    ground = theme.colour(role, 110 if role == "accent" else 255)
                    painter.fillRect(QRectF(x1, y, x2 - x1, self._row), ground)
            self._paint_text(painter, line, start, end, left, y)
            y += self._row
        return y

    def _marks(self, number: int, text: str) -> list[tuple[int, int, str]]:
        marks: list[tuple[int, int, str]] = []
        if self.search is not None:
            for start, end in self.search.matches_in(text):
                now = self.current_match is not None and self.current_match[:2] == (number, start)
                marks.append((start, end, "match_now" if now else "match"))
        span = self._selection()
        if span is not None and span[0][0] <= number <= span[1][0]:
            start = span[0][1] if number == span[0][0] else 0
            end = span[1][1] if number == span[1][0] else max(len(text), 1)
            marks.append((start, end, "accent"))
        return marks

    def _paint_text(self, painter: QPainter, line: Line, start: int, end: int, left: float, y: float) -> None:
        at = start
        for begin, stop, style in line.spans:
            begin, stop = max(begin, start), min(stop, end)
            if begin >= stop:
                continue
            if at < begin:
                self._draw(painter, line.text, at, begin, start, left, y, None)
            self._draw(painter, line.text, begin, stop, start, left, y, style)
            at = stop
        if at < end:
            self._draw(painter, line.text, at, end, start, left, y, None)

    def _draw(
        self,
        painter: QPainter,
        text: str,
        begin: int,
        end: int,
        origin: int,
        left: float,
        y: float,
        style: Style | None,
    ) -> None:
        x = left + self._advance(text, origin, begin)
        if x > self.viewport().width():
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
            painter.fillRect(QRectF(x, y, self._advance(text, begin, end), self._row), back)
        painter.setFont(font)
        painter.setPen(colour)
        # what lies far to the left or right of the view need not be shaped
        room = int((self.viewport().width() - x) / self._step) + 2
        skip = max(0, int(-x / self._step) - 1) if text.isascii() else 0
        painter.drawText(QPointF(x + skip * self._step, y + self._ascent), text[begin + skip : min(end, begin + room)])

    def _advance(self, text: str, start: int, end: int) -> float:
        """Pixels from column `start` to column `end`."""
        if text.isascii():
            return (end - start) * self._step
        return QFontMetricsF(self._font).horizontalAdvance(text[start:end])

    # ------------------------------------------------------------ selecting

    def _selection(self) -> tuple[Place, Place] | None:
        if self._anchor is None or self._caret is None or self._anchor == self._caret:
            return None
        return (self._anchor, self._caret) if self._anchor < self._caret else (self._caret, self._anchor)

    def _place_at(self, point: QPoint) -> Place:
        y, number = 0.0, self.verticalScrollBar().value()
        if not self.buffer.lines:
            return (0, 0)
        while number < self.buffer.lines - 1 and y + self._rows_of(number) * self._row <= point.y():
            y += self._rows_of(number) * self._row
            number += 1
        text = self._line(number).text
        row = max(0, int((point.y() - y) / self._row)) if self._wrap else 0
        start = min(row * self._columns(), len(text)) if self._wrap else 0
        x = point.x() - MARGIN + (0 if self._wrap else self.horizontalScrollBar().value())
        if text.isascii():
            column = start + round(x / self._step)
        else:
            column = start
            while column < len(text) and self._advance(text, start, column + 1) - self._step / 2 < x:
                column += 1
        return (number, max(0, min(len(text), column)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        place = self._place_at(event.position().toPoint())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._anchor is not None:
            self._caret = place
        else:
            self._anchor = self._caret = place
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        number, column = self._place_at(event.position().toPoint())
        text = self.text_of(number)
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
            self._caret = self._place_at(self._drag_at)
            self._let_go()
            outside = not 0 <= self._drag_at.y() < self.viewport().height()
            if outside and not self._drag.isActive():
                self._drag.start()
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag.stop()

    def _drag_on(self) -> None:
        """The mouse is held above or below the view: scroll, and select along."""
        bar = self.verticalScrollBar()
        over = self._drag_at.y() if self._drag_at.y() < 0 else self._drag_at.y() - self.viewport().height()
        bar.setValue(bar.value() + int(over / self._row) + (1 if over > 0 else -1))
        self._caret = self._place_at(self._drag_at)
        self.viewport().update()

    def contextMenuEvent(self, event: QEvent) -> None:
        self.menu_asked.emit(event.globalPos())  # type: ignore[attr-defined]

    # ------------------------------------------------------------ keys

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
            self._extend(key)
        elif key == Qt.Key.Key_Home:
            self._let_go()
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

    def _extend(self, key: int) -> None:
        line, column = self._caret or (self.verticalScrollBar().value(), 0)
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
