"""A panel that slides over the right edge of the window: the activity log, and the task centre."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.notifier import Notice
from rhdesk.core.rows import TaskRow
from rhdesk.core.words import age_text, duration_text
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.widgets.base import Button, Card, IconLabel, Label, Rule, ToolButton, row_of
from rhdesk.desktop.widgets.phases import PhaseList
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import DetailsFold, Spinner, StateView
from rhdesk.desktop.widgets.toasts import ICONS
from rhdesk.desktop.widgets.wrapped import WrappedLabel

_WIDTH = 420


class Drawer(QFrame):
    """Over the right edge, from the header to the status bar. Escape closes it."""

    def __init__(self, window: QWidget, title: str) -> None:
        super().__init__(window)
        self.setProperty("card", "raised")
        self._window = window
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        self._head = QHBoxLayout()
        self._head.setContentsMargins(16, 10, 8, 8)
        self._head.addWidget(Label(title, "h2"))
        self._head.addStretch(1)
        self._head.addWidget(ToolButton("x", "Close", self.hide))
        column.addLayout(self._head)
        column.addWidget(Rule())
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        self.list = QVBoxLayout(inner)
        self.list.setContentsMargins(12, 12, 12, 12)
        self.list.setSpacing(8)
        self._area.setWidget(inner)
        column.addWidget(self._area, 1)
        window.installEventFilter(self)
        self.hide()

    def toggle(self) -> None:
        if self.isVisible():
            self.hide()
        else:
            self.refresh()
            self._place()
            self.show()
            self.raise_()
            self.setFocus()

    def refresh(self) -> None:
        """Fill the list anew."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def _place(self) -> None:
        width = min(_WIDTH, self._window.width() - 40)
        self.setGeometry(self._window.width() - width - 12, 58, width, self._window.height() - 58 - 40)

    def _nothing(self, title: str, text: str, icon: str) -> None:
        view = StateView()
        view.setMinimumHeight(220)
        view.show_empty(title, text, icon)
        self.list.addWidget(view)


class ActivityDrawer(Drawer):
    """Everything that was said in this session, newest first, with details and Copy."""

    def __init__(self, window: QWidget, desk: Desk) -> None:
        super().__init__(window, "Activity")
        self._desk = desk
        self._head.insertWidget(2, Button("Copy all", "link", on_click=self._copy_all))
        self._head.insertWidget(3, Button("Clear", "link", on_click=desk.notifier.clear))
        self.destroyed.connect(desk.notifier.subscribe(self._said))

    def refresh(self) -> None:
        clear_layout(self.list)
        notices = self._desk.notifier.notices()
        for notice in notices[:100]:
            self.list.addWidget(_NoticeCard(notice))
        if not notices:
            self._nothing("Nothing happened yet", "What you do here is kept in this list.", "bell")
        self.list.addStretch(1)
        if self._desk.notifier.unread:
            self._desk.notifier.mark_read()

    def _said(self, notice: Notice | None) -> None:
        if self.isVisible() and (notice is not None or not self._desk.notifier.notices()):
            self.refresh()

    def _copy_all(self) -> None:
        text = "\n\n".join(notice.as_text() for notice in self._desk.notifier.notices())
        QGuiApplication.clipboard().setText(text)


