"""Host keys of machines on demand: only of those that SkyPilot has just made for us one is taken that nobody knows.

SkyPilot stands in; the machine is real, behind a real SSH server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.cloud_cluster import ADDRESS, CloudCluster, losing_the_connection

from rhresources.cloud.kept import KeptCluster, kept_clusters
from rhresources.cloud.problems import CloudProblem
from rhresources.reach.questions import NeedsAnswer
from rhresources.workspace import Workspace

pytestmark = pytest.mark.ray


@pytest.fixture
async def workspace(cloud_cluster: CloudCluster, rh_home: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(rh_home)
    workspace.skypilot = cloud_cluster.skypilot
    yield workspace
    await workspace.close()


@pytest.mark.parametrize("made", [frozenset[str](), frozenset({"10.0.0.1"})])
async def test_that_only_keys_of_machines_that_were_made_for_us_are_taken(
    workspace: Workspace, cloud_cluster: CloudCluster, made: frozenset[str]
) -> None:
    sky, hosts = cloud_cluster.skypilot, cloud_cluster.hosts_at(cloud_cluster.sshd)
    sky.all_hosts[cloud_cluster.sky] = replace(hosts, inner=("10.0.0.1",))
    sky.all_made[cloud_cluster.sky] = made  # SkyPilot takes over machines that bear the name of a new cluster
    if made:
        await workspace.up(ADDRESS)
    else:
        with pytest.raises(NeedsAnswer, match="is not known here"):
            await workspace.up(ADDRESS)
    (kept,) = kept_clusters(cloud_cluster.home)
    assert kept.new_hosts == ()  # the key is known now, or was never to be taken


async def test_that_another_machine_is_not_new_once_the_first_was_met(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    KeptCluster(cloud_cluster.home, cloud_cluster.sky, ADDRESS).forget_keys()  # as if it had an address of its own
    async with losing_the_connection(workspace):
        cloud_cluster.is_another()
    with pytest.raises(NeedsAnswer, match="is not known here"):
        await workspace.up(ADDRESS)


async def test_that_machines_of_a_broken_off_launch_are_new_still(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    sky = cloud_cluster.skypilot
    sky.all_hosts[cloud_cluster.sky] = replace(cloud_cluster.hosts_at(cloud_cluster.sshd), inner=("10.0.0.1",))
    sky.all_made[cloud_cluster.sky] = frozenset({"10.0.0.1"})
    sky.fail["hosts"] = CloudProblem("The network is down.")
    with pytest.raises(CloudProblem):
        await workspace.up(ADDRESS)
    del sky.fail["hosts"]
    assert (await workspace.up(ADDRESS)).connected
