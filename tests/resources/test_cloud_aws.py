"""The life of a cluster through our client: the real SkyPilot, run by us, on an EC2 whose instances are hosts."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lab.clouds.aws import AwsLab
from lab.clouds.offers import price
from lab.clouds.user import CloudUser

from rhresources.cloud.answers import LaunchEvent
from rhresources.cloud.client import ApiSkyPilot
from rhresources.cloud.identity import identity
from rhresources.cloud.leftovers import make_sure_nothing_is_left
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.task import sky_name, task_of
from rhresources.documents import ClusterDocument, parse_document
from rhresources.settings import Settings

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def user(aws_lab: AwsLab) -> Iterator[CloudUser]:
    with CloudUser(aws_lab) as user:
        user.start_server()
        yield user


@pytest.fixture
def home(user: CloudUser) -> Path:
    return user.home


@pytest.fixture
async def skypilot(aws: AwsLab, user: CloudUser, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiSkyPilot]:
    user.be(monkeypatch)
    made = ApiSkyPilot(user.home)
    yield made
    await made.close()


def task(home: Path, **said: object) -> str:
    document = parse_document({"kind": "cluster", "type": "cloud", **said})
    assert isinstance(document, ClusterDocument)
    return task_of(document, Settings(), home)


async def test_the_life_of_a_cluster(aws: AwsLab, skypilot: ApiSkyPilot, home: Path) -> None:
    name = sky_name("~/gpu", home)
    told: list[LaunchEvent] = []
    aws.refuse(region="us-east-1")
    cluster = await skypilot.launch(
        name, task(home, instance_type="m6i.large", num_instances=2, autostop_mins=30), told.append
    )
    aws.accept()
    phases = [event.phase for event in told]
    assert phases.index("failover") < len(phases) - 1 - phases[::-1].index("provisioning"), phases
    assert "us-east-1" in next(event.offer for event in told if event.phase == "provisioning")
    assert (cluster.state, cluster.hosts, cluster.cloud, cluster.region) == ("up", 2, "aws", "us-west-2")
    assert (cluster.instance_type, cluster.autostop_mins, cluster.autostop_down) == ("m6i.large", 30, False)
    assert len(aws.instances("running", cluster=name)) == 2

    (fresh,) = await skypilot.clusters([name], refresh=True)
    assert fresh.price_per_hour == pytest.approx(2 * price("m6i.large", "us-west-2"), rel=0.02)
    assert fresh.labels["rhdesk"] == identity(home)

    hosts = await skypilot.hosts(name)
    assert set(hosts.addresses) == {each.ip for each in aws.instances("running", cluster=name)}
    assert stat.S_IMODE(os.stat(hosts.private_key).st_mode) == 0o600
    for address in hosts.addresses:
        ssh = await asyncio.create_subprocess_exec(
            "ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i",
            hosts.private_key, f"{hosts.user}@{address}", "true",
        )  # fmt: skip
        assert await ssh.wait() == 0

    await skypilot.autostop(name, -1)
    assert (await skypilot.clusters([name]))[0].autostop_mins == -1

    aws.terminate(aws.instances("running", cluster=name)[0].id)
    (broken,) = await skypilot.clusters([name], refresh=True)
    assert broken.state == "unhealthy"
    assert broken.reason

    await skypilot.down(name, told.append)
    assert await skypilot.clusters() == []
    assert aws.instances("running", "stopped", cluster=name) == []
    (usage,) = [each for each in await skypilot.usage() if each.hash == broken.hash]
    assert usage.ended
    assert len(usage.intervals) == 1
    assert await skypilot.events(name)


async def test_that_a_cancelled_launch_leaves_nothing(aws: AwsLab, skypilot: ApiSkyPilot, home: Path) -> None:
    made = asyncio.Event()

    def hear(event: LaunchEvent) -> None:
        if event.phase in {"provisioning", "preparing"}:
            made.set()

    launch = asyncio.create_task(skypilot.launch("gone-1", task(home, instance_type="m6i.large"), hear))
    await made.wait()
    await asyncio.to_thread(aws.until, lambda found: any(each.state == "running" for each in found), 120)
    launch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launch
    (left,) = await skypilot.clusters()
    assert left.labels["rhdesk"] == identity(home)
    said: list[str] = []
    await make_sure_nothing_is_left(skypilot, "gone-1", said.append)
    assert said[-1] == "Nothing of gone-1 is left"
    assert aws.instances("running", "stopped", "pending") == []
    assert await skypilot.clusters() == []


async def test_what_the_cloud_refuses(aws: AwsLab, skypilot: ApiSkyPilot, home: Path) -> None:

    async def code(**said: object) -> tuple[str, str]:
        with pytest.raises(CloudProblem) as caught:
            await skypilot.launch("no-1", task(home, **said), lambda _event: None)
        return caught.value.code, caught.value.field

    assert await code(instance_type="Q9000:1", provider="aws") == ("no-such-hardware", "instance_type")
    assert await code(instance_type="m99.huge", provider="aws") == ("no-such-hardware", "instance_type")
    assert await code(instance_type="m6i.large", provider="aws", region="mars-1") == ("no-such-region", "region")
    assert await code(instance_type="CPU:2+", provider="slurm") == ("no-cloud", "provider")
    aws.refuse()
    assert await code(instance_type="m6i.large") == ("no-capacity", "region")
    aws.accept()
    aws.refuse(code="VcpuLimitExceeded", message="You have requested more vCPU capacity than your limit", status=400)
    assert await code(instance_type="m6i.large") == ("quota", "instance_type")
    aws.accept()
    assert aws.instances("running", "stopped") == []


async def test_offers_with_prices(aws: AwsLab, skypilot: ApiSkyPilot) -> None:
    offers = await skypilot.offers("")
    assert {offer.cloud for offer in offers if offer.enabled} == {"aws"}
    prices = [offer.price for offer in offers if offer.price is not None]
    assert prices == sorted(prices)
    assert any(not offer.accelerator for offer in offers)
    gpus = await skypilot.offers("A10G")
    assert {offer.accelerators for offer in gpus} == {1, 4}
    assert {offer.accelerators for offer in await skypilot.offers("A10G:4")} == {4}
    assert {offer.region for offer in gpus} == {"us-east-1", "us-west-2"}
    (host,) = [offer for offer in await skypilot.offers("m6i.large", region="us-east-1")]
    assert host.price == pytest.approx(price("m6i.large", "us-east-1"))
    assert (host.cpus, host.memory) == (2, 8)
    assert all((offer.cpus or 0) >= 8 for offer in await skypilot.offers("CPU:8+"))
