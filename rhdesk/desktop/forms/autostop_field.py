"""Autostop as a field: after which time, and whether the cluster stops then or goes away."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from rhdesk.core.autostop import minutes_text
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import ChipRow, Label, row_of
from rhresources.cloud import limits

DEFAULT_MINUTES = 60
_PRESETS = (15, 30, 60, 180)
_MOST = 1_000_000


class AutostopField(QWidget):
    """Chips for the times that people use, a field for others, and what happens then."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.after = ChipRow()
        chips = [(str(minutes), minutes_text(minutes)) for minutes in _PRESETS]
        self.after.set_chips([*chips, ("other", "Other"), ("never", "Never")])
        self.minutes = QLineEdit()
        self.minutes.setAccessibleName("Idle minutes")
        self.minutes.setObjectName("autostop-minutes")
        self.minutes.setFixedWidth(72)
        self._unit = Label("minutes", "muted")
        column.addLayout(row_of(self.after, self.minutes, self._unit, None))
        self.then = ChipRow()
        self.then.set_chips([("stop", "Stop; disks stay"), ("down", "Go away")])
        self._then_word = Label("and then", "muted")
        column.addLayout(row_of(self._then_word, self.then, None))
        self._note = Label("", "faint", wrap=True)
        column.addWidget(self._note)
        self.setFocusProxy(self.after)
        self._cloud, self._spot = "", False
        self.after.chosen.connect(lambda key: self._chosen())
        self.then.chosen.connect(lambda key: self._chosen())
        self.minutes.textEdited.connect(lambda text: self._chosen())
        self.set_value(DEFAULT_MINUTES, False)

    def set_value(self, minutes: int, down: bool) -> None:
        """Show an autostop; below 0: never."""
        key = "never" if minutes < 0 else str(minutes) if minutes in _PRESETS else "other"
        self.minutes.setText(str(minutes) if key == "other" else "")
        self.after.choose(key)
        self.then.choose("down" if down else "stop")
        self.set_cloud(self._cloud, self._spot)

    def set_cloud(self, cloud: str, spot: bool) -> None:
        """Grey what this cloud cannot do, and say why."""
        self._cloud, self._spot = cloud, spot
        self.then.chip("stop").allow(self._why_not_stop())
        self.then.chip("down").allow(limits.why_not(cloud, "autostop_down"))
        if not self.then.chip(self.then.current).isEnabled():
            other = "down" if self.then.current == "stop" else "stop"
            if self.then.chip(other).isEnabled():
                self.then.choose(other)
        self._show()

    def value(self) -> tuple[int, bool] | None:
        """(minutes, whether it goes away); None while the field holds no number."""
        key = self.after.current
        if key == "never":
            return -1, False
        text = self.minutes.text().strip() if key == "other" else key
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:8]) <= _MOST):
            return None
        return int(text), self.then.current == "down"

    def _chosen(self) -> None:
        self._show()
        if self.after.current == "other" and not self.minutes.text():
            self.minutes.setFocus()
        self.changed.emit()

    def _show(self) -> None:
        other, never = self.after.current == "other", self.after.current == "never"
        self.minutes.setVisible(other)
        self._unit.setVisible(other)
        mark_invalid(self.minutes, other and bool(self.minutes.text()) and self.value() is None)
        self.then.setVisible(not never)
        self._then_word.setVisible(not never)
        self._note.setText(self._words(never))
        self._note.set_role("bad" if never or self._cannot() else "faint")
        self._note.setVisible(bool(self._note.text()))

    def _cannot(self) -> str:
        """Why neither can be done in this cloud."""
        stop = self._why_not_stop()
        return limits.why_not(self._cloud, "autostop_down") if stop else ""

    def _why_not_stop(self) -> str:
        if self._spot and not self._cloud:
            return "Most clouds cannot stop spot instances, and which it will be is not known yet."
        return limits.why_not(self._cloud, "autostop", spot=self._spot)

    def _words(self, never: bool) -> str:
        if never:
            return "It goes on costing money until somebody takes it down."
        return self._cannot() or (self._why_not_stop() if self.then.current == "down" else "")
