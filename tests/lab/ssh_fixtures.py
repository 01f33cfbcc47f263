"""Fixtures: real SSH servers, keys, agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.rights import has_many_users
from lab.sshd import SSHD, SshAgent, Sshd, make_key

PASSPHRASE = "correct horse"
USER, PASSWORD = "rhuser", "pässword 1"
"""The user of the fixture `sshd` that logs in by password (root only)."""


@dataclass(frozen=True)
class SshKeys:
    """Private key files, with their public halves beside them.

    Attributes:
        plain, rsa, ecdsa: without a passphrase.
        encrypted: its passphrase is `PASSPHRASE`.
        stranger: a key that no server lets in.
    """

    folder: Path
    plain: Path
    rsa: Path
    ecdsa: Path
    encrypted: Path
    stranger: Path

    @property
    def welcome(self) -> tuple[Path, ...]:
        """Those that the servers of the fixtures let in."""
        return self.plain, self.rsa, self.ecdsa, self.encrypted


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> SshKeys:
    """Keys of each kind."""
    folder = tmp_path_factory.mktemp("keys")
    return SshKeys(
        folder,
        make_key(folder / "plain"),
        make_key(folder / "rsa", "rsa", bits=2048),
        make_key(folder / "ecdsa", "ecdsa"),
        make_key(folder / "encrypted", passphrase=PASSPHRASE),
        make_key(folder / "stranger"),
    )


@pytest.fixture
def make_sshd(ssh_keys: SshKeys) -> Iterator[Callable[..., Sshd]]:
    """Starts SSH servers; takes what `Sshd` takes. The keys of `ssh_keys` may log in unless `authorized` says else."""
    if not SSHD:
        pytest.skip("needs an OpenSSH server")
    servers: list[Sshd] = []

    def make(**options: Any) -> Sshd:
        server = Sshd(**{"authorized": ssh_keys.welcome, **options})
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.remove()


@pytest.fixture
def sshd(make_sshd: Callable[..., Sshd]) -> Sshd:
    """An SSH server; as root it also has the user `USER` with `PASSWORD`."""
    return make_sshd(users={USER: PASSWORD} if has_many_users() else None)


@pytest.fixture
def jump_host(make_sshd: Callable[..., Sshd]) -> Sshd:
    """Another SSH server, to go through."""
    return make_sshd()


@pytest.fixture
def ssh_agent(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshAgent]:
    """An empty agent that SSH_AUTH_SOCK names."""
    agent = SshAgent(short_path / "agent.sock")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket))
    yield agent
    agent.stop()


@dataclass(frozen=True)
class SshHome:
    """The ~/.ssh of a test."""

    folder: Path

    @property
    def known_hosts(self) -> Path:
        """The file of known host keys."""
        return self.folder / "known_hosts"

    def knows(self, *servers: Sshd) -> None:
        """Remember the host keys of these servers."""
        with self.known_hosts.open("a") as file:
            file.writelines(server.known_hosts_lines() for server in servers)

    def config(self, text: str) -> Path:
        """Write ~/.ssh/config."""
        file = self.folder / "config"
        file.write_text(text)
        file.chmod(0o600)
        return file


@pytest.fixture
def ssh_home(rh_home: Path, monkeypatch: pytest.MonkeyPatch) -> SshHome:
    """An empty ~/.ssh; no agent."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    return SshHome(folder)
