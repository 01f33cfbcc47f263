"""The clouds, each with whether it can be used, why not, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget
from shiboken6 import isValid

from rhdesk.core.rows import Problem
from rhdesk.desktop.widgets.base import Button, IconLabel, Label, Rule, row_of
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import DetailsFold, ProblemBox
from rhdesk.desktop.widgets.wrapped import WrappedLabel

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCheck

_AT_ONCE = 2
_TOP = Qt.AlignmentFlag.AlignTop


class CloudLines(QWidget):
    """Those that can be used first; the others in one fold where there are clouds that can. `filled`: all are there."""

    filled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 4, 16, 12)
        self._column.setSpacing(8)
        self._shown: list[CloudCheck] = []

    def show_checks(self, checks: Sequence[CloudCheck]) -> None:
        """Show these, unless they are what is shown."""
        wanted = sorted(checks, key=lambda check: (not check.enabled, check.title.casefold()))
        if wanted == self._shown:
            return
        self._shown = wanted
        clear_layout(self._column)
        ready = [check for check in wanted if check.enabled]
        others = [check for check in wanted if not check.enabled]
        if not ready and others:
            words = "Set one of these up with its own tools, as it says beside it, and check again."
            self._column.addWidget(ProblemBox(Problem("No cloud can be used yet.", words), level="info"))
        for place, check in enumerate(ready):
            if place:
                self._column.addWidget(Rule())
            self._column.addWidget(CloudLine(check))
        if others:
            self._others = QWidget()
            inner = QVBoxLayout(self._others)
            inner.setContentsMargins(0, 0, 0, 0)
            inner.setSpacing(8)
            if ready:
                self._column.addWidget(Rule())
                self._fold = Button(f"{len(others)} more can be set up", "link", "chevron-down", self._switch)
                self._fold.setProperty("flush", True)
                self._column.addLayout(row_of(self._fold, None))
            self._column.addWidget(self._others)
            self._add_some(inner, others)
        self._column.addStretch(1)
        if not others:
            self.filled.emit()

    def _add_some(self, column: QVBoxLayout, waiting: list[CloudCheck]) -> None:
        """A few at a time: all at once would hold the window up."""
        if not isValid(column):
            return
        for check in waiting[:_AT_ONCE]:
            if column.count():
                column.addWidget(Rule())
            column.addWidget(CloudLine(check))
        if len(waiting) > _AT_ONCE:
            QTimer.singleShot(0, self, lambda: self._add_some(column, waiting[_AT_ONCE:]))
        else:
            self.filled.emit()

    def _switch(self) -> None:
        opened = self._others.isHidden()
        self._others.setVisible(opened)
        self._fold.set_icon("chevron-down" if opened else "chevron-right")


class CloudLine(QWidget):
    """One cloud."""

    def __init__(self, check: CloudCheck) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 4, 0, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setColumnMinimumWidth(1, 130)
        grid.setColumnStretch(2, 1)
        mark = IconLabel("circle-check", "ok") if check.enabled else IconLabel("circle-minus", "text_faint")
        grid.addWidget(mark, 0, 0, _TOP)
        grid.addWidget(Label(check.title, "strong"), 0, 1, _TOP)
        words = "Can be used" if check.enabled else check.reason or "It is not set up."
        grid.addWidget(WrappedLabel(words, "muted" if check.enabled else ""), 0, 2, _TOP)
        line = 1
        if check.remedy and not check.enabled:
            grid.addWidget(WrappedLabel(check.remedy, "muted"), line, 2, _TOP)
            line += 1
        if check.detail:
            fold = DetailsFold(check.detail)
            fold.set_copied("\n".join(part for part in (check.reason, check.remedy, check.detail) if part))
            fold.set_about(check.title)
            grid.addWidget(fold.head, 0, 3, 2, 1, _TOP)
            grid.addWidget(fold, line, 2, 1, 2)
        self.setAccessibleName(f"{check.title}: {words} {check.remedy if not check.enabled else ''}".strip())
