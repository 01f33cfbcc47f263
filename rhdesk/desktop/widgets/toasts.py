"""Short messages in the corner of the window. Errors stay until they are closed; all are kept in the activity log."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QFrame, QGraphicsDropShadowEffect, QHBoxLayout, QVBoxLayout, QWidget
from shiboken6 import isValid

from rhdesk.core.notifier import Level, Notice, Notifier
from rhdesk.desktop import theme
from rhdesk.desktop.widgets.base import Button, IconLabel, Label, ToolButton, row_of
from rhdesk.desktop.widgets.states import DetailsFold
from rhdesk.desktop.widgets.wrapped import WrappedLabel

ICONS = {
    Level.INFO: ("info", "info"),
    Level.SUCCESS: ("circle-check", "ok"),
    Level.WARNING: ("triangle-alert", "warn"),
    Level.ERROR: ("circle-x", "error"),
}
_STAY = {Level.INFO: 5000, Level.SUCCESS: 5000, Level.WARNING: 9000}
_MOST = 4
_WIDTH = 380


class Toast(QFrame):
    """One message. The clock stops while the mouse is over it."""

    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice
        self.setProperty("card", "raised")
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(notice.sentence)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 10, 6, 10)
        row.setSpacing(10)
        icon, role = ICONS[notice.level]
        row.addWidget(IconLabel(icon, role), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(_words(notice.sentence, "strong"))
        if notice.problem.remedy:
            words.addWidget(_words(notice.problem.remedy, "muted"))
        if notice.action is not None:
            button = Button(notice.action_text, "link", on_click=self._act)
            button.setProperty("flush", True)
            words.addLayout(row_of(button, None))
        if notice.problem.detail:
            fold = DetailsFold(notice.problem.detail)
            fold.set_copied(notice.as_text())
            words.addWidget(fold)
        words.addStretch(1)
        row.addLayout(words, 1)
        row.addWidget(ToolButton("x", "Close", self.close), 0, Qt.AlignmentFlag.AlignTop)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._clock = QTimer(self, singleShot=True)
        self._clock.timeout.connect(self.close)
        stay = _STAY.get(notice.level)
        if stay is not None:
            self._clock.start(stay)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(24)
        shadow.setOffset(0, 6)
        shadow.setColor(theme.colour("text" if not theme.tokens().is_dark else "sidebar", 60))
        self.setGraphicsEffect(shadow)

    def _act(self) -> None:
        self.close()  # it is done once
        if self.notice.action is not None:
            self.notice.action()

    def enterEvent(self, event: QEnterEvent) -> None:
        if self._clock.isActive():
            self._clock.stop()

    def leaveEvent(self, event: QEvent) -> None:
        stay = _STAY.get(self.notice.level)
        if stay is not None:
            self._clock.start(stay // 2)


def _words(text: str, role: str) -> Label:
    """Wrapped text of a fixed width: its height is then known before the layout runs."""
    label = WrappedLabel(text, role)
    label.ensurePolished()
    label.setFixedWidth(_WIDTH - 92)
    label.setFixedHeight(label.heightForWidth(_WIDTH - 92))
    return label


class Toasts(QObject):
    """Stacks toasts in the lower right corner of a window."""

    def __init__(self, window: QWidget, notifier: Notifier, bottom: int = 44) -> None:
        super().__init__(window)
        self._window = window
        self._bottom = bottom
        self._shown: list[Toast] = []
        self._stop = notifier.subscribe(self._show)
        self.destroyed.connect(self._stop)
        window.installEventFilter(self)

    def count(self) -> int:
        return len(self._shown)

    def _show(self, notice: Notice | None) -> None:
        if notice is None:
            return
        for old in [toast for toast in self._shown if toast.notice.sentence == notice.sentence]:
            old.close()  # the same again: the newer one stands
        toast = Toast(notice)
        toast.setParent(self._window)
        toast.installEventFilter(self)
        toast.destroyed.connect(lambda: self._forget(toast))
        self._shown.append(toast)
        # errors stay, and a pile of them would lie over the buttons that help; the activity log has them all
        while len(self._shown) > 1 and (len(self._shown) > _MOST or self._height() > self._window.height() // 2):
            self._shown[0].close()
        toast.show()
        toast.raise_()
        self._place()

    def _height(self) -> int:
        return sum(toast.sizeHint().height() + 8 for toast in self._shown)

    def _forget(self, toast: Toast) -> None:
        if toast in self._shown:
            self._shown.remove(toast)
        self._place()

    def _place(self) -> None:
        if not isValid(self._window):
            return  # the window went first
        y = self._window.height() - self._bottom
        for toast in reversed(self._shown):
            toast.resize(_WIDTH, toast.sizeHint().height())
            y -= toast.height() + 8
            toast.move(self._window.width() - _WIDTH - 20, y)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close and isinstance(watched, Toast):
            if watched in self._shown:
                self._shown.remove(watched)
            self._place()
        elif event.type() == (QEvent.Type.Resize if watched is self._window else QEvent.Type.LayoutRequest):
            self._place()  # never in a toast's own resize: its layout would then be left with the older size
        return False
