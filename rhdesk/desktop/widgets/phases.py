"""The steps of something that takes long, as they come, with the time of each."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from rhdesk.desktop.widgets.base import IconLabel, Label, clear_layout
from rhdesk.desktop.widgets.states import Spinner

_MOST = 40


class PhaseList(QWidget):
    """Ended steps with a check, the present one with a spinner."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._shown: tuple[object, ...] = ()

    def show_lines(self, lines: tuple[str, ...], started: float, state: str) -> None:
        """`state` is that of the task: "running", "done", "failed" or "cancelled"."""
        key = (lines, started, state)
        if key == self._shown:
            return
        self._shown = key
        clear_layout(self._grid)
        shown = [line.strip() for line in lines if line.strip()][-_MOST:]
        if not shown and state == "running":
            shown = ["Beginning…"]
        for place, line in enumerate(shown):
            last = place == len(shown) - 1
            if last and state == "running":
                mark: QWidget = Spinner(16)
            elif last and state == "failed":
                mark = IconLabel("circle-x", "error")
            elif last and state == "cancelled":
                mark = IconLabel("ban", "text_faint")
            else:
                mark = IconLabel("check", "ok")
            self._grid.addWidget(mark, place, 0, Qt.AlignmentFlag.AlignTop)
            words = Label(line, "" if last and state == "running" else "muted", wrap=True, select=True)
            self._grid.addWidget(words, place, 1)
