"""The window is closed while something goes on in a cloud: nothing is broken off, and nothing is left running."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from desktop.cloud_parts import LONG, click, on_loop, opened, press, words, write
from lab.skypilot_stand_in import StandInSkyPilot
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from rhdesk.core.tasks import cluster_task
from rhdesk.desktop.app import start
from rhdesk.desktop.launch import launch
from rhdesk.desktop.shell import Shell

EVAL = cluster_task("~/eval")


@pytest.fixture
def shell(cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot) -> Shell:
    """A window in the middle of a launch of ~/eval, of which there are machines already."""
    write(rh_home, "eval", "instance_type: CPU:2+")
    start(cloud_shell, settings=False)
    qtbot.waitUntil(lambda: "~/eval" in cloud_shell.desk.store.clusters, timeout=LONG)
    sky.gates["provisioning"] = asyncio.Event()
    launch(cloud_shell.desk, "~/eval")
    qtbot.waitUntil(lambda: bool(sky.known), timeout=LONG)
    return cloud_shell


def asked(shell: Shell) -> QDialog:
    shell.close()
    assert shell.isVisible()
    dialog = opened(shell, "close-while-launching")
    assert dialog is not None
    return dialog


def ends(sky: StandInSkyPilot) -> asyncio.Event:
    """Ending machines takes until this is set."""
    return sky.lists.setdefault("down", asyncio.Event())


def test_that_a_launch_is_not_left_behind_without_a_word(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    dialog = asked(shell)
    assert "1 launch is given up if you close now." in words(dialog)
    assert "Launching ~/eval" in words(dialog)
    press(dialog, "Keep the window")
    assert shell.isVisible()
    task = shell.desk.store.tasks.get(EVAL)
    assert task is not None
    assert task.state == "running"
    assert not task.giving_up


def test_that_one_that_is_taken_back_is_waited_for(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    gate = ends(sky)
    shell.desk.tasks.give_up(EVAL)
    qtbot.waitUntil(lambda: bool(sky.asked("down")), timeout=LONG)
    assert "1 launch is being taken back." in words(asked(shell))
    click(shell, "close-when-done", qtbot)
    assert shell.isVisible()
    on_loop(shell, gate.set)
    qtbot.waitUntil(lambda: not shell.isVisible(), timeout=LONG)
    assert not sky.known
    task = shell.desk.store.tasks.get(EVAL)
    assert task is not None
    assert task.state == "cancelled"


def test_that_it_is_taken_back_after_the_window_is_gone(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    gate = ends(sky)
    asked(shell)
    click(shell, "close-now", qtbot)
    assert not shell.isVisible()
    qtbot.waitUntil(lambda: bool(sky.asked("down")), timeout=LONG)
    shell.desk.finish(0.2)
    assert sky.known, "it takes longer than anybody waits here"
    threading.Timer(0.2, lambda: on_loop(shell, gate.set)).start()
    shell.desk.finish()
    assert not sky.known
