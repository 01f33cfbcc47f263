"""The page Clouds: SkyPilot's server, which clouds can be used, and clusters that no document names."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from desktop.cloud_parts import CHECKS, LONG, click, found, on_loop, opened, press, used, words
from lab.skypilot_stand_in import StandInSkyPilot
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from rhdesk.desktop.app import start
from rhdesk.desktop.cloud_acts import adopt, end_found
from rhdesk.desktop.pages.clouds import CloudsPage
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.base import Button
from rhresources.cloud.answers import CloudRequest
from rhresources.cloud.problems import CloudProblem

DEAD = CloudProblem(
    "SkyPilot's server does not answer.", code="server-dead", remedy="Start it again.", detail="connection refused"
)


@pytest.fixture
def sky(sky: StandInSkyPilot) -> StandInSkyPilot:
    sky.all_checks = list(CHECKS)
    return sky


@pytest.fixture
def shell(cloud_shell: Shell) -> Shell:
    start(cloud_shell, settings=False)
    return cloud_shell


def clouds(shell: Shell) -> CloudsPage:
    shell.navigate("clouds")
    page = shell.page
    assert isinstance(page, CloudsPage)
    return page


def test_that_nothing_of_skypilot_starts_for_who_only_looks(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "^local" in shell.desk.store.clusters, timeout=LONG)
    for page in ("overview", "clusters", "functions", "runs"):
        shell.navigate(page)
    assert sky.calls == [], "not even asked"
    page = clouds(shell)
    qtbot.waitUntil(lambda: "Not needed yet" in words(page), timeout=LONG)
    assert {method for method, _ in sky.calls} == {"info"}
    assert sky.server.state == "off"


def test_that_what_would_be_installed_is_said_before_it_is(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.server = replace(sky.server, state="not-installed", folder="~/.rh/skypilot", needs=840 * 1024**2)
    page = clouds(shell)
    qtbot.waitUntil(lambda: "840 MB into ~/.rh/skypilot" in words(page), timeout=LONG)
    assert sky.asked("ensure") == []
    click(shell, "clouds-check-first", qtbot)
    qtbot.waitUntil(lambda: len(shell.desk.store.clouds) == 3, timeout=LONG)
    qtbot.waitUntil(lambda: "0.14.1" in words(page), timeout=LONG)


def test_that_a_check_says_which_can_be_used_and_how_the_others_could(
    shell: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    page = clouds(shell)
    click(shell, "clouds-check", qtbot)
    qtbot.waitUntil(lambda: "AWS" in words(page), timeout=LONG)
    said = words(page)
    assert said.index("AWS") < said.index("Slurm") < said.index("Azure"), "what can be used comes first"
    assert "Its command line is not logged in." in said
    assert "Run az login." in said
    assert "code 7" not in said, "SkyPilot's own words are folded"
    assert sky.asked("checks") == ["refresh"]


def test_that_a_check_shows_its_steps_and_is_cancelled(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    gate = sky.lists["checks"] = asyncio.Event()
    page = clouds(shell)
    click(shell, "clouds-check", qtbot)
    qtbot.waitUntil(lambda: "Asking the clouds" in words(page), timeout=LONG)
    assert "SkyPilot's server starts" in words(page)
    click(shell, "clouds-cancel", qtbot)
    qtbot.waitUntil(lambda: "The check was cancelled." in words(page), timeout=LONG)
    on_loop(shell, gate.set)
    click(shell, "clouds-check", qtbot)
    qtbot.waitUntil(lambda: "AWS" in words(page), timeout=LONG)


def test_that_a_failed_check_says_why_and_old_answers_stay_with_their_age(
    shell: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    sky.fail["checks"] = DEAD
    page = clouds(shell)
    click(shell, "clouds-check", qtbot)
    qtbot.waitUntil(lambda: DEAD.sentence in words(page), timeout=LONG)
    assert "Start it again." in words(page)
    del sky.fail["checks"]
    click(shell, "clouds-check", qtbot)
    qtbot.waitUntil(lambda: "AWS" in words(page), timeout=LONG)
    sky.fail["checks"] = DEAD
    click(shell, "clouds-check", qtbot)
    qtbot.waitUntil(lambda: DEAD.sentence in words(page), timeout=LONG)
    assert "AWS" in words(page)
    assert "As of" in words(page)


def test_that_the_server_of_a_team_is_shown_and_not_ended_from_here(
    shell: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    sky.server = replace(
        sky.server,
        url="http://sky.lab:46580",
        owned=False,
        state="version",
        sentence="The SkyPilot there is 0.9; this rhdesk talks to 0.14.",
        remedy="Ask who runs it to upgrade it.",
    )
    page = clouds(shell)
    qtbot.waitUntil(lambda: "this rhdesk talks to 0.14" in words(page), timeout=LONG)
    assert "http://sky.lab:46580" in words(page)
    assert "Ask who runs it to upgrade it." in words(page)
    assert not page.server.stop.isVisible()
    assert not page.server.start.isVisible()


def test_that_the_own_server_is_started_and_stopped(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    page = clouds(shell)
    qtbot.waitUntil(page.server.start.isVisible, timeout=LONG)
    click(shell, "skypilot-start", qtbot)
    qtbot.waitUntil(lambda: "0.14.1" in words(page), timeout=LONG)
    assert sky.server.state == "ready"
    click(shell, "skypilot-stop", qtbot)
    dialog = opened(shell, "stop-skypilot")
    assert dialog is not None
    assert "starts again by itself" in words(dialog)
    press(dialog, "Stop it")
    qtbot.waitUntil(lambda: "Not needed yet" in words(page), timeout=LONG)


def test_that_what_skypilot_is_at_work_on_is_listed_and_cancelled(
    shell: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    now = time.time()
    sky.server = replace(sky.server, state="ready", version="0.14.1")
    sky.all_requests = [
        CloudRequest("b2", "sky.status", "running", user="ada", created=now + 60),
        CloudRequest("a1", "sky.launch", "running", "gpu-1", "ada", now - 400),
        CloudRequest("c3", "sky.down", "waiting", "old-2", "bob", now - 90, reason="behind a launch"),
    ]
    page = clouds(shell)
    qtbot.waitUntil(lambda: "SkyPilot is at work on 2 requests" in words(page), timeout=LONG)
    qtbot.waitUntil(lambda: "launch of gpu-1" in words(page), timeout=LONG)
    assert "by bob · waits · behind a launch" in words(page)
    assert "status" not in words(page), "it is done before anybody could read it"
    buttons = [each for each in page.findChildren(Button) if each.objectName() == "request-cancel"]
    assert [each.accessibleName() for each in buttons] == ["Cancel launch of gpu-1", "Cancel down of old-2"]
    buttons[0].click()
    dialog = opened(shell, "cancel-request")
    assert dialog is not None
    assert "may run on and cost money" in words(dialog)
    assert sky.asked("cancel") == []
    press(dialog, "Cancel it")
    qtbot.waitUntil(lambda: "SkyPilot is at work on 1 request" in words(page), timeout=LONG)
    assert sky.asked("cancel") == ["a1"]
    sky.all_requests.clear()
    page.refresh()
    qtbot.waitUntil(lambda: not page.requests.isVisible(), timeout=LONG)


# ---------------------------------------------------------------- found in SkyPilot


def test_that_clusters_of_others_are_listed_and_adopted_with_the_keyboard(
    cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot
) -> None:
    used(rh_home)
    found(sky, "ada-dev")
    start(cloud_shell, settings=False)
    page = clouds(cloud_shell)
    qtbot.waitUntil(lambda: "ada-dev" in cloud_shell.desk.store.found, timeout=LONG)
    assert page.found.isVisible()
    cloud_shell.navigate("clusters")
    assert "SkyPilot has 1 cluster that no document here names. It costs $0.80 an hour." in words(cloud_shell)
    clouds(cloud_shell)
    page.found.table.setFocus()
    page.found.select("ada-dev")
    QTest.keyClick(page.found.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: opened(cloud_shell, "adopt-dialog") is not None, timeout=LONG)
    dialog = opened(cloud_shell, "adopt-dialog")
    assert dialog is not None
    assert "$0.80 an hour" in words(dialog)
    field = dialog.findChild(QLineEdit, "adopt-name")
    assert isinstance(field, QLineEdit)
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, "~/ada")
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "~/ada" in cloud_shell.desk.store.clusters, timeout=LONG)
    qtbot.waitUntil(lambda: not len(cloud_shell.desk.store.found), timeout=LONG)
    assert "ada-dev" in sky.known, "nothing about the cluster changed"
    assert sky.asked("down") == []


def test_that_a_name_that_is_taken_is_told_in_the_dialog(
    cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot
) -> None:
    used(rh_home)
    found(sky, "dev")
    taken = rh_home / "resources" / "dev.yaml"
    taken.parent.mkdir(parents=True)
    taken.write_text("kind: cluster\ntype: ssh\nips: [other]\n")
    start(cloud_shell, settings=False)
    desk = cloud_shell.desk
    qtbot.waitUntil(lambda: "dev" in desk.store.found, timeout=LONG)
    row = desk.store.found.get("dev")
    assert row is not None
    adopt(desk, cloud_shell, row)
    dialog = opened(cloud_shell, "adopt-dialog")
    assert dialog is not None
    dialog.accept_button.click()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: "exists" in words(dialog), timeout=LONG)
    assert "other" in taken.read_text()
    dialog.done(0)


def test_that_a_found_cluster_is_ended_only_after_a_question(
    cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot
) -> None:
    used(rh_home)
    found(sky, "ada-dev")
    start(cloud_shell, settings=False)
    desk = cloud_shell.desk
    qtbot.waitUntil(lambda: "ada-dev" in desk.store.found, timeout=LONG)
    row = desk.store.found.get("ada-dev")
    assert row is not None
    end_found(desk, cloud_shell, row)
    dialog = opened(cloud_shell, "take-down-found")
    assert dialog is not None
    assert "disks are deleted" in words(dialog)
    assert sky.asked("down") == []
    press(dialog, "Take down")
    qtbot.waitUntil(lambda: not len(desk.store.found), timeout=LONG)
    assert sky.asked("down") == ["ada-dev"]
