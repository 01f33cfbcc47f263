"""Clouds and clusters in them by the keyboard alone: nothing here touches the mouse."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from desktop.cloud_parts import CHECKS, LONG, OFFERS, known, opened, state_word, used, words, write
from lab.skypilot_stand_in import StandInSkyPilot
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.tasks import cluster_task
from rhdesk.desktop.app import start
from rhdesk.desktop.cluster_acts import why_not_down
from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog
from rhdesk.desktop.shell import Shell

CTRL = Qt.KeyboardModifier.ControlModifier
CTRL_SHIFT = CTRL | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def shell(cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot) -> Shell:
    """A window on ~/half, of which only a part runs."""
    used(rh_home)
    sky.all_checks, sky.all_offers = list(CHECKS), list(OFFERS)
    write(rh_home, "half", "instance_type: A100:8", "autostop_mins: 60")
    known(sky, rh_home, "~/half", "unhealthy", reason="One of 2 hosts was terminated.")
    start(cloud_shell, settings=False)
    qtbot.waitUntil(lambda: state_word(cloud_shell, "~/half") == "Unhealthy", timeout=LONG)
    return cloud_shell


def press(where: QWidget, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A key for whatever has the focus in a window."""
    QTest.keyClick(where.focusWidget() or where, key, modifier)


def tab_to(window: QWidget, name: str) -> None:
    """Go on with Tab until the control of that name, or with that text, has the focus."""
    for _ in range(60):
        press(window, Qt.Key.Key_Tab)
        here = window.focusWidget()
        if here is not None and name in (here.objectName(), here.accessibleName()):
            return
    raise AssertionError(f"Tab does not come to {name}")


def asked_by(shell: Shell, key: Qt.Key, name: str, qtbot: QtBot) -> QDialog:
    """The dialog that these keys open, with Ctrl and Shift."""
    press(shell, key, CTRL_SHIFT)

    def is_open() -> bool:
        if opened(shell, name) is None and not shell.isActiveWindow():  # a dialog that went took that with it
            shell.activateWindow()
            press(shell, key, CTRL_SHIFT)
        return opened(shell, name) is not None

    qtbot.waitUntil(is_open, timeout=LONG)
    dialog = opened(shell, name)
    assert dialog is not None
    return dialog


def back(shell: Shell, qtbot: QtBot) -> None:
    """Keys go to the window again, once the dialog is closed."""
    qtbot.waitUntil(lambda: not any(each.isVisible() for each in shell.findChildren(QDialog)), timeout=LONG)

    def is_active() -> bool:
        if not shell.isActiveWindow():
            shell.activateWindow()  # again, where the dialog was not quite gone the first time
        return shell.isActiveWindow()

    qtbot.waitUntil(is_active, timeout=LONG)


def test_clouds_are_checked_and_one_is_rented_and_given_up(
    shell: Shell, sky: StandInSkyPilot, qtbot: QtBot, qapp: QApplication
) -> None:
    sky.gates["provisioning"] = asyncio.Event()
    press(shell, Qt.Key.Key_8, CTRL)
    assert shell.page.title == "Clouds"
    tab_to(shell, "clouds-check")
    press(shell, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "Its command line is not logged in." in words(shell.page), timeout=LONG)
    dialog = asked_by(shell, Qt.Key.Key_N, "cloud-cluster-dialog", qtbot)
    assert isinstance(dialog, CloudClusterDialog)
    qtbot.waitUntil(lambda: dialog.focusWidget() is dialog.picker.table, timeout=LONG)
    press(dialog, Qt.Key.Key_F, CTRL)
    assert dialog.focusWidget() is dialog.picker.search
    QTest.keyClicks(dialog.focusWidget(), "L4")
    qtbot.waitUntil(lambda: dialog.picker.table.rows.rowCount() == 1, timeout=LONG)
    press(dialog, Qt.Key.Key_Down)
    press(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.focusWidget() is dialog.name, timeout=LONG)
    assert "$0.80" in words(dialog)
    tab_to(dialog, "cloud-launch")
    press(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(sky.asked("launch")), timeout=LONG)
    back(shell, qtbot)
    press(shell, Qt.Key.Key_T, CTRL_SHIFT)
    tab_to(shell, "Cancel")
    press(shell, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: state_word(shell, "~/l4") == "Down", timeout=LONG)
    press(shell, Qt.Key.Key_Escape)
    assert not shell.task_centre.isVisible()


def test_a_cluster_is_stopped_started_and_taken_down(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_2, CTRL)
    press(shell, Qt.Key.Key_F, CTRL)
    QTest.keyClicks(shell.focusWidget(), "half")
    press(shell, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: shell.page.cluster() == "~/half", timeout=LONG)

    dialog = asked_by(shell, Qt.Key.Key_I, "autostop-dialog", qtbot)
    qtbot.waitUntil(dialog.isActiveWindow, timeout=LONG)
    press(dialog, Qt.Key.Key_Left)
    press(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(sky.asked("autostop")), timeout=LONG)
    assert sky.asked("autostop")[0].endswith(" 30")

    back(shell, qtbot)
    press(asked_by(shell, Qt.Key.Key_S, "stop-cluster", qtbot), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: state_word(shell, "~/half") == "Stopped", timeout=LONG)

    sky.gates["provisioning"] = asyncio.Event()
    back(shell, qtbot)
    qtbot.waitUntil(lambda: not shell.desk.tasks.busy(cluster_task("~/half")), timeout=LONG)
    press(shell, Qt.Key.Key_U, CTRL_SHIFT)
    qtbot.waitUntil(lambda: bool(sky.asked("start")), timeout=LONG)
    shell.desk.tasks.give_up(cluster_task("~/half"))
    qtbot.waitUntil(lambda: not shell.desk.tasks.busy(cluster_task("~/half")), timeout=LONG)
    qtbot.waitUntil(lambda: state_word(shell, "~/half") == "Stopped", timeout=LONG)
    qtbot.waitUntil(lambda: why_not_down(shell.desk.store.clusters.get("~/half")) == "", timeout=LONG)

    back(shell, qtbot)
    asked = asked_by(shell, Qt.Key.Key_D, "take-down", qtbot)
    press(asked, Qt.Key.Key_Escape)
    back(shell, qtbot)
    assert sky.asked("down") == []
    asked = asked_by(shell, Qt.Key.Key_D, "take-down", qtbot)
    tab_to(asked, "take-down-accept")
    press(asked, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: state_word(shell, "~/half") == "Down", timeout=LONG)
