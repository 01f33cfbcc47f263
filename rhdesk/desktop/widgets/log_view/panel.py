"""The log view with its bar: follow, wrap, find, copy, save; and what is said while there is nothing to show."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.core.words import bytes_text, count_text
from rhdesk.desktop.widgets.base import Button, Label, Rule, ToolButton
from rhdesk.desktop.widgets.list_panel import popup_menu
from rhdesk.desktop.widgets.log_view.buffer import LogBuffer
from rhdesk.desktop.widgets.log_view.search import Query, Search
from rhdesk.desktop.widgets.log_view.view import LogView

PIECE = 1024 * 1024


class LogPanel(QWidget):
    """A log of which blocks are given with `feed`; older and newer pieces beyond the window are asked for.

    Signals:
        piece_wanted: (offset, length) to be fetched from the log and given to `feed_piece`.
        save_asked: the whole log is to be saved to a file.
    """

    piece_wanted = Signal(int, int)
    save_asked = Signal()

    def __init__(self, *, limit: int = 64 * 1024 * 1024) -> None:
        super().__init__()
        self.buffer = LogBuffer(limit)
        self.view = LogView(self.buffer)
        self._fetching = False
        self._search_timer = QTimer(self, interval=0, singleShot=True)
        self._search_timer.timeout.connect(self._search_on)

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._bar = QHBoxLayout()
        self._bar.setContentsMargins(16, 2, 8, 2)
        self._bar.setSpacing(4)
        self._count = Label("", "faint")
        self._bar.addWidget(self._count)
        self._bar.addStretch(1)
        self._follow = ToolButton("arrow-down-to-line", "Follow the end", checkable=True)
        self._follow.setChecked(True)
        self._follow.clicked.connect(self._follow_clicked)
        self._wrap = ToolButton("wrap-text", "Wrap long lines", checkable=True)
        self._wrap.toggled.connect(self.view.set_wrap)
        self._find = ToolButton("search", "Find in the log (Ctrl+F)", self.open_search)
        self._copy = ToolButton("copy", "Copy the selection, or everything", self.copy)
        self._save = ToolButton("download", "Save the whole log to a file", self.save_asked.emit)
        for button in (self._follow, self._wrap, self._find, self._copy, self._save):
            self._bar.addWidget(button)
        column.addLayout(self._bar)
        column.addWidget(Rule())
        self.search_bar = SearchBar()
        self.search_bar.hide()
        column.addWidget(self.search_bar)
        column.addWidget(self.view, 1)
        self._words = Label("", "muted")
        self._words.setParent(self.view)
        self._words.move(16, 10)

        self.view.follow_changed.connect(self._follow.setChecked)
        self.view.near_top.connect(self._want_older)
        self.view.near_end.connect(self._want_newer)
        self.view.menu_asked.connect(self._menu)
        self.search_bar.query_changed.connect(self._search)
        self.search_bar.step.connect(self._step)
        self.search_bar.closed.connect(self._end_search)
        self.say("")

    # ------------------------------------------------------------ what it shows

    def clear(self, start: int = 0) -> None:
        """Show another log, from its byte `start` on."""
        self.buffer.clear(start)
        self._fetching = False
        self.view.reset()
        self.view.set_follow(True)
        self._again()
        self._update_count()

    def feed(self, offset: int, data: bytes) -> None:
        """A live block of the log."""
        dropped = self.buffer.append(offset, data)
        self.view.grown(dropped)
        self._after_feed()

    def feed_piece(self, offset: int, data: bytes) -> None:
        """A piece that was asked for by `piece_wanted`."""
        self._fetching = False
        if offset + len(data) == self.buffer.start:
            added, _ = self.buffer.append_older(offset, data)
            self.view.grown_in_front(added)
        else:
            self.view.grown(self.buffer.append_newer(offset, data))
        self._after_feed()

    def say(self, sentence: str) -> None:
        """What stands in the empty view ("Waiting for the first line…"); "" for nothing."""
        self._sentence = sentence
        self._words.setText(sentence)
        self._words.adjustSize()
        self._words.setVisible(bool(sentence) and not self.buffer.lines)

    def set_title(self, widget: QWidget) -> None:
        """Put a widget at the left of the bar."""
        self._bar.insertWidget(0, widget, 100)

    def add_tool(self, icon: str, tip: str, act: Callable[[], object]) -> ToolButton:
        button = ToolButton(icon, tip, act)
        self._bar.addWidget(button)
        return button

    def text(self) -> str:
        """Everything held, as it is shown."""
        return "\n".join(self.view.text_of(number) for number in range(self.buffer.lines))

    def copy(self) -> None:
        """Copy the selection; without one, everything that is held."""
        if self.view.has_selection():
            self.view.copy()
        else:
            text = b"".join(self.buffer.pieces()).decode("utf-8", "replace")
            QGuiApplication.clipboard().setText(text)

    # ------------------------------------------------------------ find

    def open_search(self) -> None:
        self.search_bar.show()
        text = self.view.selected_text()
        if text and "\n" not in text:
            self.search_bar.field.setText(text)
        self.search_bar.field.setFocus()
        self.search_bar.field.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F3:
            self._step(not event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        elif event.key() == Qt.Key.Key_Escape and self.search_bar.isVisible():
            self._end_search()
        else:
            super().keyPressEvent(event)

    def _search(self, query: Query) -> None:
        self.view.current_match = None
        self.view.search = None
        if query.text:
            try:
                self.view.search = Search(self.buffer, query)
            except re.error as error:
                self.search_bar.say(f"Not a regular expression: {error.msg}", bad=True)
                self.view.viewport().update()
                return
            self._search_timer.start()
        else:
            self.search_bar.say("")
        self.view.viewport().update()

    def _search_on(self) -> None:
        search = self.view.search
        if search is None:
            return
        more = search.work()
        if more:
            self._search_timer.start()
        if search.count and self.view.current_match is None and not self.view.follow:
            self._go_to(search.next_after(*self.view.top_place()))
        elif search.count and self.view.current_match is None:
            self._go_to(search.last_before(self.buffer.lines, 0))
        self._say_found(more)

    def _step(self, forward: bool = True) -> None:
        search = self.view.search
        if search is not None:
            here = self.view.top_place()
            self._go_to(search.next_after(*here) if forward else search.last_before(*here))
            self._say_found(False)

    def _go_to(self, match: tuple[int, int, int] | None) -> None:
        if match is not None:
            self.view.current_match = match
            self.view.show_place(match[0], match[1])

    def _say_found(self, more: bool) -> None:
        search = self.view.search
        if search is None:
            return
        held = "" if self.buffer.is_whole else " in the part shown"
        if not search.count:
            self.search_bar.say("Searching…" if more else f"Not found{held}", bad=not more)
            return
        match = self.view.current_match
        number = search.number_of(*match[:2]) if match is not None else 0
        total = f"{search.count:,}{'+' if more or search.is_full else ''}"
        self.search_bar.say(f"{number:,} of {total}{held}" if number else f"{total} found{held}")

    def _end_search(self) -> None:
        self.search_bar.hide()
        self.view.search = None
        self.view.current_match = None
        self.view.setFocus()
        self.view.viewport().update()

    def _again(self) -> None:
        """The buffer was replaced: find in the new one."""
        if self.view.search is not None:
            self._search(self.view.search.query)

    # ------------------------------------------------------------ the rest

    def _after_feed(self) -> None:
        self._update_count()
        if self._words.isVisible() != (bool(self._sentence) and not self.buffer.lines):
            self.say(self._sentence)
        if self.view.search is not None and not self._search_timer.isActive():
            self._search_timer.start()

    def _update_count(self) -> None:
        buffer = self.buffer
        if not buffer.lines:
            self._count.setText("")
        elif buffer.is_whole:
            self._count.setText(f"{count_text(buffer.lines, 'line')} · {bytes_text(buffer.size)}")
        else:
            shown = bytes_text(buffer.end - buffer.start)
            self._count.setText(f"{count_text(buffer.lines, 'line')} shown · {shown} of {bytes_text(buffer.size)}")

    def _follow_clicked(self) -> None:
        if self._follow.isChecked() and not self.buffer.at_live_end:
            # the newest lines were let go of to make room for older ones: begin again near the end
            self.buffer.restart_at(max(0, self.buffer.size - PIECE))
            self.view.reset()
            self._again()
            self._want_newer()
        self.view.set_follow(self._follow.isChecked())

    def _want_older(self) -> None:
        if not self._fetching and self.buffer.start > 0:
            self._fetching = True
            length = min(PIECE, self.buffer.start)
            self.piece_wanted.emit(self.buffer.start - length, length)

    def _want_newer(self) -> None:
        if not self._fetching and not self.buffer.at_live_end:
            self._fetching = True
            self.piece_wanted.emit(self.buffer.end, PIECE)

    def _menu(self, where: QPoint) -> None:
        nothing = "" if self.buffer.lines else "The log is empty."
        popup_menu(
            self,
            [
                ("copy", "Copy", self.view.copy, "" if self.view.has_selection() else "Nothing is selected."),
                ("", "Select all", self.view.select_all, nothing),
                None,
                ("search", "Find…", self.open_search, nothing),
                ("download", "Save the whole log…", self.save_asked.emit, ""),
            ],
            where,
        )


class SearchBar(QFrame):
    """Find: the words, case and regex, how many, next and previous."""

    query_changed = Signal(object)
    step = Signal(bool)  # True: forward
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 8, 4)
        row.setSpacing(4)
        self.field = QLineEdit()
        self.field.setProperty("kind", "search")
        self.field.setPlaceholderText("Find")
        self.field.setAccessibleName("Find in the log")
        self.field.setMaximumWidth(320)
        row.addWidget(self.field, 1)
        self.case = ToolButton("case-sensitive", "Match upper and lower case", checkable=True)
        self.regex = ToolButton("regex", "Regular expression", checkable=True)
        row.addWidget(self.case)
        row.addWidget(self.regex)
        row.addWidget(ToolButton("chevron-up", "Previous (Shift+Enter)", lambda: self.step.emit(False)))
        row.addWidget(ToolButton("chevron-down", "Next (Enter)", lambda: self.step.emit(True)))
        self._said = Label("", "faint")
        row.addSpacing(4)
        row.addWidget(self._said)
        row.addStretch(1)
        row.addWidget(Button("Done", "link", on_click=self.closed.emit))
        self._wait = QTimer(self, interval=120, singleShot=True)
        self._wait.timeout.connect(self._tell)
        self.field.textChanged.connect(lambda text: self._wait.start())
        self.field.returnPressed.connect(self._enter)
        self.case.toggled.connect(lambda on: self._tell())
        self.regex.toggled.connect(lambda on: self._tell())

    def say(self, text: str, *, bad: bool = False) -> None:
        self._said.set_role("error" if bad else "faint")
        self._said.setText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def _enter(self) -> None:
        if self._wait.isActive():
            self._wait.stop()
            self._tell()
        else:
            back = QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier
            self.step.emit(not back)

    def _tell(self) -> None:
        self.query_changed.emit(Query(self.field.text(), self.regex.isChecked(), self.case.isChecked()))
