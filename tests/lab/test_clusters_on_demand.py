"""The whole life of clusters on demand, for real: SkyPilot on an EC2 whose instances are hosts, our own server on them.

rhdesk starts SkyPilot's server itself, as for a user. What EC2's own list says counts, not what SkyPilot believes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.clouds.aws import AwsLab
from lab.own_wheels import make_wheels
from rhresources.cloud.problems import CloudProblem
from rhresources.documents import ClusterDocument, parse_document
from rhresources.wire import cluster_pb2 as pb
from rhresources.workspace import Workspace

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

JOBS = """
import time

def doze(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
"""

SECONDS_TO_STOP = 400
"""An idle minute, SkyPilot's daemon that looks once a minute, and a busy machine."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What hosts without internet need."""
    folder = tmp_path_factory.mktemp("wheels")
    make_wheels(folder)
    return folder


@pytest.fixture
async def workspace(
    aws: AwsLab, rh_home: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Workspace]:
    """A user who has set up AWS, and nothing else."""
    aws.write_home(Path.home())
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    aws.python(short_path / "skypilot" / "bin")
    monkeypatch.setenv("RH_SKYPILOT_ENVIRONMENT", str(short_path / "skypilot"))
    workspace = Workspace(rh_home)
    yield workspace
    await workspace.close()
    await workspace.skypilot.close()


@pytest.fixture
def save(workspace: Workspace, wheels: Path) -> Callable[..., str]:
    """Saves a cluster; its name."""

    def save(name: str = "~/gpu", **fields: Any) -> str:
        said = {"kind": "cluster", "type": "cloud", "instance_type": "m6i.large", "provider": "aws", **fields}
        document = parse_document({**said, "wheels": str(wheels)})
        assert isinstance(document, ClusterDocument)
        workspace.names.save(name, document)
        return name

    return save


def told(line: str) -> None:
    """Progress, for whoever looks at a test that failed."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


async def until(seconds: float, true: Callable[[], Any]) -> None:
    """Wait until something has happened."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(true):  # noqa: ASYNC110
            await asyncio.sleep(1)


async def test_the_whole_life(
    workspace: Workspace,
    aws: AwsLab,
    save: Callable[..., str],
    make_project: Callable[[Mapping[str, str]], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(make_project({"jobs.py": JOBS}))
    gpu = save(num_instances=2, autostop_mins=1)
    lines: list[str] = []
    client = await workspace.up(gpu, lambda line: (lines.append(line), told(line)))  # type: ignore[func-returns-value, arg-type]
    assert len(aws.instances("running")) == 2
    assert len([line for line in lines if "is new and shows the key" in line]) == 2
    assert len(await _hosts_used(workspace, gpu, client)) == 2
    made = (await workspace.machines(gpu))[0]
    assert made is not None
    assert (made.autostop_mins, made.autostop_down) == (1, False)

    # a run keeps it alive, though it would have been idle twice meanwhile
    run = await workspace.submit("jobs.py:doze", [160.0], on=gpu)
    reply = await client.result(run.id, wait=True)
    assert reply.run.state == pb.SUCCEEDED
    assert len(aws.instances("running")) == 2

    # a connection that somebody forgot does not
    assert client.connected
    await until(SECONDS_TO_STOP, lambda: len(aws.instances("stopped")) == 2)
    assert await _state(workspace, gpu, "stopped") == "stopped"
    assert "idle" in workspace.cloud_notices()[gpu].sentence

    client = await workspace.start(gpu, told)
    assert len(aws.instances("running")) == 2
    assert len(await _hosts_used(workspace, gpu, client)) == 2
    made = (await workspace.machines(gpu))[0]
    assert made is not None
    assert made.autostop_mins == 1
    await workspace.down(gpu, True, told)
    assert aws.instances("running", "stopped") == []
    assert await workspace.cluster_state(gpu) == "down"


async def test_that_a_cancelled_launch_leaves_no_instance(
    workspace: Workspace, aws: AwsLab, save: Callable[..., str]
) -> None:
    gpu = save(autostop_mins=10)
    going = asyncio.create_task(workspace.up(gpu, told))
    await until(300, lambda: aws.instances("running"))
    await asyncio.sleep(12)  # as far as it comes until a person thinks better of it
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert aws.instances("running", "stopped") == []
    assert await workspace.skypilot.clusters(refresh=True) == []


async def test_that_no_capacity_anywhere_leaves_nothing(
    workspace: Workspace, aws: AwsLab, save: Callable[..., str]
) -> None:
    aws.refuse()
    with pytest.raises(CloudProblem) as caught:
        await workspace.up(save(), told)
    assert caught.value.code == "no-capacity"
    assert aws.instances("running", "stopped") == []


async def test_that_an_instance_ended_behind_our_back_is_seen_and_told(
    workspace: Workspace, aws: AwsLab, save: Callable[..., str]
) -> None:
    gpu = save(autostop_mins=30)
    await workspace.up(gpu, told)
    aws.terminate(*(each.id for each in aws.instances("running")))
    await until(60, lambda: not aws.instances("running"))
    assert await _state(workspace, gpu, "down") == "down"
    assert "ended outside of rhdesk" in workspace.cloud_notices()[gpu].sentence
    entries = await workspace.cloud_clusters(refresh=True)
    assert [entry.address for entry in entries] == []


async def _hosts_used(workspace: Workspace, cluster: str, client: Any) -> set[str]:
    """The hosts that runs were spread over, once there are two."""
    found: set[str] = set()
    async with asyncio.timeout(300):
        while len(found) < 2:
            runs = [await workspace.submit("jobs.py:doze", [2.0], on=cluster) for _ in range(6)]
            replies = [await client.result(run.id, wait=True) for run in runs]
            found |= {reply.run.host for reply in replies}
    return found


async def _state(workspace: Workspace, name: str, wanted: str) -> str:
    """The state of a cluster, which a lost connection may tell a moment late."""
    async with asyncio.timeout(300):
        while True:
            try:
                if (state := await workspace.cluster_state(name, ask=True)) == wanted:
                    return state
            except Exception as error:
                told(f"not yet: {error}")
            await asyncio.sleep(3)
