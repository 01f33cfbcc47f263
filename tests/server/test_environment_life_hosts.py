"""Environments on several hosts with real Ray: the same everywhere, listed and removed on each, renewed on all."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cloudpickle
import pytest
from lab.hosts import Network
from lab.made_packages import make_wheel
from lab.server_hosts import ServerHosts, server_hosts

from rhresources.code.tree import CodeTree
from rhresources.errors import NotFound, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import inline, pickle_arguments

pytestmark = [pytest.mark.ray, pytest.mark.slow]

FUNCTIONS = """
import os, platform, time
import alpha

def version(seconds):
    time.sleep(seconds)
    return platform.node(), alpha.VERSION, os.getpid()
"""


async def _runs(client: ClusterClient, key: str) -> dict[str, tuple[str, int]]:
    """What a function says on both hosts: {host: (version, process)}."""
    found: dict[str, tuple[str, int]] = {}
    async with asyncio.timeout(90):
        while len(found) < 2:
            arguments = inline(pickle_arguments((1.0,), {}))
            runs = [(await client.submit(key, arguments)).id for _ in range(4)]
            for run in runs:
                async for event in client.watch(run, log=False):
                    if event.HasField("run"):
                        last = event.run
                assert last.state == pb.SUCCEEDED, str(last)
                host, version, pid = cloudpickle.loads((await client.result(run)).value.data)
                found[host] = version, pid
    return found


def _where(listed: list[pb.Environment], hash: str) -> dict[str, bool]:
    return {one.host: one.in_use for one in listed if one.hash == hash}


@pytest.fixture
def wheels() -> Iterator[Path]:
    """A folder that all hosts see: each has a /tmp of its own."""
    with tempfile.TemporaryDirectory(prefix="rhlab-wheels-", dir="/var/tmp") as folder:
        yield Path(folder)


async def _until_all_are_there(client: ClusterClient) -> None:
    """Until then the head would start every worker by itself, and keep them."""
    async with asyncio.timeout(60):
        async for status in client.watch_status(interval=0.3):
            if all(host.alive for host in status.hosts):
                return


async def test_environments_of_several_hosts(
    lab_network: Network, make_project: Callable[..., Path], wheels: Path
) -> None:
    make_wheel(wheels, "alpha", "1.0")
    with server_hosts(lab_network, 2) as hosts:
        hosts.start_head()
        assert hosts.join(2)["state"] == "joined"
        client = await ClusterClient.connect(await asyncio.to_thread(hosts.address))
        try:
            await _until_all_are_there(client)
            package = pb.PackageSpec(target="alpha", spec="alpha", options=["--no-index", f"--find-links={wheels}"])
            function = pb.FunctionSpec(
                name="version",
                code=await client.push(CodeTree(make_project({"functions.py": FUNCTIONS}))),
                entry=pb.Entry(imported=pb.Import(module="functions", name="version")),
                environment=pb.EnvironmentSpec(packages=[package]),
            )
            await _same_everywhere_and_removed(client, hosts, function, wheels)
        finally:
            await client.close()


async def _same_everywhere_and_removed(
    client: ClusterClient, hosts: ServerHosts, function: pb.FunctionSpec, wheels: Path
) -> None:
    old = await client.prepare(function)
    make_wheel(wheels, "alpha", "2.0")  # what another host would take by itself
    ran = await _runs(client, old.key)
    assert {host: version for host, (version, _) in ran.items()} == {"node1": "1.0", "node2": "1.0"}

    renewed = await client.update_environment(old.environment)
    assert _where(await client.list_environments(), renewed) == {"node1": False}
    again = await client.prepare(function)
    assert again.environment == renewed
    ran_again = await _runs(client, again.key)
    assert {host: version for host, (version, _) in ran_again.items()} == {"node1": "2.0", "node2": "2.0"}

    listed = await client.list_environments()
    assert _where(listed, old.environment) == {"node1": True, "node2": True}
    assert _where(listed, renewed) == {"node1": True, "node2": True}
    assert all(one.bytes and one.used for one in listed)
    for host in ("", "node2"):
        with pytest.raises(ServerProblem) as caught:
            await client.remove_environment(old.environment, host)
        assert caught.value.code == "environment-in-use"
    with pytest.raises(NotFound, match="node9"):
        await client.remove_environment(old.environment, "node9")

    for number, host in enumerate(hosts.hosts, 1):
        for home in (
            hosts.home(number) / "environments" / old.environment,
            hosts.home(number) / "environments" / renewed,
        ):
            await asyncio.to_thread(host.run, "pkill", "-KILL", "-f", f"^{home}/venv/bin/python")
    async with asyncio.timeout(30):
        while any(_where(await client.list_environments(), old.environment).values()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert await client.remove_environment(old.environment, "node2") > 0
    assert _where(await client.list_environments(), old.environment) == {"node1": False}
    assert not (hosts.home(2) / "environments" / old.environment).exists()
    with pytest.raises(NotFound):
        await client.remove_environment(old.environment, "node2")
    assert await client.remove_environment(old.environment) > 0
    async with asyncio.timeout(30):
        while any(_where(await client.list_environments(), renewed).values()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert await client.remove_environment(renewed) > 0
    assert await client.list_environments() == []
    with pytest.raises(NotFound):
        await client.remove_environment(renewed)
