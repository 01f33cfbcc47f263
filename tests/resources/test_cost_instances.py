"""What a cloud says of each instance counts more than anything else; what it does not say is bounded and marked."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rhresources.cloud.answers import CloudCluster, Usage
from rhresources.cloud.identity import skypilot_home
from rhresources.cloud.server import INSIDE
from rhresources.cloud.task import sky_name
from rhresources.costs.charges import charges_of
from rhresources.costs.clock import Moment
from rhresources.costs.facts import Instance, Interval, Known, Life, Sighting
from rhresources.costs.merging import spans_of
from rhresources.costs.observer import Costs
from rhresources.costs.spending import total
from rhresources.resource_names import ResourceNames

CLOUD = Life("hash", "~/a100", region="us-east-1")
DAY = 86_400.0
NOW = 1_000_000.0
T0 = 1_790_000_000.0


def up(at: float, until: float, autostop: float = -1) -> Sighting:
    return Sighting("up", at, until, 1.0, at - 20, autostop=autostop)


def told(start: float, end: float | None) -> Interval:
    return Interval(start, end, NOW, NOW if end is not None else 0.0)


def ran(id: str, launched: float, ended: float | None, seen: float = 0.0, missed: float = 0.0) -> Instance:
    return Instance(id, launched, ended, seen or launched, missed or ended or 0.0, "us-east-1")


def spans(known: Known, now: float = NOW) -> list[tuple[float, float, bool, bool]]:
    return [(each.start, each.end, each.is_open, each.estimated) for each in spans_of(known, now)]


# ------------------------------------------------------------ which word counts


def test_that_the_clouds_word_counts_more_than_skypilots_and_ours() -> None:
    seen = (up(1060, 1790), Sighting("down", 1830, 1830, exact=True), Sighting("read", 1900, 1900))
    known = Known(CLOUD, seen, (told(1000, 1820),), (ran("i-1", 1022, 1806),))
    assert spans(known) == [(1022, 1806, False, False)]


def test_that_what_is_up_is_counted_from_its_launch_and_open() -> None:
    known = Known(CLOUD, (up(1060, NOW - 10),), (told(1000, None),), (ran("i-1", 1022, None, seen=1030),))
    assert spans(known) == [(1022, NOW, True, False)]
    unseen = replace(known, sightings=(up(1060, 1100),))
    (span,) = spans_of(unseen, NOW)
    assert (span.is_open, span.estimated) == (True, True)


def test_ten_cycles_of_one_instance_in_whatever_skypilot_thinks_of_them() -> None:
    """The clock was set forward, so that SkyPilot's times and ours are a day later, and no end was seen."""
    cycles = [(1000.0 + 9000 * number, 1000.0 + 9000 * number + 700 + 31 * number) for number in range(10)]
    known = Known(
        CLOUD,
        (up(1060 + DAY, 1100 + DAY), up(50_000 + DAY, 60_000 + DAY)),
        tuple(told(start - 20 + DAY, end + 25 + DAY) for start, end in cycles),
        tuple(ran("i-1", start, end) for start, end in cycles),
    )
    assert spans(known) == [(start, end, False, False) for start, end in cycles]


def test_that_an_end_which_the_cloud_does_not_tell_is_bounded_by_the_next_launch() -> None:
    known = Known(CLOUD, (up(1060, 1200),), (told(1000, None),), (ran("i-1", 1022, None), ran("i-1", 9000, 9500)))
    assert spans(known) == [(1022, 9000, False, True), (9000, 9500, False, False)]


def test_that_an_end_which_the_cloud_forgot_is_the_next_best_that_is_known() -> None:
    """It was terminated by its autostop over the weekend, and EC2 does not know it any more."""
    monday = 1200 + 2.5 * DAY
    gone = (up(1060, 1200, autostop=10), Sighting("gone", monday, monday), Sighting("read", monday, monday))
    known = Known(replace(CLOUD, ended=True), gone, (told(1000, monday),), (ran("i-1", 1022, None, missed=monday),))
    assert spans(known) == [(1022, 1200 + 13 * 60, False, True)]
    never = replace(known, sightings=(replace(gone[0], autostop=-1.0), *gone[1:]))
    assert spans(never) == [(1022, monday, False, True)]


def test_that_only_the_end_is_a_guess_where_the_cloud_says_that_it_ended_but_not_when() -> None:
    """As of spot instances that it took back."""
    took_back = (up(1060, 9000), Sighting("down", 9100, 9100), Sighting("read", 9100, 9100))
    known = Known(CLOUD, took_back, (told(1000, 9090),), (ran("i-1", 1022, None, missed=9095),))
    (span,) = spans_of(known, NOW)
    assert (span.start, span.end, span.estimated) == (1022, 9090, True)
    charges = charges_of([known], [], NOW)
    assert total(charges).estimated == pytest.approx(300 / 3600)


