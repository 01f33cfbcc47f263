"""What clients tell the observer, with SkyPilot's stand-in; what it costs then, and what is said of the budget."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lab.skypilot_stand_in import StandInSkyPilot

from rhresources.cloud.answers import CloudCluster, ServerInfo, Usage
from rhresources.cloud.identity import identity
from rhresources.cloud.task import LABEL, sky_name
from rhresources.costs.budget import alerts
from rhresources.costs.charges import charges_of
from rhresources.costs.clock import Moment
from rhresources.costs.export import write_csv
from rhresources.costs.facts import Interval, Known, Life, RunFact, Sighting
from rhresources.costs.ledger import FILE_NAME
from rhresources.costs.observer import Costs
from rhresources.costs.spending import IDLE, NO_LABEL, Summary, bill, summary_of, total
from rhresources.resource_names import ResourceNames
from rhresources.settings import Settings
from rhresources.wire import cluster_pb2 as pb

T0 = 1_790_000_000.0
HOUR = 3600.0
TEAM = "https://sky.example.org"
DAY = 24 * HOUR


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at, self.wrong_by = T0, 0.0

    def __call__(self) -> Moment:
        return Moment(self.at + self.wrong_by, self.at - T0 + 1000, "boot")


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "a100.yaml").write_text(
        "kind: cluster\ntype: cloud\ninstance_type: A100:1\nlabels: {team: vision}\n"
    )
    (tmp_path / "resources" / "train.yaml").write_text(
        "kind: function\ncode: {root: /x, file: train.py, name: train}\nlabels: {paper: one}\n"
    )
    (tmp_path / "resources" / "box.yaml").write_text("kind: cluster\ntype: ssh\nips: [box]\nprice_per_hour: 0.5\n")
    return tmp_path


@pytest.fixture
def costs(home: Path, hand: Hand) -> Iterator[Costs]:
    made = Costs(home, ResourceNames(home))
    made.clock = hand
    yield made
    assert made.problem is None


def a100(home: Path, **changes: object) -> CloudCluster:
    cluster = CloudCluster(
        sky_name("~/a100", home), "up", hash="h1", price_per_hour=2.0, launched=T0, cloud="aws", region="us-east-1"
    )
    return replace(cluster, **changes)  # type: ignore[arg-type]


async def spent(costs: Costs) -> dict[str, float]:
    charges, _ = await costs.charges()
    return {line.key: round(line.amount, 6) for line in bill(charges, "cluster")}


async def test_that_nothing_is_written_for_one_who_has_no_cloud(costs: Costs, home: Path) -> None:
    await costs.saw_clusters([], None)
    await costs.reconcile(StandInSkyPilot())
    await costs.saw_machine("^local", None, up=True)
    await costs.saw_runs("^local", [pb.Run(id="r", started=T0)])
    assert (await costs.summary()).month == 0
    assert not (home / FILE_NAME).exists()


async def test_a_whole_life_seen_from_here(costs: Costs, home: Path, hand: Hand) -> None:
    for minute in range(0, 60, 5):
        hand.at = T0 + 60 * minute
        await costs.saw_clusters([a100(home)], None)
    hand.at = T0 + HOUR
    assert await spent(costs) == {"~/a100": 2.0}
    await costs.ended(sky_name("~/a100", home))
    await costs.saw_clusters([a100(home, state="stopped")], None)
    hand.at = T0 + DAY
    assert await spent(costs) == {"~/a100": 2.0}
    await costs.saw_clusters([a100(home, launched=T0 + DAY - 60)], None)
    assert await spent(costs) == {"~/a100": round(2.0 + 2.0 / 60, 6)}
    hand.at = T0 + DAY + 60
    await costs.saw_clusters([], None)  # it vanished
    hand.at = T0 + 2 * DAY
    assert await spent(costs) == {"~/a100": round(2.0 + 4.0 / 60, 6)}


async def test_that_one_which_nobody_looked_at_is_counted_until_its_autostop_as_an_estimate(
    costs: Costs, home: Path, hand: Hand
) -> None:
    await costs.saw_clusters([a100(home, autostop_mins=57)], None)
    hand.at = T0 + DAY
    assert await spent(costs) == {"~/a100": 2.0}, "57 minutes, and three until it is noticed"
    found = await costs.summary()
    assert found.clusters["~/a100"].spent == pytest.approx(2.0)
    assert found.clusters["~/a100"].estimated == pytest.approx(2.0)
    assert sum(sum(day.values()) for _, day in found.days) == pytest.approx(2.0)
    assert found.per_hour == 0
    await costs.saw_clusters([a100(home, autostop_mins=57)], None)
    assert await spent(costs) == {"~/a100": 48.0}, "it was kept awake"
    assert (await costs.summary()).per_hour == 2.0


async def test_that_looks_which_show_nothing_new_are_not_written_down(costs: Costs, home: Path, hand: Hand) -> None:
    stopped = a100(home, name="other", hash="h2", state="stopped")
    written = set()
    for second in range(0, 600, 5):
        hand.at = T0 + second
        await costs.saw_clusters([a100(home), stopped], None)
        database = home / f"{FILE_NAME}-wal"
        written.add((database.stat().st_mtime_ns, database.stat().st_size))
    assert len(written) <= 6
    hand.at = T0 + 700
    whole = total((await costs.charges())[0])
    assert (whole.seconds, whole.estimated) == (700, 0)


async def test_that_skypilots_own_times_and_the_first_price_stay(costs: Costs, home: Path, hand: Hand) -> None:
    sky = StandInSkyPilot()
    sky.server = replace(sky.server, state="ready")
    sky.known = {"a": a100(home)}
    await costs.refresh(sky)
    assert costs.problem is None
    hand.at = T0 + 3 * HOUR
    name = sky_name("~/a100", home)
    sky.known = {}
    sky.all_usage = [Usage(name, "h1", ((T0, T0 + HOUR),), price_per_hour=99.0, ended=True)]
    await costs.refresh(sky)
    assert await spent(costs) == {"~/a100": 2.0}
    assert not await costs.is_due()
    hand.at += 25 * HOUR
    assert await costs.is_due()


class LookingSkyPilot(StandInSkyPilot):
    """When it asked the clouds last stands in its rows: `looked` once it was told to ask them."""

    def __init__(self, cluster: CloudCluster, looked: float, *, owned: bool) -> None:
        super().__init__()
        self.server = ServerInfo("" if owned else TEAM, owned=owned, state="ready")
        self.cluster, self.looked = cluster, looked

    async def clusters(
        self, names: Sequence[str] | None = None, *, refresh: bool = False, start: bool = True
    ) -> list[CloudCluster]:
        if refresh:
            self.cluster = replace(self.cluster, updated=self.looked)
        return [self.cluster]


async def test_that_a_clock_that_is_wrong_here_is_judged_by_a_teams_server(
    costs: Costs, home: Path, hand: Hand
) -> None:
    Settings.change(home, skypilot_server=TEAM)
    hand.wrong_by, hand.at = 300 * DAY, T0 + HOUR
    await costs.saw_clusters([a100(home)], None)
    await costs.refresh(LookingSkyPilot(a100(home, updated=T0 + 5), T0 + HOUR, owned=False))
    assert await spent(costs) == {"~/a100": 2.0}


@pytest.mark.parametrize("owned", [True, False])
async def test_that_no_clock_is_judged_by_a_look_that_failed(costs: Costs, home: Path, hand: Hand, owned: bool) -> None:
    Settings.change(home, skypilot_server="" if owned else TEAM)
    hand.at = T0 + HOUR
    await costs.saw_clusters([a100(home)], None)
    stale = T0 + HOUR - 900
    await costs.refresh(LookingSkyPilot(a100(home, updated=0.0 if owned else stale), stale, owned=owned))
    assert (await costs.charges())[1] == T0 + HOUR
    assert await spent(costs) == {"~/a100": 2.0}


async def test_that_what_colleagues_have_on_a_teams_server_is_not_ones_own_spending(
    costs: Costs, home: Path, hand: Hand
) -> None:
    Settings.change(home, skypilot_server=TEAM)
    theirs = a100(home, name="theirs", hash="h2", price_per_hour=32.0, owner="bob", labels={LABEL: "rhabcdef"})
    nameless = a100(home, name="nameless", hash="h3", price_per_hour=1.0, labels={LABEL: identity(home)})
    await costs.saw_clusters([a100(home), theirs, nameless], None)
    hand.at = T0 + HOUR
    usage = [Usage(each.name, each.hash, ((T0, None),), price_per_hour=32.0) for each in (theirs, nameless)]
    await costs.saw_usage(usage)  # which says nothing of labels
    assert await spent(costs) == {"~/a100": 2.0, "nameless": 1.0}
    assert (await costs.summary()).per_hour == 3.0
    charges, _ = await costs.charges(everyone=True)
    assert {line.key: line.amount for line in bill(charges, "cluster")} == {
        "~/a100": 2.0,
        "nameless": 1.0,
        "theirs": 32.0,
    }


async def test_that_on_a_server_of_ones_own_everything_is_ones_own(costs: Costs, home: Path, hand: Hand) -> None:
    await costs.saw_clusters([a100(home, name="by-hand")], None)
    hand.at = T0 + HOUR
    assert await spent(costs) == {"by-hand": 2.0}


async def test_that_one_server_says_nothing_of_what_is_on_another(costs: Costs, home: Path, hand: Hand) -> None:
    await costs.saw_clusters([a100(home)], None)
    Settings.change(home, skypilot_server=TEAM)
    hand.at = T0 + 60
    await costs.saw_clusters([], None)
    await costs.saw_clusters([], [sky_name("~/a100", home)])
    await costs.ended(sky_name("~/a100", home), gone=True)
    assert (await costs.summary()).per_hour == 2.0
    Settings.change(home, skypilot_server="")
    await costs.saw_clusters([], None, TEAM)  # an answer to a question from before the change
    hand.at = T0 + HOUR
    await costs.saw_clusters([a100(home)], None)
    assert await spent(costs) == {"~/a100": 2.0}
    await costs.saw_clusters([], None)
    assert (await costs.summary()).per_hour == 0


async def test_a_machine_of_ones_own_costs_while_its_server_is_up(costs: Costs, hand: Hand) -> None:
    await costs.saw_machine("~/box", 0.5, up=True, since=T0 - HOUR)
    hand.at = T0 + HOUR
    await costs.saw_machine("~/box", 0.5, up=True, since=T0 - HOUR)
    await costs.saw_machine("~/box", 0.5, up=False)
    hand.at = T0 + DAY
    assert await spent(costs) == {"~/box": 1.0}


async def test_that_runs_share_what_is_used_and_the_rest_is_idle(costs: Costs, home: Path, hand: Hand) -> None:
    await costs.saw_clusters([a100(home)], None)
    runs = [
        pb.Run(id="one", name="~/train", started=T0, ended=T0 + 1800),
        pb.Run(id="two", name="~/train", started=T0 + 900, ended=T0 + 1800),
        pb.Run(id="waits", name="~/train"),
    ]
    await costs.saw_runs("~/a100", runs)
    hand.at = T0 + HOUR
    await costs.ended(sky_name("~/a100", home), gone=True)
    charges, _ = await costs.charges()
    by_run = {line.key: round(line.amount, 6) for line in bill(charges, "run")}
    assert by_run == {"one": 0.75, "two": 0.25, IDLE: 1.0}
    assert {line.key: line.amount for line in bill(charges, "function")} == {"~/train": 1.0, IDLE: 1.0}
    assert {line.key: line.amount for line in bill(charges, "label")} == {
        "team=vision": 2.0,
        "paper=one": 1.0,
    }
    by = (await costs.summary()).days_by
    assert list(by) == ["function", "label paper", "label team"]
    today = {way: {key: round(amount, 6) for key, amount in days[-1][1].items()} for way, days in by.items()}
    assert today["function"] == {"~/train": 1.0, IDLE: 1.0}
    assert today["label paper"] == {"one": 1.0, "no paper": 1.0}, "so that it adds up to the day"
    file = io.StringIO()
    assert write_csv(charges, file) == 3
    assert (
        f"~/a100,aws,us-east-1,,1,no,,one,~/train,paper=one team=vision,{1800 / HOUR - 900 / HOUR / 2:.6f},2,0.75"
        in (file.getvalue())
    )


async def test_that_runs_of_this_computer_are_those_of_its_cluster_with_a_price(costs: Costs, home: Path) -> None:
    await costs.saw_runs("^local", [pb.Run(id="free", started=T0, ended=T0 + 1)])
    assert not (home / FILE_NAME).exists()
    (home / "resources" / "desk.yaml").write_text("kind: cluster\ntype: machine\nprice_per_hour: 0.1\n")
    await costs.saw_machine("~/desk", 0.1, up=True, since=T0 - HOUR)
    await costs.saw_runs("^local", [pb.Run(id="paid", name="f", started=T0 - HOUR, ended=T0)])
    charges, _ = await costs.charges()
    assert {line.key: round(line.amount, 6) for line in bill(charges, "run")} == {"paid": 0.1}


async def test_that_a_broken_ledger_stands_in_nobodys_way(home: Path, hand: Hand) -> None:
    (home / FILE_NAME).write_bytes(b"not a database" * 1000)
    costs = Costs(home, ResourceNames(home))
    costs.clock = hand
    await costs.saw_clusters([a100(home)], None)
    assert costs.problem is not None
    assert "move it away" in costs.problem.remedy


# ------------------------------------------------------------ days, months, budgets


def summary(seen_days: float, price: float, now: float = T0 + 20 * DAY) -> Summary:
    known = Known(Life("h", "~/a100"), (Sighting("up", now - seen_days * DAY, now, price, now - seen_days * DAY),))
    return summary_of(charges_of([known], [], now), now)


def test_that_days_are_those_of_here_also_where_they_have_23_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        start = 1_774_652_400.0  # 2026-03-28 00:00 in Berlin; the next day has 23 hours
        known = Known(Life("h", "c"), (), (Interval(start, start + 3 * DAY, start + 9 * DAY, start + 9 * DAY),))
        days = bill(charges_of([known], [], start + 9 * DAY), "day")
        hours = {line.key: line.seconds / HOUR for line in days}
        assert hours == {"2026-03-28": 24, "2026-03-29": 23, "2026-03-30": 24, "2026-03-31": 1}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_where_the_month_is_going() -> None:
    assert summary(0.2, 1.0).projected is None, "a first evening says nothing"
    found = summary(3, 1.0)
    assert found.per_hour == 1.0
    assert found.projected is not None
    assert found.projected > found.month > 0
    assert summary_of([], T0).projected is None
    assert [day for day, _ in summary_of([], T0, days=7).days][-1].isoformat() == "2026-09-21"


@pytest.mark.parametrize(
    ("month", "projected", "said"),
    [
        (10.0, None, []),
        (50.0, None, [("info", 1)]),
        (85.0, 90.0, [("warning", 2)]),
        (85.0, 120.0, [("warning", 2), ("warning", 1)]),
        (130.0, 200.0, [("error", 3)]),
    ],
)
def test_what_is_said_of_a_budget(month: float, projected: float | None, said: list[tuple[str, int]]) -> None:
    found = alerts(Summary(T0, month=month, projected=projected), 100.0)
    assert [(alert.level, len(alert.names)) for alert in found] == said
    assert alerts(Summary(T0, month=month, projected=projected), 0) == []


async def test_that_an_alert_is_said_once_and_anew_for_another_budget(costs: Costs, home: Path) -> None:
    await costs.saw_clusters([a100(home)])
    half, most = Summary(T0, month=50.0), Summary(T0, month=90.0)
    assert [alert.level for alert in await costs.new_alerts(half, 100)] == ["info"]
    assert await costs.new_alerts(half, 100) == []
    assert [alert.level for alert in await costs.new_alerts(most, 100)] == ["warning"]
    other = Costs(home, ResourceNames(home))
    assert await other.new_alerts(most, 100) == []
    assert [alert.level for alert in await other.new_alerts(most, 180)] == ["info"]
    await other.close()


def test_that_csv_is_no_formula() -> None:
    life = Life("h", "~/a", hardware="=1+1", owner="@SUM(A1)", labels={"x": "y"})
    known = Known(life, (Sighting("up", T0, T0 + HOUR, None, T0), Sighting("down", T0 + HOUR, T0 + HOUR, exact=True)))
    run = RunFact("r", "~/a", "-f.py:g", T0, T0 + HOUR)
    file = io.StringIO()
    write_csv(charges_of([known], [run], T0 + DAY), file)
    row = file.getvalue().splitlines()[1]
    assert "'=1+1" in row
    assert "'@SUM(A1)" in row
    assert "'-f.py:g" in row
    assert row.endswith(",1.000000,,,no,"), "no price is no zero"
    assert [line.key for line in bill(charges_of([known], [], T0 + DAY), "label")] != [NO_LABEL]
