"""The ledger against EC2's own list of when instances ran, to the second: with every program of ours closed in between,
stopped by others meanwhile, and the clock of the computer set wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lab.clouds.aws import AwsLab
from lab.clouds.offers import price
from lab.cost_window import AUTOSTOP
from rhresources.cloud.task import sky_name
from rhresources.documents import parse_document
from rhresources.documents.cluster import ClusterDocument
from rhresources.resource_names import ResourceNames

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(3600)]

DAY = 86_400
EDGE = 1.5
"""Seconds: EC2 tells whole ones."""

ALL_CYCLES = "RHDESK_TEST_ALL_CYCLES" in os.environ
"""Ten, which take a quarter of an hour, in place of three; the value is how many hosts the cluster has."""

HOSTS = int(os.environ.get("RHDESK_TEST_ALL_CYCLES") or 1)


Step = tuple[str, int]
"""What a window that is opened for it does, and by how many seconds the clock of the computer is wrong then; or what is
done at EC2 itself while no window is open, as a cluster that stops itself does."""

STOPS, STARTS = ("stopped at EC2", 0), ("started at EC2", 0)

PLAN: tuple[Step, ...] = (
    *(("launch", 0), STOPS),
    *(("start", 0), STOPS, ("look", DAY)),  # EC2 forgets when it stopped as it starts again
    *(("start", DAY), ("down", DAY)),
)
"""Three cycles."""

LONG_PLAN: tuple[Step, ...] = (
    *(("launch", 0), STOPS),
    *(("start", 0), STOPS, ("look", 0)),
    *(("start", DAY), ("stop", DAY)),
    *(("start", DAY), STOPS),
    *(("start", DAY), STOPS, ("look", DAY)),
    *(STARTS, STOPS, ("look", DAY)),
    *(("start", -DAY), STOPS),
    *(("start", -DAY), ("stop", -DAY)),
    *(("start", 30 * DAY), STOPS, ("look", 30 * DAY)),
    *(("start", 0), ("down", 0)),
)
"""Ten."""


def window(act: str, clock: int, *, lingers: bool) -> dict[str, Any]:
    """Open a window, do one thing, close it; what everything cost so far. SkyPilot's server may linger for the next."""
    began = time.monotonic()
    tests = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tests / 'lab' / 'wrong_clock'}:{tests}",
        "RHDESK_CLOCK_WRONG_BY": str(clock),
    }
    done = subprocess.run(
        [sys.executable, "-m", "lab.cost_window", act, *(["lingers"] if lingers else [])],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    print(f"{act}, clock {clock:+d} s: took {time.monotonic() - began:.0f} s\n{done.stderr}", flush=True)
    assert done.returncode == 0
    said: dict[str, Any] = json.loads(done.stdout)
    assert abs(said["clock"] - clock - time.time()) < 60, "its clock is set so"
    return said


@pytest.fixture
def name(rh_home: Path, at_aws: AwsLab) -> str:
    """SkyPilot's name of the cluster that ~/node is."""
    document = parse_document(
        {
            "kind": "cluster",
            "type": "cloud",
            "instance_type": "m6i.large",
            "provider": "aws",
            "region": "us-east-1",
            "num_instances": HOSTS,
            "autostop_mins": AUTOSTOP,
        }
    )
    assert isinstance(document, ClusterDocument)
    ResourceNames(rh_home).save("~/node", document)
    return sky_name("~/node", rh_home)


def compare(charges: list[dict[str, Any]], spans: list[tuple[float, float | None]]) -> int:
    """Of every cycle that has ended: the ledger is right to the second, and nothing is a guess; how many there are."""
    each_hour = price("m6i.large", "us-east-1")
    assert each_hour is not None
    cycles = [spans[place : place + HOSTS] for place in range(0, len(spans), HOSTS)]
    began = [min(start for start, _ in cycle) for cycle in cycles]
    for number, cycle in enumerate(cycles):
        ends = [end for _, end in cycle if end is not None]
        if len(ends) < HOSTS:
            return number
        # a charge is of the cycle that was under way, or was the last, when it began
        until = began[number + 1] - EDGE if number + 1 < len(cycles) else float("inf")
        mine = [each for each in charges if (began[number] - EDGE if number else 0.0) <= each["start"] < until]
        real = sum(ends) - sum(start for start, _ in cycle)
        billed = sum((each["end"] - each["start"]) * each["price"] / each_hour for each in mine)
        print(f"cycle {number + 1}: EC2 {real:.2f} s, the ledger {billed:.2f} s, {billed - real:+.2f}", flush=True)
        assert abs(billed - real) <= EDGE * HOSTS
        assert not any(each["estimated"] for each in mine)
    return len(cycles)


def test_that_it_agrees_with_ec2(name: str, at_aws: AwsLab) -> None:
    plan = LONG_PLAN if ALL_CYCLES else PLAN
    windows = [place for place, step in enumerate(plan) if step not in (STOPS, STARTS)]
    ended = 0
    for place, (act, clock) in enumerate(plan):
        if (act, clock) == STARTS:
            at_aws.start(*(each.id for each in at_aws.instances("stopped", cluster=name)))
        elif (act, clock) == STOPS:
            for each in at_aws.instances("running", cluster=name):
                time.sleep(2)  # one after the other
                at_aws.stop(each.id)
            time.sleep(2)
        else:
            after = [plan[each] for each in windows if each > place]
            lingers = bool(after) and after[0][1] == clock
            said = window(act, clock, lingers=lingers)
            assert act != "start" or at_aws.instances("running", cluster=name)
            ended = compare(
                said["charges"], sorted(span for each in at_aws.instances(cluster=name) for span in each.spans)
            )
    assert ended == (10 if ALL_CYCLES else 3)
