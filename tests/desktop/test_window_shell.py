"""The window: pages, history, keys, palette, messages, what it remembers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import Problem
from rhdesk.desktop import theme
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.toasts import Toast


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, rh_home: Path) -> Iterator[Shell]:
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    start(made, settings=False)
    yield made
    made.close()
    made.desk.close()
    made.deleteLater()


def press(shell: Shell, key: Qt.Key, modifier: Qt.KeyboardModifier) -> None:
    QTest.keyClick(shell, key, modifier)


def test_pages_open_by_click_and_key_and_back_returns(shell: Shell, qtbot: QtBot) -> None:
    qtbot.mouseClick(shell.findChild(object, "nav-clusters"), Qt.MouseButton.LeftButton)
    assert shell.page.title == "Clusters"
    assert shell.header.title.text() == "Clusters"
    press(shell, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    assert shell.page.title == "Runs"
    press(shell, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shell.page.title == "Clusters"
    press(shell, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert shell.page.title == "Runs"
    assert not shell.can_go_forward


def test_the_clusters_are_there_and_this_computer_is_down(shell: Shell, qtbot: QtBot) -> None:
    store = shell.desk.store
    qtbot.waitUntil(lambda: "^local" in store.clusters, timeout=10_000)
    assert shell.sidebar.foot.accessibleName() == "Not running, This computer"
    shell.navigate("clusters", "^local")
    row = store.clusters.get("^local")
    assert row is not None
    assert row.state.word == "Down"


def test_the_palette_finds_a_page_and_goes_there(shell: Shell, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = shell.palette_dialog
    assert palette is not None
    QTest.keyClicks(palette.field, "settin")
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert shell.page.title == "Settings"
    qtbot.waitUntil(lambda: shell.palette_dialog is None)


def test_an_error_is_shown_in_three_layers_and_kept_in_the_activity_log(shell: Shell, qtbot: QtBot) -> None:
    shell.desk.notifier.error(Problem("It broke.", "Mend it.", "raw output"), act="Doing x")
    [toast] = shell.findChildren(Toast)
    qtbot.wait(100)
    words = [label.text() for label in toast.findChildren(QLabel)]
    assert "It broke." in words
    assert "Mend it." in words
    for label in toast.findChildren(QLabel):
        assert toast.rect().contains(label.geometry()), "every word is in sight"
    assert "1 unread" in shell.header.bell.accessibleName()
    shell.toggle_activity()
    assert any(label.text() == "It broke." for label in shell.activity.findChildren(QLabel))
    assert shell.desk.notifier.unread == 0
    assert "raw output" in shell.desk.notifier.notices()[0].as_text()


def test_what_a_slot_does_not_catch_is_told_and_the_window_stays(shell: Shell, qtbot: QtBot) -> None:
    shell.desk.mailbox.post(lambda: 1 / 0)
    qtbot.waitUntil(lambda: bool(shell.desk.notifier.notices()))
    assert "ZeroDivisionError" in shell.desk.notifier.notices()[0].sentence
    assert shell.isVisible()


def test_a_small_window_keeps_icons_only(shell: Shell, qtbot: QtBot) -> None:
    wide = shell.sidebar.width()
    shell.resize(900, 600)
    qtbot.waitUntil(lambda: shell.sidebar.width() < wide)
    assert shell.findChild(object, "nav-runs").text() == ""
    assert shell.findChild(object, "nav-runs").accessibleName().startswith("Runs")


def test_every_page_fits_into_the_smallest_window(shell: Shell, qtbot: QtBot) -> None:
    shell.resize(1000, 700)
    for page in ("overview", "clusters", "functions", "packages", "runs", "settings"):
        shell.navigate(page)
        qtbot.wait(20)
        assert shell.width() == 1000, f"{page} is wider than the window"
        assert shell.height() == 700, f"{page} is higher than the window"


def test_page_and_theme_are_remembered(qtbot: QtBot, qapp: QApplication, rh_home: Path) -> None:
    first = make_window(qapp)
    first.show()
    first.navigate("runs")
    first.apply_theme("light")
    first.close()
    first.desk.close()
    again = make_window(qapp)
    again.show()
    assert again.page.title == "Runs"
    assert theme.tokens().name == "light"
    again.close()
    again.desk.close()
    theme.apply(qapp, "dark")


def test_a_broken_memory_does_not_keep_the_window_from_opening(qtbot: QtBot, qapp: QApplication, rh_home: Path) -> None:
    (rh_home / "cache").mkdir(parents=True)
    (rh_home / "cache" / "window.json").write_text('{"page": 7, "geometry": "!!", "theme": "dark"')
    made = make_window(qapp)
    assert made.page.title == "Overview"
    made.close()
    made.desk.close()


def test_the_first_paint_comes_before_grpc_and_everything_heavy() -> None:
    code = """
import json, sys
from rhdesk.desktop.app import make_application, make_window
app = make_application(["x"])
shell = make_window(app)
shell.show()
app.processEvents()
shell.grab()
heavy = ("grpc", "pydantic", "numpy", "ray", "pyqtgraph", "paramiko", "yaml", "uvloop")
import psutil
print(json.dumps({"loaded": [m for m in heavy if m in sys.modules],
                  "rss": psutil.Process().memory_info().rss}))
shell.close(); shell.desk.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["loaded"] == []
    assert said["rss"] < 130e6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_window_as_the_user_would(number: signal.Signals, rh_home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rhdesk"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        remembered = rh_home / "cache" / "window.json"
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline and not _loop_runs(process.pid):
            time.sleep(0.1)
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)
        assert process.returncode == 0, said
        assert remembered.is_file(), "it was closed properly"
    finally:
        process.kill()


def _loop_runs(pid: int) -> bool:
    """Whether the window is open: its background thread runs only after the first paint."""
    return len(psutil.Process(pid).threads()) > 1
