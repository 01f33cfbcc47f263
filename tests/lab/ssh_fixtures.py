"""Fixtures: real SSH servers, keys, agents."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.rights import has_many_users
from lab.sshd import ME, SSHD, SshAgent, Sshd, make_key
from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument, SshCredentials
from rhresources.reach.questions import HostKeyQuestion, SecretAnswer, SecretQuestion
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.target import SshTarget, target_of

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


# ---------------------------------------------------------------- connections


class Person:
    """An `Asker` whose answers are known before.

    Args:
        trusts: what it says about host keys.
        secrets: {kind or subject or prompt: answers}; answers are given in turn, None for "rather not".
        keep: whether it wants them kept.

    Attributes:
        asked: every question.
    """

    def __init__(self, *, trusts: bool = True, keep: bool = False, **secrets: str | list[str | None] | None) -> None:
        self.trusts = trusts
        self.keep = keep
        self.asked: list[HostKeyQuestion | SecretQuestion] = []
        self._secrets = {
            name: list(answers) if isinstance(answers, list) else [answers] for name, answers in secrets.items()
        }

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        """Yes or no, as it was made."""
        self.asked.append(question)
        return self.trusts

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        """The next of its answers."""
        self.asked.append(question)
        answers = self._secrets.get(question.prompt) or self._secrets.get(question.kind)
        answer = answers.pop(0) if answers else None
        return None if answer is None else SecretAnswer(answer, self.keep)

    @property
    def secrets_asked(self) -> list[SecretQuestion]:
        """The questions that were typed at."""
        return [question for question in self.asked if isinstance(question, SecretQuestion)]


def document_of(server: Sshd, key: Path | None = None, user: str = ME, **log_in: Any) -> ClusterDocument:
    """A cluster that is this server."""
    given = {"ssh_user": user, "ssh_port": server.port, "ssh_private_key": str(key) if key else None, **log_in}
    return ClusterDocument(type="ssh", ips=[server.address], ssh_creds=SshCredentials(**given))


@pytest.fixture
def session_credentials(rh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    """Credentials without a keyring."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    return Credentials(rh_home)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is true.

    Raises:
        AssertionError: it is not, for 20 s.
    """
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come true")


def ssh_keygen(*arguments: str | Path) -> str:
    """What `ssh-keygen` prints."""
    done = subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, text=True)
    return done.stdout


Opener = Callable[..., Awaitable[SshConnection]]


@pytest.fixture
async def open_ssh(ssh_home: SshHome, session_credentials: Credentials) -> AsyncIterator[Opener]:
    """Opens connections that are closed after the test: `await open_ssh(target_or_document, asker=…, on_step=…)`."""
    opened: list[SshConnection] = []

    async def open_one(to: SshTarget | ClusterDocument, asker: Person | None = None, **options: Any) -> SshConnection:
        target = await target_of(to) if isinstance(to, ClusterDocument) else to
        connection = await SshConnection.open(target, **{"credentials": session_credentials, "asker": asker, **options})
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        await connection.close()
