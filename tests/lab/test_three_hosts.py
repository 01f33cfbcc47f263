"""A cluster of three hosts: one without power, a server that is killed, an upgrade; what has to go on goes on."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import pytest

from lab.hosts import Host, Network
from lab.jobs import (
    expected_lines,
    log_and_end,
    prepare,
    project,
    until_all_are_there,
    until_running,
    workspace_at,
)
from lab.remote import cluster_of, warm_cache
from lab.rights import why_no_hosts
from lab.ssh_fixtures import SshKeys
from rhresources.code.tree import CodeTree
from rhresources.documents import ClusterDocument
from rhresources.reach.bring_up import wheel
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import pickle_arguments

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(300)]

Files = list[tuple[str, Path]]


@dataclass(frozen=True)
class Cluster:
    """Three hosts that are up, the head first; tests leave them so."""

    hosts: tuple[Host, Host, Host]
    document: ClusterDocument
    key: Path

    def boot(self, host: Host) -> None:
        """Switch a host on, with its SSH server."""
        host.power_on()
        host.sshd([self.key], environment=warm_cache())

    @property
    def addresses(self) -> set[str]:
        return {host.ip for host in self.hosts}

    @property
    def server(self) -> dict[str, object]:
        """What the server on the head says of itself."""
        found: dict[str, object] = json.loads((self.hosts[0].home / ".rh" / "server" / "server.json").read_text())
        return found


@pytest.fixture(scope="module")
def files_of_wheel() -> Files:
    return list(wheel._files())


@pytest.fixture(autouse=True)
def steady_wheel(files_of_wheel: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rhdesk of this checkout stays the same build while somebody edits it."""
    monkeypatch.setattr(wheel, "_files", lambda: iter(files_of_wheel))


