"""Above the clusters: that SkyPilot knows some that no document names, and where they are."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout

from rhdesk.core.desk import Desk
from rhdesk.core.words import count_text, money_text
from rhdesk.desktop.widgets.base import Button, IconLabel, Label


class FoundBanner(QFrame):
    """Hidden while there are none."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setProperty("banner", "info")
        self._desk = desk
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(10)
        row.addWidget(IconLabel("cloud", "info"))
        self._words = Label("", "muted", wrap=True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._words, 1)
        row.addWidget(Button("Show", "link", on_click=lambda: desk.navigate("clouds", "")))
        self.destroyed.connect(desk.store.found.subscribe(lambda change: self._show()))
        self._show()

    def _show(self) -> None:
        store = self._desk.store
        rows = [row for row in store.found.rows() if row.name in store.ours]
        price = sum(row.price_per_hour or 0.0 for row in rows if row.state != "stopped")
        cost = f" {'It costs' if len(rows) == 1 else 'They cost'} {money_text(price)} an hour." if price else ""
        self._words.setText(f"SkyPilot has {count_text(len(rows), 'cluster')} that no document here names.{cost}")
        self.setVisible(bool(rows))