class _NoticeCard(Card):
    def __init__(self, notice: Notice) -> None:
        super().__init__(margins=(12, 8, 12, 8))
        self.body.setSpacing(2)
        icon, role = ICONS[notice.level]
        when = Label(age_text(notice.when), "faint")
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(IconLabel(icon, role), 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(WrappedLabel(notice.sentence, "strong"), 1)
        head.addWidget(when, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(head)
        for text in (notice.problem.remedy, notice.act):
            if text:
                label = WrappedLabel(text, "muted" if text == notice.problem.remedy else "faint")
                label.setContentsMargins(24, 0, 0, 0)
                self.body.addWidget(label)
        if notice.problem.detail:
            fold = DetailsFold(notice.problem.detail)
            fold.set_copied(notice.as_text())
            self.body.addWidget(fold)


class TaskDrawer(Drawer):
    """The task centre: every long act with its progress, Cancel, and the way to where it belongs."""

    def __init__(self, window: QWidget, desk: Desk) -> None:
        super().__init__(window, "Tasks")
        self._desk = desk
        self._cards: dict[str, _TaskCard] = {}
        self.destroyed.connect(desk.store.tasks.subscribe(lambda change: self._changed()))

    def refresh(self) -> None:
        tasks = sorted(self._desk.store.tasks.rows(), key=lambda task: -task.started)
        if [task.name for task in tasks] != list(self._cards) or not self.list.count():
            clear_layout(self.list)
            self._cards = {}
            for task in tasks:
                card = _TaskCard(self._desk, self.hide)
                self._cards[task.name] = card
                self.list.addWidget(card)
            if not tasks:
                self._nothing("No tasks", "Long acts show their progress here, and can be cancelled.", "activity")
            self.list.addStretch(1)
            order_tabs(self, self)
        for task in tasks:
            self._cards[task.name].show_task(task)

    def _changed(self) -> None:
        if self.isVisible():
            self.refresh()


class _TaskCard(Card):
    def __init__(self, desk: Desk, leave: Callable[[], object]) -> None:
        super().__init__(margins=(12, 8, 8, 8))
        self._desk = desk
        self._leave = leave
        self._task: TaskRow | None = None
        self.body.setSpacing(4)
        self._mark = IconLabel("circle-check", "ok")
        self._spinner = Spinner(16)
        self._title = Label("", "strong", wrap=True)
        self._cancel = Button("Cancel", "link", on_click=self._cancel_task)
        self._go = Button("Go to", "link", on_click=self._go_to)
        self._close = ToolButton("x", "Take off the list", self._dismiss)
        head = row_of(self._mark, self._spinner)
        head.addWidget(self._title, 1)
        for button in (self._go, self._cancel, self._close):
            head.addWidget(button)
        self.body.addLayout(head)
        self._words = Label("", "muted", wrap=True)
        self.body.addWidget(self._words)
        self._phases = PhaseList()
        self._phases.setContentsMargins(0, 4, 8, 4)
        self.body.addWidget(self._phases)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.body.addWidget(self._bar)

    def show_task(self, task: TaskRow) -> None:
        self._task = task
        running = task.state == "running"
        self._title.setText(task.title)
        took = duration_text(task.ended - task.started) if task.ended else ""
        done = {"done": "Done", "failed": "Failed", "cancelled": "Cancelled"}.get(task.state, "")
        words = task.sentence if running or task.state == "failed" else f"{done} in {took}"
        self._words.setText(words)
        steps = task.assumes is not None and len(task.lines) > 1 and task.state in ("running", "failed")
        self._phases.setVisible(steps)
        if steps:
            self._phases.show_task(task)
        self._words.setVisible(bool(words) and not (steps and running))
        self._spinner.setVisible(running)
        self._mark.setVisible(not running)
        icon = {"done": ("circle-check", "ok"), "failed": ("circle-x", "error")}.get(task.state, ("ban", "text_faint"))
        self._mark.set_icon(*icon)
        self._bar.setVisible(running and task.fraction is not None)
        self._bar.setRange(0, 1000)
        self._bar.setValue(int((task.fraction or 0) * 1000))
        if self._cancel.hasFocus() and (task.giving_up or not running):
            (self._go if task.go_to is not None else self).setFocus()  # Escape goes on closing the drawer
        self._go.setVisible(task.go_to is not None)
        self._cancel.setVisible(running)
        self._cancel.allow("It is being taken back." if task.giving_up else "")
        self._close.setVisible(not running)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._desk.tasks.give_up(self._task.name)

    def _go_to(self) -> None:
        if self._task is not None and self._task.go_to is not None:
            self._leave()  # it would lie over what is gone to
            self._desk.navigate(*self._task.go_to)

    def _dismiss(self) -> None:
        if self._task is not None:
            self._desk.tasks.dismiss(self._task.name)
