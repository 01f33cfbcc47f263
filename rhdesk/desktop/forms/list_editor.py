"""A list of simple values as rows: add, change, move by typing, take out; pasting several lines makes several rows."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.desktop.forms.field_editors import FieldEditor, JsonEditor
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.forms.schema import NOTHING, Field, Kind, show
from rhdesk.desktop.forms.values import FieldError, check, same_value, text_of, value_of
from rhdesk.desktop.widgets.base import Button, Label, ToolButton
from rhdesk.desktop.widgets.removal import clear_layout

_MOST_ROWS = 60
"""Longer lists are edited as JSON."""


class ListEditor(FieldEditor):
    """Rows of one item each, or JSON for what is too long for rows."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        assert field.item is not None
        self._item = field.item
        self._rows: list[_Row] = []
        self._given = False
        self._json: JsonEditor | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(4)
        column.addLayout(self._lines)
        foot = QHBoxLayout()
        foot.setSpacing(0)
        self._note = Label("", "faint")
        self._add = Button("Add an item", "link", "plus", self._add_row)
        self._change = Button("Edit the default", "link", "pencil", self._take_default)
        self._none = Button("Empty list", "link", on_click=self._give_empty)
        for widget in (self._add, self._change, self._none):
            foot.addWidget(widget)
        foot.addStretch(1)
        column.addWidget(self._note)
        column.addLayout(foot)
        self._name(self._add)
        self._show_foot()

    # ------------------------------------------------------------ the value

    @property
    def is_given(self) -> bool:
        return self._given

    def value(self) -> Any:
        if self._json is not None:
            return self._json.value()
        if not self._given:
            if self.field.required:
                raise FieldError("needs a value: add an item, or give an empty list")
            return NOTHING
        items: list[Any] = []
        for place, row in enumerate(self._rows):
            try:
                items.append(row.value())
                row.set_invalid(False)
            except FieldError as error:
                row.set_invalid(True)
                raise FieldError(f"item {place + 1} {error}") from None
        check(self.field, items)
        return items

    def set_value(self, value: Any) -> None:
        try:
            if self._given and same_value(self.value(), value):
                return
        except ValueError:
            pass
        self._drop_rows()
        fits = isinstance(value, list) and len(value) <= _MOST_ROWS and all(map(_is_plain, value))
        self._given = value is not NOTHING
        if self._given and not fits:
            self._edit_as_json(value)
        elif self._given:
            for item in value:
                self._append(item)
        self._show_foot()

    def set_invalid(self, invalid: bool) -> None:
        if self._json is not None:
            self._json.set_invalid(invalid)
        elif not invalid:
            for row in self._rows:
                row.set_invalid(False)

    # ------------------------------------------------------------ rows

    @property
    def rows(self) -> list[QLineEdit]:
        """The fields of the items, for those who type into them."""
        return [row.line for row in self._rows]

    def _append(self, item: Any = NOTHING, at: int | None = None) -> _Row:
        place = len(self._rows) if at is None else at
        row = _Row(self._item, item)
        row.line.setAccessibleName(f"{self.field.name}, item {place + 1}")
        row.changed.connect(self.changed)
        row.removed.connect(lambda: self._remove(row))
        row.next_asked.connect(lambda: self._after(row))
        row.lines_pasted.connect(lambda lines: self._paste(row, lines))
        self._rows.insert(place, row)
        self._lines.insertWidget(place, row)
        return row

    def _add_row(self) -> None:
        self._given = True
        self._append().line.setFocus()
        self._show_foot()
        self.changed.emit()

    def _after(self, row: _Row) -> None:
        self._append(at=self._rows.index(row) + 1).line.setFocus()
        self.changed.emit()

    def _remove(self, row: _Row) -> None:
        place = self._rows.index(row)
        self._rows.remove(row)
        self._lines.removeWidget(row)
        row.hide()
        row.deleteLater()
        near = self._rows[max(0, place - 1)].line if self._rows else self._add
        near.setFocus()
        self._show_foot()
        self.changed.emit()

    def _paste(self, row: _Row, lines: list[str]) -> None:
        row.line.insert(lines[0])
        place = self._rows.index(row)
        for offset, line in enumerate(lines[1:], start=1):
            self._append(at=place + offset).line.setText(line)
        self.changed.emit()

    def _take_default(self) -> None:
        self.set_value(self.field.default)
        self.changed.emit()

    def _give_empty(self) -> None:
        self.set_value([])
        self.changed.emit()

    def _edit_as_json(self, value: Any) -> None:
        self._json = JsonEditor(self.field)
        self._json.set_value(value)
        self._json.changed.connect(self.changed)
        self._json.run_asked.connect(self.run_asked)
        self._lines.addWidget(self._json)
        self.setFocusProxy(self._json)

    def _drop_rows(self) -> None:
        self._rows, self._json = [], None
        clear_layout(self._lines)
        self.setFocusProxy(self._add)

    def _show_foot(self) -> None:
        default = self.field.default
        note = ""
        if not self._given and not self.field.required:
            default_text = "Empty" if self.field.default == [] else self.field.default_text
            note = f"{default_text or 'Nothing'}, the default"
        elif self._given and not self._rows and self._json is None:
            note = "An empty list"
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._add.setVisible(self._json is None)
        self._change.setVisible(not self._given and isinstance(default, list) and bool(default))
        self._none.setVisible(not self._given and default != [])


class _Row(QWidget):
    """One item."""

    changed = Signal()
    removed = Signal()
    next_asked = Signal()
    lines_pasted = Signal(list)

    def __init__(self, item: Field, value: Any) -> None:
        super().__init__()
        self._item = item
        self._kept = value
        self._shown = text_of(item, value)
        self.line = QLineEdit(self._shown)
        self.line.textEdited.connect(lambda text: self.changed.emit())
        self.line.installEventFilter(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.line, 1)
        button = ToolButton("x", "Take this item out", self.removed.emit)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row.addWidget(button)

    def value(self) -> Any:
        if self._kept is not NOTHING and self.line.text() == self._shown:
            check(self._item, self._kept)
            return self._kept
        text = self.line.text()
        if self._item.kind is Kind.TEXT and not text:
            return ""  # an empty row of a list of texts is an empty text
        if self._item.kind is Kind.BOOLEAN and not text.strip():
            raise FieldError("needs a value")
        return value_of(self._item, text)

    def set_invalid(self, invalid: bool) -> None:
        mark_invalid(self.line, invalid)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.line and isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not control:
                self.next_asked.emit()
                return True
            if event.key() == Qt.Key.Key_Backspace and not self.line.text():
                self.removed.emit()
                return True
            if event.matches(QKeySequence.StandardKey.Paste):
                lines = QGuiApplication.clipboard().text().splitlines()
                if len(lines) > 1:
                    self.lines_pasted.emit([_pasted(line) for line in lines if line.strip()])
                    return True
        return super().eventFilter(watched, event)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and "\n" not in str(value)


def _pasted(line: str) -> str:
    """A line of a pasted list; JSON's own quotes and commas around an item go."""
    text = line.strip()
    try:
        value = json.loads(text.rstrip(","))
    except ValueError:
        return text
    return show(value) if _is_plain(value) else text
