"""What things cost, in the window: nothing where nothing costs, else the month, days, clusters, runs, the budget."""

from __future__ import annotations

import csv
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from desktop.cloud_parts import LONG, click, opened, words
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import RunRow, State
from rhdesk.core.spend_bars import EVERYTHING_ELSE, bars_of, short_names
from rhdesk.core.store import SPENDING
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.attention import concerns
from rhdesk.desktop.dialogs.bill import BillDialog
from rhdesk.desktop.pages.overview import OverviewPage
from rhdesk.desktop.pages.runs import RunsPage
from rhdesk.desktop.shell import Shell
from rhresources.costs.clock import now
from rhresources.costs.facts import Life, RunFact
from rhresources.costs.ledger import Ledger
from rhresources.costs.spending import Summary, midnight

HOUR = 3600.0
DOCUMENT = "kind: cluster\ntype: cloud\ninstance_type: A100:1\n"


def open_window(qtbot: QtBot, qapp: QApplication, size: tuple[int, int] = (1280, 800)) -> Shell:
    made = make_window(qapp, theme_name="dark")
    made.resize(*size)
    made.show()
    qtbot.waitExposed(made)
    start(made, settings=False)
    return made


@pytest.fixture
def ledger(rh_home: Path) -> Iterator[Ledger]:
    """One cluster that was up for three hours of yesterday and the day before, and one that is up."""
    (rh_home / "resources").mkdir(parents=True, exist_ok=True)
    for name in ("a100", "t4"):
        (rh_home / "resources" / f"{name}.yaml").write_text(DOCUMENT)
    made, at = Ledger(rh_home), now()
    a100, t4 = Life("h1", "~/a100", labels={"team": "vision"}), Life("h2", "~/t4")
    made.see(a100, "up", replace(at, wall=at.wall - 9 * 24 * HOUR, boot=""), price=30.0)
    made.see(a100, "down", replace(at, wall=at.wall - 9 * 24 * HOUR + 1, boot=""), exact=True)
    for days in (1, 2):
        began = midnight(date.today() - timedelta(days=days)) + 10 * HOUR
        made.read(a100, [(began, began + 3 * HOUR)], at, price=99.0)
    made.put_runs([RunFact("01RUN", "~/a100", "train", began, began + HOUR)], at)
    made.see(t4, "up", at, price=0.5, since=at.wall - 4 * HOUR)
    yield made
    made.close()


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, ledger: Ledger) -> Iterator[Shell]:
    made = open_window(qtbot, qapp)
    spent = overview(made).spent
    qtbot.waitUntil(lambda: spent.chart is not None and spent.window() is made, timeout=30_000)
    yield made
    made.close()
    made.desk.close()
    made.deleteLater()


def overview(shell: Shell) -> OverviewPage:
    page = shell.page
    assert isinstance(page, OverviewPage)
    return page


