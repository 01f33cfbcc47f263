"""A result or a traceback as text: read only, in the mono face, to select and copy."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QPlainTextEdit

from rhdesk.desktop import theme


class TextView(QPlainTextEdit):
    """Text that can be read and copied, not changed."""

    def __init__(self, text: str = "", *, wrap: bool = False) -> None:
        super().__init__(text)
        self.setReadOnly(True)
        self.setProperty("kind", "bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFont(theme.mono_font())
        self.setAccessibleName("Text")
        self.document().setDocumentMargin(10)
        self.set_wrap(wrap)

    def set_wrap(self, wrap: bool) -> None:
        """Break lines at the edge, or let them run on."""
        mode = QPlainTextEdit.LineWrapMode
        self.setLineWrapMode(mode.WidgetWidth if wrap else mode.NoWrap)

    def retheme(self) -> None:
        self.setFont(theme.mono_font())
