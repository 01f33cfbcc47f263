"""Records of runs on disk: what is listed, what is kept, what is let go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from ulid import ULID

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.runs.store import RunStore


def record(number: int, state: pb.RunState = pb.SUCCEEDED, name: str = "train.py:main") -> pb.Run:
    return pb.Run(id=str(ULID.from_timestamp(1000 + number)), state=state, name=name, created=1000.0 + number)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_the_newest_come_first_and_pages_go_on_where_the_last_ended(store: RunStore) -> None:
    runs = [record(number) for number in range(10)]
    for run in runs:
        store.save(run)
    first, total = store.newest(4)
    second, _ = store.newest(4, before=first[-1].id)
    assert total == 10
    assert [run.id for run in first + second] == [run.id for run in reversed(runs)][:8]


def test_records_are_there_after_the_store_is_opened_again(store: RunStore) -> None:
    run = record(1, pb.RUNNING)
    store.save(run, worker="w1")
    run.state = pb.SUCCEEDED
    store.save(run)
    store.close()
    again = RunStore(store.directory)
    assert again.get(run.id) == run
    assert again.unfinished() == []


def test_that_a_run_ended_is_known_on_a_full_disk_and_written_later(
    store: RunStore, allow_warnings: Callable[[str], None]
) -> None:
    allow_warnings("the end of run .* cannot be written yet")
    run = record(1, pb.RUNNING)
    store.save(run)
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    ended = pb.Run()
    ended.CopyFrom(run)
    ended.state = pb.FAILED
    ended.error.traceback = "x" * 100_000
    store.save(ended)
    assert store.get(run.id) == ended
    assert store.newest(1)[0] == [ended]
    with pytest.raises(RhError, match="cannot write its records"):
        store.save(pb.Run(id=record(2).id, state=pb.QUEUED, reason="x" * 100_000))
    store._database.execute("PRAGMA max_page_count = 100000")
    store.newest(1)
    store.close()
    assert RunStore(store.directory).get(run.id) == ended


def test_the_worker_of_an_unfinished_run_is_remembered(store: RunStore) -> None:
    run = record(1, pb.QUEUED)
    store.save(run)
    run.state = pb.RUNNING
    store.save(run, worker="w1")
    run.log_bytes = 5
    store.save(run)
    assert store.unfinished() == [(run, "w1")]


def test_filters_by_name_and_state(store: RunStore) -> None:
    store.save(record(1, pb.FAILED, "a"))
    store.save(record(2, pb.SUCCEEDED, "a"))
    store.save(record(3, pb.FAILED, "b"))
    assert [run.name for run in store.newest(10, states=[pb.FAILED])[0]] == ["b", "a"]
    assert store.newest(10, name="a", states=[pb.FAILED])[1] == 1


def test_only_ended_runs_beyond_number_age_or_size_are_let_go(store: RunStore) -> None:
    runs = [record(number) for number in range(6)]
    runs[0].state = pb.RUNNING
    for run in runs:
        store.save(run)
        store.folder(run.id).mkdir()
        (store.folder(run.id) / "result").write_bytes(b"x" * 1000)
    ids = [run.id for run in runs]
    assert store.beyond(3, 0, 10**9) == [ids[2], ids[1]]
    assert store.beyond(100, 1003.0, 10**9) == [ids[2], ids[1]]
    assert store.beyond(100, 0, 3500) == [ids[2], ids[1]]
    assert store.delete([ids[1], "0" * 26]) == [ids[1]]
    assert not store.folder(ids[1]).exists()


def test_an_id_that_is_a_path_is_refused(store: RunStore) -> None:
    with pytest.raises(RhError):
        store.folder("../../../etc/passwd0000000000")


def test_that_runs_can_be_asked_for_by_who_started_them(store: RunStore) -> None:
    for number, by in enumerate(["alice", "bob", "alice@laptop", ""]):
        run = record(number)
        run.by = by
        store.save(run)
    found, total = store.newest(10, by=["alice", "alice@laptop"])
    assert ([run.by for run in found], total) == (["alice@laptop", "alice"], 2)
    assert store.newest(10)[1] == 4


def test_that_a_store_of_before_keeps_every_run(tmp_path: Path) -> None:
    """The store of an older server, which did not know who started a run; it may be used by one again, too."""
    folder = tmp_path / "runs"
    folder.mkdir()
    insert = "INSERT INTO runs (id, state, name, created, record, worker) VALUES (?, ?, ?, ?, ?, ?)"
    old = sqlite3.connect(folder / "runs.sqlite", isolation_level=None)
    old.execute(
        "CREATE TABLE runs (id TEXT PRIMARY KEY, state INTEGER NOT NULL, name TEXT NOT NULL, created REAL NOT NULL, "
        "record BLOB NOT NULL, worker TEXT NOT NULL DEFAULT '') WITHOUT ROWID"
    )
    runs = [record(number, pb.RUNNING if number == 99 else pb.SUCCEEDED) for number in range(100)]
    for run in runs:
        old.execute(insert, (run.id, int(run.state), run.name, run.created, run.SerializeToString(), "w1"))
    store = RunStore(folder)
    assert store.newest(1000)[0] == runs[::-1]
    assert store.unfinished() == [(runs[99], "w1")]
    assert store.newest(10, by=["alice"]) == ([], 0)
    mine = record(100)
    mine.by = "alice"
    store.save(mine)
    later = record(101)
    old.execute(insert, (later.id, int(later.state), later.name, later.created, later.SerializeToString(), ""))
    old.close()
    store.close()
    again = RunStore(folder)
    assert again.newest(1000)[1] == 102
    assert again.newest(10, by=["alice"]) == ([mine], 1)
