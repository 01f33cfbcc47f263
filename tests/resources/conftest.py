"""Hosts without anything on them, and hosts where rhdesk is installed already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.bare_host import BareHost
from lab.sshd import SSHD
from lab.ssh_fixtures import SshHome, SshKeys


@pytest.fixture
async def make_bare_host(ssh_home: SshHome, ssh_keys: SshKeys) -> AsyncIterator[Callable[..., BareHost]]:
    """Makes hosts with nothing on them; takes what `BareHost` takes."""
    if not SSHD:
        pytest.skip("needs an OpenSSH server")
    hosts: list[BareHost] = []

    def make(**options: Any) -> BareHost:
        hosts.append(BareHost(ssh_keys.plain, ssh_home.known_hosts, **options))
        return hosts[-1]

    yield make
    for host in hosts:
        await host.close()


@pytest.fixture(scope="session")
def shared_installs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of installations of hosts that tests bring up again and again."""
    yield tmp_path_factory.mktemp("installs")


@pytest.fixture
async def bare_host(make_bare_host: Callable[..., BareHost]) -> BareHost:
    """A host with nothing on it."""
    return make_bare_host()


@pytest.fixture
async def installed_host(make_bare_host: Callable[..., BareHost], shared_installs: Path) -> BareHost:
    """A host that shares its installations with the others of this kind, so that only the first one installs."""
    host = make_bare_host()
    host.rh.mkdir(mode=0o700)
    (host.rh / "installs").symlink_to(shared_installs)
    return host
