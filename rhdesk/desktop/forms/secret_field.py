"""A field for something that is typed and not shown."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import Label, ToolButton


class SecretField(QWidget):
    """Hidden text. `may_show` adds the button that shows it; what is wrong, and Caps Lock, is said below."""

    changed = Signal()
    entered = Signal()
    resized = Signal()  # a line more or less stands below it

    def __init__(self, name: str, *, may_show: bool = False, shown: bool = False) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(4)
        self.line = _SecretLine()
        self.line.setAccessibleName(name)
        self.line.caps.connect(self._caps_changed)
        self.line.textEdited.connect(lambda text: self._edited())
        self.line.returnPressed.connect(self.entered)
        row.addWidget(self.line, 1)
        self._eye = ToolButton("eye", "Show what is typed", self._toggle, checkable=True)
        self._eye.setVisible(may_show)
        if may_show:
            row.addWidget(self._eye)
        column.addLayout(row)
        self._caps = Label("Caps Lock is on.", "bad")
        self._caps.hide()
        column.addWidget(self._caps)
        self._error = Label("", "error", wrap=True)
        self._error.hide()
        column.addWidget(self._error)
        self.setFocusProxy(self.line)
        if may_show and shown:
            self._eye.setChecked(True)
            self._toggle()

    @property
    def text(self) -> str:
        return self.line.text()

    @property
    def error(self) -> str:
        return self._error.text()

    def clear(self) -> None:
        """Forget what was typed, what Ctrl+Z would bring back included."""
        self.line.clear()

    def show_error(self, message: str) -> None:
        """Say what is wrong with it; "" for nothing."""
        self._error.setText(message)
        self._error.setVisible(bool(message))
        mark_invalid(self.line, bool(message))
        self.resized.emit()

    def _edited(self) -> None:
        if self._error.text():
            self.show_error("")
        self.changed.emit()

    def _toggle(self) -> None:
        shown = self._eye.isChecked()
        self.line.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)
        self._eye.set_icon("eye-off" if shown else "eye")
        self._eye.setToolTip("Hide what is typed" if shown else "Show what is typed")

    def _caps_changed(self, on: bool) -> None:
        if on == self._caps.isHidden():
            self._caps.setVisible(on)
            self.resized.emit()


class _SecretLine(QLineEdit):
    """Tells by the letters that come whether Caps Lock is on: Qt does not say."""

    caps = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setInputMethodHints(
            Qt.InputMethodHint.ImhHiddenText
            | Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhNoPredictiveText
            | Qt.InputMethodHint.ImhNoAutoUppercase
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        letter = event.text()
        if len(letter) == 1 and letter.isalpha() and letter.upper() != letter.lower():
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.caps.emit(letter.isupper() != shift)
        elif event.key() == Qt.Key.Key_CapsLock:
            self.caps.emit(False)  # pressed: the next letter tells
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.caps.emit(False)
        super().focusOutEvent(event)
