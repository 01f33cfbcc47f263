"""Python looks for garbage on the interface's thread only, and not while a window loads."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.desktop import pauses


@pytest.fixture
def application(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[QObject]:
    """What lives as long as the window's application, and ends with the test."""
    monkeypatch.setattr(pauses, "_SETTLED", 20)
    monkeypatch.setattr(pauses, "_LOOK", 10)
    gc.unfreeze()  # windows of other tests left theirs out
    interval = sys.getswitchinterval()
    lives = QObject(qapp)
    yield lives
    lives.deleteLater()
    sys.setswitchinterval(interval)
    gc.unfreeze()


class Circle(QWidget):
    """Only the collector finds it."""

    def __init__(self, gone_on: list[int]) -> None:
        super().__init__()
        self.itself = self
        self._ends = weakref.finalize(self, lambda: gone_on.append(threading.get_ident()))


def test_that_widgets_are_destroyed_on_the_thread_of_the_interface(application: QObject, qtbot: QtBot) -> None:
    pauses.shorten_pauses(application)
    qtbot.waitUntil(lambda: gc.get_freeze_count() > 10_000, timeout=30_000)  # what was loaded is not looked at again
    gone_on: list[int] = []
    for _ in range(100):
        Circle(gone_on)

    def allocate() -> None:
        while not ended.is_set():
            for _ in range(2000):
                circle: list[object] = []
                circle.append(circle)

    ended = threading.Event()
    other = threading.Thread(target=allocate)
    other.start()
    try:
        qtbot.waitUntil(lambda: len(gone_on) == 100, timeout=60_000)
    finally:
        ended.set()
        other.join()
    assert set(gone_on) == {threading.get_ident()}


def test_that_very_much_that_was_read_is_not_gone_through_again(application: QObject, qtbot: QtBot) -> None:
    pauses.shorten_pauses(application)
    qtbot.waitUntil(lambda: gc.get_freeze_count() > 10_000, timeout=30_000)
    before = gc.get_freeze_count()
    read = [[number] for number in range(300_000)]
    qtbot.waitUntil(lambda: gc.get_freeze_count() > before + len(read) // 2, timeout=30_000)
    gone_on: list[int] = []
    Circle(gone_on)
    gc.collect()
    assert len(gone_on) == 1, "what is garbage later is found as ever"