def test_that_what_was_before_the_first_word_of_the_cloud_counts_if_it_was_seen_up() -> None:
    """A ledger from before this; and a launch that waited an hour for hosts, which costs nothing."""
    old = (told(1000, 2000), told(50_000, None))
    known = Known(CLOUD, (up(1060, 1990), up(50_060, NOW)), old, (ran("i-1", 50_020, None),))
    assert spans(known) == [(1000, 2000, False, False), (50_020, NOW, True, False)]
    waited = Known(CLOUD, (Sighting("trying", 1010, 4600), up(4660, NOW)), (told(1000, None),), (ran("i", 4620, None),))
    assert spans(waited) == [(4620, NOW, True, False)]


def test_that_cycles_of_which_the_cloud_was_not_told_count_as_an_estimate() -> None:
    both = (told(1000, 2000), told(50_000, 51_000))
    seen = (up(1060, 1990), up(50_060, 50_990), Sighting("read", NOW, NOW))
    known = Known(CLOUD, seen, both, (ran("i-1", 1020, 1980),), unasked=True)
    assert spans(known) == [(1020, 1980, False, False), (50_000, 51_000, False, True)]


def test_that_an_instance_left_behind_by_a_launch_costs_while_it_runs() -> None:
    known = Known(CLOUD, (Sighting("trying", 1010, 1080),), (), (ran("i-1", 1022, None, seen=1090),))
    assert spans(known, 1100) == [(1022, 1100, True, False)]
    assert spans(replace(known, instances=(ran("i-1", 1022, 1095),)), 9000) == [(1022, 1095, False, False)]


# ------------------------------------------------------------ several hosts


def test_that_each_host_is_billed_for_the_time_that_it_ran() -> None:
    two = replace(CLOUD, hosts=2)
    both = (ran("i-1", 1000, 2000), ran("i-2", 1010, 2600))
    known = Known(two, (up(1060, 1990),), (told(980, 2620),), both)
    (span,) = spans_of(known, NOW)
    assert (span.start, span.end) == (1000, 2600)
    charges = charges_of([known], [], NOW)
    assert [(each.start, each.end, each.price) for each in charges] == [
        (1000, 1010, 0.5),
        (1010, 2000, 1.0),
        (2000, 2600, 0.5),
    ]
    assert total(charges).amount == pytest.approx((1000 + 1590) * 0.5 / 3600)
    assert not any(each.estimated for each in charges)


def test_that_what_failed_in_another_region_counts_as_an_estimate() -> None:
    there = replace(ran("i-0", 900, 930), region="us-west-2")
    known = Known(CLOUD, (up(1060, 1990),), (told(880, 2010),), (there, ran("i-1", 1000, 2000)))
    assert spans(known) == [(900, 930, False, True), (1000, 2000, False, False)]


