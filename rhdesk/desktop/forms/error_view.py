"""Why a run failed: the exception in large, what to do, the traceback below, and Copy for all of it."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rhdesk.core.results import ErrorReport
from rhdesk.desktop.forms.highlight import TracebackHighlighter
from rhdesk.desktop.forms.result_text import TextView
from rhdesk.desktop.widgets.base import Button, IconLabel, Label, Rule

# where the cluster keeps the code of a run; what counts is the file in the project, its line and its function
_SNAPSHOT = re.compile(r'(?m)^(\s*File ")[^"]*/code/trees/[^/"]+/[0-9a-f]{16,}/')


class ErrorView(QWidget):
    """Shows an ErrorReport."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report = ErrorReport()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(16, 12, 12, 12)
        head.setSpacing(10)
        head.addWidget(IconLabel("circle-x", "error", 18), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        self._headline = Label("", "h3", wrap=True, select=True)
        self._message = Label("", "muted", wrap=True, select=True)
        self._remedy = Label("", "muted", wrap=True, select=True)
        for label in (self._headline, self._message, self._remedy):
            words.addWidget(label)
        head.addLayout(words, 1)
        self._copy = Button("Copy", "", "copy", self.copy)
        head.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(head)
        self._rule = Rule()
        column.addWidget(self._rule)
        self._traceback = TextView()
        self._colours = TracebackHighlighter(self._traceback.document())
        self._traceback.setAccessibleName("Traceback")
        column.addWidget(self._traceback, 1)
        self._rest = QWidget()
        column.addWidget(self._rest, 1)

    def show_error(self, report: ErrorReport) -> None:
        """Show another error; the end of the traceback, where it happened, is in sight."""
        self._report = report
        rest = "\n".join(report.message.strip().splitlines()[1:]).strip()
        for label, text in (
            (self._headline, report.headline or "It failed without a word."),
            (self._message, rest),
            (self._remedy, report.remedy),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self._traceback.setPlainText(_SNAPSHOT.sub(r"\1", report.traceback.rstrip()))
        has_traceback = bool(report.traceback.strip())
        self._traceback.setVisible(has_traceback)
        self._rule.setVisible(has_traceback)
        self._rest.setVisible(not has_traceback)
        bar = self._traceback.verticalScrollBar()
        QTimer.singleShot(0, self._traceback, lambda: bar.setValue(bar.maximum()))
        self.setAccessibleName(f"Error: {report.headline}")

    def retheme(self) -> None:
        self._colours.retheme()

    def copy(self) -> None:
        """Everything to the clipboard."""
        QGuiApplication.clipboard().setText(self._report.as_text())
        self._copy.set_text("Copied")
        QTimer.singleShot(1500, self._copy, lambda: self._copy.set_text("Copy"))
