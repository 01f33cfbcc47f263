"""Lists: filter, sort, selection by key, the four honest states."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import ClusterRow, Problem, State
from rhdesk.core.store import Store, Table
from rhdesk.desktop.models.cluster_columns import cluster_columns
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.list_panel import ListPanel


def cluster(name: str, state: State = State.UP, price: float | None = None) -> ClusterRow:
    return ClusterRow(f"~/{name}", name, "cloud", state, price_per_hour=price)


@pytest.fixture
def table() -> Table[ClusterRow]:
    return Table("clusters")


@pytest.fixture
def panel(qtbot: QtBot, themed: None, table: Table[ClusterRow]) -> ListPanel:
    made = ListPanel(cluster_columns(Store()), lambda row: row.address, "Clusters")
    made.set_chips([("all", "All", None), ("up", "Running", lambda row: row.state is State.UP)])
    made.set_empty("No clusters yet", "Add one.", "server", lambda: [Button("Add", "primary")])
    made.bind(table)
    qtbot.addWidget(made)
    made.resize(900, 400)
    made.show()
    return made


def shown(panel: ListPanel) -> list[str]:
    return [row.name for row in panel.table.rows.shown_rows()]


def visible_buttons(panel: ListPanel, name: str) -> list[Button]:
    QApplication.processEvents()
    return [button for button in panel.findChildren(Button) if button.accessibleName() == name and button.isVisible()]


def words(panel: ListPanel) -> str:
    QApplication.processEvents()  # what a layout just got is shown with its next turn
    return " ".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def test_loading_is_not_empty_and_empty_is_not_failed(panel: ListPanel, table: Table[ClusterRow]) -> None:
    assert "Loading" in words(panel)
    assert "No clusters yet" not in words(panel)
    table.fail(Problem("The folder cannot be read.", "Make it readable."), time.time() + 8)
    assert "The folder cannot be read. Make it readable." in words(panel)
    assert "Trying again in 8 s" in words(panel)
    table.replace({})
    assert "No clusters yet" in words(panel)
    assert "cannot be read" not in words(panel)


def test_failed_offers_retry(panel: ListPanel, table: Table[ClusterRow], qtbot: QtBot) -> None:
    table.fail(Problem("It broke."))
    [retry] = visible_buttons(panel, "Retry now")
    with qtbot.waitSignal(panel.retry):
        qtbot.mouseClick(retry, Qt.MouseButton.LeftButton)


def test_stale_rows_stay_with_their_age_and_reason(panel: ListPanel, table: Table[ClusterRow]) -> None:
    table.replace({"~/a": cluster("a")})
    table.fail(Problem("The server does not answer."))
    assert shown(panel) == ["a"]
    assert "As of just now. The server does not answer." in words(panel)
    table.replace({"~/a": cluster("a")})
    assert "As of" not in words(panel)


def test_filter_chips_and_a_way_back(panel: ListPanel, table: Table[ClusterRow], qtbot: QtBot) -> None:
    table.replace({f"~/{name}": cluster(name, state) for name, state in (("train", State.UP), ("test", State.DOWN))})
    assert panel.chips.chip("up").text() == "Running 1"
    qtbot.mouseClick(panel.chips.chip("up"), Qt.MouseButton.LeftButton)
    assert shown(panel) == ["train"]
    QTest.keyClicks(panel.filter, "nothing like it")
    assert "Nothing matches the filter" in words(panel)
    [clear] = visible_buttons(panel, "Clear the filter")
    qtbot.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert shown(panel) == ["train", "test"]


def test_the_selection_follows_its_row_through_changes(panel: ListPanel, table: Table[ClusterRow]) -> None:
    table.replace({f"~/{name}": cluster(name) for name in "abc"})
    panel.select("~/b")
    table.replace({f"~/{name}": cluster(name) for name in ("new", "c", "b")})
    assert [row.name for row in panel.selected()] == ["b"]
    table.update({}, ["~/b"])
    assert panel.selected() == []


def test_a_row_that_is_selected_before_it_comes(panel: ListPanel, table: Table[ClusterRow]) -> None:
    panel.select("~/late")
    table.replace({"~/a": cluster("a"), "~/late": cluster("late")})
    assert [row.name for row in panel.selected()] == ["late"]


def test_numbers_sort_as_numbers_and_unknown_ones_last(panel: ListPanel, table: Table[ClusterRow]) -> None:
    table.replace({f"~/{n}": cluster(n, price=p) for n, p in (("a", 9.5), ("b", None), ("c", 32.0), ("d", 0.53))})
    price = next(place for place, column in enumerate(panel.table.rows.columns) if column.key == "price")
    panel.table._sort_by(price)
    assert shown(panel) == ["c", "a", "d", "b"]
    panel.table._sort_by(price)
    assert shown(panel) == ["d", "a", "c", "b"]


def test_enter_opens_delete_asks_and_copy_copies(panel: ListPanel, table: Table[ClusterRow], qtbot: QtBot) -> None:
    table.replace({"~/a": cluster("a"), "~/b": cluster("b")})
    QTest.keyClick(panel.filter, Qt.Key.Key_Down)
    with qtbot.waitSignal(panel.opened) as opened:
        QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert opened.args == [cluster("a")]
    with qtbot.waitSignal(panel.delete_asked):
        QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    QTest.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().startswith("a\tRunning")


def test_twenty_thousand_rows_are_filtered(panel: ListPanel, table: Table[ClusterRow]) -> None:
    table.replace({f"~/c{number}": cluster(f"c{number}") for number in range(20_000)})
    panel.table.rows.set_filter("c1999")
    assert len(shown(panel)) == 11


def test_states_are_spoken_not_only_coloured(panel: ListPanel, table: Table[ClusterRow]) -> None:
    table.replace({"~/a": cluster("a", State.FAILED)})
    accessible = QAccessible.queryAccessibleInterface(panel.table)
    assert accessible is not None
    spoken = [accessible.child(n).text(QAccessible.Text.Name) for n in range(accessible.childCount())]
    assert "State: Failed" in spoken


def test_narrow_tables_drop_what_matters_least(panel: ListPanel, table: Table[ClusterRow]) -> None:
    table.replace({"~/a": cluster("a")})
    panel.resize(340, 300)
    QApplication.processEvents()
    names = [c.key for n, c in enumerate(panel.table.rows.columns) if not panel.table.isColumnHidden(n)]
    assert names[:2] == ["name", "state"]
    assert panel.table.horizontalScrollBar().maximum() == 0
