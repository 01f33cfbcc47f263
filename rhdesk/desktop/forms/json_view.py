"""All arguments of a function as one JSON object, with what is wrong in it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.desktop.forms.code_edit import CodeEdit, Mark
from rhdesk.desktop.widgets.base import Label


class JsonView(QWidget):
    """All arguments as one JSON object, with problems below."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[Mark] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.edit = CodeEdit(comments=False, name="Arguments as JSON")
        self.edit.setObjectName("arguments-json")
        self.edit.setMinimumHeight(180)
        column.addWidget(self.edit, 1)
        self._words = Label("", "error", wrap=True, select=True)
        self._words.hide()
        column.addWidget(self._words)
        column.addWidget(Label("What is left out has its default.", "faint", wrap=True))

    def show_problems(self, problems: Sequence[Mark]) -> None:
        """Show these at their lines and below."""
        self.problems = list(problems)
        self.edit.set_marks(problems)
        self._words.setText("\n".join(f"Line {mark.line}: {mark.message}." for mark in problems))
        self._words.setVisible(bool(problems))
