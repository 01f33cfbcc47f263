"""Closing the window while something goes on in a cloud: asked about, and never broken off.

What was begun comes to its end without the window, in this same process, which stays until then (`Desk.finish`).
Should that be ended too, what is left is told when rhdesk is opened next.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.rows import State, TaskRow
from rhdesk.core.tasks import cluster_task
from rhdesk.core.words import count_text
from rhdesk.desktop.widgets.base import Card, Label
from rhdesk.desktop.widgets.dialog import Dialog

_GOES_ON = (
    "Without the window, what is being ended goes on until nothing of it runs. Should this computer be switched off "
    "before that, machines may run on and cost money; you are told when you open rhdesk again."
)


def going_on(desk: Desk) -> list[TaskRow]:
    """What would be left half done in a cloud."""
    return [
        task
        for task in desk.store.tasks.rows()
        if task.state == "running" and task.assumes is not None and _is_in_cloud(desk, task)
    ]


def ask_before_closing(desk: Desk, window: QWidget, close: Callable[[], object]) -> bool:
    """Ask, where something goes on in a cloud; False: nothing has to be asked."""
    tasks = going_on(desk)
    if not tasks:
        return False
    _Closing(desk, window, close, tasks).open()
    return True


class _Closing(Dialog):
    """Keep the window, close it when all of it has ended, or close it now."""

    def __init__(self, desk: Desk, window: QWidget, close: Callable[[], object], tasks: list[TaskRow]) -> None:
        launches = [task for task in tasks if task.assumes is State.LAUNCHING and not task.giving_up]
        back = sum(1 for task in tasks if task.giving_up)
        words = []
        if back:
            words.append(f"{count_text(back, 'launch is', 'launches are')} being taken back.")
        if launches:
            words.append(f"{count_text(len(launches), 'launch is', 'launches are')} given up if you close now.")
        text = " ".join([*words, _GOES_ON])
        super().__init__(window, "Close while this goes on in a cloud?", text, icon="triangle-alert")
        self.setObjectName("close-while-launching")
        self._desk, self._close = desk, close
        card = Card(margins=(12, 8, 12, 8))
        card.body.setSpacing(4)
        for task in tasks:
            card.body.addWidget(Label(f"{task.title} · {task.sentence or 'begins'}", "", wrap=True))
        self.body.addWidget(card)
        self.add_button("Keep the window").setFocus()
        later = self.add_button("Close when done", "", self._close_later)
        later.setObjectName("close-when-done")
        now = self.add_button("Give up and close" if launches else "Close now", "danger", self._close_now)
        now.setObjectName("close-now")
        self.fit()

    def _close_now(self) -> None:
        for task in going_on(self._desk):
            if task.assumes is State.LAUNCHING:
                self._desk.tasks.give_up(task.name)
        self.accept()
        self._close()

    def _close_later(self) -> None:
        desk, close, window = self._desk, self._close, self.parent()

        def look(change: object) -> None:
            if going_on(desk):
                return
            forget()
            if isValid(window):
                close()

        forget = desk.store.tasks.subscribe(look)
        self.accept()
        desk.notifier.info("The window closes when that has ended.")
        look(None)


def _is_in_cloud(desk: Desk, task: TaskRow) -> bool:
    row = desk.store.clusters.get(task.name.removeprefix(cluster_task("")))
    return row is not None and row.kind == "cloud"
