"""Clusters in a cloud in the window: launched, stopped, started, given up, taken down, and what is said of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from desktop.cloud_parts import LONG, known, on_loop, opened, press, state_word, used, words, write
from lab.cloud_cluster import CloudCluster as CloudOfTest
from lab.skypilot_stand_in import StandInSkyPilot
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from rhdesk.core.autostop import autostop_words, countdown_text, stops_at
from rhdesk.core.cloud_feed import next_look
from rhdesk.core.rows import ClusterRow, RunRow, State
from rhdesk.core.task_steps import steps_of
from rhdesk.core.tasks import cluster_task
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.attention import concerns
from rhdesk.desktop.cloud_acts import dismiss, set_autostop, stop, stop_now, why_not_autostop, why_not_stop
from rhdesk.desktop.cluster_acts import bring_up, take_down, why_not_down, why_not_up
from rhdesk.desktop.launch import launch
from rhdesk.desktop.pages.clusters import ClustersPage
from rhdesk.desktop.shell import Shell
from rhresources.cloud.answers import CloudCluster
from rhresources.cloud.problems import CloudProblem

UP_WITHIN = 120_000


def row_of(shell: Shell, address: str) -> ClusterRow:
    row = shell.desk.store.clusters.get(address)
    assert row is not None
    return row


def panel(shell: Shell, address: str) -> ClustersPage:
    shell.navigate("clusters", address)
    page = shell.page
    assert isinstance(page, ClustersPage)
    return page


@pytest.fixture
def eval_shell(cloud_shell: Shell, rh_home: Path, qtbot: QtBot) -> Shell:
    """A window with ~/eval, which nobody has launched yet."""
    write(rh_home, "eval", "instance_type: CPU:2+")
    start(cloud_shell, settings=False)
    qtbot.waitUntil(lambda: "~/eval" in cloud_shell.desk.store.clusters, timeout=LONG)
    return cloud_shell


# ---------------------------------------------------------------- the life of one


def test_that_a_launch_is_followed_phase_by_phase_to_a_server_that_runs(
    qapp: QApplication, cloud_cluster: CloudOfTest, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    sky = cloud_cluster.skypilot
    monkeypatch.setattr("rhresources.cloud.skypilot.open_skypilot", lambda *args, **options: sky)
    sky.launch_events = (
        ("choosing", "Choosing an offer", ""),
        ("provisioning", "Making the instances", "aws us-east-1, m6i.large"),
        ("failover", "AWS has no capacity in us-east-1", "aws us-east-1, m6i.large"),
        ("provisioning", "Making the instances", "aws us-west-2, m6i.large"),
        ("preparing", "SkyPilot sets the host up", "aws us-west-2, m6i.large"),
    )
    gate = sky.gates["preparing"] = asyncio.Event()
    shell = make_window(qapp, theme_name="dark")
    shell.resize(1280, 800)
    shell.show()
    start(shell, settings=False)
    try:
        qtbot.waitUntil(lambda: "~/cloud" in shell.desk.store.clusters, timeout=LONG)
        page = panel(shell, "~/cloud")
        launch(shell.desk, "~/cloud")
        qtbot.waitUntil(lambda: "SkyPilot sets the host up" in words(page.panel), timeout=LONG)
        said = words(page.panel)
        order = ["Choosing an offer", "AWS us-east-1", "AWS has no capacity in us-east-1", "AWS us-west-2"]
        assert [said.index(each) for each in order] == sorted(said.index(each) for each in order)
        assert state_word(shell, "~/cloud") == "Launching"
        assert "is launching already" in why_not_up(row_of(shell, "~/cloud"))
        on_loop(shell, gate.set)
        qtbot.waitUntil(lambda: state_word(shell, "~/cloud") == "Running", timeout=UP_WITHIN)
        qtbot.waitUntil(lambda: row_of(shell, "~/cloud").cpu is not None, timeout=UP_WITHIN)
        row = row_of(shell, "~/cloud")
        assert row.location == "AWS us-east-1a"
        assert row.price_per_hour == 0.096
        qtbot.waitUntil(lambda: "Stops in about" in words(page.panel), timeout=LONG)
        cloud_cluster.becomes(state="stopped")
        shell.desk.retry_now("~/cloud")
        qtbot.waitUntil(lambda: state_word(shell, "~/cloud") == "Stopped", timeout=LONG)
        qtbot.waitUntil(lambda: "It is stopped" in words(page.panel), timeout=LONG)
        assert row_of(shell, "~/cloud").cpu is None
    finally:
        shell._may_close = True
        shell.close()
        shell.desk.close()
        shell.deleteLater()


def test_that_a_launch_that_is_given_up_leaves_nothing(eval_shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.gates["provisioning"] = asyncio.Event()
    launch(eval_shell.desk, "~/eval")
    qtbot.waitUntil(lambda: bool(sky.known), timeout=LONG)
    page = panel(eval_shell, "~/eval")
    qtbot.waitUntil(lambda: "Making the instances" in words(page.panel), timeout=LONG)
    eval_shell.desk.tasks.give_up(cluster_task("~/eval"))
    qtbot.waitUntil(lambda: "Ending what was begun" in words(page.panel), timeout=LONG)
    assert state_word(eval_shell, "~/eval") == "Launching", "it is not over before nothing is left"
    assert concerns(eval_shell.desk) == []
    qtbot.waitUntil(lambda: not sky.known, timeout=LONG)
    assert len(sky.asked("down")) == 1
    qtbot.waitUntil(lambda: state_word(eval_shell, "~/eval") == "Down", timeout=LONG)
    page.panel.tabs.choose("events")
    task = eval_shell.desk.store.tasks.get(cluster_task("~/eval"))
    assert task is not None
    assert task.state == "cancelled"
    assert [step.state for step in steps_of(task)][-3:] == ["done", "done", "done"], "it was taken back well"


def test_that_an_end_goes_on_when_nobody_waits_for_it(eval_shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.lists["clusters"] = asyncio.Event()
    stop_now(eval_shell.desk, row_of(eval_shell, "~/eval"))
    qtbot.waitUntil(lambda: bool(sky.asked("clusters")), timeout=LONG)
    eval_shell.desk.tasks.give_up(cluster_task("~/eval"))
    assert "stopping ~/eval goes on without this window" in eval_shell.desk.notifier.notices()[0].sentence


def test_that_a_launch_that_fails_says_why_with_skypilots_words_folded(
    eval_shell: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    sky.leaves = False
    sky.fail["provision"] = CloudProblem(
        "No cloud that is set up has an A100 now.",
        code="no-capacity",
        field="instance_type",
        remedy="Try another region, or spot instances.",
        detail="ResourcesUnavailableError: ...",
    )
    launch(eval_shell.desk, "~/eval")
    page = panel(eval_shell, "~/eval")
    qtbot.waitUntil(lambda: state_word(eval_shell, "~/eval") == "Failed", timeout=LONG)
    qtbot.waitUntil(lambda: "No cloud that is set up has an A100 now." in words(page.panel), timeout=LONG)
    assert "Try another region, or spot instances." in words(page.panel)
    assert "ResourcesUnavailableError" not in words(page.panel)
    from rhdesk.desktop.dialogs.clusters import edit_cluster
    from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog

    edit_cluster(eval_shell.desk, eval_shell, "~/eval")
    qtbot.waitUntil(lambda: opened(eval_shell, "cloud-cluster-dialog") is not None, timeout=LONG)
    dialog = opened(eval_shell, "cloud-cluster-dialog")
    assert isinstance(dialog, CloudClusterDialog)
    assert "has an A100 now" in dialog.form.errors["instance_type"], "it stands at its field"
    dialog.done(0)


def test_that_bringing_one_up_shows_what_it_costs_first(eval_shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    bring_up(eval_shell.desk, "~/eval")
    qtbot.waitUntil(lambda: opened(eval_shell, "cloud-cluster-dialog") is not None, timeout=LONG)
    assert sky.asked("launch") == []
    dialog = opened(eval_shell, "cloud-cluster-dialog")
    assert dialog is not None
    dialog.done(0)


# ---------------------------------------------------------------- what SkyPilot knows


@pytest.fixture
def fleet(cloud_shell: Shell, sky: StandInSkyPilot, rh_home: Path, qtbot: QtBot) -> Shell:
    """A window on clusters in every state that SkyPilot has."""
    used(rh_home)
    for name in ("stopped", "away", "half", "slurm", "gone"):
        write(rh_home, name, "instance_type: A100:8", "autostop_mins: 60")
    known(sky, rh_home, "~/stopped", "stopped")
    known(sky, rh_home, "~/away", "stopping", autostop_down=True)
    known(sky, rh_home, "~/half", "unhealthy", reason="One of 2 hosts was terminated.")
    known(sky, rh_home, "~/slurm", "unhealthy", cloud="slurm", region="lab")
    start(cloud_shell, settings=False)
    qtbot.waitUntil(lambda: state_word(cloud_shell, "~/half") == "Unhealthy", timeout=LONG)
    return cloud_shell


def test_that_the_clouds_themselves_are_asked_at_the_start(fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: bool(sky.asked("refresh")), timeout=LONG)
    fleet.desk.retry_now()
    looks = len(sky.asked("clusters"))
    qtbot.waitUntil(lambda: len(sky.asked("clusters")) > looks, timeout=LONG)
    assert len(sky.asked("refresh")) == 1, "and then once a day"


def test_that_states_have_words_and_reasons(fleet: Shell) -> None:
    assert state_word(fleet, "~/stopped") == "Stopped"
    assert state_word(fleet, "~/away") == "Stops itself"
    assert state_word(fleet, "~/gone") == "Down"
    assert row_of(fleet, "~/half").sentence == "One of 2 hosts was terminated."
    assert [row_of(fleet, f"~/{name}").is_billed for name in ("stopped", "away", "half", "gone")] == [
        False,
        True,
        True,
        False,
    ]


def test_that_what_a_cloud_cannot_do_is_greyed_with_the_reason(fleet: Shell) -> None:
    slurm = row_of(fleet, "~/slurm")
    assert "Slurm cannot stop hosts" in why_not_stop(slurm)
    assert why_not_autostop(slurm) == "", "it can go away by itself"
    assert why_not_down(slurm) == ""
    assert why_not_stop(row_of(fleet, "~/half")) == ""
    assert "is stopped" in why_not_stop(row_of(fleet, "~/stopped"))
    assert "is not up" in why_not_stop(row_of(fleet, "~/gone"))
    assert why_not_up(row_of(fleet, "~/stopped")) == ""
    assert "still stopping" in why_not_up(row_of(fleet, "~/away"))
    commands = {command.id: command for command in fleet.desk.commands.all()}
    assert "Slurm cannot stop hosts" in commands["cluster.stop:~/slurm"].why_not()
    assert commands["cluster.stop:~/half"].enabled


def test_that_a_stopped_cluster_is_started_without_a_question(fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.gates["provisioning"] = asyncio.Event()
    bring_up(fleet.desk, "~/stopped")
    qtbot.waitUntil(lambda: bool(sky.asked("start")), timeout=LONG)
    assert state_word(fleet, "~/stopped") == "Launching"
    assert opened(fleet, "cloud-cluster-dialog") is None


def test_that_stopping_is_asked_about(fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    stop(fleet.desk, fleet, "~/half")
    dialog = opened(fleet, "stop-cluster")
    assert dialog is not None
    assert "their disks stay" in words(dialog)
    assert sky.asked("stop") == []
    press(dialog, "Stop")
    qtbot.waitUntil(lambda: state_word(fleet, "~/half") == "Stopped", timeout=LONG)
    assert len(sky.asked("stop")) == 1


def test_that_taking_down_says_what_ends_and_what_stays(fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    now = time.time()
    fleet.desk.store.runs.update(
        {"r1": RunRow("r1", "train", "~/half", State.RUNNING, created=now - 60, started=now - 50)}
    )
    dialog = take_down(fleet.desk, fleet, "~/half")
    assert dialog is not None
    qtbot.waitUntil(lambda: "What stays" in words(dialog), timeout=LONG)
    said = words(dialog)
    assert "Take down ~/half?" in said
    assert "2 hosts: p4d.24xlarge, A100:8" in said
    assert "$65.54 an hour" in said
    assert "train · running" in said
    assert "Both hosts and their disks, with the logs and results of runs" in said
    assert "Its document here" in said
    assert dialog.focusWidget() is not None
    assert dialog.focusWidget().accessibleName() == "Cancel", "Return does no harm"
    assert sky.asked("down") == []
    press(dialog, "Stop 1 run and take down")
    qtbot.waitUntil(lambda: state_word(fleet, "~/half") == "Down", timeout=LONG)
    assert len(sky.asked("down")) == 1


def test_that_autostop_is_set_and_cleared_from_its_dialog(fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    set_autostop(fleet.desk, fleet, "~/slurm")
    dialog = opened(fleet, "autostop-dialog")
    assert dialog is not None
    field = dialog.field  # type: ignore[attr-defined]
    assert field.value() == (60, True)
    field.after.choose("other")
    field.minutes.setText("")
    QTest.keyClicks(field.minutes, "4x")
    qtbot.waitUntil(lambda: not dialog.accept_button.isEnabled(), timeout=LONG)  # type: ignore[attr-defined]
    QTest.keyClick(field.minutes, Qt.Key.Key_Backspace)
    QTest.keyClick(field.minutes, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(sky.asked("autostop")), timeout=LONG)
    assert sky.asked("autostop")[0].endswith(" 4 down")
    qtbot.waitUntil(lambda: row_of(fleet, "~/slurm").autostop_mins == 4, timeout=LONG)


def test_that_an_autostop_that_is_refused_stays_in_its_dialog(fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.fail["autostop"] = CloudProblem("SkyPilot did not take it.", code="failed")
    set_autostop(fleet.desk, fleet, "~/slurm")
    dialog = opened(fleet, "autostop-dialog")
    assert dialog is not None
    press(dialog, "Set")
    qtbot.waitUntil(lambda: "SkyPilot did not take it." in words(dialog), timeout=LONG)
    assert dialog.isVisible()
    dialog.done(0)


def test_that_one_that_vanished_says_so(fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    name = next(name for name in sky.known if name.startswith("half"))
    del sky.known[name]
    fleet.desk.retry_now("~/half")
    qtbot.waitUntil(lambda: state_word(fleet, "~/half") == "Down", timeout=LONG)
    qtbot.waitUntil(lambda: row_of(fleet, "~/half").notice is not None, timeout=LONG)
    page = panel(fleet, "~/half")
    qtbot.waitUntil(lambda: "its instances were ended outside of rhdesk" in words(page.panel), timeout=LONG)
    dismiss(fleet.desk, "~/half")
    qtbot.waitUntil(lambda: row_of(fleet, "~/half").notice is None, timeout=LONG)


def test_that_a_skypilot_that_cannot_be_asked_hides_no_cluster(
    fleet: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    sky.fail["clusters"] = CloudProblem("SkyPilot's server does not answer.", code="server-dead")
    fleet.desk.retry_now()
    qtbot.waitUntil(lambda: state_word(fleet, "~/half") == "Unreachable", timeout=LONG)
    assert row_of(fleet, "~/half").is_billed, "what costs goes on costing"
    assert why_not_down(row_of(fleet, "~/half")) == ""
    del sky.fail["clusters"]
    fleet.desk.retry_now()
    qtbot.waitUntil(lambda: state_word(fleet, "~/half") == "Unhealthy", timeout=LONG)


# ---------------------------------------------------------------- without a window


@pytest.mark.parametrize(
    ("states", "seconds"),
    [(("stopped", "stopped"), 86_400), ((), 86_400), (("stopped", "up"), 60), (("launching", "up"), 5)],
)
def test_that_skypilot_is_asked_no_more_often_than_something_may_change(
    states: tuple[str, ...], seconds: float
) -> None:
    clusters = [CloudCluster(f"c{place}", state) for place, state in enumerate(states)]  # type: ignore[arg-type]
    assert next_look(clusters) == seconds


def test_the_countdown_of_an_autostop() -> None:
    now = 1_000_000.0
    cluster = CloudCluster("c", "up", autostop_mins=30, launched=now - 3600)
    row = ClusterRow("~/c", "c", "cloud", State.UP, cloud=cluster)
    run = RunRow("r", "f", "~/c", State.SUCCEEDED, ended=now - 600)
    assert stops_at(row, [run]) == now + 1200
    assert countdown_text(row, [run], now) == "Stops in about 20 min"
    assert countdown_text(replace(row, runs_active=1), [run], now) == "Stops 30 min after its last run"
    assert countdown_text(row, [], now) == "Stops any minute"
    never = replace(row, cloud=replace(cluster, autostop_mins=-1))
    assert countdown_text(never, [run], now) == "Never stops by itself"
    assert countdown_text(replace(row, cloud=None), [run], now) == ""
    assert autostop_words(90, True) == "Goes away after 1 h 30 min idle"
