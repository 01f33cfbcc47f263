"""Connections to real SSH servers: commands, files, forwards, and what happens when they die."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import ME, Sshd

from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument, SshCredentials
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.target import target_of


def document(sshd: Sshd, key: Path) -> ClusterDocument:
    return ClusterDocument(
        type="ssh",
        ips=[sshd.address],
        ssh_creds=SshCredentials(ssh_user=ME, ssh_port=sshd.port, ssh_private_key=str(key)),
    )


@pytest.fixture
def credentials(rh_home: Path) -> Credentials:
    return Credentials(rh_home)


async def test_commands_files(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, credentials: Credentials, short_path: Path) -> None:
    ssh_home.knows(sshd)
    steps = []
    connection = await SshConnection.open(
        await target_of(document(sshd, ssh_keys.plain)), credentials=credentials, on_step=steps.append
    )
    for s in steps:
        print(s)
    done = await connection.run("echo hi; echo oops >&2; cat; exit 3", input=b"in")
    assert (done.code, done.stdout, done.stderr) == (3, b"hi\nin", b"oops\n")
    assert connection.host_address == "127.0.0.1"
    await connection.write_file(str(short_path / "f"), b"x" * 100000)
    assert await connection.read_file(str(short_path / "f")) == b"x" * 100000
    await connection.close()
