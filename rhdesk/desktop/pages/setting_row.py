"""One setting: title and description at the left, its field at the right, what is wrong with it below."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.core.rows import Problem
from rhdesk.desktop.widgets.base import Button, Label

if TYPE_CHECKING:
    from rhresources.settings import Setting

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20}
_UNITS |= {"gib": 2**30, "tib": 2**40}


class SettingRow(QWidget):
    """Emits `changed(key, value)` when the user has finished a change."""

    changed = Signal(str, object)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self.setObjectName(f"setting-{setting.key}")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 10, 0, 10)
        outer.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(16)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(Label(setting.title, "strong"))
        words.addWidget(Label(setting.description, "faint", wrap=True))
        row.addLayout(words, 1)
        self._note = Label("", "good")
        row.addWidget(self._note)
        self._reset = Button("Default", "link", on_click=lambda: self.changed.emit(setting.key, setting.default))
        self._reset.setToolTip(f"Back to {self._text(setting.default)}")
        row.addWidget(self._reset)
        self._field: QComboBox | QCheckBox | QLineEdit = self._make_field()
        self._field.setAccessibleName(setting.title)
        row.addWidget(self._field, 0, Qt.AlignmentFlag.AlignVCenter)
        if setting.unit and setting.type == "number":
            unit = Label(setting.unit, "faint")
            unit.setFixedWidth(54)
            row.addWidget(unit)
        else:
            row.addSpacing(54 + 16)
        outer.addLayout(row)
        self._error = Label("", "error", wrap=True)
        self._error.hide()
        outer.addWidget(self._error)
        self._value: Any = setting.default

    def show_value(self, value: Any) -> None:
        """Show what the file says."""
        self._value = value
        self._reset.setVisible(value != self.setting.default)
        field = self._field
        if isinstance(field, QLineEdit) and field.hasFocus() and field.property("invalid") is True:
            return  # somebody is at it: what was typed stays, with what is wrong with it
        self._error.hide()
        field.blockSignals(True)
        if isinstance(field, QComboBox):
            field.setCurrentIndex(max(0, field.findData(value)))
        elif isinstance(field, QCheckBox):
            field.setChecked(bool(value))
        else:
            field.setText(self._text(value))
            self._mark(False)
        field.blockSignals(False)

    def show_problem(self, problem: Problem) -> None:
        """The change was refused; what was typed stays."""
        self._error.setText(f"{problem.sentence} {problem.remedy}".strip())
        self._error.show()
        self._mark(True)

    def say_saved(self) -> None:
        self._note.setText("Saved")
        QTimer.singleShot(1800, self._note, lambda: self._note.setText(""))

    # ------------------------------------------------------------ the field

    def _make_field(self) -> QComboBox | QCheckBox | QLineEdit:
        setting = self.setting
        if setting.type == "choice":
            box = _Choice()
            for choice in setting.choices:
                box.addItem(choice.capitalize(), choice)
            box.setFixedWidth(160)
            box.activated.connect(lambda place: self.changed.emit(setting.key, box.itemData(place)))
            return box
        if setting.type == "switch":
            check = QCheckBox()
            check.toggled.connect(lambda on: self.changed.emit(setting.key, on))
            return check
        line = QLineEdit()
        line.setFixedWidth(160)
        if setting.type in ("number", "bytes"):
            line.setAlignment(Qt.AlignmentFlag.AlignRight)
        line.editingFinished.connect(self._edited)
        return line

    def _edited(self) -> None:
        assert isinstance(self._field, QLineEdit)
        text = self._field.text().strip()
        if text == self._text(self._value):
            self._mark(False)
            self._error.hide()
            return
        try:
            value = self._parse(text)
        except ValueError as error:
            self.show_problem(Problem(str(error)))
            return
        self._mark(False)
        self.changed.emit(self.setting.key, value)

    def _parse(self, text: str) -> Any:
        if self.setting.type == "bytes":
            return parse_size(text)
        if self.setting.type == "number":
            try:
                return int(text.replace(",", "").replace(" ", ""))
            except ValueError:
                raise ValueError(f"{text!r} is not a whole number.") from None
        return text

    def _text(self, value: Any) -> str:
        if self.setting.type == "bytes":
            return size_text(int(value))
        return str(value)

    def _mark(self, invalid: bool) -> None:
        if bool(self._field.property("invalid")) != invalid:
            self._field.setProperty("invalid", invalid)
            self._field.style().unpolish(self._field)
            self._field.style().polish(self._field)


class _Choice(QComboBox):
    """The wheel scrolls the page, not the choice under the mouse."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def parse_size(text: str) -> int:
    """ "5 GiB" -> bytes.

    Raises:
        ValueError: it is no size.
    """
    found = re.fullmatch(r"([\d.,]+)\s*([A-Za-z]*)", text.strip())
    unit = _UNITS.get(found[2].lower()) if found else None
    if not found or unit is None:
        raise ValueError(f"{text!r} is not a size; write 500 MiB or 5 GiB.")
    return int(float(found[1].replace(",", "")) * unit)


def size_text(count: int) -> str:
    """Bytes as a size that `parse_size` gives back exactly."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count and count % size == 0:
            return f"{count // size} {unit}"
    return str(count)
