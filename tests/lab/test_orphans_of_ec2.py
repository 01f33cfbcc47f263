"""Instances that SkyPilot has forgotten: found by asking EC2 itself, and ended. The real SkyPilot, on an EC2 whose
instances are hosts."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.clouds.aws import AwsLab
from rhresources.cloud.identity import identity, skypilot_home
from rhresources.cloud.orphans import end_orphan, orphans_of
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.task import sky_name, task_of
from rhresources.documents import ClusterDocument
from rhresources.settings import Settings
from rhresources.workspace import Workspace

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(1800)]

DOCUMENT = ClusterDocument(type="cloud", instance_type="m6i.large", num_instances=2, provider="aws")


@pytest.fixture
async def workspace(at_aws: AwsLab, rh_home: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(rh_home)
    yield workspace
    await workspace.close()


async def test_that_what_skypilot_forgot_is_found_and_ended(
    workspace: Workspace, at_aws: AwsLab, rh_home: Path
) -> None:
    name = sky_name("~/gpu", rh_home)
    sky = workspace.skypilot
    assert await workspace.orphans() == ([], {})
    await sky.launch(name, task_of(DOCUMENT, Settings(), rh_home), lambda _event: None)
    made = await sky.made(name)
    assert made == {each.ip for each in at_aws.instances("running", cluster=name)}
    there = (await sky.instances()).found
    assert [(each.listed, each.owner) for each in there] == [(True, identity(rh_home))] * 2
    assert (await workspace.orphans())[0] == []

    _forget(rh_home, name)
    assert await sky.clusters() == []
    (orphan,), _ = await workspace.orphans()
    assert orphan.ours
    assert orphan.region == at_aws.instances("running", cluster=name)[0].region
    assert {each.id for each in orphan.instances} == {each.id for each in at_aws.instances("running", cluster=name)}
    assert f"2 instances of {orphan.name} in AWS" in orphan.sentence

    (theirs,) = orphans_of((await sky.instances()).found, "rhothers")
    with pytest.raises(CloudProblem, match="was not launched from here"):
        await end_orphan(sky, theirs)
    await sky.end_instances([replace(each, owner="rhothers") for each in orphan.instances])  # whose label they lack
    assert len(at_aws.instances("running", cluster=name)) == 2

    # SkyPilot takes them over for a new cluster of that name; they are not new, so their keys are asked about
    await sky.launch(name, task_of(DOCUMENT, Settings(), rh_home), lambda _event: None)
    assert await sky.made(name) == frozenset()
    assert (await workspace.orphans())[0] == []
    with pytest.raises(CloudProblem, match="were not ended"):
        await workspace.end_orphan(orphan)  # it is in SkyPilot's list again
    _forget(rh_home, name)
    await workspace.end_orphan(orphan)
    assert at_aws.instances("running", "stopped", "pending") == []
    assert (await workspace.orphans())[0] == []


def _forget(home: Path, name: str) -> None:
    """Take the cluster out of SkyPilot's database, as where that was lost."""
    (file,) = skypilot_home(home).rglob("state.db")
    with sqlite3.connect(file, timeout=30) as database:
        assert database.execute("DELETE FROM clusters WHERE name = ?", (name,)).rowcount == 1
