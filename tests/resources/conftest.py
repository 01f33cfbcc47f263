"""A workspace; hosts without anything on them, and hosts where rhdesk is installed already."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from lab.bare_host import BareHost
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import SSHD

from rhresources.reach.bring_up import wheel
from rhresources.workspace import Workspace


@pytest.fixture
async def workspace(rh_home: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(rh_home)
    yield workspace
    await workspace.close()


@pytest.fixture(scope="session")
def _files_of_wheel(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("rhdesk")
    files = []
    for name, file in wheel._files():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
        files.append((name, copy))
    return files


@pytest.fixture
def steady_wheel(_files_of_wheel: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rhdesk of this checkout stays the same build while somebody edits it, and for all tests of a session."""
    monkeypatch.setattr(wheel, "_files", lambda: iter(_files_of_wheel))


@pytest.fixture
async def make_bare_host(
    ssh_home: SshHome, ssh_keys: SshKeys, steady_wheel: None
) -> AsyncIterator[Callable[..., BareHost]]:
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
def shared_installs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of installations of hosts that tests bring up again and again."""
    return tmp_path_factory.mktemp("installs")


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
