"""The window's feeds and log against a real cluster server, and the tour as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import State
from rhdesk.core.tasks import Progress
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.cluster_acts import bring_up
from rhdesk.desktop.pages.runs import RunsPage
from rhdesk.desktop.shell import Shell

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CODE = {
    "work.py": '''
import time

def chatter(lines: int = 1000) -> int:
    """Print many lines."""
    for number in range(lines):
        print(f"line {number}")
    return lines

def slow(steps: int = 20) -> str:
    """Print a line every fifth of a second."""
    for step in range(steps):
        print(f"step {step}", flush=True)
        time.sleep(0.2)
    return "done"
'''
}


def open_window(qapp: QApplication) -> Shell:
    shell = make_window(qapp, theme_name="dark")
    shell.resize(1280, 800)
    shell.show()
    start(shell, settings=False)
    return shell


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, at_server: Any) -> Iterator[Shell]:
    made = open_window(qapp)
    qtbot.waitUntil(lambda: made.desk.store.status.get("^local") is not None, timeout=60_000)
    yield made
    made.close()
    made.desk.close()


def submit(shell: Shell, qtbot: QtBot, project: Path, function: str, **arguments: object) -> str:
    got: list[str] = []

    async def make(workspace: Any, progress: Progress) -> str:
        return str((await workspace.submit(f"{project / 'work.py'}:{function}", [], arguments, on="^local")).id)

    shell.desk.act(f"submit {function}", make, on_done=got.append)
    qtbot.waitUntil(lambda: bool(got), timeout=120_000)
    qtbot.waitUntil(lambda: got[0] in shell.desk.store.runs, timeout=10_000)
    return got[0]


def runs_page(shell: Shell) -> RunsPage:
    page = shell.page
    assert isinstance(page, RunsPage)
    return page


def test_log_lines_come_live_and_the_result_is_shown(
    shell: Shell, qtbot: QtBot, make_project: Callable[[Mapping[str, str]], Path]
) -> None:
    project = make_project(CODE)
    run = submit(shell, qtbot, project, "slow", steps=10)
    shell.navigate("runs", run)
    panel = runs_page(shell).panel
    qtbot.waitUntil(lambda: panel.log.panel.buffer.lines >= 2, timeout=120_000)
    assert not shell.desk.store.runs.get(run).state.is_over, "they come while it runs"  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: shell.desk.store.runs.get(run).state is State.SUCCEEDED, timeout=60_000)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: panel.log.panel.buffer.lines == 10, timeout=10_000)
    panel.tabs.choose("result")
    qtbot.waitUntil(lambda: panel.preview is not None, timeout=10_000)
    assert panel.preview is not None
    assert "done" in panel.preview.text


def test_a_long_log_opens_at_its_end_and_older_lines_come_on_scrolling_up(
    shell: Shell, qtbot: QtBot, make_project: Callable[[Mapping[str, str]], Path]
) -> None:
    project = make_project(CODE)
    run = submit(shell, qtbot, project, "chatter", lines=300_000)
    qtbot.waitUntil(lambda: shell.desk.store.runs.get(run).state.is_over, timeout=120_000)  # type: ignore[union-attr]
    shell.navigate("runs", run)
    log = runs_page(shell).panel.log.panel
    qtbot.waitUntil(lambda: log.buffer.lines >= 100_000 and log.buffer.at_live_end, timeout=60_000)
    qtbot.waitUntil(lambda: log.view.text_of(log.buffer.lines - 1) == "line 299999", timeout=10_000)
    assert log.buffer.start > 0
    qtbot.waitUntil(lambda: log.view.verticalScrollBar().maximum() > 100_000)
    while log.buffer.start > 0:
        before = log.buffer.start
        QTest.keyClick(log.view, Qt.Key.Key_PageDown)
        QTest.keyClick(log.view, Qt.Key.Key_Home)
        qtbot.waitUntil(lambda before=before: log.buffer.start < before, timeout=10_000)
    assert log.buffer.lines == 300_000
    assert log.view.text_of(0) == "line 0"


def test_closing_the_window_leaves_runs_going_and_the_next_one_picks_them_up(
    shell: Shell, qtbot: QtBot, qapp: QApplication, make_project: Callable[[Mapping[str, str]], Path]
) -> None:
    project = make_project(CODE)
    run = submit(shell, qtbot, project, "slow", steps=15)
    shell.close()
    shell.desk.close()
    again = open_window(qapp)
    try:
        qtbot.waitUntil(lambda: run in again.desk.store.runs, timeout=30_000)
        again.navigate("runs", run)
        log = runs_page(again).panel.log.panel
        qtbot.waitUntil(lambda: again.desk.store.runs.get(run).state is State.SUCCEEDED, timeout=60_000)  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: log.buffer.lines == 15, timeout=10_000)
        assert log.view.text_of(0) == "step 0"
    finally:
        again.close()
        again.desk.close()


def test_a_killed_server_shows_as_down_and_comes_back_in_place(
    own_server: Any, qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch,
    make_project: Callable[[Mapping[str, str]], Path],
) -> None:  # fmt: skip
    for name, value in own_server.environment.items():
        monkeypatch.setenv(name, value)
    shell = open_window(qapp)
    try:
        store = shell.desk.store
        qtbot.waitUntil(lambda: store.status.get("^local") is not None, timeout=60_000)
        run = submit(shell, qtbot, make_project(CODE), "slow", steps=40)
        shell.navigate("runs", run)
        log = runs_page(shell).panel.log.panel
        qtbot.waitUntil(lambda: log.buffer.lines >= 3, timeout=120_000)
        record = json.loads((own_server.home / "server" / "server.json").read_text())
        os.kill(record["pid"], signal.SIGKILL)
        qtbot.waitUntil(lambda: store.clusters.get("^local").state is not State.UP, timeout=15_000)  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: store.runs.condition.problem is not None, timeout=15_000)
        assert run in store.runs, "what was known is still shown"
        shell.navigate("clusters", "^local")
        qtbot.waitUntil(lambda: store.clusters.get("^local").state is State.DOWN, timeout=15_000)  # type: ignore[union-attr]
        bring_up(shell.desk, "^local")
        qtbot.waitUntil(lambda: store.clusters.get("^local").state is State.UP, timeout=120_000)  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: store.runs.get(run).state.is_over, timeout=60_000)  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: log.buffer.lines == 40, timeout=20_000)
        assert [log.view.text_of(n) for n in range(40)] == [f"step {n}" for n in range(40)], "no line lost or doubled"
    finally:
        shell.close()
        shell.desk.close()


def test_the_tour_runs_the_main_job_and_leaves_pictures(short_path: Path) -> None:
    out = short_path / "pictures"
    command = [sys.executable, "-m", "rhdesk", "tour", "--out", str(out), "--theme", "light"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"epochs": 8' in done.stdout
    assert len(list(out.glob("*.png"))) >= 14
    assert not list(out.glob("*failed*"))