@pytest.fixture(scope="module")
def cluster(ssh_keys: SshKeys, files_of_wheel: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Brought up over SSH once; taken down at the end, when nothing may be left on any host."""
    if reason := why_no_hosts():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("home")
    with Network() as network, pytest.MonkeyPatch.context() as patch:
        patch.setattr(wheel, "_files", lambda: iter(files_of_wheel))
        hosts = (network.host(1), network.host(2), network.host(3))
        for host in hosts:
            host.sshd([ssh_keys.plain], environment=warm_cache())
        found = Cluster(hosts, cluster_of(*hosts, key=ssh_keys.plain), ssh_keys.plain)

        async def change(down: bool) -> None:
            async with workspace_at(home) as workspace:
                if down:
                    await workspace.down(found.document, stop_runs=True)
                else:
                    await workspace.up(found.document, print)

        asyncio.run(change(down=False))
        yield found
        asyncio.run(change(down=True))
        for host in hosts:
            assert not re.search(r"rhserver|rhworker|raylet|ray::", host.run("ps", "-eo", "args=")), host.name


async def start_waiting(client: ClusterClient, cluster: Cluster, folder: Path, count: int) -> dict[str, str]:
    """Runs that wait for a gate on their host, and where each of them is."""
    for host in cluster.hosts:
        (host.home / "gate").unlink(missing_ok=True)
    key = await prepare(client, CodeTree(folder), "wait_for")
    runs = [(await client.submit(key, pickle_arguments(("~/gate",), {}))).id for _ in range(count)]
    return dict(zip(runs, await asyncio.gather(*(until_running(client, run) for run in runs)), strict=True))


def open_gates(cluster: Cluster, *, but: Host | None = None) -> None:
    for host in cluster.hosts:
        if host is not but:
            (host.home / "gate").write_text("open")


async def test_a_host_without_power_takes_its_runs_along_and_nothing_else(
    cluster: Cluster, rh_home: Path, short_path: Path
) -> None:
    doomed, names = cluster.hosts[1], {host.ip: host.name for host in cluster.hosts}
    folder = project(short_path / "project")
    async with workspace_at(rh_home) as workspace:
        client = await workspace.connect(cluster.document)
        on = await start_waiting(client, cluster, folder, 20)
        assert set(on.values()) == cluster.addresses
        doomed.power_off()
        try:
            async with asyncio.timeout(60):
                for run in [run for run, host in on.items() if host == doomed.ip]:
                    _, last = await log_and_end(client, run)
                    assert last.state == pb.LOST, last
                    assert re.search(rf"{re.escape(doomed.ip)} has not answered for \d+ s", last.reason), last
            async for status in client.watch_status(interval=0.3):
                lost = [host.given for host in status.hosts if not host.alive]
                assert lost == [doomed.ip]
                break
            later = await start_waiting(client, cluster, folder, 4)
            assert doomed.ip not in later.values()
            open_gates(cluster, but=doomed)
            for run, host in (on | later).items():
                if host != doomed.ip:
                    log, last = await log_and_end(client, run)
                    assert (last.state, log) == (pb.SUCCEEDED, f"on {names[host]}\n".encode()), last
        finally:
            cluster.boot(doomed)
            await workspace.repair(cluster.document, doomed.ip, print)
        await until_all_are_there(client, 3)
        # the workers of the runs before are warm, so only with more runs than those a new one is started
        again = await start_waiting(client, cluster, folder, 20)
        assert set(again.values()) == cluster.addresses
        open_gates(cluster)
        for run in again:
            assert (await log_and_end(client, run))[1].state == pb.SUCCEEDED


async def test_runs_on_other_hosts_go_on_without_the_server_and_their_logs_are_whole(
    cluster: Cluster, rh_home: Path, short_path: Path
) -> None:
    head, lines = cluster.hosts[0], 200_000
    folder = project(short_path / "project")
    async with workspace_at(rh_home) as workspace:
        client = await workspace.connect(cluster.document)
        key = await prepare(client, CodeTree(folder), "print_lines")
        runs = [(await client.submit(key, pickle_arguments((lines, 1000, 0.05), {}))).id for _ in range(6)]
        places = [await until_running(client, run) for run in runs]
        assert set(places) == cluster.addresses
        watched = [asyncio.create_task(log_and_end(client, run)) for run in runs]
        before = cluster.server
        head.run("kill", "-KILL", str(before["pid"]))
        await workspace.up(cluster.document, print)
        assert cluster.server["pid"] != before["pid"]
        for place, (log, last) in zip(places, await asyncio.gather(*watched), strict=True):
            assert (last.state, last.host) == (pb.SUCCEEDED, place), last
            assert log == expected_lines(lines), f"a gap or a doubled line of a run on {place}"
        for run in runs:
            assert cloudpickle.loads((await client.result(run)).value.data) == lines


async def test_an_upgrade_takes_runs_along_and_later_brings_all_hosts_up_to_date(
    cluster: Cluster,
    rh_home: Path,
    short_path: Path,
    files_of_wheel: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extra = short_path / "extra.py"
    extra.write_text(f"name = {uuid.uuid4().hex!r}\n")  # another build each time, also in a second try
    monkeypatch.setattr(wheel, "_files", lambda: iter([*files_of_wheel, ("rhserver/extra.py", extra)]))
    node: Callable[[Host], str] = lambda host: json.loads(  # noqa: E731
        next((host.home / ".rh" / "nodes").glob("*/*/node.json")).read_text()
    )["version"]
    folder = project(short_path / "project")
    async with workspace_at(rh_home) as workspace:
        client = await workspace.connect(cluster.document)
        on = await start_waiting(client, cluster, folder, 6)
        assert set(on.values()) == cluster.addresses
        said: list[str] = []
        old = {host: node(host) for host in cluster.hosts[1:]}
        await workspace.upgrade(cluster.document, said.append)
        assert cluster.server["version"] == wheel.own_version() not in old.values()
        for host, version in old.items():  # what runs there would end with its part of the cluster
            assert f"{host.ip}: It is part of the cluster, with rhdesk {version}" in said
            assert node(host) == version
        open_gates(cluster)
        for run, place in on.items():
            _, last = await log_and_end(client, run)
            assert (last.state, last.host) == (pb.SUCCEEDED, place), last
        await workspace.upgrade(cluster.document, said.append)
        assert {node(host) for host in cluster.hosts[1:]} == {wheel.own_version()}
        await until_all_are_there(client, 3)
        again = await start_waiting(client, cluster, folder, 20)
        assert set(again.values()) == cluster.addresses
        open_gates(cluster)
        for run in again:
            assert (await log_and_end(client, run))[1].state == pb.SUCCEEDED
