"""The observable tables: snapshot, delta, and the honest phases."""

from __future__ import annotations

import time

from rhdesk.core.entry_row import EntryRow
from rhdesk.core.rows import Problem
from rhdesk.core.store import Change, Phase, Table


def row(name: str, description: str = "") -> EntryRow:
    return EntryRow(f"~/{name}", "function", name, "~", description)


def test_a_new_table_is_loading_and_a_snapshot_makes_it_ready() -> None:
    table: Table[EntryRow] = Table("x")
    seen: list[Change] = []
    table.subscribe(seen.append)
    assert table.condition.phase is Phase.LOADING
    table.replace({"~/a": row("a")})
    assert table.condition.phase is Phase.READY
    assert table.condition.updated <= time.time()
    assert seen == [Change(reset=True, condition=True)]


def test_a_delta_tells_exactly_what_changed() -> None:
    table: Table[EntryRow] = Table("x")
    table.replace({"~/a": row("a"), "~/b": row("b"), "~/c": row("c")})
    seen: list[Change] = []
    table.subscribe(seen.append)
    table.update({"~/a": row("a"), "~/b": row("b", "new")}, removed=["~/c", "~/never"])
    assert seen == [Change(changed=frozenset({"~/b"}), removed=frozenset({"~/c"}))]
    assert table.ids() == ["~/a", "~/b"]


def test_an_update_without_news_tells_nobody() -> None:
    table: Table[EntryRow] = Table("x")
    table.replace({"~/a": row("a")})
    seen: list[Change] = []
    table.subscribe(seen.append)
    table.update({"~/a": row("a")})
    assert seen == []


def test_a_broken_feed_is_failed_without_rows_and_stale_with_them() -> None:
    table: Table[EntryRow] = Table("x")
    problem = Problem("The disk is gone.")
    table.fail(problem, retry_at=5.0)
    assert table.condition.phase is Phase.FAILED
    assert table.condition.retry_at == 5.0
    table.replace({"~/a": row("a")})
    table.fail(problem)
    assert table.condition.phase is Phase.STALE
    assert table.condition.updated > 0
    assert table.rows() == [row("a")]
    table.update({"~/a": row("a")})
    assert table.condition.phase is Phase.READY


def test_an_empty_list_that_breaks_is_stale_not_empty() -> None:
    table: Table[EntryRow] = Table("x")
    table.replace({})
    table.fail(Problem("gone"))
    assert table.condition.phase is Phase.STALE
    assert table.condition.problem == Problem("gone")


def test_who_unsubscribed_hears_nothing() -> None:
    table: Table[EntryRow] = Table("x")
    seen: list[Change] = []
    table.subscribe(seen.append)()
    table.replace({})
    assert seen == []


def test_an_unknown_exception_keeps_its_traceback_behind_the_details() -> None:
    try:
        {}["missing"]
    except KeyError as error:
        problem = Problem.of(error)
    assert "KeyError" in problem.sentence
    assert "Traceback" in problem.detail
