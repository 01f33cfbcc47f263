"""The list of steps of something that takes long, while they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import TaskRow
from rhdesk.desktop.widgets.phases import PhaseList
from rhdesk.desktop.widgets.wrapped import WrappedLabel


def words(phases: PhaseList) -> list[str]:
    return [label.text() for label in phases.findChildren(WrappedLabel) if label.isVisible()]


@pytest.fixture
def phases(qtbot: QtBot) -> Iterator[PhaseList]:
    """In a window that is in sight."""
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    phases = PhaseList()
    column.addWidget(phases)
    column.addStretch(1)
    window.resize(400, 400)
    window.show()
    qtbot.waitExposed(window)
    yield phases
    window.close()


def task(*lines: str) -> TaskRow:
    now = time.time()
    return TaskRow("launch:~/gpu", "Launching ~/gpu", "running", lines=lines, times=(now,) * len(lines), started=now)


def test_what_is_marked_to_copy_stays_marked_while_steps_come(phases: PhaseList) -> None:
    running = task("An offer is chosen", "Making the instances…")
    phases.show_task(running)
    first = phases.findChildren(WrappedLabel)[0]
    first.setSelection(0, 8)
    phases.show_task(replace(running, lines=(*running.lines, "The hosts answer…"), times=(*running.times, time.time())))
    assert words(phases) == ["An offer is chosen", "Making the instances…", "The hosts answer…"]
    assert first.selectedText() == "An offer"


def test_steps_are_in_sight_at_once_and_another_task_takes_their_place(phases: PhaseList) -> None:
    phases.show_task(task("An offer is chosen", "Making the instances…"))
    assert len(words(phases)) == 2  # without a turn of the event loop
    phases.show_task(task("Taking it down…"))
    assert words(phases) == ["Taking it down…"]
