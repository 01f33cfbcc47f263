"""Small inputs: a combo box that scrolling leaves alone, text and code that grow with what is typed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QCompleter, QPlainTextEdit, QWidget

from rhdesk.desktop import theme
from rhdesk.desktop.forms.code_edit import CodeEdit


class CalmCombo(QComboBox):
    """A combo box that the wheel does not change while one scrolls past."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class GrowingText(QPlainTextEdit):
    """As high as its text, up to some lines. Tab goes on to the next control."""

    run_asked = Signal()

    def __init__(self, lines: int = 8) -> None:
        super().__init__()
        self._lines = lines
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(4)
        self.textChanged.connect(self._grow)
        self._grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.run_asked.emit()
        else:
            super().keyPressEvent(event)

    def _grow(self) -> None:
        count = min(self._lines, max(1, self.document().blockCount()))
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(policy.ScrollBarAsNeeded if count >= self._lines else policy.ScrollBarAlwaysOff)
        self.setFixedHeight(int(QFontMetricsF(self.font()).lineSpacing() * count) + 18)


class GrowingCode(CodeEdit):
    """A code editor as high as its text, up to twelve lines."""

    def __init__(self, name: str) -> None:
        super().__init__(numbers=False, comments=False, name=name)
        self.textChanged.connect(self._grow)
        self._grow()

    def _grow(self) -> None:
        count = min(12, max(1, self.blockCount()))
        self.setFixedHeight(int(QFontMetricsF(theme.mono_font()).lineSpacing() * count) + 24)


def offer(names: Sequence[str], parent: QObject) -> QCompleter:
    """A completer of these names that finds what is typed anywhere in them."""
    completer = QCompleter(list(names), parent)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setMaxVisibleItems(8)
    popup_of(completer).setProperty("kind", "popup")
    return completer


def popup_of(completer: QCompleter) -> QAbstractItemView:
    """The list that a completer shows."""
    popup = completer.popup()
    assert popup is not None
    return popup


def mark_invalid(control: QWidget, invalid: bool) -> None:
    """Give a control its red border, or take it away."""
    if bool(control.property("invalid")) != invalid:
        control.setProperty("invalid", invalid)
        control.style().unpolish(control)
        control.style().polish(control)
