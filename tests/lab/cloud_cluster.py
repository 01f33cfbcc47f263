"""~/cloud: a cluster on demand. Its machine is this computer behind a real SSH server, and its SkyPilot stands in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lab.skypilot_stand_in import StandInSkyPilot
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import ME, Sshd, free_port
from rhresources.cloud.answers import CloudHosts
from rhresources.cloud.task import sky_name
from rhresources.documents import ClusterDocument, parse_document
from rhresources.resource_names import ResourceNames
from rhresources.workspace import Workspace

ADDRESS = "~/cloud"


async def until(true: Callable[[], Any]) -> None:
    """Wait until something has happened."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def losing_the_connection(workspace: Workspace) -> AsyncIterator[None]:
    """What is done in here ends the SSH connection to the machine; waits until that is noticed."""
    connection = await workspace.ssh_connection(ADDRESS)
    yield
    assert connection is not None
    await until(lambda: not connection.alive)


@dataclass
class CloudCluster:
    """The cluster and what stands behind it.

    Attributes:
        skypilot: what stands in for SkyPilot.
        sshd: its only machine, on which the cluster server of the other tests runs.
        sky: SkyPilot's name of it.
        home: the rhdesk directory that the document is in.
        key: the private key that the machine lets in.
        runtime: where SkyPilot's own files would be on the machine.
    """

    skypilot: StandInSkyPilot
    sshd: Sshd
    sky: str
    home: Path
    key: Path
    runtime: Path

    def hosts_at(self, *servers: Sshd) -> CloudHosts:
        """How these servers are reached."""
        return CloudHosts(
            tuple(server.address for server in servers), tuple(server.port for server in servers), ME, str(self.key)
        )

    def moves(self) -> None:
        """The machine answers somewhere else from now on."""
        self.sshd.stop()
        self.sshd.port = free_port()
        self.sshd.start()
        self.skypilot.all_hosts[self.sky] = self.hosts_at(self.sshd)

    def is_another(self) -> None:
        """Another machine answers where this one was."""
        self.sshd.stop()
        self.sshd.new_host_key()
        self.sshd.start()

    def becomes(self, **fields: Any) -> None:
        """The cloud changes the cluster."""
        self.skypilot.known[self.sky] = replace(self.skypilot.known[self.sky], **fields)


@pytest.fixture
def cloud_cluster(
    mortal_server: Any,
    make_sshd: Callable[..., Sshd],
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    rh_home: Path,
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> CloudCluster:
    """A document, and a SkyPilot that knows of nothing yet. Nobody knows the machine's host key."""
    monkeypatch.setattr("rhresources.cloud.leftovers._PAUSE", 0.01)  # the stand-in's list is never late
    runtime = short_path / "runtime"
    sshd = make_sshd(set_env={"RH_HOME": str(mortal_server.home), "SKY_RUNTIME_DIR": str(runtime)})
    document = parse_document({"kind": "cluster", "type": "cloud", "instance_type": "CPU:2+", "autostop_mins": 10})
    assert isinstance(document, ClusterDocument)
    ResourceNames(rh_home).save(ADDRESS, document)
    skypilot = StandInSkyPilot()
    cluster = CloudCluster(skypilot, sshd, sky_name(ADDRESS, rh_home), rh_home, ssh_keys.plain, runtime)
    skypilot.all_hosts[cluster.sky] = cluster.hosts_at(sshd)
    return cluster
