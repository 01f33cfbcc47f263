"""The ledger on disk: its owner's alone, shared by processes, whole after a kill, right whatever the clock says."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rhresources.costs import schema
from rhresources.costs.charges import charges_of
from rhresources.costs.clock import Moment
from rhresources.costs.facts import Life, RunFact
from rhresources.costs.ledger import FILE_NAME, Ledger
from rhresources.costs.merging import spans_of
from rhresources.costs.spans import Span
from rhresources.errors import RhError

A100 = Life("hash-1", "~/a100", cloud="aws", labels={"team": "vision"})
T0 = 1_790_000_000.0
DAY = 86_400.0


def at(seconds: float, *, set_by: float = 0.0, boot: str = "one") -> Moment:
    """A moment so long after T0, with the clock set wrong by `set_by`."""
    return Moment(T0 + seconds + set_by, 5000 + seconds, boot)


def spans(ledger: Ledger, now: float) -> list[Span]:
    (known,) = ledger.known()
    return spans_of(known, now)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def test_that_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Ledger(tmp_path).see(A100, "up", at(0))
    finally:
        os.umask(old)
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_that_looks_in_a_row_take_one_line(ledger: Ledger, tmp_path: Path) -> None:
    for second in range(0, 6000, 20):
        ledger.see(A100, "up", at(second), price=2.0, since=T0)
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        assert database.execute("SELECT count(*) FROM sightings").fetchone() == (1,)
    assert spans(ledger, T0 + 6000) == [Span(T0, T0 + 6000, T0 + 5980, is_open=True)]


def test_that_a_price_change_counts_from_then_on_and_skypilots_new_prices_change_nothing(ledger: Ledger) -> None:
    ledger.see(A100, "up", at(0), price=1.0, since=T0)
    ledger.see(A100, "up", at(3600), price=3.0, since=T0)
    ledger.see(A100, "down", at(7200), exact=True)
    ledger.read(A100, [(T0, T0 + 7200)], at(9 * DAY), price=100.0)
    charges = charges_of(ledger.known(), [], T0 + 10 * DAY)
    assert [(charge.price, charge.amount) for charge in charges] == [(1.0, 1.0), (3.0, 3.0)]


def test_that_setting_the_clock_invents_no_money(ledger: Ledger) -> None:
    ledger.see(A100, "up", at(0), price=1.0, since=T0)
    for second in range(0, 1800, 60):
        ledger.see(A100, "up", at(second, set_by=30 * DAY), price=1.0, since=T0)
    assert ledger.now(at(1800, set_by=30 * DAY)) == T0 + 1800
    assert ledger.now(at(1800, set_by=-30 * DAY)) == T0 + 1800
    ledger.see(A100, "down", at(1800, set_by=-3 * DAY), exact=True)
    assert spans(ledger, T0 + 2000) == [Span(T0, T0 + 1800, T0 + 1800)]


def test_that_skypilots_clock_judges_one_that_was_wrong_from_the_start(ledger: Ledger) -> None:
    wrong = at(5, set_by=400 * DAY)
    ledger.see(A100, "up", wrong, price=1.0, since=T0)
    ledger.judge(T0 + 5, wrong)
    now = ledger.now(at(600, set_by=400 * DAY))
    assert spans(ledger, now) == [Span(T0, T0 + 600, T0 + 5, is_open=True, estimated=True, sure_from=T0 + 5)]


def test_that_an_end_stays_whoever_writes_last(ledger: Ledger) -> None:
    ledger.read(A100, [(T0, T0 + 60)], at(100))
    ledger.read(A100, [(T0, None)], at(50))  # was read before, and is written after
    assert [(span.start, span.end) for span in spans(ledger, T0 + DAY)] == [(T0, T0 + 60)]


def test_that_a_run_which_ended_stays_ended(ledger: Ledger) -> None:
    ledger.put_runs([RunFact("r", "~/a100", "~/train", T0, T0 + 5, {"paper": "one"})], at(6))
    ledger.put_runs([RunFact("r", "~/a100", "~/train", T0, 0.0)], at(7))
    assert ledger.runs() == [RunFact("r", "~/a100", "~/train", T0, T0 + 5, {"paper": "one"})]


def test_that_an_alert_is_claimed_once(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path), Ledger(tmp_path)
    assert first.claim("2026-11: 50 %", at(0))
    assert not second.claim("2026-11: 50 %", at(1))


def test_that_a_damaged_or_newer_file_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"this is no database, and somebody may want it" * 100)
    before = path.read_bytes()
    with pytest.raises(RhError, match="cannot be opened") as damaged:
        Ledger(tmp_path)
    assert "move it away" in damaged.value.remedy
    assert path.read_bytes() == before
    path.unlink()
    Ledger(tmp_path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(RhError, match="newer rhdesk"):
        Ledger(tmp_path)


def test_that_one_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        for statement in schema._FIRST.split(";"):
            database.execute(statement)
        database.execute("INSERT INTO lives VALUES ('h', '~/x', 'cloud', 1, '', '', '', 0, '', 0, '{}')")
        row = f"1, 'h', 'up', 2.0, {T0}, 0, '', {T0}, 0, {T0 + 60}, 0"
        database.execute(f"INSERT INTO sightings VALUES ({row})")
        database.execute("PRAGMA user_version=1")
    ledger = Ledger(tmp_path)
    (known,) = ledger.known()
    assert known.sightings[0].autostop == -1
    assert (known.life.server, known.life.others) == (None, False)
    ledger.see(A100, "up", at(100), price=2.0, since=T0, autostop=10)
    assert len(ledger.known()) == 2


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from rhresources.costs.clock import Moment
    from rhresources.costs.facts import Life, RunFact
    from rhresources.costs.ledger import Ledger

    home, number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    ledger = Ledger(home)
    print("ready", flush=True)
    sys.stdin.readline()
    step = 0
    while step < count or count < 0:
        moment = Moment(1_790_000_000.0 + step, 5000.0 + step, "one")
        ledger.see(Life("hash-1", "~/a100"), "up", moment, price=2.0, since=1_790_000_000.0)
        ledger.put_runs([RunFact(f"{number}-{step}", "~/a100", "f", moment.wall, moment.wall + 1)], moment)
        ledger.claim(f"alert {step}", moment) and print(f"told {step}", flush=True)
        step += 1
    """
)