# ------------------------------------------------------------ what SkyPilot's server writes down


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Our part of SkyPilot's server."""
    monkeypatch.syspath_prepend(INSIDE)
    spec = importlib.util.spec_from_file_location("rhdesk_instances", INSIDE / "rhdesk_instances.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def costs(tmp_path: Path) -> Iterator[Costs]:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "a100.yaml").write_text("kind: cluster\ntype: cloud\ninstance_type: A100:1\n")
    skypilot_home(tmp_path).mkdir()
    made = Costs(tmp_path, ResourceNames(tmp_path))
    made.clock = lambda: Moment(T0 + 5000, 6000.0, "boot")
    yield made
    assert made.problem is None


def row(id: str, launched: float, state: str = "running", ended: float | None = None) -> dict[str, Any]:
    reason = f"User initiated ({datetime.fromtimestamp(ended, UTC):%Y-%m-%d %H:%M:%S} GMT)" if ended else ""
    at = datetime.fromtimestamp(launched, UTC)
    return {"InstanceId": id, "LaunchTime": at, "State": {"Name": state}, "StateTransitionReason": reason}


def notes_at(inside: ModuleType, home: Path) -> Any:
    return inside.Notes(str(skypilot_home(home) / inside.FILE_NAME))


@pytest.mark.parametrize(
    ("reason", "at"),
    [
        ("User initiated (2026-11-30 04:30:12 GMT)", 1_796_013_012.0),
        ("User initiated (2026-11-30 04:30:12 UTC)", 1_796_013_012.0),
        ("Server.SpotInstanceTermination: Spot instance termination (2026-11-30 04:30:12 GMT)", 1_796_013_012.0),
        ("User initiated", None),
        ("Server.InternalError", None),
        ("", None),
    ],
)
def test_when_ec2_says_an_instance_ended(inside: ModuleType, reason: str, at: float | None) -> None:
    assert inside.ended_at(reason) == at


async def test_that_what_it_wrote_down_is_what_the_ledger_counts(
    inside: ModuleType, costs: Costs, tmp_path: Path
) -> None:
    notes, name, here = notes_at(inside, tmp_path), sky_name("~/a100", tmp_path), (T0, 1000.0, "boot")
    notes.write("h1", "us-east-1", [row("i-1", T0)], T0 + 2, here)
    notes.write("h1", "us-east-1", [row("i-1", T0, "stopped", T0 + 100)], T0 + 130, here)
    notes.write("h1", "us-east-1", [row("i-1", T0 + 1000)], T0 + 1003, here)
    notes.write("h1", "us-east-1", [row("i-1", T0 + 1000, "shutting-down", T0 + 1500)], T0 + 1503, here)
    costs.clock = lambda: Moment(T0 + 1700, 2700.0, "boot")
    # it is launched anew under its name, while EC2 still lists the old one under it
    notes.write("h2", "us-east-1", [row("i-1", T0 + 1000, "terminated", T0 + 1500)], T0 + 1600, here)
    await costs.saw_clusters([CloudCluster(name, "stopped", hash="h1", price_per_hour=2.0)], None, "")
    usage = [Usage(name, each, ((T0 - 20, T0 + 1530),), price_per_hour=2.0, ended=True) for each in ("h1",)]
    await costs.saw_usage(usage, "")
    charges, _ = await costs.charges()
    assert [(each.start, each.end) for each in charges] == [(T0, T0 + 100), (T0 + 1000, T0 + 1500)]
    assert total(charges).estimated == 0


async def test_that_instances_which_ec2_forgot_have_ended_at_some_time(
    inside: ModuleType, costs: Costs, tmp_path: Path
) -> None:
    notes, here = notes_at(inside, tmp_path), (T0, 1000.0, "boot")
    notes.write("h1", "us-east-1", [row("i-1", T0)], T0 + 2, here)
    notes.write("h1", "us-east-1", [], T0 + 60, here)
    await costs.saw_usage([Usage(sky_name("~/a100", tmp_path), "h1", ((T0, None),), price_per_hour=2.0)], "")
    charges, _ = await costs.charges()
    assert charges[-1].is_open, "EC2 lists what is new after a while"
    notes.write("h1", "us-west-2", [], T0 + 4000, here)
    assert (await costs.charges())[0][-1].is_open, "another region knows nothing of it"
    notes.write("h1", "us-east-1", [], T0 + 4000, here)
    charges, _ = await costs.charges()
    assert (charges[-1].end, charges[-1].is_open, charges[-1].estimated) == (T0 + 4000, False, True)


async def test_that_the_clouds_clock_judges_one_that_is_wrong_here(
    inside: ModuleType, costs: Costs, tmp_path: Path
) -> None:
    """This computer was started with its clock 300 days ahead."""
    costs.clock = lambda: Moment(T0 + 300 * DAY + 600, 1600.0, "boot")
    await costs.saw_clusters([CloudCluster(sky_name("~/a100", tmp_path), "up", hash="h1", price_per_hour=2.0)], None)
    notes_at(inside, tmp_path).write("h1", "us-east-1", [row("i-1", T0)], T0 + 2, (T0 + 300 * DAY + 2, 1002.0, "boot"))
    charges, now = await costs.charges()
    assert now == T0 + 600
    assert total(charges).seconds == 600


async def test_that_a_cloud_which_did_not_answer_is_no_hindrance(
    inside: ModuleType, costs: Costs, tmp_path: Path
) -> None:
    class Steps:
        def stop_instances(self, name: str, config: object, worker_only: bool) -> str:
            return f"{name} stopped"

    notes = notes_at(inside, tmp_path)
    notes.cluster("node-on-cloud", "h1")
    watched = inside.WatchedEc2(notes, Steps())
    # there is no SkyPilot here to ask EC2 with
    assert watched.stop_instances("node-on-cloud", {"region": "us-east-1"}) == "node-on-cloud stopped"
    with pytest.raises(AttributeError):
        _ = watched.open_ports
    await costs.saw_usage([Usage(sky_name("~/a100", tmp_path), "h1", ((T0, T0 + 60),), price_per_hour=2.0)], "")
    assert total((await costs.charges())[0]).seconds == 60