def test_that_a_window_without_costs_loads_no_chart_and_shows_nothing_of_it(rh_home: Path) -> None:
    program = """
        import sys
        from PySide6.QtCore import QTimer
        from rhdesk.core.store import Phase
        from rhdesk.desktop.app import make_application, make_window, start
        app = make_application(["rhdesk"])
        shell = make_window(app, theme_name="dark")
        shell.resize(1280, 800)
        shell.show()
        start(shell, settings=False)

        def look():
            if shell.desk.store.spending.condition.phase is Phase.LOADING:
                return
            print(shell.page.spent.isVisible(), shell.page.month.isVisible(), "pyqtgraph" in sys.modules, flush=True)
            app.quit()

        timer = QTimer(interval=50)
        timer.timeout.connect(look)
        timer.start()
        app.exec()
        shell.close()
        shell.desk.close()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False", "False", "False"], done.stderr


def test_the_overview_shows_this_month_and_every_day(shell: Shell, qtbot: QtBot) -> None:
    page = overview(shell)
    chart = page.spent.chart
    assert chart is not None
    summary = shell.desk.store.spending.get(SPENDING)
    assert summary is not None
    assert f"${summary.month:,.0f}" in words(page.month) or f"${summary.month:,.2f}" in words(page.month)
    assert "$90.00" in chart.accessibleName()
    assert words(page.spent).count("a100") == 1
    chart.setFocus()
    for _ in range(3):
        QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.shown_day == 11
    qtbot.waitUntil(lambda: "$90.00" in words(chart), timeout=5000)
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.shown_day == -1
    assert "$90.00" not in words(chart)


def test_clusters_say_what_they_cost_and_runs_their_share(shell: Shell, qtbot: QtBot) -> None:
    table = overview(shell).clusters.table
    spent = next(column for column in table.rows.columns if column.key == "spent")
    up_for = next(column for column in table.rows.columns if column.key == "uptime")
    rows = {row.address: row for row in shell.desk.store.clusters.rows()}
    assert spent.text(rows["~/a100"]) == "~$180.00", "SkyPilot says when it asked for hosts, not when they began"
    assert spent.text(rows["^local"]) == "—"
    assert up_for.text(replace(rows["~/t4"], state=State.UP)) == "4 h"
    shell.desk.store.runs.update({"01RUN": RunRow("01RUN", "train", "~/a100", State.SUCCEEDED, created=1.0)})
    shell.navigate("runs", "01RUN")
    page = shell.page
    assert isinstance(page, RunsPage)
    page.panel.tabs.choose("details")
    qtbot.waitUntil(lambda: "$30.00" in words(page.panel), timeout=5000)


def test_it_is_saved_as_csv(shell: Shell, qtbot: QtBot, tmp_path: Path) -> None:
    overview(shell).spent.show_bill()
    click(shell, "bill-save", qtbot)
    (dialog,) = shell.findChildren(QFileDialog)
    dialog.fileSelected.emit(str(tmp_path / "costs.csv"))
    dialog.close()
    qtbot.waitUntil((tmp_path / "costs.csv").exists, timeout=10_000)
    with (tmp_path / "costs.csv").open(newline="") as file:
        dollars = sum(float(row["dollars"]) for row in csv.DictReader(file))
    assert dollars == pytest.approx(182.01, abs=0.05)
    qtbot.waitUntil(lambda: any("written to" in notice.sentence for notice in shell.desk.notifier.notices()))


def test_the_days_are_split_by_function_and_by_label(shell: Shell, qtbot: QtBot) -> None:
    spent = overview(shell).spent
    for way, names in (("function", {"train", "idle"}), ("label team", {"vision", "no team"})):
        spent.split_by(way)
        qtbot.waitUntil(lambda names=names: all(name in words(spent) for name in names), timeout=5000)
        assert spent.chart is not None
        assert "$90.00" in spent.chart.accessibleName(), "each day costs what it costs"
    click(shell, "spend-by", qtbot)
    (menu,) = shell.findChildren(QMenu)
    assert [action.text() for action in menu.actions()] == ["By cluster", "By function", "By team"]
    menu.actions()[0].trigger()
    menu.close()
    qtbot.waitUntil(lambda: "a100" in words(spent), timeout=5000)


def test_the_bill_says_every_line_of_it(shell: Shell, qtbot: QtBot) -> None:
    next(each for each in shell.desk.commands.all() if each.id == "costs.show").run()
    dialog = opened(shell, "bill-dialog")
    assert isinstance(dialog, BillDialog)
    dialog.spans.chip("all").click()

    def lines() -> dict[str, str]:
        shown = dialog.lines.table.rows
        return {shown.columns[0].text(row): shown.columns[-1].text(row) for row in shown.shown_rows()}

    qtbot.waitUntil(lambda: lines().get("~/a100") == "$180.00", timeout=LONG)
    dialog.ways.chip("function").click()
    qtbot.waitUntil(lambda: lines().get("train") == "$30.00", timeout=LONG)
    dialog.ways.chip("label").click()
    qtbot.waitUntil(lambda: "team=vision" in lines(), timeout=LONG)
    dialog.ways.chip("run").click()
    qtbot.waitUntil(lambda: lines().get("train") == "$30.00", timeout=LONG)
    assert "$182.0" in words(dialog), "the sum stands under it"
    dialog.lines.table.select("01RUN\ntrain")
    qtbot.waitUntil(lambda: dialog.lines.table.current() is not None, timeout=LONG)
    QTest.keyClick(dialog.lines.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shell.page.title == "Runs", timeout=LONG)
    assert not dialog.isVisible()


def test_a_budget_that_is_spent_is_told_once_and_stays_in_sight(
    qtbot: QtBot, qapp: QApplication, ledger: Ledger, rh_home: Path
) -> None:
    at = now()
    ledger.read(Life("h1", "~/a100"), [(at.wall - HOUR, at.wall - HOUR / 2)], at)  # this month, whatever day it is
    (rh_home / "config.yaml").write_text("budget_per_month: 10\n")
    for told in (1, 0):
        shell = open_window(qtbot, qapp, (1000, 700))
        qtbot.waitUntil(lambda shell=shell: SPENDING in shell.desk.store.spending, timeout=20_000)
        qtbot.waitUntil(
            lambda shell=shell: any("budget is spent" in concern.title for concern in concerns(shell.desk)),
            timeout=5000,
        )
        shell.desk.retry_now()  # added up once more
        qtbot.wait(500)
        notices = [each for each in shell.desk.notifier.notices() if "budget" in each.sentence]
        assert len(notices) == told
        assert overview(shell).runs.isVisible()
        assert not overview(shell)._lower.isVisible(), "three rows would be cut in a small window"
        shell.close()
        shell.desk.close()


def test_a_ledger_that_cannot_be_read_is_said(qtbot: QtBot, qapp: QApplication, rh_home: Path) -> None:
    rh_home.mkdir(parents=True, exist_ok=True)
    (rh_home / "costs.sqlite").write_bytes(b"nonsense" * 1000)
    shell = open_window(qtbot, qapp)
    qtbot.waitUntil(lambda: "cannot be opened" in words(overview(shell).spent), timeout=20_000)
    assert "Not known" in words(overview(shell).month)
    assert any("Nobody knows what it costs" in concern.title for concern in concerns(shell.desk))
    (rh_home / "costs.sqlite").unlink()
    overview(shell).spent._state.retry.emit()
    qtbot.waitUntil(lambda: not overview(shell).month.isVisible(), timeout=10_000)
    shell.close()
    shell.desk.close()


def test_that_many_clusters_become_everything_else_and_alike_names_stay_whole() -> None:
    day = date(2026, 11, 1)
    costs = {f"~/c{number}": float(number) for number in range(1, 7)}
    data = bars_of(Summary(0.0, days=((day, costs),), budget=30.0), 14)
    assert data.series == ("~/c6", "~/c5", "~/c4", EVERYTHING_ELSE)
    assert data.bars[0].amounts == (6.0, 5.0, 4.0, 6.0)
    assert data.budget == 1.0
    assert bars_of(Summary(0.0, days=((day, costs),), budget=3_000_000.0), 14).budget == 0, "far out of sight"
    assert short_names(("~/a/x", "~/b/x")) == ["~/a/x", "~/b/x"]
    assert short_names(("~/a/x", "~/b/y")) == ["x", "y"]
