"""One line of a form: a title, a field to type into, and below it what is wrong or what it means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rhdesk.desktop.forms.file_choice import choose_file, choose_folder
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import Label, ToolButton

Choose = Callable[..., object]


class FormLine(QWidget):
    """A QLineEdit with its title. `choose` adds a button for "file" or "folder"; `changed` is for what a person did."""

    changed = Signal()

    def __init__(self, name: str, title: str, placeholder: str = "", *, choose: str = "", about: str = "") -> None:
        super().__init__()
        self.name = name
        self._title, self._choose_what, self._about_text = title, choose, about
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(Label(title, "strong"))
        row = QHBoxLayout()
        row.setSpacing(4)
        self.line = QLineEdit()
        self.line.setAccessibleName(title)
        self.line.setAccessibleDescription(about)
        self.line.setPlaceholderText(placeholder)
        self.line.textEdited.connect(lambda text: self.changed.emit())
        row.addWidget(self.line, 1)
        if choose:
            row.addWidget(ToolButton("folder-open", f"Choose: {title.lower()}", self._choose))
        column.addLayout(row)
        self._note = Label(about, "faint", wrap=True)
        column.addWidget(self._note)  # first: what is shown without a place is a window of its own for a moment
        self._note.setVisible(bool(about))
        column.addStretch(1)  # beside one that says more, it stays at the top
        self._error = ""
        self.start = ""

    @property
    def text(self) -> str:
        return self.line.text().strip()

    @property
    def error(self) -> str:
        """What is said to be wrong with it."""
        return self._error

    def set_text(self, text: str) -> None:
        """Show another text, from its beginning."""
        if text != self.line.text():
            self.line.setText(text)
            self.line.setCursorPosition(0)

    def set_about(self, about: str) -> None:
        """Say something else about it."""
        self._about_text = about
        self.line.setAccessibleDescription(about)
        self.show_error(self._error)

    def show_error(self, message: str) -> None:
        """Say what is wrong, as a document says it; "" for nothing."""
        self._error = error_words(message)
        self._note.set_role("error" if message else "faint")
        self._note.setText(self._error or self._about_text)
        self._note.setVisible(bool(self._note.text()))
        mark_invalid(self.line, bool(message))

    def _choose(self) -> None:
        start = str(Path(self.text).expanduser()) if self.text else self.start
        choose = choose_folder if self._choose_what == "folder" else choose_file
        choose(self, self._title, self._chosen, start=start)

    def _chosen(self, path: Path) -> None:
        self.line.setText(short_path(path))
        self.changed.emit()


def error_words(message: str) -> str:
    """A message of a document as a sentence."""
    end = "" if message.endswith("?") else "."
    return f"{message[:1].upper()}{message[1:].rstrip('.')}{end}" if message else ""


def short_path(path: Path | str) -> str:
    """A path with ~ for the home of the user."""
    path, home = Path(path), Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) and path != home else str(path)
