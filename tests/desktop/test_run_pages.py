"""Clusters, runs, overview and settings over rows that the store was given."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.rows import ClusterRow, ClusterStatus, HostLoad, Problem, RunRow, Sample, State
from rhdesk.desktop.attention import concerns
from rhdesk.desktop.cluster_acts import take_down, why_not_up
from rhdesk.desktop.dispatcher import Dispatcher
from rhdesk.desktop.pages.clusters import ClustersPage
from rhdesk.desktop.pages.overview import OverviewPage
from rhdesk.desktop.pages.runs import RunsPage
from rhdesk.desktop.pages.settings import SettingsPage
from rhdesk.desktop.run_acts import ask_cancel
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.states import StaleBanner
from rhresources import paths

NOW = time.time()


@pytest.fixture
def desk(qtbot: QtBot, themed: None) -> Iterator[Desk]:
    """A desk without feeds: the test says what is there."""
    made = Desk(paths.home())
    dispatcher = Dispatcher(made.mailbox, made.notifier)
    yield made
    made.close()
    dispatcher.deleteLater()


def run(number: int, state: State, **more: object) -> RunRow:
    started = 0.0 if state in (State.QUEUED, State.PREPARING) else NOW - 60
    ended = NOW - 30 if state.is_over else 0.0
    row = RunRow(f"01J{number:023d}", "~/train", "^local", state, created=NOW - number, started=started, ended=ended)
    return replace(row, **more)  # type: ignore[arg-type]


def by_id(*rows: RunRow) -> dict[str, RunRow]:
    return {row.id: row for row in rows}


def words(widget: QWidget) -> str:
    QApplication.processEvents()  # what a layout just got is shown with its next turn
    return " | ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def local(state: State, **more: object) -> ClusterRow:
    return ClusterRow("^local", "local", "machine", state, location="This computer", **more)  # type: ignore[arg-type]


def show(qtbot: QtBot, page: QWidget) -> None:
    qtbot.addWidget(page)
    page.resize(1100, 700)
    page.show()
    qtbot.wait(20)


def test_runs_are_listed_newest_first_and_one_opens_with_its_error(desk: Desk, qtbot: QtBot) -> None:
    failed = run(2, State.FAILED, error_type="builtins.ValueError", error_message="no", traceback="ValueError: no")
    desk.store.runs.replace(by_id(run(3, State.SUCCEEDED), failed, run(1, State.RUNNING)))
    page = RunsPage(desk)
    show(qtbot, page)
    assert [row.state for row in page.list.table.rows.shown_rows()] == [State.RUNNING, State.FAILED, State.SUCCEEDED]
    page.open(failed.id)
    assert page.panel.tabs.current == "error"
    assert "ValueError: no" in words(page.panel)


def test_a_run_that_changes_changes_its_panel(desk: Desk, qtbot: QtBot) -> None:
    row = run(1, State.RUNNING)
    desk.store.runs.replace({row.id: row})
    page = RunsPage(desk)
    show(qtbot, page)
    page.open(row.id)
    assert page.panel.findChild(object, "run-cancel") is not None
    desk.store.runs.update({row.id: run(1, State.SUCCEEDED, revision=2)})
    qtbot.waitUntil(lambda: page.panel._pill.accessibleName() == "State: Succeeded")
    assert [button.accessibleName() for button in page.panel.findChildren(object, "run-again")][-1] == "Run again…"


def test_running_again_needs_a_saved_function_and_carries_the_run(desk: Desk, qtbot: QtBot) -> None:
    row = run(1, State.SUCCEEDED)
    went: list[tuple[str, str]] = []
    desk.navigate = lambda page, target: went.append((page, target))
    desk.store.runs.replace({row.id: row})
    desk.store.functions.replace({})
    page = RunsPage(desk)
    show(qtbot, page)
    page.open(row.id)
    button = page.panel.findChild(object, "run-again")
    assert not button.isEnabled()
    assert "not a saved function" in button.toolTip()
    desk.store.functions.replace({"~/train": EntryRow("~/train", "function", "train", "~")})
    page.panel.show_run("")
    page.open(row.id)
    button = next(b for b in page.panel.findChildren(object, "run-again") if b.isEnabled())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert went == [("functions", f"~/train?again={row.id}")]


def test_cancelling_asks_first_and_lists_the_victims(desk: Desk, qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = ask_cancel(desk, parent, [run(1, State.RUNNING), run(2, State.SUCCEEDED)])
    assert dialog is not None
    said = words(dialog)
    assert said.count("~/train ·") == 1, "what has ended is not a victim"
    dialog.reject()
    assert ask_cancel(desk, parent, [run(2, State.SUCCEEDED)]) is None


def test_taking_down_lists_the_runs_that_die(desk: Desk, qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    desk.store.clusters.replace({"^local": local(State.UP, cpu=3.0)})
    desk.store.runs.replace(by_id(run(1, State.RUNNING), run(2, State.QUEUED), run(3, State.FAILED)))
    dialog = take_down(desk, parent, "^local")
    assert dialog is not None
    assert "2 runs will be stopped" in words(dialog)
    assert words(dialog).count("~/train ·") == 2
    dialog.reject()
    desk.store.clusters.replace({"^local": local(State.DOWN)})
    assert take_down(desk, parent, "^local") is None
    assert "is not up" in desk.notifier.notices()[0].sentence


def test_why_a_cluster_cannot_be_brought_up_now() -> None:
    assert why_not_up(ClusterRow("~/big", "big", "cloud", State.DOWN)) == ""
    assert why_not_up(ClusterRow("~/lab", "lab", "ssh", State.DOWN)) == ""
    assert why_not_up(local(State.DOWN)) == ""
    assert "already" in why_not_up(local(State.UP))


def test_the_cluster_panel_shows_load_and_says_when_it_is_down(desk: Desk, qtbot: QtBot) -> None:
    desk.store.clusters.replace({"^local": local(State.DOWN)})
    page = ClustersPage(desk)
    show(qtbot, page)
    page.open("^local")
    assert "It is down" in words(page.panel)
    host = HostLoad("box", cpus=4, cpu_percent=25.0, memory_used=1 << 30, memory_total=4 << 30)
    desk.store.clusters.update({"^local": local(State.UP, cpu=25.0, memory=25.0)})
    status = ClusterStatus("^local", NOW, "ready", "Ray is up", (host,), runs_active=2, past=(Sample(NOW, 25, 25),))
    desk.store.status.update({"^local": status})
    said = words(page.panel)
    assert "25% of 4 CPUs" in said
    assert "1.0 GB of 4.0 GB" in said
    assert "2 runs active" in said


def test_a_failed_bring_up_shows_its_three_layers_in_the_panel(desk: Desk, qtbot: QtBot) -> None:
    problem = Problem("Ray did not start.", "Free some disk space.", "no space left on device")
    desk.store.clusters.replace({"^local": local(State.FAILED, sentence=problem.sentence, problem=problem)})
    page = ClustersPage(desk)
    show(qtbot, page)
    page.open("^local")
    said = words(page.panel)
    assert "Ray did not start. | Free some disk space." in said


def test_the_overview_adds_up_prices_and_is_honest_about_own_machines(desk: Desk, qtbot: QtBot) -> None:
    page = OverviewPage(desk)
    show(qtbot, page)
    desk.store.clusters.replace({"^local": local(State.UP, cpu=1.0)})
    page.refresh()
    assert "$0.00 / hour, Own machines: no rent is counted" in page.spending.accessibleName()
    cloud = ClusterRow("~/a", "a", "cloud", State.UP, price_per_hour=32.77)
    down = ClusterRow("~/b", "b", "cloud", State.DOWN, price_per_hour=99.0)
    desk.store.clusters.replace({row.address: row for row in (local(State.UP, cpu=1.0), cloud, down)})
    page.refresh()
    assert "$32.77" in page.spending.accessibleName()
    desk.store.clusters.replace({"~/a": ClusterRow("~/a", "a", "cloud", State.UP)})
    page.refresh()
    assert "unknown price" in page.spending.accessibleName()


def test_the_overview_does_not_call_unknown_well(desk: Desk, qtbot: QtBot) -> None:
    page = OverviewPage(desk)
    show(qtbot, page)
    for table in (desk.store.names, desk.store.clusters, desk.store.runs):
        table.fail(Problem("The folder cannot be read."))
    page.refresh()
    assert "All is well" not in words(page)
    assert "—" in page.spending.accessibleName()


def test_concerns_name_what_is_broken_and_offer_the_act(desk: Desk) -> None:
    went: list[tuple[str, str]] = []
    desk.navigate = lambda page, target: went.append((page, target))
    desk.store.names.replace({"~/bad": EntryRow("~/bad", "function", "bad", "~", problem="line 3: no such field")})
    desk.store.clusters.replace({"^local": local(State.FAILED, sentence="Ray did not start.")})
    desk.store.runs.replace(by_id(run(1, State.LOST, reason="its worker was killed"), run(2, State.FAILED)))
    titles = [concern.title for concern in concerns(desk)]
    assert titles[:2] == ["~/bad cannot be read", "^local failed to start"]
    assert sum("~/train" in title for title in titles) == 1, "one concern a function"
    concerns(desk)[0].act()
    assert went == [("names", "~/bad")]
    desk.store.runs.replace(by_id(run(1, State.SUCCEEDED), run(2, State.FAILED)))
    assert not any("~/train" in concern.title for concern in concerns(desk)), "it has succeeded since"


def test_a_setting_is_saved_at_once_and_a_bad_one_refused_in_place(desk: Desk, qtbot: QtBot, rh_home: Path) -> None:
    desk.start(feeds=False)
    page = SettingsPage(desk)
    show(qtbot, page)
    page.shown()
    qtbot.waitUntil(lambda: page.findChild(QWidget, "setting-runs_kept") is not None, timeout=10_000)
    field = page.findChild(QWidget, "setting-runs_kept").findChild(QLineEdit)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "42")
    QTest.keyClick(field, Qt.Key.Key_Return)
    file = rh_home / "config.yaml"
    qtbot.waitUntil(lambda: file.exists() and "runs_kept: 42" in file.read_text(), timeout=10_000)
    field.selectAll()
    QTest.keyClicks(field, "many")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert "not a whole number" in words(page)
    assert field.text() == "many", "what was typed is not lost"
    assert json.dumps(file.read_text()).count("runs_kept") == 1
    desk.close()


def test_a_run_that_printed_nothing_ends_at_its_result_or_its_error(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    show(qtbot, page)
    for number, state, tab in ((1, State.SUCCEEDED, "result"), (2, State.FAILED, "error"), (3, State.CANCELLED, "log")):
        desk.store.runs.update(by_id(run(number, State.RUNNING)))
        page.open(run(number, State.RUNNING).id)
        assert page.panel.tabs.current == "log"
        desk.store.runs.update(by_id(run(number, state)))
        assert page.panel.tabs.current == tab
    loud = run(4, State.FAILED, log_bytes=10)
    desk.store.runs.update(by_id(loud))
    page.open(loud.id)
    assert page.panel.tabs.current == "log"


def test_a_new_run_is_shown_in_place_of_the_one_that_was_chosen(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    show(qtbot, page)
    old, new = run(9, State.SUCCEEDED), run(1, State.RUNNING)
    desk.store.runs.update(by_id(old))
    page.list.select(old.id)
    QTest.keyPress(page, Qt.Key.Key_Control)  # somebody pressed Ctrl+Enter and still holds it
    page.open(new.id)
    desk.store.runs.update(by_id(new))
    QTest.keyRelease(page, Qt.Key.Key_Control)
    assert page.panel.run == new
    assert page.list.selected() == [new]


def test_the_keyboard_stays_in_the_panel_when_its_buttons_change(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    show(qtbot, page)
    desk.store.runs.update(by_id(run(1, State.RUNNING)))
    page.open(run(1, State.RUNNING).id)
    cancel = page.panel.findChild(Button, "run-cancel")
    assert cancel is not None
    qtbot.waitUntil(cancel.isVisible)
    cancel.setFocus()
    qtbot.keyClick(cancel, Qt.Key.Key_Return)
    dialog = page.findChild(Dialog, "cancel-run")
    assert dialog is not None
    leave = next(button for button in dialog.findChildren(Button) if button.text() == "Keep it running")
    qtbot.keyClick(leave, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    desk.store.runs.update(by_id(run(1, State.SUCCEEDED)))
    focus = page.window().focusWidget()
    assert isinstance(focus, Button)
    assert focus.text().strip() == "Delete…"  # it cannot be run again: its function is not saved


def test_runs_of_a_cluster_that_went_down_offer_to_bring_it_up(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    show(qtbot, page)
    desk.store.runs.replace(by_id(run(1, State.RUNNING)))
    desk.store.runs.fail(Problem("^local is down."))
    desk.store.clusters.replace({"^local": local(State.DOWN)})
    assert [one.title for one in concerns(desk)] == ["^local is down with 1 run unfinished"]
    banner = page.findChild(StaleBanner)
    assert banner is not None
    qtbot.waitUntil(banner.isVisible)
    assert [button.text() for button in banner.findChildren(Button)] == ["Bring up ^local"]
    desk.store.clusters.replace({"^local": local(State.UNREACHABLE)})
    assert [button.text() for button in banner.findChildren(Button)] == ["Retry now"]


def test_the_filter_does_not_look_at_ages(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    show(qtbot, page)
    desk.store.runs.replace(by_id(run(600, State.SUCCEEDED)))
    page.list.filter.setText("ago")
    assert page.list.table.rows.shown_rows() == []
