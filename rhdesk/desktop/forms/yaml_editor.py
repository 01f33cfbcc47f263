"""YAML of one resource, checked while one types: problems at their lines and in a list below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from rhdesk.desktop.forms.code_edit import CodeEdit, Mark
from rhdesk.desktop.widgets.base import Button, IconLabel, Label, Rule, row_of
from rhdesk.desktop.widgets.removal import clear_layout
from rhresources.errors import DocumentError

_PAUSE = 180  # milliseconds without a key before the text is checked
_SHOWN = 20
_HIGHEST = 132  # pixels of the list of problems


@dataclass(frozen=True)
class TextProblem:
    """What is wrong in a text: the field ("packages[2].revision"), why, and the line from 1 where it is known."""

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


Check = Callable[[str], Sequence[TextProblem]]
"""Finds the problems of a text. Called in a thread."""


def document_problems(text: str) -> list[TextProblem]:
    """Why a text is not the document of a resource; empty if it is one."""
    from rhresources.documents import parse_document

    try:
        parse_document(text)
    except DocumentError as error:
        if not error.problems:
            return [TextProblem("", error.sentence)]
        return [TextProblem(field, message, line) for field, message, line in error.problems]
    return []


class _Answer(QObject):
    ready = Signal(int, list)


class _Checking(QRunnable):
    def __init__(self, number: int, text: str, check: Check, answer: _Answer) -> None:
        super().__init__()
        self._number, self._text, self._check, self._answer = number, text, check, answer

    def run(self) -> None:
        found = list(self._check(self._text))
        try:
            self._answer.ready.emit(self._number, found)
        except RuntimeError:  # the editor was closed meanwhile
            pass


class YamlEditor(QWidget):
    """The text with its problems. Checking happens in a thread, so that typing never waits."""

    save_asked = Signal()
    dirty_changed = Signal(bool)
    checked = Signal(list)  # of TextProblem

    def __init__(self, check: Check = document_problems, *, name: str = "YAML") -> None:
        super().__init__()
        self._check = check
        self._number = 0
        self._problems: list[TextProblem] = []
        self._answer = _Answer()
        self._answer.ready.connect(self._checked)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.edit = CodeEdit(name=name)
        column.addWidget(self.edit, 1)
        self._strip = _Problems(self.edit.go_to)
        column.addWidget(self._strip)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self.check_now)
        self.edit.textChanged.connect(self._timer.start)
        self.edit.save_asked.connect(self.save_asked)
        self.edit.document().modificationChanged.connect(self.dirty_changed)

    @property
    def text(self) -> str:
        return self.edit.toPlainText()

    @property
    def is_dirty(self) -> bool:
        """Whether the text differs from what was set or saved last."""
        return self.edit.document().isModified()

    @property
    def problems(self) -> list[TextProblem]:
        """What the last check found."""
        return self._problems

    def set_text(self, text: str, *, read_only: bool = False) -> None:
        """Show another text, unchanged as yet."""
        self.edit.setReadOnly(read_only)
        self.edit.set_text(text)
        self.check_now()

    def mark_saved(self) -> None:
        """The text as it stands is the one on disk."""
        self.edit.document().setModified(False)

    def check_now(self) -> None:
        """Check without waiting for a pause."""
        self._timer.stop()
        self._number += 1
        QThreadPool.globalInstance().start(_Checking(self._number, self.text, self._check, self._answer))

    def show_problems(self, problems: Sequence[TextProblem]) -> None:
        """Show what saving found."""
        self._number += 1  # a check that is under way knows less
        self._set_problems(list(problems))

    def _checked(self, number: int, problems: list[TextProblem]) -> None:
        if number == self._number:
            self._set_problems(problems)

    def _set_problems(self, problems: list[TextProblem]) -> None:
        last = self.edit.document().blockCount()  # a parser may name the line after it
        problems = [replace(each, line=min(each.line, last)) if each.line else each for each in problems]
        self._problems = problems
        self.edit.set_marks([Mark(problem.line, str(problem)) for problem in problems if problem.line is not None])
        self._strip.show_problems(problems)
        self.checked.emit(problems)


class _Problems(QWidget):
    """The problems, one a line; a click goes there."""

    def __init__(self, go_to: Callable[[int], object]) -> None:
        super().__init__()
        self._go_to = go_to
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Rule())
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        self._lines = QVBoxLayout(inner)
        self._lines.setContentsMargins(12, 6, 12, 6)
        self._lines.setSpacing(2)
        self._area.setWidget(inner)
        column.addWidget(self._area)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_problems(self, problems: list[TextProblem]) -> None:
        clear_layout(self._lines)
        for problem in problems[:_SHOWN]:
            words = Label(str(problem), "error", wrap=True, select=True)
            line = Button(f"Line {problem.line}", "link") if problem.line is not None else None
            if line is not None and problem.line is not None:
                line.clicked.connect(lambda checked=False, at=problem.line: self._go_to(at))
            row = row_of(IconLabel("circle-x", "error", 14), words)
            row.setStretch(1, 1)
            if line is not None:
                row.addWidget(line)
            self._lines.addLayout(row)
        if len(problems) > _SHOWN:
            self._lines.addWidget(Label(f"and {len(problems) - _SHOWN} more", "faint"))
        self.setAccessibleName(f"{len(problems)} problems" if problems else "No problems")
        self.setVisible(bool(problems))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as the words are at this width, up to a limit."""
        width = self.width()
        self._area.setFixedHeight(min(_HIGHEST, max(self._lines.totalHeightForWidth(width), 40)))
