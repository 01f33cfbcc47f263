"""Runs of several people in the window: whose they are, which are shown, what is asked before they are touched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.cancelled_by_others import tell_of_cancels
from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.rows import ClusterRow, RunRow, State
from rhdesk.desktop.access_acts import upgrade, upgrade_task
from rhdesk.desktop.attention import concerns
from rhdesk.desktop.cluster_acts import take_down
from rhdesk.desktop.dispatcher import Dispatcher
from rhdesk.desktop.pages.runs import RunsPage
from rhdesk.desktop.run_acts import ask_cancel, why_not_again
from rhresources import paths

NOW = time.time()


@pytest.fixture
def desk(qtbot: QtBot, themed: None) -> Iterator[Desk]:
    """A desk without feeds, whose person is alice; two people have runs on ~/gpu."""
    made = Desk(paths.home())
    dispatcher = Dispatcher(made.mailbox, made.notifier)
    made.store.me = frozenset({"alice", "alice@laptop"})
    made.store.functions.replace({})
    made.store.clusters.replace({"~/gpu": ClusterRow("~/gpu", "gpu", "ssh", State.UP)})
    rows = [
        run(1, State.RUNNING, "alice"),
        run(2, State.RUNNING, "bob"),
        run(3, State.SUCCEEDED, "alice@laptop"),
        run(4, State.FAILED, "bob"),
        run(5, State.SUCCEEDED, ""),
        run(6, State.QUEUED, "bob"),
    ]
    made.store.runs.replace({row.id: row for row in rows})
    yield made
    made.close()
    dispatcher.deleteLater()


def run(number: int, state: State, by: str) -> RunRow:
    ended = NOW - 30 if state.is_over else 0.0
    return RunRow(
        f"01J{number:023d}", "~/train", "~/gpu", state, created=NOW - number, started=NOW - 60, ended=ended, by=by
    )


def words(widget: QWidget) -> str:
    QApplication.processEvents()
    return " | ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def test_the_list_says_whose_runs_these_are_and_shows_one_persons(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    page.resize(1200, 700)
    qtbot.addWidget(page)
    page.show()
    model = page.list.table.rows
    column = next(place for place, each in enumerate(model.columns) if each.key == "by")
    assert [model.index(row, column).data() for row in range(6)] == ["You", "bob", "You", "bob", "—", "bob"]
    assert page._people() == [("\0me", 2), ("bob", 3)]
    page._by._choose("bob")
    assert [row.by for row in model.shown_rows()] == ["bob"] * 3
    assert page.list.chips.chip("failed").text() == "Failed 1"
    page.list.chips.choose("failed")
    assert [row.id for row in model.shown_rows()] == [run(4, State.FAILED, "bob").id]
    page.list.chips.choose("succeeded")
    assert "Nothing matches the filter" in words(page.list)
    page.list._clear_filter()
    assert len(model.shown_rows()) == 6
    page._by._choose("\0me")
    assert [row.by for row in model.shown_rows()] == ["alice", "alice@laptop"]
    page.open(run(2, State.RUNNING, "bob").id)
    assert page.list.table.selected()[0].by == "bob", "what was asked for is shown, whoever started it"


def test_taking_down_names_the_people_whose_runs_end(desk: Desk, qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = take_down(desk, parent, "~/gpu")
    assert dialog is not None
    said = words(dialog)
    assert "3 runs (1 of yours, 2 of bob) will be stopped" in said
    assert said.count("· by bob ·") == 2
    dialog.reject()
    dialog = ask_cancel(desk, parent, [run(2, State.RUNNING, "bob")])
    assert dialog is not None
    assert "~/train · by bob · running" in words(dialog)
    dialog.reject()


def test_an_upgrade_asks_only_where_others_have_runs(desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.show()
    begun: list[str] = []
    monkeypatch.setattr(desk, "act", lambda name, *args, **more: begun.append(name))
    dialog = upgrade(desk, "~/gpu")
    assert dialog is not None
    assert "2 runs of bob are going" in words(dialog)
    assert begun == []
    dialog.accept()
    assert begun == [], "closing it is no yes"
    desk.store.runs.replace({row.id: row for row in [run(1, State.RUNNING, "alice"), run(5, State.RUNNING, "")]})
    assert upgrade(desk, "~/gpu") is None
    assert begun == [upgrade_task("~/gpu")]


def test_that_somebody_cancelled_a_run_of_mine_is_told_once(desk: Desk, qtbot: QtBot) -> None:
    stop = tell_of_cancels(desk)
    mine, theirs = run(1, State.CANCELLED, "alice"), run(2, State.CANCELLED, "bob")
    ended = {
        mine.id: replace(mine, cancelled_by="bob"),
        theirs.id: replace(theirs, cancelled_by="carol"),
        "own": replace(mine, id="own", cancelled_by="alice@laptop"),
        "old": replace(mine, id="old", cancelled_by="bob", ended=NOW - 7200),
    }
    desk.store.runs.update(ended)
    desk.store.runs.update({mine.id: replace(ended[mine.id], revision=2)})
    assert [notice.sentence for notice in desk.notifier.notices()] == ["bob cancelled your run of ~/train on ~/gpu."]
    stop()


def test_that_a_function_of_here_has_not_the_runs_of_one_of_the_same_name_elsewhere(desk: Desk) -> None:
    mine, theirs, shared = run(1, State.FAILED, "alice"), run(4, State.FAILED, "bob"), run(7, State.FAILED, "bob")
    shared = replace(shared, name="/team/train")
    names = ("~/train", "/team/train")
    desk.store.functions.replace({name: EntryRow(name, "function", "train", "~") for name in names})
    assert why_not_again(desk, mine) == ""
    assert why_not_again(desk, theirs) == "~/train is a name of bob's computer."
    assert why_not_again(desk, shared) == ""
    desk.store.names.replace({})
    desk.store.runs.replace({row.id: row for row in (theirs, shared)})
    assert not any("failed" in concern.title for concern in concerns(desk)), "what fails for others is theirs to mend"


def test_the_panel_says_who(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    page.resize(1200, 700)
    qtbot.addWidget(page)
    page.show()
    row = replace(run(2, State.CANCELLED, "bob"), reason="Cancelled by carol.", cancelled_by="carol", revision=2)
    desk.store.runs.update({row.id: row})
    page.open(row.id)
    assert "~/gpu · by bob ·" in words(page.panel)
    page.panel.tabs.choose("details")
    said = words(page.panel)
    assert "Cancelled by carol." in said
    assert "Cancelled: Cancelled" not in said
