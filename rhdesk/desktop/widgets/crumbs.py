"""The way to where one is, from the outside in: each step leads back to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from rhdesk.desktop.widgets.base import Button, Label
from rhdesk.desktop.widgets.removal import clear_layout

_MOST = 3
_GAP = 6


class Crumbs(QWidget):
    """Shows the last steps, as many as there is room for. `chosen` carries the key of one that was pressed."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(2)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._steps: list[tuple[Label | None, QWidget]] = []
        self._here, self._name, self._is_cut = Label("", "h2"), "", False

    def show_path(self, path: Sequence[tuple[str, str]]) -> None:
        """Show these steps as (key, name); the last is where one is."""
        clear_layout(self.row)
        self._steps = []
        self._is_cut = len(path) > _MOST
        shown = path[-_MOST:]
        for place, (key, name) in enumerate(shown):
            mark = Label("/", "faint") if place or self._is_cut else None
            if place == len(shown) - 1:
                self._here, self._name = Label(name, "h2"), name
                self._here.setContentsMargins(_GAP if place else 0, 0, 0, 0)
                step: QWidget = self._here
            else:
                step = Button(name, "link", on_click=partial(self.chosen.emit, key))
            for widget in (mark, step):
                if widget is not None:
                    self.row.addWidget(widget)
            self._steps.append((mark, step))
        self.row.addStretch(1)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Leave out the first steps where all have no room; then cut the last, whose whole name is its tool tip."""
        if not self._steps:
            return
        self._here.setText(self._name)
        first = 0
        while first < len(self._steps) - 1 and self._needed(first) > self.width():
            first += 1
        for place, (mark, step) in enumerate(self._steps):
            step.setVisible(place >= first)
            if mark is not None:
                mark.setText("… /" if place == first and (first or self._is_cut) else "/")
                mark.setVisible(place >= first)
        over = self._needed(first) - self.width()
        if over > 0 and self.isVisible():
            self._here.ensurePolished()
            room = self._here.fontMetrics().horizontalAdvance(self._name) - over
            text = self._here.fontMetrics().elidedText(self._name, Qt.TextElideMode.ElideMiddle, max(24, room))
            self._here.setText(text)
        self._here.setToolTip(self._name if self._here.text() != self._name else "")

    def _needed(self, first: int) -> int:
        needed = 0
        for place, (mark, step) in enumerate(self._steps[first:]):
            for widget in (mark, step):
                if widget is not None:
                    widget.ensurePolished()
                    needed += widget.sizeHint().width() + self.row.spacing()
            if place == 0 and mark is not None:
                needed += 12  # it says "… /"
        return needed
