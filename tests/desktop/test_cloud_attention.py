"""Needs attention: whatever costs money in a cloud that nobody may want, each with the act that mends it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desktop.cloud_parts import LONG, found, known, opened, press, state_word, used, words, write
from lab.skypilot_stand_in import StandInSkyPilot
from pytestqt.qtbot import QtBot

from rhdesk.core.notifier import Level, Notice
from rhdesk.core.rows import State, TaskRow
from rhdesk.core.tasks import cluster_task
from rhdesk.desktop.app import start
from rhdesk.desktop.attention import concerns
from rhdesk.desktop.concern import Concern
from rhdesk.desktop.models.cluster_columns import uptime_text
from rhdesk.desktop.shell import Shell
from rhresources.cloud.identity import identity
from rhresources.cloud.orphans import Instance
from rhresources.cloud.problems import CloudProblem


def about(shell: Shell, name: str) -> list[Concern]:
    return [concern for concern in concerns(shell.desk) if name in concern.title]


@pytest.fixture
def window(cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot) -> Shell:
    """A window on ~/gpu, which SkyPilot says is up without an SSH server that answers."""
    used(rh_home)
    write(rh_home, "gpu", "instance_type: A100:8", "autostop_mins: 60")
    known(sky, rh_home, "~/gpu", "unhealthy", reason="One of 2 hosts was terminated.")
    start(cloud_shell, settings=False)
    qtbot.waitUntil(lambda: state_word(cloud_shell, "~/gpu") == "Unhealthy", timeout=LONG)
    return cloud_shell


def becomes(shell: Shell, sky: StandInSkyPilot, **fields: Any) -> None:
    """The cloud changes ~/gpu, and the window looks."""
    name = next(iter(sky.known))
    sky.known[name] = replace(sky.known[name], **fields)
    shell.desk.retry_now("~/gpu")


def test_that_a_cluster_that_lost_a_host_is_told_with_what_it_costs(window: Shell, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: bool(about(window, "~/gpu")), timeout=LONG)
    (concern,) = about(window, "~/gpu")
    assert concern.role == "error"
    assert "One of 2 hosts was terminated" in f"{concern.title} {concern.text}"
    assert "It costs $65.54 an hour." in concern.text
    window.navigate("overview")
    qtbot.waitUntil(lambda: "Not all of ~/gpu runs" in words(window), timeout=LONG)


def test_that_a_launch_that_left_something_behind_is_told_with_take_down(
    window: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    task = cluster_task("~/gpu")
    cancelled = TaskRow(task, "Launching ~/gpu", "cancelled", ended=time.time(), assumes=State.LAUNCHING)
    window.desk.store.tasks.update({task: cancelled})
    (concern,) = about(window, "~/gpu")
    assert "its launch left something" in concern.title
    assert "The launch was cancelled." in concern.text
    assert concern.act_text == "Take down"
    concern.act()
    qtbot.waitUntil(lambda: "Take down ~/gpu?" in words(window), timeout=LONG)


def test_that_one_that_vanished_is_told(window: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.known.clear()
    window.desk.retry_now("~/gpu")
    qtbot.waitUntil(lambda: any("is gone" in each.title for each in about(window, "~/gpu")), timeout=LONG)
    (concern,) = about(window, "~/gpu")
    assert concern.act_text == "Bring up"
    assert "It costs" not in concern.text


def test_that_a_cluster_that_nobody_names_is_told_with_adopt(window: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    found(sky, "ada-dev")
    found(sky, "old", state="stopped")
    window.desk.retry_now()
    qtbot.waitUntil(lambda: bool(about(window, "ada-dev")), timeout=LONG)
    (concern,) = about(window, "ada-dev")
    assert concern.title == "ada-dev is up in AWS"
    assert "$0.80 an hour, launched 2 h ago" in concern.text
    assert concern.act_text == "Adopt"
    assert about(window, "old") == [], "it does not run"


def test_that_clusters_of_colleagues_are_no_concern(window: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.server = replace(sky.server, owned=False, url="http://sky.lab:46580")
    found(sky, "ada-dev")
    found(sky, "mine", labels={"rhdesk": identity(window.desk.home)})
    window.desk.retry_now()
    qtbot.waitUntil(lambda: bool(about(window, "mine")), timeout=LONG)
    assert about(window, "ada-dev") == []
    assert "ada-dev" in window.desk.store.found, "it is listed all the same"


def test_that_a_skypilot_that_cannot_be_asked_is_told_once(window: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.fail["clusters"] = CloudProblem("SkyPilot's server does not answer.", code="server-dead")
    window.desk.retry_now()
    qtbot.waitUntil(lambda: bool(about(window, "SkyPilot cannot be asked")), timeout=LONG)
    (concern,) = about(window, "SkyPilot cannot be asked")
    assert "What is up in clouds is not known." in concern.text
    concern.act()
    assert window.page.title == "Clouds"


def test_that_a_stopped_cluster_needs_nobody(window: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    becomes(window, sky, state="stopped", reason="")
    qtbot.waitUntil(lambda: state_word(window, "~/gpu") == "Stopped", timeout=LONG)
    qtbot.waitUntil(lambda: about(window, "~/gpu") == [], timeout=LONG)


@pytest.mark.parametrize("down", [True, False])
def test_that_an_autostop_is_told_once_and_needs_nobody(
    window: Shell, sky: StandInSkyPilot, qtbot: QtBot, down: bool
) -> None:
    becomes(window, sky, state="up", reason="", autostop_mins=60, autostop_down=down)
    qtbot.waitUntil(lambda: state_word(window, "~/gpu") not in ("Unhealthy", "Down", "Stopped"), timeout=LONG)
    if down:
        sky.known.clear()
        window.desk.retry_now("~/gpu")
    else:
        becomes(window, sky, state="stopped")

    def told() -> list[Notice]:
        return [each for each in window.desk.notifier.notices() if "idle" in each.sentence]

    qtbot.waitUntil(lambda: bool(told()), timeout=LONG)
    qtbot.waitUntil(lambda: state_word(window, "~/gpu") == ("Down" if down else "Stopped"), timeout=LONG)
    assert about(window, "~/gpu") == []
    looks = len(sky.asked("clusters"))
    window.desk.retry_now()
    qtbot.waitUntil(lambda: len(sky.asked("clusters")) > looks, timeout=LONG)
    assert [each.level for each in told()] == [Level.INFO]


def test_that_what_skypilot_has_forgotten_is_told_and_can_be_ended(
    cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot
) -> None:
    used(rh_home)
    ours = Instance("i-1", "aws", "us-east-1", "gpu-1-rh", identity(rh_home), "running", launched=1.0, listed=False)
    sky.all_instances = [ours, replace(ours, id="i-2", cluster="ada-1", owner="")]
    start(cloud_shell, settings=False)
    qtbot.waitUntil(lambda: bool(about(cloud_shell, "gpu-1-rh")), timeout=LONG)
    assert about(cloud_shell, "ada-1") == [], "others may look after theirs"
    (concern,) = about(cloud_shell, "gpu-1-rh")
    assert "SkyPilot has forgotten 1 instance of gpu-1-rh in AWS us-east-1" in concern.text
    concern.act()
    qtbot.waitUntil(lambda: opened(cloud_shell, "end-forgotten") is not None, timeout=LONG)
    dialog = opened(cloud_shell, "end-forgotten")
    assert dialog is not None
    assert "i-1" in words(dialog)
    press(dialog, "End them")
    qtbot.waitUntil(lambda: about(cloud_shell, "gpu-1-rh") == [], timeout=LONG)
    assert [each.id for each in sky.all_instances] == ["i-2"]


def test_that_it_is_up_since_it_was_launched(window: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    becomes(window, sky, state="up", reason="")
    qtbot.waitUntil(lambda: state_word(window, "~/gpu") != "Unhealthy", timeout=LONG)
    row = window.desk.store.clusters.get("~/gpu")
    assert row is not None
    assert uptime_text(row) == "2 h", "and not since this window was opened"


def test_that_a_running_cluster_without_an_autostop_is_told(window: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    row = window.desk.store.clusters.get("~/gpu")
    assert row is not None
    assert row.cloud is not None
    never = replace(row.cloud, state="up", autostop_mins=-1)
    window.desk.store.clusters.update({"~/gpu": replace(row, state=State.UP, cloud=never, notice=None)})
    (concern,) = about(window, "~/gpu")
    assert concern.title == "~/gpu has no autostop"
    assert concern.act_text == "Set autostop"
    at_slurm = replace(never, cloud="verda")
    window.desk.store.clusters.update({"~/gpu": replace(row, state=State.UP, cloud=at_slurm, notice=None)})
    assert about(window, "~/gpu")[0].act_text == "Take down", "that cloud has none"
