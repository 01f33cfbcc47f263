"""The card "Needs attention"."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from rhdesk.desktop.concern import Concern
from rhdesk.desktop.widgets.base import Button, Card, ElidedLabel, IconLabel, Label, row_of
from rhdesk.desktop.widgets.removal import clear_layout

_HEAD, _EACH = 50, 46  # pixels: the title with the margins, and one concern


class AttentionCard(Card):
    """Lists concerns; says so when there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.body.addWidget(Label("Needs attention", "h2"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)
        self.body.addLayout(self._grid)
        self.body.addStretch(1)
        self._shown: list[tuple[str, str, str]] | None = None

    @property
    def room(self) -> int:
        """How many concerns can be shown."""
        return max(3, (self.height() - _HEAD) // _EACH)

    def show_unknown(self) -> None:
        """Say that nothing is known, which is not the same as that all is well."""
        self._shown = None
        clear_layout(self._grid)
        self._grid.addWidget(Label("Not known: what there is cannot be read.", "muted", wrap=True), 0, 0, 1, 3)

    def show_concerns(self, concerns: list[Concern], most: int = 3) -> None:
        """Show the first `most` of them."""
        key = [(concern.title, concern.text, concern.act_text) for concern in concerns[:most]]
        key.append((str(len(concerns)), "", ""))
        if key == self._shown:
            return
        self._shown = key
        clear_layout(self._grid)
        if not concerns:
            calm = QWidget()
            calm.setLayout(row_of(IconLabel("circle-check", "ok"), Label("All is well.", "muted"), None))
            self._grid.addWidget(calm, 0, 0, 1, 3)
            return
        for place, concern in enumerate(concerns[:most]):
            line = place * 3
            mark = IconLabel(concern.icon, concern.role)
            self._grid.addWidget(mark, line, 0, Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(ElidedLabel(concern.title), line, 1)
            self._grid.addWidget(ElidedLabel(concern.text, "faint"), line + 1, 1)
            self._grid.addWidget(Button(concern.act_text, "link", on_click=concern.act), line, 2, 2, 1)
            self._grid.setRowMinimumHeight(line + 2, 10)
        if len(concerns) > most:
            self._grid.addWidget(Label(f"and {len(concerns) - most} more", "faint"), most * 3, 1)
