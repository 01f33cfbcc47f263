"""The runs of several clusters in one table: a lost one makes only its own rows old."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import psutil
from desktop.registry_parts import PACKAGE, SOON, words
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.core.rows import Problem, RunRow, State
from rhdesk.core.run_table import RunTable
from rhdesk.core.store import Change, Condition, Phase
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.pages.overview import OverviewPage
from rhdesk.desktop.widgets.states import StaleBanner

GONE = Problem("gpu1 does not answer.")
SILENT = Problem("The server of ^local runs and does not answer.")


def run(id: str, cluster: str, revision: int = 1) -> RunRow:
    return RunRow(id, "~/train", cluster, State.RUNNING, revision=revision)


def two() -> RunTable:
    """Two clusters with one run each, both in sight."""
    table = RunTable()
    table.follow(["^local", "~/lab"])
    table.merge("^local", {"a": run("a", "^local")}, whole=True)
    table.merge("~/lab", {"b": run("b", "~/lab")}, whole=True)
    return table


def test_nothing_is_known_until_a_cluster_has_spoken() -> None:
    table = RunTable()
    table.follow(["^local", "~/lab"])
    assert table.condition.phase is Phase.LOADING
    table.lose("~/lab", GONE)
    assert table.condition.phase is Phase.LOADING, "the other may still answer"
    table.down("^local", Problem("^local is down."))
    assert table.condition.phase is Phase.FAILED
    assert table.condition.problem == GONE
    table.merge("^local", {}, whole=True)
    assert table.condition.phase is Phase.READY


def test_clusters_that_are_down_are_no_failure() -> None:
    table = RunTable()
    table.follow(["^local"])
    table.down("^local", Problem("^local is down."))
    assert table.condition.phase is Phase.READY
    table.follow([])
    assert table.condition.phase is Phase.READY


def test_only_the_rows_of_the_lost_cluster_are_old() -> None:
    table = two()
    seen: list[Change] = []
    table.subscribe(seen.append)
    table.lose("~/lab", GONE, retry_at=7.0)
    assert seen == [Change(condition=True)]
    assert (table.condition.phase, table.condition.of) == (Phase.STALE, ("~/lab",))
    assert table.condition.retry_at == 7.0
    assert [table.is_old(row) for row in table.rows()] == [False, True]
    table.merge("^local", {"c": run("c", "^local")})
    assert table.condition.phase is Phase.STALE, "news of another cluster does not make it well"
    heard = table.condition.updated
    table.lose("~/lab", GONE, retry_at=9.0)
    assert table.condition.updated == heard, "it is as old as it was"
    table.merge("~/lab", {"b": run("b", "~/lab", 2)}, whole=True)
    assert table.condition.phase is Phase.READY
    assert not any(table.is_old(row) for row in table.rows())


def test_a_cluster_that_only_was_silent_is_well_again_without_news() -> None:
    table = two()
    table.lose("~/lab", GONE)
    table.heard("^local")
    assert table.condition.phase is Phase.STALE
    table.heard("~/lab")
    assert table.condition.phase is Phase.READY


def test_a_snapshot_removes_what_is_gone_there_and_nothing_of_others() -> None:
    table = two()
    table.merge("~/lab", {"x": run("x", "~/lab")}, whole=True)
    assert table.ids() == ["a", "x"]
    table.merge("~/lab", {"x": run("x", "~/lab", revision=0)})
    kept = table.get("x")
    assert kept is not None
    assert kept.revision == 1, "an older record is not news"


def test_the_runs_of_a_cluster_that_is_not_there_any_more_go_with_it() -> None:
    table = two()
    table.lose("~/lab", GONE)
    table.follow(["^local"])
    assert table.ids() == ["a"]
    assert table.condition.phase is Phase.READY
    table.lose("~/lab", GONE)
    assert table.condition.phase is Phase.READY


def test_several_lost_clusters_are_all_named() -> None:
    table = two()
    table.lose("~/lab", GONE, retry_at=20.0)
    table.down("^local", Problem("^local is down."))
    condition = table.condition
    assert condition.of == ("^local", "~/lab")
    assert condition.problem is not None
    assert "gpu1 does not answer." in condition.problem.sentence
    assert "^local" in condition.problem.sentence
    assert condition.retry_at == 20.0


def test_that_runs_of_this_computer_are_not_known_is_told_though_others_are() -> None:
    table = RunTable()
    table.follow(["^local", "~/lab", "/team/far"])
    table.lose("/team/far", GONE)
    table.merge("~/lab", {"b": run("b", "~/lab")}, whole=True)
    assert table.condition.phase is Phase.READY, "what was never seen of others is told by their own rows"
    table.lose("^local", SILENT, retry_at=7.0, own=True)
    condition = table.condition
    assert (condition.phase, condition.of, condition.problem) == (Phase.STALE, ("^local",), SILENT)
    assert not table.is_old(table.rows()[0])
    table.merge("^local", {}, whole=True)
    assert table.condition.phase is Phase.READY


def test_a_list_that_misses_some_says_so(qtbot: QtBot, themed: None) -> None:
    banner = StaleBanner()
    qtbot.addWidget(banner)
    banner.set_condition(Condition(Phase.STALE, SILENT, 0.0, 0.0, ("^local",)))
    assert banner.findChild(QLabel, "stale-words").text() == f"Not all are shown. {SILENT.sentence}"


def test_a_server_of_this_computer_that_is_silent_is_said_and_all_else_goes_on(
    qtbot: QtBot, qapp: QApplication, rh_home: Path, short_path: Path
) -> None:
    server, process = rh_home / "server", psutil.Process()
    server.mkdir(mode=0o700, parents=True)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(short_path / "silent.sock"))
        silent.listen()
        record = {"pid": process.pid, "process_started": process.create_time(), "token": "x"}
        (server / "server.json").write_text(json.dumps({**record, "socket": silent.getsockname()}))
        shell = make_window(qapp, theme_name="dark")
        shell.show()
        qtbot.waitExposed(shell)
        start(shell, settings=False)
        store = shell.desk.store
        try:
            qtbot.waitUntil(lambda: store.runs.condition.phase is Phase.FAILED, timeout=60_000)
            row = store.clusters.get("^local")
            assert row is not None
            assert (row.state, row.sentence) == (State.UNREACHABLE, "The server of ^local runs and does not answer.")
            shell.navigate("runs")
            qtbot.waitUntil(lambda: row.sentence in words(shell.page), timeout=SOON)
            shell.navigate("overview")
            page = shell.page
            assert isinstance(page, OverviewPage)
            qtbot.waitUntil(lambda: "^local cannot be reached" in words(page.attention), timeout=SOON)
            qtbot.waitUntil(lambda: row.sentence in words(page.runs), timeout=SOON)
            qtbot.waitUntil(lambda: words(page.up).splitlines()[1:] == ["0", "of 1", "1 unreachable"], timeout=SOON)
            (rh_home / "resources").mkdir(exist_ok=True)
            (rh_home / "resources" / "deps.yaml").write_text(PACKAGE)
            qtbot.waitUntil(lambda: "~/deps" in store.names, timeout=SOON)
        finally:
            shell._may_close = True
            shell.close()
            shell.desk.close()
            shell.deleteLater()
            qtbot.waitUntil(lambda: not isValid(shell), timeout=SOON)
