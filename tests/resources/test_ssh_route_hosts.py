"""Clusters of several hosts: three in namespaces of their own, brought up, repaired and taken down over real SSH."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab.remote import cluster_of, warm_cache
from lab.ssh_fixtures import SshKeys

from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.reach.bring_up import wheel
from rhresources.reach.ssh_route import SshRoute
from rhresources.wire.client import ClusterClient

if TYPE_CHECKING:
    from lab.hosts import Host, Network

pytestmark = [pytest.mark.slow, pytest.mark.ray]

MakeRoute = Callable[[ClusterDocument], SshRoute]


@pytest.fixture
async def make_route(rh_home: Path, steady_wheel: None) -> AsyncIterator[MakeRoute]:
    """Ways to clusters, taken down and closed afterwards."""
    routes: list[SshRoute] = []

    def make(document: ClusterDocument) -> SshRoute:
        routes.append(SshRoute(document, rh_home, Credentials(rh_home), lambda: None))
        return routes[-1]

    yield make
    for route in routes:
        await route.down(stop_runs=True)
        await route.close()


async def alive_of(route: SshRoute) -> dict[str, bool]:
    """Which hosts are there, as the head sees it."""
    address = await route.address()
    assert address is not None
    client = await ClusterClient.connect(address)
    try:
        async for status in client.watch_status(0.2):
            return {host.given: host.alive for host in status.hosts}
    finally:
        await client.close()
    raise AssertionError


async def test_three_hosts_come_up_together_and_a_lost_one_is_repaired(
    lab_network: Network, ssh_keys: SshKeys, make_route: MakeRoute
) -> None:
    hosts = [lab_network.host(number) for number in (1, 2, 3)]
    for host in hosts:
        host.sshd([ssh_keys.plain], environment=warm_cache())
    document = cluster_of(*hosts, key=ssh_keys.plain)
    route = make_route(document)
    said: list[str] = []
    await route.up(said.append)
    for host in hosts:
        assert any(line.startswith(f"{host.ip}: Installed rhdesk {wheel.own_version()}") for line in said)
    assert {one.host for one in route.timings if one.step == "join"} == {host.ip for host in hosts[1:]}
    assert await alive_of(route) == {host.ip: True for host in hosts}

    # done again it changes nothing
    before = _processes(hosts[1])
    await route.up(said.append)
    assert {one.step for one in route.timings} <= {"state", "engine", "hosts"}
    assert before & _processes(hosts[1])

    hosts[2].power_off()
    async with asyncio.timeout(60):
        while (await alive_of(route))[hosts[2].ip]:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    with pytest.raises(RhError, match="cannot be reached") as failed:
        await route.repair(hosts[2].ip, said.append)
    assert "The other 2 hosts are up" in failed.value.sentence
    hosts[2].power_on()
    hosts[2].sshd([ssh_keys.plain], environment=warm_cache())
    await route.repair(hosts[2].ip, said.append)
    async with asyncio.timeout(60):
        while not (await alive_of(route))[hosts[2].ip]:  # noqa: ASYNC110
            await asyncio.sleep(0.5)

    await route.down(stop_runs=True)
    for host in hosts:
        assert not [words for words in _command_lines(host) if "rhserver" in words or "raylet" in words]


def _command_lines(host: Host) -> list[str]:
    found = []
    for process in host.processes():
        try:
            found.append(Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def _processes(host: Host) -> set[int]:
    return set(host.processes())
