"""The details of a cluster over SSH: its hosts, what is wrong with it and the act that mends that, its menu."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, ClusterStatus, HostLoad, Problem, RunRow, Sample, State, TaskRow
from rhdesk.desktop.attention import concerns
from rhdesk.desktop.cluster_acts import take_down, why_not_down, why_not_up
from rhdesk.desktop.dialogs.clusters import why_not_delete
from rhdesk.desktop.dispatcher import Dispatcher
from rhdesk.desktop.models.row_model import OLD_ROLE
from rhdesk.desktop.pages.clusters import ClustersPage
from rhdesk.desktop.pages.runs import RunsPage
from rhdesk.desktop.shell_commands import access_commands
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.states import StaleBanner
from rhresources import paths

NOW = time.time()
LAB = ClusterRow(
    "~/lab", "lab", "ssh", State.UP, location="gpu1 and 1 more", reach="me@gpu1:22 via jump", hosts=("gpu1", "gpu2"),
    price_per_hour=2.5, cpu=20.0, memory=30.0, server_version="0.1.0+aa", user="me",
)  # fmt: skip
HEAD = HostLoad("node1", "10.0.0.1", cpus=8, memory_total=1 << 34, given="gpu1", workers=2)
OTHER = HostLoad("node2", "10.0.0.2", head=False, cpus=8, memory_total=1 << 34, given="gpu2", workers=1)
LOST = replace(OTHER, alive=False, problem="gpu2 (10.0.0.2) has not answered for 14 s.", seen=NOW - 14)


@pytest.fixture
def desk(qtbot: QtBot, themed: None) -> Iterator[Desk]:
    """A desk without feeds: the test says what is there."""
    made = Desk(paths.home())
    dispatcher = Dispatcher(made.mailbox, made.notifier)
    yield made
    made.close()
    dispatcher.deleteLater()


@pytest.fixture
def acts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the acts that were asked for; none is done."""
    asked: list[str] = []
    monkeypatch.setattr(desk, "act", lambda name, make, **more: asked.append(name))
    return asked


def status(*hosts: HostLoad) -> ClusterStatus:
    return ClusterStatus("~/lab", NOW, "ready", "Ray is up", hosts, past=(Sample(NOW, 20, 30),))


def words(widget: QWidget) -> str:
    QApplication.processEvents()
    return " | ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def buttons(widget: QWidget) -> list[str]:
    return [one.text().strip() for one in widget.findChildren(Button) if one.isVisibleTo(widget)]


def press(widget: QWidget, text: str) -> None:
    next(one for one in widget.findChildren(Button) if one.text().strip() == text and one.isVisibleTo(widget)).click()


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> ClustersPage:
    made = ClustersPage(desk)
    qtbot.addWidget(made)
    made.resize(1100, 700)
    made.show()
    return made


def show(page: ClustersPage, row: ClusterRow, now: ClusterStatus | None = None) -> str:
    page.desk.store.clusters.replace({row.address: row})
    page.desk.store.status.replace({row.address: now} if now is not None else {})
    page.open(row.address)
    return words(page.panel)


def test_every_host_is_shown_as_the_document_names_it(page: ClustersPage) -> None:
    said = show(page, LAB, status(HEAD, OTHER))
    assert "me@gpu1:22 via jump" in said
    assert "2 of 2 answer" in said
    assert "head · node1 · 10.0.0.1 · 2 workers" in said
    assert "node2 · 10.0.0.2 · 1 worker" in said
    page.panel.tabs.choose("about")
    assert "$2.50 an hour" in words(page.panel)


def test_a_lost_host_says_since_when_and_offers_repair(page: ClustersPage, acts: list[str]) -> None:
    said = show(page, LAB, status(HEAD, LOST))
    assert said.index("gpu2") < said.index("gpu1 |"), "what needs a look comes first"
    assert "last heard of" in said
    assert "has not answered for 14 s." in said
    assert "1 of 2 answer" in said
    press(page.panel, "Repair")
    assert acts == ["repair ~/lab gpu2"]
    [concern] = concerns(page.desk)
    assert concern.title == "~/lab lost gpu2"
    concern.act()
    assert acts[1:] == ["repair ~/lab gpu2"]


