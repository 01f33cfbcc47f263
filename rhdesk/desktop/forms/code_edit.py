"""A text editor for YAML and JSON: line numbers, the line one is on, problems at their lines, indenting by spaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QTextEdit, QToolTip, QWidget

from rhdesk.desktop import theme
from rhdesk.desktop.forms.highlight import Highlighter

INDENT = 2


@dataclass(frozen=True)
class Mark:
    """A problem at a line, counted from 1."""

    line: int
    message: str


class CodeEdit(QPlainTextEdit):
    """Tab indents, Shift+Tab takes it back, Enter keeps the indentation, Ctrl+/ comments lines out.

    Escape frees the next Tab to move on to the next control, for those who use the keyboard only.
    """

    save_asked = Signal()
    run_asked = Signal()

    def __init__(self, *, numbers: bool = True, comments: bool = True, name: str = "Editor") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setProperty("kind", "code")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.document().setDocumentMargin(6)
        self._comments = comments
        self._marks: dict[int, list[str]] = {}
        self._tab_leaves = False
        self._numbers = _Numbers(self) if numbers else None
        self._highlighter = Highlighter(self.document())
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._scrolled)
        self.cursorPositionChanged.connect(self._decorate)
        self.retheme()

    # ------------------------------------------------------------ text and problems

    def set_text(self, text: str) -> None:
        """Replace the text; undo starts anew."""
        self.setPlainText(text)
        self.document().setModified(False)

    def replace_text(self, text: str) -> None:
        """Replace the text as one step that can be undone; the cursor stays on its line."""
        if text == self.toPlainText():
            return
        line = self.textCursor().blockNumber()
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        self.go_to(line + 1)

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Show these problems; lines beyond the text count as its last."""
        self._marks = {}
        for mark in marks:
            place = min(max(mark.line, 1), self.blockCount()) - 1
            self._marks.setdefault(place, []).append(mark.message)
        self._decorate()
        if self._numbers is not None:
            self._numbers.update()

    def marks_at(self, line: int) -> list[str]:
        """The problems of a line, counted from 1."""
        return self._marks.get(line - 1, [])

    def go_to(self, line: int) -> None:
        """Put the cursor at the first letter of a line, counted from 1."""
        block = self.document().findBlockByNumber(min(max(line, 1), self.blockCount()) - 1)
        cursor = QTextCursor(block)
        cursor.movePosition(
            QTextCursor.MoveOperation.Right, QTextCursor.MoveMode.MoveAnchor, _indentation(block.text())
        )
        self.setTextCursor(cursor)
        self.ensureCursorVisible()

    def retheme(self) -> None:
        self.setFont(theme.mono_font())
        self.setTabStopDistance(QFontMetricsF(theme.mono_font()).horizontalAdvance(" ") * 4)
        self._highlighter.retheme()
        self._make_room()
        self._decorate()

    def _decorate(self) -> None:
        selections = []
        if not self.isReadOnly():
            line = QTextEdit.ExtraSelection()
            line.format.setBackground(theme.colour("hover"))
            line.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
            line.cursor = self.textCursor()
            line.cursor.clearSelection()
            selections.append(line)
        for place in self._marks:
            block = self.document().findBlockByNumber(place)
            if not block.isValid():
                continue
            wave = QTextEdit.ExtraSelection()
            wave.cursor = QTextCursor(block)
            move, keep = QTextCursor.MoveOperation, QTextCursor.MoveMode
            wave.cursor.movePosition(move.Right, keep.MoveAnchor, _indentation(block.text()))
            wave.cursor.movePosition(move.EndOfBlock, keep.KeepAnchor)
            wave.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            wave.format.setUnderlineColor(theme.colour("error"))
            selections.append(wave)
        self.setExtraSelections(selections)

    # ------------------------------------------------------------ line numbers

    def has_mark(self, place: int) -> bool:
        """Whether the block with this number has a problem."""
        return place in self._marks

    def numbers_width(self) -> int:
        """Pixels for the widest line number with its margins."""
        digits = max(2, len(str(self.blockCount())))
        return 26 + int(QFontMetricsF(theme.mono_font(11)).horizontalAdvance("9" * digits))

    def first_block(self) -> QTextBlock:
        """The first line in sight."""
        return self.firstVisibleBlock()

    def block_box(self, block: QTextBlock) -> QRect:
        """Where a line is drawn, in the viewport."""
        return self.blockBoundingGeometry(block).translated(self.contentOffset()).toRect()

    def _make_room(self) -> None:
        if self._numbers is not None:
            self.setViewportMargins(self.numbers_width(), 0, 0, 0)

    def _scrolled(self, area: QRect, by: int) -> None:
        if self._numbers is not None:
            self._numbers.scroll(0, by) if by else self._numbers.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._numbers is not None:
            inside = self.contentsRect()
            self._numbers.setGeometry(QRect(inside.left(), inside.top(), self.numbers_width(), inside.height()))

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            place = self.cursorForPosition(event.pos()).blockNumber()
            messages = self._marks.get(place)
            if messages:
                QToolTip.showText(event.globalPos(), "\n".join(messages), self)
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    # ------------------------------------------------------------ keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, control = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        leaves, self._tab_leaves = self._tab_leaves, key == Qt.Key.Key_Escape
        enter = key in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.matches(QKeySequence.StandardKey.Save):
            self.save_asked.emit()
        elif enter and control:
            self.run_asked.emit()
        elif self.isReadOnly():
            super().keyPressEvent(event)
        elif key == Qt.Key.Key_Tab and leaves:
            self.focusNextChild()
        elif key == Qt.Key.Key_Tab and not control:
            self._indent()
        elif key == Qt.Key.Key_Backtab:
            self._outdent()
        elif enter:
            self._new_line()
        elif key == Qt.Key.Key_Backspace and self._in_indentation():
            self._outdent()
        elif key == Qt.Key.Key_Slash and control and self._comments:
            self._comment()
        else:
            super().keyPressEvent(event)

    def _lines(self) -> list[QTextBlock]:
        """The lines that the selection touches."""
        cursor = self.textCursor()
        first = self.document().findBlock(cursor.selectionStart())
        last = self.document().findBlock(cursor.selectionEnd())
        if last != first and cursor.selectionEnd() == last.position():
            last = last.previous()
        lines, block = [], first
        while block.isValid():
            lines.append(block)
            if block == last:
                break
            block = block.next()
        return lines

    def _in_indentation(self) -> bool:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        return not cursor.hasSelection() and bool(before) and not before.strip()

    def _indent(self) -> None:
        cursor = self.textCursor()
        lines = self._lines()
        cursor.beginEditBlock()
        if cursor.hasSelection() and len(lines) > 1:
            for block in lines:
                if block.text().strip():
                    QTextCursor(block).insertText(" " * INDENT)
        else:
            cursor.insertText(" " * (INDENT - cursor.positionInBlock() % INDENT))
        cursor.endEditBlock()

    def _outdent(self) -> None:
        edit = self.textCursor()
        edit.beginEditBlock()
        for block in self._lines():
            surplus = _indentation(block.text())
            step = surplus % INDENT or min(INDENT, surplus)
            cursor = QTextCursor(block)
            for _ in range(step):
                cursor.deleteChar()
        edit.endEditBlock()

    def _new_line(self) -> None:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        depth = _indentation(before)
        if before.rstrip().endswith((":", "{", "[", "|", ">")):
            depth += INDENT
        cursor.insertText("\n" + " " * depth)
        self.setTextCursor(cursor)
        self.ensureCursorVisible()

    def _comment(self) -> None:
        lines = [block for block in self._lines() if block.text().strip()]
        out = not all(block.text().lstrip().startswith("#") for block in lines)
        edit = self.textCursor()
        edit.beginEditBlock()
        depth = min((_indentation(block.text()) for block in lines), default=0)
        for block in lines:
            cursor = QTextCursor(block)
            text = block.text()
            cursor.movePosition(
                QTextCursor.MoveOperation.Right,
                QTextCursor.MoveMode.MoveAnchor,
                depth if out else _indentation(text),
            )
            if out:
                cursor.insertText("# ")
            else:
                cursor.deleteChar()
                if text.lstrip().startswith("# "):
                    cursor.deleteChar()
        edit.endEditBlock()


class _Numbers(QWidget):
    """The strip of line numbers; a dot stands at lines with a problem."""

    def __init__(self, editor: CodeEdit) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        return QSize(self._editor.numbers_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.mono_font(11))
        current = self._editor.textCursor().blockNumber()
        block = self._editor.first_block()
        while block.isValid():
            box = self._editor.block_box(block)
            if box.top() > event.rect().bottom():
                break
            place = block.blockNumber()
            line = QRect(0, box.top(), self.width() - 10, self._editor.fontMetrics().height())
            painter.setPen(theme.colour("text_muted" if place == current else "text_faint"))
            painter.drawText(line, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), str(place + 1))
            if self._editor.has_mark(place):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.colour("error"))
                painter.drawEllipse(QPoint(8, line.center().y() + 1), 3, 3)
            block = block.next()


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip(" "))
