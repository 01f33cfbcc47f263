"""What differs between two texts, line by line, with the colours of added and taken out."""

from __future__ import annotations

import difflib

from PySide6.QtGui import QTextCursor, QTextFormat
from PySide6.QtWidgets import QTextEdit

from rhdesk.desktop import theme
from rhdesk.desktop.forms.result_text import TextView

_AROUND = 30
_ROLES = {"+": "ok", "-": "error"}


class DiffView(TextView):
    """Read only; "+" and "-" stand before the lines, so that nothing rests on colour alone."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__("\n".join(diff_lines(old, new)) or "They are the same.")
        self.setProperty("kind", "detail")
        self.setAccessibleName("What changes")
        self.setMinimumHeight(160)
        self._colour()

    def retheme(self) -> None:
        super().retheme()
        self._colour()

    def _colour(self) -> None:
        selections = []
        block = self.document().firstBlock()
        while block.isValid():
            role = _ROLES.get(block.text()[:1])
            if role is not None:
                look = QTextEdit.ExtraSelection()
                look.cursor = QTextCursor(block)
                look.format.setBackground(theme.colour(role, 34))
                look.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
                selections.append(look)
            block = block.next()
        self.setExtraSelections(selections)


def diff_lines(old: str, new: str) -> list[str]:
    """The lines that changed with those around them, "+", "-" or " " before each; empty where nothing differs."""
    found = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=_AROUND))[2:]
    return [line if not line.startswith("@@") else "⋯" for line in found][1:]
