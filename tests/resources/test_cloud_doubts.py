"""A cluster on demand of which something cannot be known: what is said, and what is done all the same.

SkyPilot stands in; the machine is real, behind a real SSH server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from lab.cloud_cluster import ADDRESS, CloudCluster, losing_the_connection, until
from lab.skylet import Skylet

from rhresources.cloud.kept import kept_clusters
from rhresources.cloud.problems import CloudProblem
from rhresources.errors import RhError
from rhresources.workspace import Workspace

pytestmark = pytest.mark.ray


@pytest.fixture
async def workspace(cloud_cluster: CloudCluster, rh_home: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(rh_home)
    workspace.skypilot = cloud_cluster.skypilot
    yield workspace
    await workspace.close()


@pytest.mark.parametrize("at_work", [2, 1000])
async def test_that_nothing_is_proved_while_skypilot_is_still_at_it(
    at_work: int, workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    sky, name, lines = cloud_cluster.skypilot, cloud_cluster.sky, list[str]()
    sky.leaves = False  # its list is empty
    sky.goes_on[name] = at_work  # and yet the launch waits for its turn
    sky.fail["provision"] = CloudProblem("SkyPilot's server does not answer.", code="server-dead")
    with pytest.raises(CloudProblem) as caught:
        await workspace.up(ADDRESS, lines.append)
    proved = f"Nothing of {name} was made" in lines
    if at_work > 2:
        assert (caught.value.code, proved) == ("leftovers", False)
        assert [kept.launching_since > 0 for kept in kept_clusters(cloud_cluster.home)] == [True]
    else:
        assert (caught.value.code, proved) == ("server-dead", True)
        assert list(kept_clusters(cloud_cluster.home)) == []


async def test_that_hosts_that_cannot_be_logged_in_to_can_be_stopped(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    async with losing_the_connection(workspace):
        cloud_cluster.is_another()
    with pytest.raises(RhError, match="host key"):
        await workspace.stop(ADDRESS)  # nobody knows what runs on it
    assert cloud_cluster.skypilot.known[cloud_cluster.sky].state == "up"
    lines = list[str]()
    await workspace.stop(ADDRESS, lines.append, stop_runs=True)
    assert [line for line in lines if "cannot be ended in order" in line]
    assert cloud_cluster.skypilot.known[cloud_cluster.sky].state == "stopped"


async def test_that_a_pause_of_the_autostop_that_does_not_hold_is_said(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    lines = list[str]()
    async with workspace.pause_autostop(ADDRESS, lines.append):
        await until(lambda: lines)
        assert "There is no SkyPilot." in lines[0]
        skylet = Skylet(cloud_cluster.runtime)
        await until(lambda: skylet.marks)
        async with losing_the_connection(workspace):
            cloud_cluster.is_another()
        await until(lambda: "host key" in lines[-1])


@pytest.mark.parametrize("way", ["send", "fetch"])
async def test_that_a_transfer_over_ssh_keeps_it_awake(
    way: str, workspace: Workspace, cloud_cluster: CloudCluster, tmp_path: Path
) -> None:
    await workspace.up(ADDRESS)
    skylet = Skylet(cloud_cluster.runtime)
    (tmp_path / "from").mkdir()
    with (tmp_path / "from" / "file").open("wb") as file:
        file.truncate(3 * 1024**3)
    going = asyncio.create_task(getattr(workspace, way)(ADDRESS, str(tmp_path / "from"), str(tmp_path / "to")))
    await until(lambda: skylet.marks)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    await until(lambda: not psutil.pid_exists(skylet.marks[0]))
    marks = len(skylet.marks)
    await workspace.run_command(ADDRESS, "true")  # the connection is open, and no work
    assert len(skylet.marks) == marks


@pytest.mark.parametrize("act", ["stop", "down"])
async def test_that_an_end_which_nobody_waited_for_is_no_news(
    act: str, workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    sky = cloud_cluster.skypilot
    await workspace.up(ADDRESS)
    sky.lists[act] = asyncio.Event()
    going = asyncio.create_task(getattr(workspace, act)(ADDRESS, stop_runs=True))
    await until(lambda: sky.asked(act))
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    if act == "stop":
        cloud_cluster.becomes(state="stopped")
    else:
        sky.known.clear()
    await workspace.cloud_clusters()
    assert workspace.cloud_notices() == {}