def test_an_unreachable_cluster_says_why_and_when_it_is_tried_again(page: ClustersPage, acts: list[str]) -> None:
    problem = Problem("gpu1 does not answer.", "Check that it is on.", "timed out")
    row = replace(
        LAB, state=State.UNREACHABLE, sentence=problem.sentence, problem=problem, retry_at=NOW + 900, cpu=None
    )
    said = show(page, row, status(HEAD, OTHER))
    assert "gpu1 does not answer. | Check that it is on." in said
    assert "Trying again in" in said
    assert "As it was" in said, "what is known is shown with its age"
    press(page.panel, "Retry now")
    assert acts == ["connect ~/lab"]
    assert why_not_up(row)
    assert why_not_down(row)
    [concern] = concerns(page.desk)
    assert (concern.title, concern.act_text) == ("~/lab cannot be reached", "Retry now")


def test_a_cluster_that_needs_an_answer_offers_connect(page: ClustersPage, acts: list[str]) -> None:
    problem = Problem("The host key of gpu1 is not known here.")
    row = replace(LAB, state=State.NEEDS_YOU, sentence=problem.sentence, problem=problem, cpu=None)
    assert problem.sentence in show(page, row)
    press(page.panel, "Connect")
    assert acts == ["connect ~/lab"]
    [concern] = concerns(page.desk)
    assert (concern.title, concern.act_text) == ("~/lab needs you", "Connect")
    assert why_not_up(row) == "", "bringing it up asks, too"


def test_another_build_there_offers_the_upgrade(page: ClustersPage, acts: list[str]) -> None:
    said = show(page, replace(LAB, differs="The cluster runs rhdesk a; here is b."), status(HEAD, OTHER))
    assert "The cluster runs rhdesk a; here is b." in said
    press(page.panel, "Upgrade")
    assert acts == ["upgrade ~/lab"]
    version = Problem("The cluster server speaks another protocol.")
    row = replace(LAB, state=State.FAILED, problem=version, sentence=version.sentence, differs=version.sentence)
    show(page, row)
    press(page.panel, "Upgrade")
    assert acts == ["upgrade ~/lab"] * 2


def test_a_bring_up_shows_its_steps_and_where_it_failed(page: ClustersPage, acts: list[str]) -> None:
    lines = ("Connected to me@gpu1:22 (0.6 s)", "Installing rhdesk 1 …", "  Downloading ray")
    task = TaskRow(
        "cluster ~/lab", "Bringing up ~/lab", started=NOW - 9, lines=lines, times=(NOW - 8, NOW - 7, NOW - 6)
    )
    page.desk.store.tasks.update({task.name: task})
    said = show(page, replace(LAB, state=State.STARTING, cpu=None))
    assert "Connected to me@gpu1:22 | 600 ms | Installing rhdesk 1…" in said
    assert "Downloading ray" in said
    problem = Problem("rhdesk could not be installed on gpu1.", "Free some space.", "no space left")
    page.desk.store.tasks.update({task.name: replace(task, state="failed", ended=NOW, problem=problem)})
    said = show(page, replace(LAB, state=State.FAILED, cpu=None, sentence=problem.sentence, problem=problem))
    assert "rhdesk could not be installed on gpu1. | Free some space." in said
    assert "Installing rhdesk 1…" in said
    press(page.panel, "Try again")
    assert acts == ["cluster ~/lab"]


def test_a_name_of_a_registry_for_this_computer_is_said_to_be_one(page: ClustersPage) -> None:
    shared = ClusterRow("/ada/laptop", "laptop", "machine", State.UP, location="This computer")
    assert "This computer: for everybody their own" in show(page, shared)
    assert "everybody" not in show(page, replace(shared, address="~/laptop"))


def test_a_cluster_that_is_down_lists_its_hosts(page: ClustersPage) -> None:
    said = show(page, replace(LAB, state=State.DOWN, cpu=None))
    assert "It is down" in said
    assert "gpu2" in said
    assert buttons(page.panel).count("Terminal") == 3, "one for the cluster, one for each host"
    connecting = show(page, replace(LAB, state=State.CONNECTING, cpu=None))
    assert "It is down" not in connecting


