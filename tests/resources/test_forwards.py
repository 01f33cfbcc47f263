"""Forwarded ports: over SSH and on this computer, to ports and sockets, taken ports, and lost connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from lab.ssh_cluster import document_at
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import Sshd

from rhresources.errors import NotFound, RhError, UsageError
from rhresources.forwards import PortForward
from rhresources.workspace import Workspace


@asynccontextmanager
async def echo(where: str | None = None) -> AsyncIterator[int]:
    """A server that says "got: " and what it heard; its port, or 0 at the socket `where`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(b"got: " + line)
            await writer.drain()
        writer.close()

    if where is None:
        server: asyncio.Server = await asyncio.start_server(serve, "127.0.0.1", 0)
    else:
        server = await asyncio.start_unix_server(serve, where)
    try:
        yield 0 if where else server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def talk(port: int, text: str = "hello") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{text}\n".encode())
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()


@pytest.fixture
async def workspace(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, rh_home: Path) -> AsyncIterator[Workspace]:
    """With the cluster ~/lab over SSH, which has no server: forwards do not need one."""
    ssh_home.knows(sshd)
    workspace = Workspace(rh_home)
    workspace.names.save("~/lab", document_at(sshd, ssh_keys.plain))
    yield workspace
    await workspace.close()


async def until(workspace: Workspace, wanted: Callable[[PortForward], bool]) -> PortForward:
    """Wait until the only forward is so."""
    changed = asyncio.Event()
    stop = workspace.forwards.on_change(changed.set)
    try:
        async with asyncio.timeout(60):
            while True:
                changed.clear()
                (row,) = workspace.forwards.list()
                if wanted(row):
                    return row
                await changed.wait()
    finally:
        stop()


@pytest.mark.parametrize("cluster", ["~/lab", "^local"])
async def test_ports_and_sockets(cluster: str, workspace: Workspace, short_path: Path) -> None:
    path = str(short_path / "echo.sock")
    async with echo() as port, echo(path):
        first = await workspace.forwards.add(cluster, port)
        second = await workspace.forwards.add(cluster, 0, remote_host=path)
        assert first.local_port not in (0, port)
        assert first.remote == f"127.0.0.1:{port}"
        assert second.remote == path
        assert [row.state for row in workspace.forwards.list()] == ["open", "open"]
        assert await talk(first.local_port) == "got: hello"
        assert await talk(second.local_port, "x" * 50_000) == "got: " + "x" * 50_000
        await workspace.forwards.stop(first.id)
        assert workspace.forwards.list() == [second]
        with pytest.raises(OSError, match=r"Connect call failed|refused"):
            await talk(first.local_port)
        with pytest.raises(NotFound):
            await workspace.forwards.stop(first.id)


async def test_that_a_forward_comes_back_on_its_port(workspace: Workspace, sshd: Sshd) -> None:
    async with echo() as port:
        row = await workspace.forwards.add("~/lab", port)
        assert await talk(row.local_port) == "got: hello"
        sshd.stop()
        lost = await until(workspace, lambda row: row.state == "waiting")
        assert lost.sentence
        sshd.start()
        back = await until(workspace, lambda row: row.state == "open")
        assert back == row
        assert await talk(row.local_port) == "got: hello"


async def test_ports_that_are_taken(workspace: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RhError, match=f"Port {port} of this computer is taken") as error:
            await workspace.forwards.add("~/lab", 80, port)
        assert error.value.code == "port-taken"
        assert workspace.forwards.list() == []
        row = await workspace.forwards.add("~/lab", 80, port, num_ports_to_try=5)
        assert port < row.local_port <= port + 5
    for wrong in (-1, 70_000):
        with pytest.raises(UsageError, match="is no remote port"):
            await workspace.forwards.add("~/lab", wrong)


async def test_that_nothing_listens_there_is_said_and_no_reason_to_refuse(workspace: Workspace) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    row = await workspace.forwards.add("~/lab", port)
    assert row.state == "open"
    with suppress(ConnectionResetError):
        assert await talk(row.local_port) == ""
    said = await until(workspace, lambda row: bool(row.sentence))
    assert f"port {port} of 127.0.0.1" in said.sentence
    assert said.state == "open"


async def test_a_host_that_forbids_forwarding(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, workspace: Workspace
) -> None:
    strict = make_sshd(extra="AllowTcpForwarding no\nAllowStreamLocalForwarding no")
    ssh_home.knows(strict)
    with pytest.raises(RhError, match="forbids forwarding") as error:
        await workspace.forwards.add(document_at(strict, ssh_keys.plain), 80)
    assert "AllowTcpForwarding yes" in error.value.remedy
    assert workspace.forwards.list() == []
