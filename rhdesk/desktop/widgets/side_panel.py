"""Details of one row beside its list, without leaving the page."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.desktop.widgets.base import Button, Card, ChipRow, ElidedLabel, Label, Rule, ToolButton
from rhdesk.desktop.widgets.removal import clear_layout, let_go_of_focus


class SidePanel(Card):
    """Title, second line, buttons, and tabs of content. Escape or the cross closes it."""

    closed = Signal()

    def __init__(self, width: int = 400) -> None:
        super().__init__(margins=(0, 0, 0, 0))
        self.setMinimumWidth(min(360, width))
        self.body.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(16, 10, 8, 10)
        head.setSpacing(2)
        self._title = ElidedLabel("", "h2")
        self._second = ElidedLabel("", "faint", middle=True)
        top = QHBoxLayout()
        self._top = top
        top.setSpacing(8)
        top.addWidget(self._title, 1)
        self._close = ToolButton("x", "Close the details", self.close_panel)
        top.addWidget(self._close)
        head.addLayout(top)
        head.addWidget(self._second)
        self._buttons = QHBoxLayout()
        self._buttons.setContentsMargins(0, 6, 8, 0)
        self._buttons.setSpacing(8)
        head.addLayout(self._buttons)
        self.body.addLayout(head)
        self.tabs = ChipRow("tab")
        row = QHBoxLayout()
        row.setContentsMargins(16, 0, 16, 0)
        row.addWidget(self.tabs)
        row.addStretch(1)
        self.body.addLayout(row)
        self.body.addWidget(Rule())
        self._stack = QStackedWidget()
        self.body.addWidget(self._stack, 1)
        self._pages: dict[str, QWidget] = {}
        self._names: list[tuple[str, str]] = []
        self.tabs.chosen.connect(lambda key: self._stack.setCurrentWidget(self._pages[key]))
        self.hide()

    def set_head(self, title: str, second: str = "") -> None:
        self._title.setText(title)
        self._second.setText(second)

    def add_mark(self, widget: QWidget) -> None:
        """A widget (a state pill) between the title and the cross."""
        self._top.insertWidget(1, widget)

    def set_buttons(self, buttons: Sequence[Button]) -> None:
        focus = self.window().focusWidget()
        had_focus = focus is not None and self._buttons.indexOf(focus) >= 0
        clear_layout(self._buttons)
        before: QWidget = self._close
        for button in buttons:
            self._buttons.addWidget(button)
            QWidget.setTabOrder(before, button)
            before = button
        self._buttons.addStretch(1)
        able = next((button for button in buttons if button.isEnabled()), None)
        if had_focus and able is not None:
            able.show()  # what is hidden does not get it
            able.setFocus()  # else it would go to the first control of the window

    def add_tab(self, key: str, text: str, widget: QWidget, *, scroll: bool = True) -> None:
        """Add a tab; its content scrolls unless it does so by itself."""
        page: QWidget = widget
        if scroll:
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(widget)
            page = area
        self._pages[key] = page
        self._names.append((key, text))
        self._stack.addWidget(page)
        self.tabs.set_chips(self._names)

    def close_panel(self) -> None:
        let_go_of_focus(self)
        self.hide()
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)


class Facts(QWidget):
    """Pairs of a name and what it is, one a line; what it is can be selected and copied."""

    def __init__(self, *, name_width: int = 108) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnMinimumWidth(0, name_width)
        self._grid.setColumnStretch(1, 1)
        self._values: dict[str, Label] = {}

    def set_facts(self, facts: Sequence[tuple[str, str]], mono: Sequence[str] = ()) -> None:
        """Show these (name, text); those with an empty text are left out."""
        wanted = [(name, text) for name, text in facts if text]
        if [name for name, _ in wanted] != list(self._values):
            clear_layout(self._grid)
            self._values = {}
            for line, (name, _) in enumerate(wanted):
                value = Label("", "mono" if name in mono else "", wrap=True, select=True)
                self._grid.addWidget(Label(name, "muted"), line, 0, Qt.AlignmentFlag.AlignTop)
                self._grid.addWidget(value, line, 1, Qt.AlignmentFlag.AlignTop)
                self._values[name] = value
        for name, text in wanted:
            if self._values[name].text() != text:
                self._values[name].setText(text)
