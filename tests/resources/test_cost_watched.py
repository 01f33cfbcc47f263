"""Whoever works with the workspace's SkyPilot keeps the ledger by the way: launch, stop, start, down, or vanished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.skypilot_stand_in import StandInSkyPilot

from rhresources.cloud.answers import Usage
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.task import sky_name
from rhresources.costs.clock import Moment
from rhresources.costs.ledger import FILE_NAME
from rhresources.costs.observer import Costs
from rhresources.costs.spending import bill, total
from rhresources.costs.watched import WatchedSkyPilot
from rhresources.resource_names import ResourceNames
from rhresources.workspace import Workspace

T0 = 1_790_000_000.0
HOUR = 3600.0


class Cloud(StandInSkyPilot):
    """Writes down when clusters were up, as SkyPilot does, by a clock that a test sets; two dollars an hour."""

    def __init__(self) -> None:
        super().__init__()
        self.at = T0
        self.server = replace(self.server, state="ready")

    def clock(self) -> Moment:
        return Moment(self.at, self.at - T0 + 1000, "boot")

    def write(self, name: str, start: float | None = None, end: float | None = None, *, gone: bool = False) -> None:
        usage = next(
            (each for each in self.all_usage if each.name == name),
            Usage(name, self.known[name].hash, (), price_per_hour=2.0),
        )
        intervals = list(usage.intervals)
        if start is not None:
            intervals.append((start, None))
        elif intervals and end is not None:
            intervals[-1] = (intervals[-1][0], end)
        changed = replace(usage, intervals=tuple(intervals), ended=gone)
        self.all_usage = [each for each in self.all_usage if each.name != name] + [changed]

    def has(self, name: str, **changes: object) -> None:
        self.known[name] = replace(self.known[name], price_per_hour=2.0, **changes)  # type: ignore[arg-type]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def costs(tmp_path: Path, cloud: Cloud) -> Iterator[Costs]:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "a100.yaml").write_text("kind: cluster\ntype: cloud\ninstance_type: A100:1\n")
    made = Costs(tmp_path, ResourceNames(tmp_path))
    made.clock = cloud.clock
    yield made
    assert made.problem is None


def silent(event: object) -> None:
    del event


async def test_a_life_through_stop_start_and_down(costs: Costs, cloud: Cloud, tmp_path: Path) -> None:
    sky, name = WatchedSkyPilot(cloud, costs), sky_name("~/a100", tmp_path)
    await sky.launch(name, "", silent)
    cloud.has(name, launched=T0)
    cloud.write(name, start=T0)
    cloud.at = T0 + 60
    await sky.clusters(start=False)
    cloud.at = T0 + HOUR
    cloud.write(name, end=T0 + HOUR - 2)
    await sky.stop(name, silent)
    cloud.at = T0 + 9 * HOUR
    cloud.write(name, start=T0 + 9 * HOUR - 60)
    first = cloud.known[name].hash
    await sky.start(name, silent)
    cloud.has(name, launched=T0 + 9 * HOUR - 60, hash=first)
    cloud.at = T0 + 10 * HOUR
    cloud.write(name, end=T0 + 10 * HOUR, gone=True)
    await sky.down(name, silent)
    cloud.at = T0 + 99 * HOUR
    charges, _ = await costs.charges()
    (line,) = bill(charges, "cluster")
    assert line.key == "~/a100"
    assert line.seconds == HOUR - 2 + HOUR + 60, "SkyPilot's own times, to the second"
    assert line.estimated == pytest.approx(2.0 * 60 / HOUR), "from when SkyPilot asked for hosts until it was seen up"


async def test_ten_cycles_with_the_window_closed_and_the_clock_set_wrong(tmp_path: Path, cloud: Cloud) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "a100.yaml").write_text("kind: cluster\ntype: cloud\ninstance_type: A100:1\n")
    name, truth, wrong = sky_name("~/a100", tmp_path), 0.0, 0.0

    def clock() -> Moment:
        return Moment(cloud.at + wrong, cloud.at - T0 + 1000, "boot")

    first = ""
    for cycle in range(10):
        costs = Costs(tmp_path, ResourceNames(tmp_path))  # a window that is open for one look, or for the whole cycle
        costs.clock = clock
        sky = WatchedSkyPilot(cloud, costs)
        began = cloud.at
        if not first:
            await sky.launch(name, "", silent)
            first = cloud.known[name].hash
            cloud.has(name, launched=began)
            cloud.write(name, start=began)
        else:
            cloud.write(name, start=began)
            cloud.has(name, state="up", launched=began)
        if cycle % 3 == 0:
            await costs.close()
            costs = Costs(tmp_path, ResourceNames(tmp_path))
            costs.clock, sky = clock, WatchedSkyPilot(cloud, costs)
        cloud.at += 600 + 61 * cycle
        wrong = (0.0, 5 * 24 * HOUR, -3 * 24 * HOUR)[cycle % 3]
        if cycle % 4:
            await sky.clusters()
        cloud.at += 100
        cloud.write(name, end=cloud.at)
        truth += cloud.at - began
        await sky.stop(name, silent)
        cloud.at += 7200
        charges, now = await costs.charges()
        assert total(charges).seconds == truth
        assert total(charges).estimated <= 2.0 * 120 * (cycle + 1) / HOUR, "no more than its beginnings"
        assert now == cloud.at
        await costs.close()


async def test_one_that_stopped_by_itself_while_nobody_looked(costs: Costs, cloud: Cloud, tmp_path: Path) -> None:
    sky, name = WatchedSkyPilot(cloud, costs), sky_name("~/a100", tmp_path)
    await sky.launch(name, "", silent)
    cloud.has(name, launched=T0)
    cloud.write(name, start=T0)
    await sky.clusters()
    cloud.at = T0 + 20 * HOUR
    cloud.has(name, state="stopped")
    cloud.write(name, end=T0 + 20 * HOUR)  # when SkyPilot noticed
    await sky.clusters([name])
    assert cloud.asked("usage")[1:], "it has changed by itself, so SkyPilot is asked when"
    charges, _ = await costs.charges()
    whole = total(charges)
    assert (whole.amount, whole.seconds) == (40.0, 20 * HOUR)
    assert whole.estimated == 40.0, "nobody knows when it stopped"


async def test_one_that_vanished_is_counted_until_it_was_missed(costs: Costs, cloud: Cloud, tmp_path: Path) -> None:
    sky, name = WatchedSkyPilot(cloud, costs), sky_name("~/a100", tmp_path)
    await sky.launch(name, "", silent)
    cloud.has(name, launched=T0)
    await sky.clusters()
    cloud.at = T0 + 120
    del cloud.known[name]
    await sky.clusters([name])
    cloud.at = T0 + 50 * HOUR
    charges, _ = await costs.charges()
    assert total(charges).seconds == 120


async def test_a_launch_that_failed_costs_nothing(costs: Costs, cloud: Cloud, tmp_path: Path) -> None:
    sky, name = WatchedSkyPilot(cloud, costs), sky_name("~/a100", tmp_path)
    cloud.fail["launch"] = CloudProblem("There is none.", code="no-capacity")
    cloud.all_usage = [Usage(name, "h", ((T0, None),), price_per_hour=98.0, ended=True)]  # as SkyPilot lists it
    with pytest.raises(CloudProblem):
        await sky.launch(name, "", silent)
    cloud.at = T0 + 9 * HOUR
    charges, _ = await costs.charges()
    assert total(charges).amount == 0


@pytest.mark.parametrize("bad", ["damaged ledger", "strange answer"])
async def test_that_no_act_fails_because_of_what_it_costs(tmp_path: Path, cloud: Cloud, bad: str) -> None:
    costs = Costs(tmp_path, ResourceNames(tmp_path))
    sky = WatchedSkyPilot(cloud, costs)
    if bad == "damaged ledger":
        (tmp_path / FILE_NAME).write_bytes(b"not a database" * 1000)
    else:
        cloud.all_usage = [None]  # type: ignore[list-item]
    await sky.launch("one", "", silent)
    await sky.stop("one", silent)
    await sky.start("one", silent)
    assert costs.problem is not None, "and it is told"
    assert [cluster.name for cluster in await sky.clusters()] == ["one"]
    cloud.fail["launch"] = CloudProblem("There is none.", code="no-capacity")
    with pytest.raises(CloudProblem, match="There is none"):
        await sky.launch("two", "", silent)
    await sky.down("one", silent)
    assert cloud.known == {}
    await costs.close()


async def test_that_the_workspaces_skypilot_is_watched(rh_home: Path) -> None:
    workspace = Workspace(rh_home)
    assert isinstance(workspace.skypilot, WatchedSkyPilot)
    await workspace.close()