def writer(home: Path, number: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(home), str(number), str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_that_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    writers = [writer(tmp_path, number, 40) for number in range(4)]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = "".join(process.communicate(timeout=120)[0] for process in writers).split("\n")
    assert all(process.returncode == 0 for process in writers)
    assert sorted(line for line in told if line) == sorted(f"told {step}" for step in range(40)), "each once"
    ledger = Ledger(tmp_path)
    assert len(ledger.runs()) == 4 * 40
    assert spans(ledger, T0 + 40) == [Span(T0, T0 + 40, T0 + 39, is_open=True)]


def test_that_one_which_is_killed_leaves_a_whole_ledger(tmp_path: Path) -> None:
    process = writer(tmp_path, 0, -1)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for _ in range(50):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    ledger = Ledger(tmp_path)
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(ledger.runs()) >= 49
    (span,) = spans(ledger, T0 + 10_000)
    assert span.start == T0
    assert not ledger.claim("alert 10", at(10))


def test_that_a_ledger_of_before_learns_who_started_runs(rh_home: Path) -> None:
    path = rh_home / FILE_NAME
    path.parent.mkdir(parents=True)
    old = sqlite3.connect(path, isolation_level=None)
    for step in schema._STEPS[:4]:
        old.executescript(step)
    old.execute("INSERT INTO runs VALUES ('r', '~/a100', '~/train', ?, 0, '{}')", (T0,))
    old.execute("PRAGMA user_version=4")
    old.close()
    ledger = Ledger(rh_home)
    ledger.put_runs([RunFact("s", "~/a100", "~/train", T0, T0 + 5, by="bob")], at(6))
    assert {run.id: run.by for run in ledger.runs()} == {"r": "", "s": "bob"}
    ledger.close()
