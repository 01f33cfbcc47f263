"""The strip at the foot of the window: what is being done, and the way to all of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.words import count_text
from rhdesk.desktop.widgets.base import Button, ElidedLabel, IconLabel, Label
from rhdesk.desktop.widgets.registry_line import RegistryMark
from rhdesk.desktop.widgets.states import Spinner


class StatusBar(QWidget):
    """Shows the newest running task; a click opens the task centre."""

    tasks_asked = Signal()
    keys_asked = Signal()
    registry_asked = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.setObjectName("statusbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(30)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 12, 0)
        row.setSpacing(8)
        self._spinner = Spinner(14)
        self._mark = IconLabel("circle-check", "text_faint", 14)
        self._words = ElidedLabel("", "faint")
        self._bar = QProgressBar()
        self._bar.setFixedWidth(120)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._button = Button("Tasks", "link", on_click=self.tasks_asked.emit)
        self._button.setObjectName("tasks")
        row.addWidget(self._spinner)
        row.addWidget(self._mark)
        row.addWidget(self._words, 1)
        row.addWidget(self._bar)
        registry = RegistryMark(desk)
        registry.asked.connect(self.registry_asked)
        row.addWidget(registry)
        row.addWidget(self._button)
        row.addWidget(Button("Keys", "link", on_click=self.keys_asked.emit))
        row.addWidget(Label(str(desk.home).replace(str(desk.home.home()), "~", 1), "faint"))
        self.destroyed.connect(desk.store.tasks.subscribe(lambda change: self._refresh()))
        self._refresh()

    def _refresh(self) -> None:
        tasks = self._desk.store.tasks.rows()
        running = sorted((task for task in tasks if task.state == "running"), key=lambda task: task.started)
        self._spinner.setVisible(bool(running))
        self._mark.setVisible(not running)
        self._bar.hide()
        if running:
            task = running[-1]
            more = f" (and {len(running) - 1} more)" if len(running) > 1 else ""
            self._words.setText(f"{task.title}: {task.sentence}{more}" if task.sentence else f"{task.title}…{more}")
            if task.fraction is not None:
                self._bar.setValue(int(task.fraction * 1000))
                self._bar.show()
        else:
            last = max(tasks, key=lambda task: task.ended, default=None)
            failed = last is not None and last.state == "failed"
            self._mark.set_icon("circle-x" if failed else "circle-check", "error" if failed else "text_faint")
            self._words.setText(f"{last.title}: {last.state}" if last is not None else "Nothing is being done")
        self._button.set_text(count_text(len(running), "task") if running else "Tasks")
