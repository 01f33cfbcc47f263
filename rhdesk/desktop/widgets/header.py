"""The top of every page: back and forward, title, the search box, the bell, and the page's own buttons."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from rhdesk.desktop import theme
from rhdesk.desktop.widgets.base import Button, ElidedLabel, Label, ToolButton


class SearchBox(QLineEdit):
    """Looks like a field; a click or any letter opens the palette."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "search")
        self.setObjectName("palette-box")
        self.setPlaceholderText("Search or run a command")
        self.setAccessibleName("Search resources or run a command, Ctrl+K")
        self.setReadOnly(True)
        self.setMinimumWidth(150)
        self.setMaximumWidth(320)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._icon = self.addAction(theme.icons.icon("search", "text_faint"), QLineEdit.ActionPosition.LeadingPosition)
        inner = QHBoxLayout(self)
        inner.setContentsMargins(0, 0, 8, 0)
        inner.addStretch(1)
        self._key = Label("Ctrl K", "kbd")
        self._key.setFixedHeight(18)
        self._key.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inner.addWidget(self._key)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._key.setVisible(self.width() >= 260)

    def sizeHint(self) -> QSize:
        return QSize(320, super().sizeHint().height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.asked.emit("")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.asked.emit("")
        elif event.text().isprintable() and event.text():
            self.asked.emit(event.text())
        else:
            super().keyPressEvent(event)

    def retheme(self) -> None:
        self._icon.setIcon(theme.icons.icon("search", "text_faint"))


class Bell(ToolButton):
    """Opens the activity log; a dot while there is something unread."""

    def __init__(self) -> None:
        super().__init__("bell", "Activity", size=18)
        self.setObjectName("bell")
        self._unread = 0

    def set_unread(self, count: int) -> None:
        self._unread = count
        self.setAccessibleName(f"Activity, {count} unread" if count else "Activity")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._unread:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawEllipse(QRectF(self.width() - 12, 5, 7, 7))


class Header(QWidget):
    """One for the window; the shell changes what it shows with the page."""

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(20, 14, 20, 14)
        self._row.setSpacing(8)
        self.back = ToolButton("arrow-left", "Back (Alt+Left)")
        self.forward = ToolButton("arrow-right", "Forward (Alt+Right)")
        self.title = ElidedLabel("", "h1")
        self.title.setFixedHeight(30)
        self.search = SearchBox()
        self.bell = Bell()
        self._row.addWidget(self.back)
        self._row.addWidget(self.forward)
        self._row.addWidget(self.title, 3)
        self._row.addWidget(self.search, 4)
        self._row.addWidget(self.bell)
        self._actions: list[Button] = []

    def set_page(self, title: str, actions: list[Button]) -> None:
        for old in self._actions:
            self._row.removeWidget(old)
            old.setParent(None)
        self._actions = actions
        for button in actions:
            self._row.addWidget(button)
            button.show()
        self.title.setText(title)
