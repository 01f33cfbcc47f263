"""Instances that SkyPilot has forgotten: whose they are, what is said of them, and that an end to them is proven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lab.skypilot_stand_in import StandInSkyPilot

from rhresources.cloud import orphans
from rhresources.cloud.identity import identity
from rhresources.cloud.orphans import Instance, end_orphan, orphans_of
from rhresources.cloud.problems import CloudProblem
from rhresources.workspace import Workspace

ONE = Instance("i-1", "aws", "us-east-1", "gpu-1a2b3c-rhme", "rhme", "running", "m6i.large", 50.0, listed=False)
TWO = replace(ONE, id="i-0", state="stopped", launched=40.0)
ELSEWHERE = replace(ONE, id="i-2", region="us-west-2")
THEIRS = replace(ONE, id="i-3", cluster="a-cluster-ada", owner="")
LISTED = replace(ONE, id="i-4", cluster="up-1a2b3c-rhme", listed=True)


def test_that_they_are_told_by_cluster_and_ours_apart_from_others() -> None:
    found = orphans_of([THEIRS, LISTED, ONE, ELSEWHERE, TWO], "rhme")
    assert [(each.name, each.region, each.ours, len(each.instances)) for each in found] == [
        ("gpu-1a2b3c-rhme", "us-east-1", True, 2),
        ("gpu-1a2b3c-rhme", "us-west-2", True, 1),
        ("a-cluster-ada", "us-east-1", False, 1),
    ]
    assert found[0].launched == 40.0
    said = "SkyPilot has forgotten 2 instances of gpu-1a2b3c-rhme in AWS us-east-1 (running and stopped)."
    assert found[0].sentence == said
    assert len({each.key for each in found}) == 3


async def test_that_nothing_is_proven_of_a_region_that_could_not_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "_PAUSE", 0.0)
    sky = StandInSkyPilot()
    sky.all_instances = [ONE, ELSEWHERE]
    here, there = orphans_of(sky.all_instances, "rhme")
    sky.not_asked = {"AWS us-west-2": "Timeout"}
    await end_orphan(sky, here)
    assert sky.all_instances == [ELSEWHERE]
    with pytest.raises(CloudProblem) as caught:
        await end_orphan(sky, there)
    assert caught.value.code == "leftovers"
    sky.not_asked = {}
    await end_orphan(sky, there)


async def test_that_those_of_others_are_left_alone(rh_home: Path) -> None:
    workspace = Workspace(rh_home)
    workspace.skypilot = sky = StandInSkyPilot()
    sky.all_instances = [replace(ONE, owner=identity(rh_home)), THEIRS]
    found, _ = await workspace.orphans()
    assert [each.ours for each in found] == [True, False]
    with pytest.raises(CloudProblem, match="was not launched from here"):
        await workspace.end_orphan(found[1])
    assert sky.asked("end_instances") == []
    await workspace.end_orphan(found[0])
    assert sky.all_instances == [THEIRS]
    await workspace.close()
