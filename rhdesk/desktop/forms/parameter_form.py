"""The parameters of a function as a form, with the same as JSON beside it; errors stand at their field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.desktop.forms.code_edit import Mark
from rhdesk.desktop.forms.field_editors import FieldEditor, editor_for
from rhdesk.desktop.forms.json_view import JsonView
from rhdesk.desktop.forms.schema import NOTHING, Field, Place
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.forms.values import (
    FieldError,
    arguments_of,
    dump_json,
    flat,
    nested,
    read_json,
    same_value,
    values_of,
)
from rhdesk.desktop.widgets.base import ElidedLabel, Label, ToolButton

_PAUSE = 400  # milliseconds without a key before a field is checked


class ParameterForm(QWidget):
    """Fields by name. `values()` are the arguments that were given; what is left out has its default."""

    changed = Signal()
    run_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("parameter-form")
        self._fields: tuple[Field, ...] = ()
        self._rows: dict[str, _FieldRow] = {}
        self._syncing = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._stack = QStackedWidget()
        column.addWidget(self._stack)
        self._form = QWidget()
        self._lines = QVBoxLayout(self._form)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(14)
        self._none = Label("It takes no arguments.", "muted")
        self._lines.addWidget(self._none)
        self._lines.addStretch(1)
        self._stack.addWidget(self._form)
        self._json = JsonView()
        self._stack.addWidget(self._json)
        self._json.edit.textChanged.connect(self._json_changed)
        self._json.edit.run_asked.connect(self.run_asked)
        self._fit()
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._read_json)

    # ------------------------------------------------------------ fields and values

    @property
    def fields(self) -> tuple[Field, ...]:
        return self._fields

    def set_fields(self, fields: Sequence[Field]) -> None:
        """Show these fields; what was given for fields of the same name stays where it still fits."""
        if tuple(fields) == self._fields and self._rows:
            return
        given, old = self.values(), self._rows
        self._fields, self._rows = tuple(fields), {}
        for field in fields:
            row = old.get(field.name)
            if row is not None and row.take_over(field):
                del old[field.name]  # its control stays, with whatever is being typed
            else:
                row = _FieldRow(field)
                row.editor.set_value(given.get(field.name, NOTHING))
                row.show_reset()
                row.changed.connect(self._field_changed)
                row.run_asked.connect(self.run_asked)
            self._rows[field.name] = row
        for row in old.values():
            self._lines.removeWidget(row)
            row.hide()
            row.deleteLater()
        for place, row in enumerate(self._rows.values()):
            self._lines.insertWidget(place, row)
        self._none.setVisible(not fields)
        order_tabs(self._form, self._json.edit)
        self._write_json()
        self.changed.emit()

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these arguments; every other field goes back to its default."""
        self._syncing = True
        for name, row in self._rows.items():
            row.editor.set_value(values.get(name, NOTHING))
            row.show_error("")
            row.show_reset()
        self._syncing = False
        self._write_json()
        self.changed.emit()

    def set_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Show the arguments of an earlier run."""
        self.set_values(values_of(self._fields, args, kwargs))

    def values(self) -> dict[str, Any]:
        """The arguments that were given and are right, as JSON values by name."""
        found: dict[str, Any] = {}
        for name, row in self._rows.items():
            try:
                value = row.editor.value()
            except FieldError:
                continue
            if value is not NOTHING:
                found[name] = value
        return found

    def errors(self) -> dict[str, str]:
        """What is wrong, by field; empty if the function can be run."""
        found: dict[str, str] = {}
        for name, row in self._rows.items():
            try:
                row.editor.value()
            except FieldError as error:
                found[name] = str(error)
        return found

    def arguments(self) -> tuple[list[Any], dict[str, Any]] | None:
        """Positional and named arguments; None if something is wrong: it is marked then and has the focus."""
        if self.is_json and self._json.problems:
            self._json.edit.setFocus()
            return None
        errors = self.errors()
        for name, row in self._rows.items():
            row.show_error(errors.get(name, ""))
        if errors:
            if self.is_json:
                self._json.show_problems(self._json_problems(errors))
            else:
                self._rows[next(iter(errors))].editor.setFocus()
            return None
        values = self.values()
        try:
            return arguments_of(self._fields, values)
        except FieldError as error:
            first = next(one for one in self._fields if one.place is not Place.OTHERS and one.name not in values)
            self._rows[first.name].show_error(str(error))
            return None

    def editor(self, name: str) -> FieldEditor:
        """The control of a field."""
        return self._rows[name].editor

    def error_of(self, name: str) -> str:
        """The error that stands under a field."""
        return self._rows[name].error

    def show_error(self, name: str, message: str) -> bool:
        """Show at its field what a cluster said of an argument. False: there is no such field."""
        if name not in self._rows:
            return False
        self._rows[name].show_error(message)
        return True

    def focus_first(self) -> None:
        """Put the cursor into the first field."""
        if self.is_json:
            self._json.edit.setFocus()
        elif self._rows:
            next(iter(self._rows.values())).editor.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.run_asked.emit()
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, next: bool) -> bool:
        order_tabs(self._form, self._json.edit)  # items of a list may have come since
        return super().focusNextPrevChild(next)

    def _field_changed(self) -> None:
        if not self._syncing:
            self.changed.emit()

    # ------------------------------------------------------------ the same as JSON

    @property
    def is_json(self) -> bool:
        """Whether the JSON view is shown."""
        return self._stack.currentWidget() is self._json

    def show_json(self, on: bool) -> None:
        """Change between the form and the JSON view of the same arguments."""
        if on == self.is_json:
            return
        if on:
            self._write_json()
            self._json.show_problems(self._json_problems({}))
        elif self._timer.isActive():
            self._read_json()
        self._stack.setCurrentWidget(self._json if on else self._form)
        self._fit()
        self.focus_first()

    def _fit(self) -> None:
        """The hidden one of the two takes no room."""
        for view in (self._form, self._json):
            shown = view is self._stack.currentWidget()
            policy = QSizePolicy.Policy.Preferred if shown else QSizePolicy.Policy.Ignored
            view.setSizePolicy(QSizePolicy.Policy.Preferred, policy)
        self._stack.adjustSize()

    def _write_json(self) -> None:
        if self._syncing:
            return
        self._syncing = True
        values = flat(self._fields, self.values())
        try:
            same = same_value(read_json(self._json.edit.toPlainText()), values)
        except FieldError:
            same = False
        if not same:
            self._json.edit.set_text(dump_json(values))
        self._syncing = False

    def _json_changed(self) -> None:
        if not self._syncing:
            self._timer.start()

    def _read_json(self) -> None:
        """Take over what was typed as JSON; fields that it does not change keep their text."""
        self._timer.stop()
        text = self._json.edit.toPlainText()
        try:
            values = read_json(text) if text.strip() else {}
        except FieldError as error:
            found = re.search(r"line (\d+)", str(error))
            self._json.show_problems([Mark(int(found[1]) if found else 1, f"This {error}")])
            return
        if not isinstance(values, dict):
            self._json.show_problems([Mark(1, "The arguments must be an object {...} of names and values")])
            return
        self._syncing = True
        values = nested(self._fields, values)
        before = self.values()
        for name, row in self._rows.items():
            value = values.get(name, NOTHING)
            if not same_value(before.get(name, NOTHING), value):
                row.editor.set_value(value)
                row.show_error("")
            row.show_reset()
        self._syncing = False
        unknown = {name: self._unknown(name) for name in values if name not in self._rows}
        wrong = {name: error for name, error in self.errors().items() if name in values}
        self._json.show_problems(self._json_problems(unknown | wrong))
        self.changed.emit()

    def _unknown(self, name: str) -> str:
        return f"is not a parameter; there are {', '.join(self._rows) or 'none'}"

    def _json_problems(self, errors: Mapping[str, str]) -> list[Mark]:
        lines = self._json.edit.toPlainText().splitlines()
        marks = []
        for name, error in errors.items():
            key = re.compile(rf'^\s*[{{,]?\s*"{re.escape(name)}"\s*:')
            line = next((place for place, text in enumerate(lines, start=1) if key.match(text)), 1)
            marks.append(Mark(line, f"{name} {error}"))
        return marks


class _FieldRow(QWidget):
    """Name and type, the control, help, and what is wrong."""

    changed = Signal()
    run_asked = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(8)
        star = "*" if field.place is Place.REST else ""
        head.addWidget(Label(f"{star}{field.name}", "strong"))
        self._hint = ElidedLabel(field.hint, "faint")
        head.addWidget(self._hint, 1)
        self._required = Label("required", "faint")
        self._required.setVisible(field.required)
        head.addWidget(self._required)
        self._reset = ToolButton("rotate-ccw", "Reset to the default", self._to_default, size=14)
        self._reset.setAccessibleName(f"Reset {field.name} to the default")
        self._reset.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._reset.setFixedSize(26, 22)
        keep = self._reset.sizePolicy()
        keep.setRetainSizeWhenHidden(not field.required)
        self._reset.setSizePolicy(keep)
        head.addWidget(self._reset)
        column.addLayout(head)
        self.editor = editor_for(field)
        column.addWidget(self.editor)
        self._error = Label("", "error", wrap=True, select=True)
        self._error.hide()
        column.addWidget(self._error)
        self._help = Label(field.help, "faint", wrap=True)
        self._help.setVisible(bool(field.help))
        column.addWidget(self._help)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._check)
        self.editor.changed.connect(self._edited)
        self.editor.run_asked.connect(self.run_asked)
        control = self.editor.focusProxy()
        if control is not None:
            control.installEventFilter(self)
        self._optional = not field.required
        self.show_reset()

    @property
    def error(self) -> str:
        return self._error.text()

    def take_over(self, field: Field) -> bool:
        """Serve a newer reading of the same parameter, if its control can stay as it is."""
        old = self.editor.field
        if replace(field, help=old.help, schema=old.schema, definitions=old.definitions, hint=old.hint) != old:
            return False
        self.editor.field = field
        self._hint.setText(field.hint)
        self._help.setText(field.help)
        self._help.setVisible(bool(field.help))
        return True

    def show_error(self, message: str) -> None:
        """Put a message under the control; empty: all is well."""
        self._error.setText(f"{message[:1].upper()}{message[1:]}." if message else "")
        self._error.setVisible(bool(message))
        self.editor.set_invalid(bool(message))

    def show_reset(self) -> None:
        """Offer the default while something else is given."""
        self._reset.setVisible(self._optional and self.editor.is_given)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.FocusOut and self._timer.isActive():
            self._check()
        return super().eventFilter(watched, event)

    def _edited(self) -> None:
        self.show_reset()
        if self.error:
            self._check()
        else:
            self._timer.start()
        self.changed.emit()

    def _check(self) -> None:
        self._timer.stop()
        try:
            self.editor.value()
        except FieldError as error:
            # an emptied field is not scolded before one wants to run
            self.show_error(str(error) if self.editor.is_given else "")
        else:
            self.show_error("")

    def _to_default(self) -> None:
        self.editor.set_value(NOTHING)
        self.show_error("")
        self.show_reset()
        self.editor.setFocus()
        self.changed.emit()
