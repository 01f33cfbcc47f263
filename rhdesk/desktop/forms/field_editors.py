"""The controls that edit one field each. All share one face: `value()`, `set_value()`, `changed`, `is_given`.

An editor keeps the value it was given as long as its text is not touched, so that nothing is lost in a round trip
through text.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.desktop.forms.file_choice import choose_file, choose_folder
from rhdesk.desktop.forms.inputs import CalmCombo, GrowingCode, GrowingText, mark_invalid
from rhdesk.desktop.forms.schema import NOTHING, Field, Kind, show
from rhdesk.desktop.forms.switch import Switch
from rhdesk.desktop.forms.values import check, same_value, text_of, value_of
from rhdesk.desktop.widgets.base import Label, ToolButton
from rhdesk.desktop.widgets.list_panel import popup_menu


class FieldEditor(QWidget):
    """What all editors share. `changed` comes with every change by the person, `run_asked` with Ctrl+Enter."""

    changed = Signal()
    run_asked = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.field = field

    @property
    def is_given(self) -> bool:
        """Whether something stands in it, right or wrong; if not, the default applies."""
        raise NotImplementedError

    def value(self) -> Any:
        """The JSON value, NOTHING where none is given.

        Raises:
            FieldError: what stands in it is not a value of the field.
        """
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Show a JSON value; NOTHING goes back to the default."""
        raise NotImplementedError

    def set_invalid(self, invalid: bool) -> None:
        """Show or take away the red border."""

    def _name(self, control: QWidget) -> None:
        control.setAccessibleName(self.field.name)
        control.setAccessibleDescription(" ".join(part for part in (self.field.hint, self.field.help) if part))
        control.setObjectName(f"field-{self.field.name}")
        self.setFocusProxy(control)


class _TextKeeper(FieldEditor):
    """An editor whose value is read from a text."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._shown = ""
        self._kept: Any = NOTHING

    @property
    def is_given(self) -> bool:
        return self._text() != "" or (self._kept is not NOTHING and self._text() == self._shown)

    def value(self) -> Any:
        if self._kept is not NOTHING and self._text() == self._shown:
            check(self.field, self._kept)
            return self._kept
        return value_of(self.field, self._text())

    def set_value(self, value: Any) -> None:
        try:
            if self.is_given and same_value(self.value(), value):
                return  # `2e-5` is not turned into `2e-05` under one's hands
        except ValueError:
            pass
        self._kept, self._shown = value, text_of(self.field, value)
        self._set_text(self._shown)

    def _text(self) -> str:
        raise NotImplementedError

    def _set_text(self, text: str) -> None:
        raise NotImplementedError


class LineEditor(_TextKeeper):
    """Numbers, dates, secrets, anything in one line."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.line = QLineEdit()
        self.line.setPlaceholderText(placeholder(field))
        if field.format == "password":
            self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.line.textEdited.connect(lambda text: self.changed.emit())
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(4)
        self.row.addWidget(self.line, 1)
        self._name(self.line)

    def set_invalid(self, invalid: bool) -> None:
        mark_invalid(self.line, invalid)

    def _text(self) -> str:
        return self.line.text()

    def _set_text(self, text: str) -> None:
        self.line.setText(text)
        self.line.setCursorPosition(0)


class PathEditor(LineEditor):
    """A path, typed or chosen."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._browse = ToolButton("folder-open", "Choose…", self._choose)
        self._browse.setAccessibleName(f"Choose {field.name}")
        self._browse.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.row.addWidget(self._browse)

    def _choose(self) -> None:
        wanted = {"file-path": self._choose_file, "directory-path": self._choose_folder}.get(self.field.format)
        if wanted is not None:
            wanted()
            return
        where = self._browse.mapToGlobal(self._browse.rect().bottomLeft())
        popup_menu(
            self,
            [
                ("file", "Choose a file…", self._choose_file, ""),
                ("folder", "Choose a folder…", self._choose_folder, ""),
            ],
            where,
        )

    def _choose_file(self) -> None:
        choose_file(self, f"Choose {self.field.name}", lambda path: self._chosen(str(path)), start=self.line.text())

    def _choose_folder(self) -> None:
        choose_folder(self, f"Choose {self.field.name}", lambda path: self._chosen(str(path)), start=self.line.text())

    def _chosen(self, path: str) -> None:
        self.line.setText(path)
        self.changed.emit()


class TextEditor(_TextKeeper):
    """Text of one line or many; the box grows with it."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.edit = GrowingText(lines=8)
        self.edit.setPlaceholderText(placeholder(field))
        self.edit.textChanged.connect(self._changed)
        self.edit.run_asked.connect(self.run_asked)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.edit)
        self._quiet = False
        self._name(self.edit)

    def set_invalid(self, invalid: bool) -> None:
        mark_invalid(self.edit, invalid)

    def _changed(self) -> None:
        if not self._quiet:
            self.changed.emit()

    def _text(self) -> str:
        return self.edit.toPlainText()

    def _set_text(self, text: str) -> None:
        self._quiet = True
        self.edit.setPlainText(text)
        self._quiet = False


