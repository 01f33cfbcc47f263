"""A cluster of hosts in namespaces with real Ray: they join, get code and environments, are lost, and come back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import cloudpickle
import pytest
import pytest_asyncio
from lab.hosts import Network
from lab.server_hosts import ServerHosts, server_hosts

from rhresources.code.tree import CodeTree
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import inline, pickle_arguments

pytestmark = [pytest.mark.ray, pytest.mark.slow]

FUNCTIONS = """
import os, platform, sys, time
import beside

def where(seconds):
    import extra
    print("on", platform.node(), flush=True)
    time.sleep(seconds)
    return platform.node(), beside.VALUE, extra.VALUE, __file__, sys.prefix

def wait(seconds):
    print("on", platform.node(), flush=True)
    time.sleep(seconds)
    return platform.node()
"""
EXTRA = {"src/extra/__init__.py": "VALUE = 7\n", "pyproject.toml": "[project]\nname = 'extra'\nversion = '1'\n"}

MakeProject = Callable[..., Path]


class Cluster:
    """A client at the head of hosts, and a project of functions."""

    def __init__(self, hosts: ServerHosts, client: ClusterClient, project: Path, extra: Path) -> None:
        self.hosts, self.client, self.project, self.extra = hosts, client, project, extra

    async def status(self) -> pb.Status:
        async for status in self.client.watch_status(interval=0.3):
            return status
        raise AssertionError("the watch ended")

    async def until(self, ready: Callable[[Mapping[str, pb.Host]], object], seconds: float = 60) -> dict[str, pb.Host]:
        """The hosts by name, as soon as they are like this."""
        async with asyncio.timeout(seconds):
            while True:
                found = {host.given: host for host in (await self.status()).hosts}
                if ready(found):
                    return found

    async def all_alive(self) -> dict[str, pb.Host]:
        return await self.until(lambda hosts: all(host.alive for host in hosts.values()))

    async def prepare(self, name: str, *, extra: bool = True, **fields: object) -> str:
        tree = await self.client.push(CodeTree(self.project))
        package = pb.PackageSpec(method=pb.PackageSpec.LOCAL, tree=await self.client.push(CodeTree(self.extra)))
        entry = pb.Entry(imported=pb.Import(module="functions", name=name))
        environment = pb.EnvironmentSpec(packages=[package] if extra else [], setup_commands=["echo made here"])
        spec = pb.FunctionSpec(name=name, code=tree, entry=entry, environment=environment, **fields)  # type: ignore[arg-type]
        return (await self.client.prepare(spec)).key

    async def submit(self, key: str, *args: object) -> str:
        return (await self.client.submit(key, inline(pickle_arguments(args, {})))).id

    async def until_running(self, run: str) -> pb.Run:
        async for event in self.client.watch(run, log=False):
            if event.HasField("run") and event.run.state not in (pb.QUEUED, pb.PREPARING):
                return event.run
        raise AssertionError("the watch ended")

    async def end_of(self, run: str) -> tuple[pb.Run, str]:
        blocks, last = [], pb.Run()
        async for event in self.client.watch(run):
            if event.HasField("log"):
                blocks.append(event.log.data)
            elif event.HasField("run"):
                last = event.run
        return last, b"".join(blocks).decode()


@contextlib.asynccontextmanager
async def at_head(hosts: ServerHosts, make_project: MakeProject) -> AsyncIterator[Cluster]:
    address = await asyncio.to_thread(hosts.address)
    client = await ClusterClient.connect(address)
    project = make_project({"functions.py": FUNCTIONS, "beside.py": "VALUE = 5\n", "data.bin": "x" * 5_000_000})
    yield Cluster(hosts, client, project, make_project(EXTRA, name="extra"))
    await client.close()


@pytest_asyncio.fixture
async def cluster(lab_network: Network, make_project: MakeProject) -> AsyncIterator[Cluster]:
    """Three hosts, all of them joined."""
    with server_hosts(lab_network, 3) as hosts:
        hosts.start_head()
        hosts.join(2, wait=False)
        assert hosts.join(3)["state"] == "joined"
        async with at_head(hosts, make_project) as found:
            await found.all_alive()
            yield found


async def test_runs_spread_over_hosts_that_get_code_and_environment(cluster: Cluster) -> None:
    key = await cluster.prepare("where")
    runs = [await cluster.submit(key, 4.0) for _ in range(6)]
    ended = await asyncio.gather(*(cluster.end_of(run) for run in runs))
    assert {run.state for run, _ in ended} == {pb.SUCCEEDED}
    assert {run.host for run, _ in ended} == {"node1", "node2", "node3"}
    for run, text in ended:
        assert text == f"on {run.host}\n"
        host, beside, extra, file, prefix = cloudpickle.loads((await cluster.client.result(run.id)).value.data)
        home = str(cluster.hosts.home(int(host.removeprefix("node"))))
        assert (host, beside, extra) == (run.host, 5, 7)
        assert file.startswith(f"{home}/code/trees/")
        assert prefix.startswith(f"{home}/environments/")
    hosts = await cluster.until(lambda hosts: all(host.workers for host in hosts.values()))
    assert [(host.name, host.address, host.head) for host in hosts.values()] == [
        (host.name, host.ip, host.name == "node1") for host in cluster.hosts.hosts
    ]
    assert all(0 < host.memory_used < host.memory_total and host.cpus and host.seen for host in hosts.values())


async def test_a_host_without_power_is_lost_and_repaired_in_place(cluster: Cluster) -> None:
    key = await cluster.prepare("wait")
    runs = [await cluster.submit(key, 1.0) for _ in range(6)]  # every host has its environment
    await asyncio.gather(*(cluster.end_of(run) for run in runs))
    runs = [await cluster.submit(key, 25.0) for _ in range(6)]
    on = {run: (await cluster.until_running(run)).host for run in runs}
    assert set(on.values()) == {"node1", "node2", "node3"}
    cluster.hosts.hosts[1].power_off()
    hosts = await cluster.until(lambda hosts: not hosts["node2"].alive, 30)
    ip = cluster.hosts.hosts[1].ip
    assert hosts["node2"].problem.startswith(f"node2 ({ip}) has not answered for ")
    assert hosts["node1"].alive
    assert hosts["node3"].alive
    ended = {run: (await cluster.end_of(run))[0] for run in runs}
    for run, host in on.items():
        if host == "node2":
            assert ended[run].state in (pb.FAILED, pb.LOST)
            assert f"node2 ({ip}) has not answered for" in str(ended[run])
        else:
            assert ended[run].state == pb.SUCCEEDED
    cluster.hosts.hosts[1].power_on()
    assert cluster.hosts.join(2)["state"] == "joined"
    await cluster.all_alive()
    runs = [await cluster.submit(key, 3.0) for _ in range(6)]
    assert {(await cluster.end_of(run))[0].host for run in runs} == {"node1", "node2", "node3"}


async def test_only_what_differs_travels_again(cluster: Cluster) -> None:
    key = await cluster.prepare("where")
    for run in [await cluster.submit(key, 2.0) for _ in range(6)]:
        await cluster.end_of(run)
    (cluster.project / "beside.py").write_text("VALUE = 6\n")
    key = await cluster.prepare("where")
    runs = [await cluster.submit(key, 3.0) for _ in range(6)]
    ended = [(await cluster.end_of(run))[0] for run in runs]
    assert {run.host for run in ended} == {"node1", "node2", "node3"}
    assert {cloudpickle.loads((await cluster.client.result(run)).value.data)[1] for run in runs} == {6}
    for number in (2, 3):
        blobs = [file for file in (cluster.hosts.home(number) / "code" / "blobs").glob("*/*") if file.is_file()]
        assert len(blobs) == len({"functions.py", "beside.py", "beside.py again", "data.bin", "extra", "pyproject"})


async def test_runs_on_other_hosts_outlive_a_restart_of_the_server(cluster: Cluster, make_project: MakeProject) -> None:
    key = await cluster.prepare("wait", extra=False)
    runs = [await cluster.submit(key, 20.0) for _ in range(3)]
    on = {run: (await cluster.until_running(run)).host for run in runs}
    assert set(on.values()) == {"node1", "node2", "node3"}
    cluster.hosts.kill_head()
    cluster.hosts.start_head()
    cluster.client = await ClusterClient.connect(await asyncio.to_thread(cluster.hosts.address))
    for run, host in on.items():
        ended, text = await cluster.end_of(run)
        assert (ended.state, ended.host, text) == (pb.SUCCEEDED, host, f"on {host}\n"), str(ended)
    assert all(host.alive for host in (await cluster.status()).hosts)
    await cluster.client.close()


async def test_the_end_of_the_cluster_ends_every_part_of_it(cluster: Cluster) -> None:
    key = await cluster.prepare("wait", extra=False)
    runs = [await cluster.submit(key, 60.0) for _ in range(3)]
    assert {(await cluster.until_running(run)).host for run in runs} == {"node1", "node2", "node3"}
    await cluster.client.shutdown(stop_runs=True)
    for number in (1, 2, 3):
        await asyncio.to_thread(cluster.hosts.until_nothing_runs, number)
    assert cluster.hosts.node(2, "joined", "starting", "failed") is None
