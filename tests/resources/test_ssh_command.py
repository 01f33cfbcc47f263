"""The system's own ssh, told to go just where our connection goes: run for real, through jump hosts too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.ssh_cluster import document_at
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import ME, Sshd

from rhresources.errors import UsageError
from rhresources.workspace import Workspace


async def answer(command: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        "echo $((6 * 7))",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    return (await process.communicate())[0].decode().strip().splitlines()[-1]


async def test_an_entry_of_the_configuration(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, rh_home: Path) -> None:
    ssh_home.knows(sshd)
    ssh_home.config(f"Host box\n  HostName {sshd.address}\n  Port {sshd.port}\n  IdentityFile {ssh_keys.plain}\n")
    workspace = Workspace(rh_home)
    document = document_at(sshd, ssh_keys.plain).model_copy(update={"ips": ["box"]})
    bare = document.model_copy(update={"ssh_creds": type(document.ssh_creds)()})
    assert await answer(await workspace.ssh_command(bare)) == "42"
    with pytest.raises(UsageError, match="not reached by SSH"):
        await workspace.ssh_command("^local")
    with pytest.raises(UsageError, match="no host other"):
        await workspace.ssh_command(document, "other")
    await workspace.close()


@pytest.mark.parametrize("count", [1, 2])
async def test_jump_hosts_with_a_key_and_known_hosts_of_our_own(
    count: int, make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, short_path: Path, rh_home: Path
) -> None:
    goal, *jumps = servers = [make_sshd() for _ in range(count + 1)]
    known = short_path / "known hosts 100%"
    known.write_text("".join(server.known_hosts_lines() for server in servers))
    document = document_at(goal, ssh_keys.plain)
    creds = document.ssh_creds.model_copy(
        update={
            "known_hosts": str(known),
            "proxy_jump": ",".join(f"{ME}@{jump.address}:{jump.port}" for jump in jumps),
        }
    )
    document = document.model_copy(update={"ssh_creds": creds})
    workspace = Workspace(rh_home)
    assert await workspace.run_command(document, "exit 7") == 7
    assert await answer(await workspace.ssh_command(document)) == "42"
    assert all("Accepted publickey" in server.log for server in servers)
    await workspace.close()
