"""The ledger against EC2's own list of when instances ran: with the window closed in between, and the clock set wrong.

SkyPilot's times are taken: it counts from when it asks for hosts until it knows them gone, a few seconds more than EC2.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from lab.clouds.aws import AwsLab
from lab.clouds.offers import price
from rhresources.cloud.answers import LaunchEvent
from rhresources.cloud.skypilot import SkyPilot, open_skypilot
from rhresources.cloud.task import sky_name, task_of
from rhresources.costs.charges import Charge
from rhresources.costs.clock import Moment, now
from rhresources.costs.observer import Costs
from rhresources.costs.spending import total
from rhresources.costs.watched import WatchedSkyPilot
from rhresources.documents import parse_document
from rhresources.documents.cluster import ClusterDocument
from rhresources.resource_names import ResourceNames
from rhresources.settings import Settings

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(1800)]

DAY = 86_400.0
EDGE = 30.0
"""Seconds by which SkyPilot may be early or late on a busy machine; a clock that counted would be off by days."""


def told(event: LaunchEvent) -> None:
    """For whoever looks at a test that failed."""
    print(f"{time.strftime('%H:%M:%S')} {event.sentence}", flush=True)


def set_wrong(by: float) -> Callable[[], Moment]:
    """The clock of this computer, set wrong; the steady one goes on as ever."""

    def clock() -> Moment:
        true = now()
        return Moment(true.wall + by, true.steady, true.boot)

    return clock


@pytest.fixture
def home(tmp_path: Path, rh_home: Path, aws: AwsLab) -> Iterator[Path]:
    """A user of a SkyPilot server in the lab, who has one cluster."""
    server = aws.server(tmp_path)
    rh_home.mkdir(parents=True, exist_ok=True)
    (rh_home / "config.yaml").write_text(f"skypilot_server: {server.url}\n")
    document = {
        "kind": "cluster",
        "type": "cloud",
        "instance_type": "m6i.large",
        "provider": "aws",
        "autostop_mins": -1,
    }
    saved = parse_document({**document, "region": "us-east-1"})
    assert isinstance(saved, ClusterDocument)
    ResourceNames(rh_home).save("~/node", saved)
    yield rh_home
    server.close()


async def test_that_it_agrees_with_ec2(home: Path, aws: AwsLab) -> None:
    name, names = sky_name("~/node", home), ResourceNames(home)
    document = names.cluster("~/node")

    async def window(act: Callable[[SkyPilot], Awaitable[object]], clock_wrong_by: float) -> list[Charge]:
        """Open one, do one thing, close it; what it all cost so far."""
        costs = Costs(home, names)
        costs.clock = set_wrong(clock_wrong_by)
        skypilot = WatchedSkyPilot(open_skypilot(home), costs)
        try:
            await act(skypilot)
            charges, _ = await costs.charges()
            assert costs.problem is None
            return charges
        finally:
            await skypilot.close()
            await costs.close()

    task = task_of(document, Settings.load(home), home)
    await window(lambda skypilot: skypilot.launch(name, task, told), 0.0)
    await window(lambda skypilot: skypilot.stop(name, told), 0.0)
    await window(lambda skypilot: skypilot.start(name, told), DAY)
    charges = await window(lambda skypilot: skypilot.down(name, told), -DAY)

    (instance,) = aws.instances(cluster=name)
    assert len(instance.spans) == 2
    for start, end in instance.spans:
        assert end is not None
        seconds = sum(
            min(charge.end, end + EDGE) - max(charge.start, start - EDGE)
            for charge in charges
            if charge.start < end + EDGE and charge.end > start - EDGE
        )
        print(f"EC2 {end - start:.1f} s, the ledger {seconds:.1f} s")
        assert end - start - 1 <= seconds <= end - start + EDGE
    whole = total(charges)
    assert whole.estimated == 0
    assert {charge.price for charge in charges} == {price("m6i.large", "us-east-1")}
    real = sum(end - start for start, end in instance.spans if end is not None)
    assert real - 2 <= whole.seconds <= real + 2 * EDGE, "not a second of the days by which the clock was wrong"
