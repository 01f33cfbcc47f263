"""`rhdesk cost`: plain without any cloud, a bill in every way, and a file for spreadsheets."""

from __future__ import annotations

import csv
import stat
import time
from pathlib import Path

import pytest

from rhresources.costs.clock import now
from rhresources.costs.facts import Life, RunFact
from rhresources.costs.ledger import Ledger

HOUR = 3600.0


@pytest.fixture
def bill(rh_home: Path) -> float:
    """A ledger of two clusters: one that was up for two hours of yesterday, one that is up. When yesterday's began."""
    ledger, at = Ledger(rh_home), now()
    began = at.wall - 30 * HOUR
    a100, box = Life("h1", "~/a100", cloud="aws", labels={"team": "vision"}), Life("own:~/box", "~/box", "own")
    ledger.read(a100, [(began, began + 2 * HOUR)], at, price=3.0)
    ledger.put_runs([RunFact("01RUN", "~/a100", "~/train", began, began + HOUR, by="bob")], at)
    ledger.see(box, "up", at, price=0.25, since=at.wall - 4 * HOUR)
    ledger.close()
    return began


def test_that_it_answers_without_any_cloud(rhdesk, rh_home: Path) -> None:
    answer = rhdesk("cost")
    assert "Nothing has cost anything yet" in answer.out
    assert rhdesk("cost", "--json").json()["lines"] == []
    assert not (rh_home / "costs.sqlite").exists()


def test_the_bill_by_cluster_and_its_headline(rhdesk, bill: float) -> None:
    answer = rhdesk("cost", "--since", "7d")
    assert answer.out.startswith("Now $0.25 an hour")
    lines = answer.out.splitlines()
    assert lines[2].split() == ["CLUSTER", "DOLLARS", "TIME", "UP"]
    assert lines[3].split()[:4] == ["~/a100", "6.00", "2", "h"]
    assert lines[3].endswith("estimated"), "its price was learnt a day later"
    assert lines[4].split()[:2] == ["~/box", "1.00"]
    assert lines[5].split()[0] == "7.00"


def test_that_others_on_a_teams_server_count_only_when_asked_for(rhdesk, bill: float, rh_home: Path) -> None:
    ledger, at = Ledger(rh_home), now()
    life = Life("h9", "theirs", owner="bob", server="https://sky.example.org", others=True)
    ledger.see(life, "up", at, price=32.0, since=at.wall - HOUR)
    ledger.close()
    assert rhdesk("cost").out.startswith("Now $0.25 an hour")
    assert "theirs" not in rhdesk("cost", "--since", "7d").out
    assert rhdesk("cost", "--everyone").out.startswith("Now $32.25 an hour")


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("run", {("01RUN", "~/train"): 3.0, ("idle", "~/a100"): 3.0, ("idle", "~/box"): 1.0}),
        ("function", {("~/train", None): 3.0, ("idle", "~/a100"): 3.0, ("idle", "~/box"): 1.0}),
        ("person", {("bob", None): 3.0, ("idle", "~/a100"): 3.0, ("idle", "~/box"): 1.0}),
        ("label", {("team=vision", None): 6.0, ("no label", None): 1.0}),
    ],
)
def test_the_bill_in_other_ways(rhdesk, bill: float, way: str, expected: dict[tuple[str, str | None], float]) -> None:
    answer = rhdesk("cost", "--since", "7d", "--by", way, "--json").json()
    found = {(line["key"], line["of"]): round(line["dollars"], 2) for line in answer["lines"]}
    assert found == expected
    assert round(answer["total"]["dollars"], 2) == 7.0
    assert answer["per_hour"] == 0.25
    assert "disks of stopped clusters" in answer["not_counted"]


def test_two_times_and_days(rhdesk, bill: float) -> None:
    middle = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(int(bill) + HOUR))
    answer = rhdesk("cost", "--since", "7d", "--until", middle, "--by", "day", "--json").json()
    assert sum(line["dollars"] for line in answer["lines"]) == pytest.approx(3.0, abs=0.01)
    assert "not after" in rhdesk("cost", "--since", "7d", "--until", "8d", code=2).err
    assert "is no time" in rhdesk("cost", "--since", "yesteryear", code=2).err
    assert "Nothing was up" in rhdesk("cost", "--since", "2020-01-01", "--until", "2020-02-01").err


def test_the_file_for_spreadsheets(rhdesk, bill: float, tmp_path: Path) -> None:
    assert "rows written" in rhdesk("cost", "--since", "all", "--csv", "costs.csv").err
    with (tmp_path / "costs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(float(row["dollars"]) for row in rows) == pytest.approx(7.0, abs=0.01)
    assert {row["run"] for row in rows} == {"01RUN", "idle"}
    assert rhdesk("cost", "--since", "all", "--csv", "-").out.startswith("day,cluster,")
    assert "was not written" in rhdesk("cost", "--csv", "/proc/costs.csv", code=1).err


def test_the_budget_and_a_ledger_that_cannot_be_read(rhdesk, bill: float, rh_home: Path) -> None:
    (rh_home / "config.yaml").write_text("budget_per_month: 10\n")
    assert "of $10 (" in rhdesk("cost").out
    assert rhdesk("cost", "--json").json()["budget"] == 10
    for path in rh_home.glob("costs.sqlite*"):
        path.unlink()
    (rh_home / "costs.sqlite").write_bytes(b"nonsense" * 1000)
    assert "cannot be opened" in rhdesk("cost", code=1).err


def test_that_the_ledger_is_private(bill: float, rh_home: Path) -> None:
    assert stat.S_IMODE((rh_home / "costs.sqlite").stat().st_mode) == 0o600