class JsonEditor(_TextKeeper):
    """Whatever no simple control can hold, as JSON."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.edit = GrowingCode(name=field.name)
        self.edit.setPlaceholderText(placeholder(field) or _example(field))
        self.edit.textChanged.connect(self._changed)
        self.edit.run_asked.connect(self.run_asked)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.edit)
        self._quiet = False
        self._name(self.edit)

    @property
    def is_given(self) -> bool:
        return self._text().strip() != ""

    def set_invalid(self, invalid: bool) -> None:
        mark_invalid(self.edit, invalid)

    def _changed(self) -> None:
        if not self._quiet:
            self.changed.emit()

    def _text(self) -> str:
        return self.edit.toPlainText()

    def _set_text(self, text: str) -> None:
        self._quiet = True
        self.edit.setPlainText(text)
        self._quiet = False


class SwitchEditor(FieldEditor):
    """True or False; until it is touched the default applies."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.switch = Switch(field.name)
        self._word = Label("", "muted")
        self._given = False
        self._default = bool(field.default) if field.default is not NOTHING else False
        self.switch.setChecked(self._default)
        self.switch.clicked.connect(self._clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 3, 0, 3)
        row.setSpacing(8)
        row.addWidget(self.switch)
        row.addWidget(self._word)
        row.addStretch(1)
        self._name(self.switch)
        self._say()

    @property
    def is_given(self) -> bool:
        return self._given

    def value(self) -> Any:
        return self.switch.isChecked() if self._given else NOTHING

    def set_value(self, value: Any) -> None:
        self._given = value is not NOTHING
        self.switch.setChecked(bool(value) if self._given else self._default)
        self._say()

    def _clicked(self) -> None:
        self._given = True
        self._say()
        self.changed.emit()

    def _say(self) -> None:
        word = "True" if self.switch.isChecked() else "False"
        self._word.setText(word if self._given else f"{word}, the default")


class ChoiceEditor(FieldEditor):
    """One of several values."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.combo = CalmCombo()
        self._values: list[Any] = []
        if not field.required:
            default = field.default_text or ("None" if field.nullable else "")
            self._add(f"{default}, the default" if default else "The default", NOTHING)
        for choice in field.choices:
            self._add(show(choice), choice)
        if field.nullable and None not in field.choices:
            self._add("None", None)
        if field.required:
            self.combo.setPlaceholderText("Choose…")
            self.combo.setCurrentIndex(-1)
        self.combo.activated.connect(lambda place: self.changed.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.combo, 1)
        self._name(self.combo)

    @property
    def is_given(self) -> bool:
        return self._value() is not NOTHING

    def value(self) -> Any:
        value = self._value()
        check(self.field, value)
        return value

    def set_value(self, value: Any) -> None:
        for place, known in enumerate(self._values):
            if same_value(known, value):
                self.combo.setCurrentIndex(place)
                return
        if value is NOTHING:
            self.combo.setCurrentIndex(-1)
            return
        # a value that is no longer allowed stays in sight, as an error
        self._add(show(value), value)
        self.combo.setCurrentIndex(len(self._values) - 1)

    def set_invalid(self, invalid: bool) -> None:
        mark_invalid(self.combo, invalid)

    def _value(self) -> Any:
        place = self.combo.currentIndex()
        return self._values[place] if place >= 0 else NOTHING

    def _add(self, text: str, value: Any) -> None:
        self.combo.addItem(text)
        self._values.append(value)


def placeholder(field: Field) -> str:
    """What an empty control shows: the default, which then applies."""
    if field.required:
        return ""
    if field.default_text:
        return field.default_text
    return "None" if field.nullable else ""


def _example(field: Field) -> str:
    return {"array": "[ … ]", "object": "{ … }"}.get(str(field.schema.get("type", "")), "JSON")


def editor_for(field: Field) -> FieldEditor:
    """The control that fits a field."""
    from rhdesk.desktop.forms.list_editor import ListEditor

    match field.kind:
        case Kind.BOOLEAN:
            return SwitchEditor(field)
        case Kind.CHOICE:
            return ChoiceEditor(field)
        case Kind.PATH:
            return PathEditor(field)
        case Kind.LIST:
            return ListEditor(field)
        case Kind.JSON:
            return JsonEditor(field)
        case Kind.TEXT if not field.format:
            return TextEditor(field)
        case _:
            return LineEditor(field)