def test_the_menu_holds_every_way_in(page: ClustersPage, acts: list[str], qtbot: QtBot) -> None:
    show(page, LAB, status(HEAD, OTHER))
    press(page.panel, "More")
    menu = page.panel.findChild(QMenu)
    assert menu is not None
    titles = [action.text() for action in menu.actions() if action.text()]
    assert titles[:3] == ["Open in terminal", "Copy ssh command", "Notebook"]
    assert titles[3:8] == ["Send files…", "Fetch…", "Forward a port…", "Reach it my way…", "Reconnect"]
    menu.close()
    commands = {command.id: command for command in access_commands(page.desk, page)}
    assert commands["cluster.terminal:~/lab"].enabled
    local = ClusterRow("^local", "local", "machine", State.DOWN)
    page.desk.store.clusters.update({"^local": local})
    commands = {command.id: command for command in access_commands(page.desk, page)}
    assert not commands["cluster.copy-ssh:^local"].enabled
    assert "bring it up first" in commands["cluster.notebook:^local"].why_not()


def test_without_a_terminal_the_command_is_on_the_clipboard(
    desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rhdesk.core import terminals
    from rhdesk.desktop.access_acts import open_in_terminal

    class Known:
        async def ssh_command(self, cluster: str, host: str | None) -> list[str]:
            return ["ssh", "--", host or "gpu 1"]

    async def workspace() -> Any:
        return Known()

    monkeypatch.setattr(desk, "workspace", workspace)
    monkeypatch.setattr(terminals, "_KNOWN", ())
    monkeypatch.delenv("TERMINAL", raising=False)
    desk.start(feeds=False)
    open_in_terminal(desk, "~/lab")
    qtbot.waitUntil(lambda: bool(desk.notifier.notices()), timeout=5_000)
    assert "No terminal program was found" in desk.notifier.notices()[0].sentence
    assert QGuiApplication.clipboard().text() == "ssh -- 'gpu 1'"


def test_runs_of_a_lost_cluster_are_faint_and_say_how_old_they_are(desk: Desk, qtbot: QtBot) -> None:
    runs = desk.store.runs
    desk.store.clusters.replace({"~/lab": replace(LAB, state=State.NEEDS_YOU), "^local": LAB})
    runs.follow(["^local", "~/lab"])
    runs.merge("^local", {"a": RunRow("a", "~/train", "^local", State.RUNNING, created=NOW)}, whole=True)
    runs.merge("~/lab", {"b": RunRow("b", "~/train", "~/lab", State.RUNNING, created=NOW - 9, started=NOW)}, whole=True)
    page = RunsPage(desk)
    qtbot.addWidget(page)
    page.resize(1100, 700)
    page.show()
    rows = page.list.table.rows
    assert [rows.index(place, 0).data(OLD_ROLE) for place in range(2)] == [False, False]
    runs.lose("~/lab", Problem("gpu1 does not answer."))
    assert [rows.index(place, 0).data(OLD_ROLE) for place in range(2)] == [False, True]
    banner = page.findChild(StaleBanner)
    assert banner is not None
    assert "The rows of ~/lab are as of" in words(banner)
    assert buttons(banner) == ["Connect"]
    page.open("b")
    assert "how it is now is not known" in words(page.panel)
    page.open("a")
    assert "how it is now is not known" not in words(page.panel)


def test_a_cluster_out_of_reach_is_not_taken_down(desk: Desk, qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    desk.store.clusters.replace({"~/lab": replace(LAB, state=State.UNREACHABLE)})
    assert take_down(desk, parent, "~/lab") is None
    assert "cannot be reached" in desk.notifier.notices()[0].sentence


def test_a_cluster_that_is_down_can_be_deleted_and_its_details_close(page: ClustersPage) -> None:
    assert why_not_delete(page.desk, LAB) == "~/lab is running; take it down first."
    assert why_not_delete(page.desk, replace(LAB, address="^local")) == "It is built in."
    down = replace(LAB, state=State.DOWN)
    assert why_not_delete(page.desk, down) == ""
    show(page, down)
    assert page.panel.isVisible()
    page.desk.store.clusters.replace({})
    assert page.panel.isHidden()
    page.open(LAB.address)
    assert page.panel.isVisible(), "one that was made a moment ago is waited for"
