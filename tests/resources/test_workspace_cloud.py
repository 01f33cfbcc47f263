"""A cluster on demand through the workspace: launched, found again, stopped, started elsewhere, ended, given up.

SkyPilot stands in; the machine is real, behind a real SSH server.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.cloud_cluster import ADDRESS, CloudCluster, losing_the_connection, until
from lab.skypilot_stand_in import StandInSkyPilot
from lab.sshd import public_half

from rhresources.cloud import answers as clouds
from rhresources.cloud.answers import OnLaunch
from rhresources.cloud.kept import KeptCluster, kept_clusters
from rhresources.cloud.problems import CloudProblem
from rhresources.errors import AlreadyExists, ClusterDown, RhError, UsageError
from rhresources.reach.questions import NeedsAnswer
from rhresources.reach.ssh import known_hosts
from rhresources.workspace import Workspace

pytestmark = pytest.mark.ray


@pytest.fixture
async def workspace(cloud_cluster: CloudCluster, rh_home: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(rh_home)
    workspace.skypilot = cloud_cluster.skypilot
    yield workspace
    await workspace.close()


@pytest.fixture
async def second(cloud_cluster: CloudCluster, rh_home: Path) -> AsyncIterator[Workspace]:
    """Another program of the same person, whose SkyPilot is not started."""
    workspace = Workspace(rh_home)
    workspace.skypilot = cloud_cluster.skypilot
    yield workspace
    await workspace.close()


async def test_that_it_is_launched_and_its_new_host_key_is_said(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    lines: list[str] = []
    assert not workspace.cloud_used
    client = await workspace.up(ADDRESS, lines.append)
    assert client.connected
    assert cloud_cluster.skypilot.asked("launch") == [cloud_cluster.sky]
    blob = base64.b64decode(public_half(cloud_cluster.sshd.host_keys[0]).split()[1])
    assert [line for line in lines if known_hosts.fingerprint(blob) in line and "is new" in line]
    assert "Making the instances (aws us-east-1, m6i.large)" in lines
    # an install that takes long is no idleness, and it stops even if nobody comes to set what is wanted
    assert "idle_minutes: 15" in cloud_cluster.skypilot.tasks[cloud_cluster.sky]
    assert cloud_cluster.skypilot.known[cloud_cluster.sky].autostop_mins == 10
    assert await workspace.cluster_state(ADDRESS) == "up"
    assert workspace.cloud_used
    assert not (Path.home() / ".ssh" / "known_hosts").exists()


async def test_that_a_connection_is_made_without_skypilot(
    workspace: Workspace, second: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    cloud_cluster.skypilot.calls.clear()
    assert (await second.connect(ADDRESS)).connected
    assert await second.run_command(ADDRESS, "true") == 0
    assert cloud_cluster.skypilot.calls == []


async def test_that_nothing_is_started_to_look_at_what_was_never_used(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    assert await workspace.cluster_state(ADDRESS) == "down"
    assert await workspace.cluster_state(ADDRESS, ask=True) == "down"
    with pytest.raises(ClusterDown):
        await workspace.connect(ADDRESS)
    with pytest.raises(ClusterDown):
        await workspace.ssh_command(ADDRESS)
    assert cloud_cluster.skypilot.server.state == "off"


async def test_that_a_changed_host_key_is_refused(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    await workspace.up(ADDRESS)
    async with losing_the_connection(workspace):
        cloud_cluster.is_another()
    with pytest.raises(RhError, match="host key"):
        await workspace.up(ADDRESS)


async def test_that_it_is_followed_to_another_address(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    await workspace.up(ADDRESS)
    await workspace.stop(ADDRESS)
    assert await workspace.cluster_state(ADDRESS) == "stopped"
    cloud_cluster.moves()
    lines: list[str] = []
    await workspace.start(ADDRESS, lines.append)
    assert await workspace.cluster_state(ADDRESS) == "up"
    assert not [line for line in lines if "is new" in line]  # the same machine, known by its key
    assert cloud_cluster.skypilot.known[cloud_cluster.sky].autostop_mins == 10


async def test_that_a_connection_finds_it_where_others_started_it(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    cloud_cluster.moves()
    assert await workspace.run_command(ADDRESS, "true") == 0
    assert await workspace.cluster_state(ADDRESS) == "up"


async def test_that_an_impostor_at_the_new_address_is_refused(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    await workspace.stop(ADDRESS)
    cloud_cluster.sshd.new_host_key()
    cloud_cluster.moves()
    with pytest.raises(RhError, match="host key"):
        await workspace.start(ADDRESS)


async def test_that_machines_launched_anew_may_have_new_keys(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    await workspace.up(ADDRESS)
    await workspace.down(ADDRESS, stop_runs=True)
    assert list(kept_clusters(cloud_cluster.home)) == []
    cloud_cluster.is_another()
    assert (await workspace.up(ADDRESS)).connected


async def test_that_a_cancelled_launch_leaves_nothing(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    sky, lines = cloud_cluster.skypilot, list[str]()
    sky.gates["provisioning"] = asyncio.Event()
    going = asyncio.create_task(workspace.up(ADDRESS, lines.append))
    await until(lambda: "Making the instances (aws us-east-1, m6i.large)" in lines)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert sky.known == {}  # the stand-in had left one
    assert sky.asked("refresh")  # and the cloud itself was asked
    assert list(kept_clusters(cloud_cluster.home)) == []
    assert await workspace.cluster_state(ADDRESS) == "down"


async def test_that_a_second_cancel_does_not_hinder_the_tidying(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    sky = cloud_cluster.skypilot
    sky.gates["provisioning"] = asyncio.Event()
    sky.lists["down"] = ending = asyncio.Event()
    going = asyncio.create_task(workspace.up(ADDRESS))
    await until(lambda: sky.known)
    going.cancel()
    await until(lambda: sky.asked("down"))
    going.cancel()
    await asyncio.sleep(0)
    ending.set()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert sky.known == {}


async def test_that_what_may_be_left_is_said(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    sky = cloud_cluster.skypilot
    sky.fail["provision"] = CloudProblem("No capacity.", code="no-capacity")
    sky.fail["down"] = CloudProblem("The cloud does not answer.", code="failed")
    with pytest.raises(CloudProblem, match="may still run and cost money") as caught:
        await workspace.up(ADDRESS)
    assert caught.value.code == "leftovers"
    assert "No capacity." in caught.value.detail
    (kept,) = kept_clusters(cloud_cluster.home)
    assert kept.launching_since > 0  # found again at the next start


async def test_that_somebody_elses_cluster_of_the_name_is_left_alone(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    sky = cloud_cluster.skypilot
    sky.fail["launch"] = CloudProblem("The name is taken.", code="name-taken")
    with pytest.raises(CloudProblem, match="taken"):
        await workspace.up(ADDRESS)
    assert sky.asked("down") == []


async def test_that_machines_which_stopped_unseen_are_started(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    async with losing_the_connection(workspace):
        cloud_cluster.moves()
    cloud_cluster.skypilot.unseen[cloud_cluster.sky] = "stopped"  # its list calls it up still
    await workspace.up(ADDRESS)
    assert cloud_cluster.skypilot.asked("start") == [cloud_cluster.sky]
    assert await workspace.cluster_state(ADDRESS) == "up"


async def test_that_giving_up_a_start_stops_it_again(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    await workspace.up(ADDRESS)
    await workspace.stop(ADDRESS)
    sky = cloud_cluster.skypilot
    sky.gates["preparing"] = asyncio.Event()
    going = asyncio.create_task(workspace.up(ADDRESS))
    await until(lambda: sky.known[cloud_cluster.sky].state == "launching")
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert sky.known[cloud_cluster.sky].state == "stopped"


async def test_that_a_lost_autostop_is_set_again(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    lines: list[str] = []

    class Forgetful(StandInSkyPilot):
        async def launch(self, name: str, task: str, on_event: OnLaunch) -> clouds.CloudCluster:
            await super().launch(name, task, on_event)
            cloud_cluster.becomes(autostop_mins=-1)
            return self.known[name]

    cloud_cluster.skypilot.__class__ = Forgetful
    await workspace.up(ADDRESS, lines.append)
    assert cloud_cluster.skypilot.known[cloud_cluster.sky].autostop_mins == 10
    assert "It stops after 10 idle minutes" in lines


async def test_that_an_autostop_set_by_hand_counts_until_the_machines_are_gone(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    await workspace.autostop(ADDRESS, 30, down=True)
    await workspace.stop(ADDRESS)
    await workspace.start(ADDRESS)
    made = cloud_cluster.skypilot.known[cloud_cluster.sky]
    assert (made.autostop_mins, made.autostop_down) == (30, True)
    await workspace.down(ADDRESS, stop_runs=True)
    await workspace.up(ADDRESS)
    made = cloud_cluster.skypilot.known[cloud_cluster.sky]
    assert (made.autostop_mins, made.autostop_down) == (10, False)


async def test_that_machines_ended_behind_our_back_are_seen_and_told(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    sky = cloud_cluster.skypilot
    del sky.known[cloud_cluster.sky]
    sky.vanished[cloud_cluster.sky] = [(1.0, "Cluster terminated")]
    async with losing_the_connection(workspace):
        cloud_cluster.sshd.stop()
    assert await workspace.cluster_state(ADDRESS, ask=True) == "down"
    told = workspace.cloud_notices()[ADDRESS]
    assert "gone" in told.sentence
    assert "Cluster terminated" in told.sentence
    cloud_cluster.sshd.start()
    await workspace.up(ADDRESS)
    assert workspace.cloud_notices() == {}


async def test_that_clusters_of_others_are_shown_and_adopted(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    await workspace.up(ADDRESS)
    sky = cloud_cluster.skypilot
    await sky.launch("theirs", "num_nodes: 2", lambda _: None)
    by_name = {entry.cluster.name: entry.address for entry in await workspace.cloud_clusters()}
    assert by_name == {cloud_cluster.sky: ADDRESS, "theirs": ""}
    with pytest.raises(AlreadyExists):
        await workspace.adopt("theirs", ADDRESS)
    with pytest.raises(UsageError):
        await workspace.adopt(cloud_cluster.sky, "~/again")
    with pytest.raises(CloudProblem, match="knows no cluster"):
        await workspace.adopt("nobodys", "~/again")
    await workspace.adopt("theirs", "~/mine")
    document = workspace.names.cluster("~/mine")
    assert (document.instance_type, document.num_instances, document.provider) == ("m6i.large", 2, "aws")
    sky.all_hosts["theirs"] = cloud_cluster.hosts_at(cloud_cluster.sshd)
    with pytest.raises(NeedsAnswer):  # nobody here saw these machines being made, so their keys are asked about
        await workspace.up("~/mine", ask=False)
    failed = [outcome for _, outcome in await workspace.down_all() if outcome is not None]
    assert (failed, sky.known) == ([], {})


async def test_what_a_cluster_without_machines_answers(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    for act in (workspace.start(ADDRESS), workspace.autostop(ADDRESS, 5), workspace.stop(ADDRESS)):
        with pytest.raises(CloudProblem) as caught:
            await act
        assert caught.value.code == "not-there"
    with pytest.raises(UsageError, match="in a cloud"):
        await workspace.stop("^local")
    await workspace.down(ADDRESS)


async def test_that_a_notice_is_put_away(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    await workspace.up(ADDRESS)
    cloud_cluster.becomes(state="stopped")
    (entry,) = await workspace.cloud_clusters(refresh=True)
    assert entry.notice is not None
    assert entry.notice.expected
    workspace.dismiss_notice(ADDRESS)
    assert (await workspace.cloud_clusters())[0].notice is None
    cloud_cluster.skypilot.known.clear()
    await workspace.cloud_clusters()
    assert not workspace.cloud_notices()[ADDRESS].expected
    workspace.dismiss_notice(ADDRESS)
    assert workspace.cloud_notices() == {}


async def test_that_a_launch_that_was_broken_off_is_told(workspace: Workspace, cloud_cluster: CloudCluster) -> None:
    sky = cloud_cluster.skypilot
    await sky.launch(cloud_cluster.sky, "", lambda _: None)  # which went on without us
    ended = await asyncio.create_subprocess_exec("true")
    await ended.wait()
    files = KeptCluster(cloud_cluster.home, cloud_cluster.sky, ADDRESS)
    files.change(launching_since=1.0, launching_by=ended.pid, launched_here=True)
    (entry,) = await workspace.cloud_clusters()
    assert entry.notice is not None
    assert "broken off" in entry.notice.sentence
    files.change(ending="down")
    (entry,) = await workspace.cloud_clusters()
    assert entry.notice is not None
    assert "was given up" in entry.notice.sentence
    assert entry.notice.act == "down"
    await workspace.up(ADDRESS)
    assert workspace.cloud_notices() == {}
    files.change(launching_since=1.0, launching_by=ended.pid)
    sky.known.clear()
    assert await workspace.cloud_clusters() == []
    assert list(kept_clusters(cloud_cluster.home)) == []


async def test_that_the_next_launch_goes_by_what_the_document_says_then(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    assert await workspace.cluster_state(ADDRESS) == "down"  # which was looked at with what it said before
    document = workspace.names.cluster(ADDRESS)
    workspace.names.save(ADDRESS, document.model_copy(update={"autostop_mins": 33}), overwrite=True)
    await workspace.up(ADDRESS)
    assert cloud_cluster.skypilot.known[cloud_cluster.sky].autostop_mins == 33
    workspace.names.save(ADDRESS, document.model_copy(update={"instance_type": "CPU:4+"}), overwrite=True)
    (entry,) = await workspace.cloud_clusters()
    assert entry.address == ADDRESS


async def test_that_machines_without_a_document_are_found_and_can_be_ended(
    workspace: Workspace, cloud_cluster: CloudCluster
) -> None:
    await workspace.up(ADDRESS)
    document = workspace.names.rename(ADDRESS, "~/renamed").require()
    workspace.names.save(ADDRESS, document)
    (entry,) = await workspace.cloud_clusters()
    assert entry.address == "~/renamed", (
        "they go along, and what has the first name now is another cluster"
    )
    assert await workspace.cluster_state(ADDRESS) == "down"
    workspace.names.delete(ADDRESS)
    workspace.names.rename("~/renamed", ADDRESS)
    workspace.names.delete(ADDRESS)
    (entry,) = await workspace.cloud_clusters()
    assert (entry.address, entry.last_address) == ("", ADDRESS)
    await workspace.adopt(cloud_cluster.sky, "~/named-again")
    (entry,) = await workspace.cloud_clusters()
    assert entry.address == "~/named-again"
    workspace.names.delete("~/named-again")
    assert await workspace.down_all() == [("~/named-again", None)]
    assert cloud_cluster.skypilot.known == {}


async def test_that_one_program_does_not_take_back_what_another_uses(
    workspace: Workspace, second: Workspace, cloud_cluster: CloudCluster
) -> None:
    sky, waits = cloud_cluster.skypilot, list[str]()
    sky.gates["provisioning"] = asyncio.Event()
    first = asyncio.create_task(workspace.up(ADDRESS))
    await until(lambda: sky.known)
    other = asyncio.create_task(second.up(ADDRESS, waits.append))
    await asyncio.sleep(0.5)  # time in which it would ask for machines too
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other
    sky.gates["provisioning"].set()
    assert (await first).connected
    assert sky.asked("launch") == [cloud_cluster.sky]
    assert sky.asked("down") == []
