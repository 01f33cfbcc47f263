"""The ledger against EC2's own list of when instances ran, to the second: with every program of ours closed in between,
stopped by others meanwhile, and the clock of the computer set wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.clouds.aws import AwsLab
from lab.clouds.offers import price
from rhresources.cloud.task import sky_name
from rhresources.documents import parse_document
from rhresources.documents.cluster import ClusterDocument
from rhresources.resource_names import ResourceNames

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(3600)]

DAY = 86_400
EDGE = 1.5
"""Seconds: EC2 tells whole ones."""

ALL_CYCLES = "RHDESK_TEST_ALL_CYCLES" in os.environ
"""Ten, which take twenty minutes, in place of three."""

HOSTS = int(os.environ.get("RHDESK_TEST_ALL_CYCLES") or 1)


@dataclass(frozen=True)
class Cycle:
    """One time up.

    Attributes:
        starts, stops: by which act of a window; "": by EC2's own page, while no program of ours runs.
        looks: whether a window was opened after it stopped, before the next cycle.
        clock: by how many seconds the clock is wrong as it starts, and as it stops or is looked at.
    """

    starts: str
    stops: str = ""
    looks: bool = False
    clock: tuple[int, int] = (0, 0)


PLAN = (
    Cycle("launch", looks=True),
    Cycle("start", clock=(DAY, DAY)),
    Cycle("start", "down"),
)
"""What is stopped while nobody looks, and started again at once, is told of by EC2 only until it starts."""

LONG_PLAN = (
    Cycle("launch"),
    Cycle("start", "stop", clock=(DAY, DAY)),
    Cycle("start", looks=True, clock=(0, DAY)),
    Cycle("", looks=True),
    Cycle("start", "stop", clock=(0, DAY)),
    Cycle("start", clock=(-DAY, 0)),
    Cycle("start", clock=(30 * DAY, 0)),
    Cycle("start"),
    Cycle("start", looks=True, clock=(DAY, 0)),
    Cycle("start", "down", clock=(DAY, 0)),
)


def window(act: str, clock: int = 0) -> dict[str, Any]:
    """Open a window, do one thing, close it; what everything cost so far."""
    began = time.monotonic()
    wrong = {
        "LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1",
        "FAKETIME": f"{clock:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "lab.cost_window", act],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **(wrong if clock else {})},
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
            "autostop_mins": -1,
        }
    )
    assert isinstance(document, ClusterDocument)
    ResourceNames(rh_home).save("~/node", document)
    return sky_name("~/node", rh_home)


def test_that_it_agrees_with_ec2(name: str, at_aws: AwsLab) -> None:
    plan, said = LONG_PLAN if ALL_CYCLES else PLAN, dict[str, Any]()
    for cycle in plan:
        ids = [each.id for each in at_aws.instances(cluster=name)]
        if cycle.starts:
            window(cycle.starts, cycle.clock[0])
        else:
            at_aws.start(*ids)
        if cycle.stops:
            said = window(cycle.stops, cycle.clock[1])
        else:
            for each in at_aws.instances("running", cluster=name):
                time.sleep(2)  # one after the other
                at_aws.stop(each.id)
            time.sleep(2)
            if cycle.looks:
                said = window("look", cycle.clock[1])

    charges, instances = said["charges"], at_aws.instances(cluster=name)
    each_hour = price("m6i.large", "us-east-1")
    assert each_hour is not None
    truth = sorted(span for instance in instances for span in instance.spans)
    assert len(truth) == len(plan) * HOSTS
    off = []
    for place in range(0, len(truth), HOSTS):
        spans = [(start, end or 0.0) for start, end in truth[place : place + HOSTS]]
        start, end = min(start for start, _ in spans), max(end for _, end in spans)
        real = sum(end - start for start, end in spans)
        # what lies nearer to this cycle than to those before and after it
        after = truth[place + HOSTS][0] if place + HOSTS < len(truth) else float("inf")
        before = max((end or 0.0 for _, end in truth[:place]), default=0.0)
        within = [
            each for each in charges if each["start"] > (before + start) / 2 and each["start"] < (end + after) / 2
        ]
        billed = sum((each["end"] - each["start"]) * each["price"] / each_hour for each in within)
        print(f"cycle {place // HOSTS + 1}: EC2 {real:.2f} s, the ledger {billed:.2f} s, {billed - real:+.2f}")
        off.append(abs(billed - real))
    assert max(off) <= EDGE * HOSTS
    seconds = sum((each["end"] - each["start"]) * each["price"] / each_hour for each in charges)
    real = sum((end or 0.0) - start for start, end in truth)
    print(f"in all: EC2 {real:.2f} s, the ledger {seconds:.2f} s")
    assert abs(seconds - real) <= EDGE * len(truth), "not a second of the days by which the clock was wrong"
    assert not any(each["estimated"] for each in charges)
