"""Forwards over real SSH: sockets and ports, many connections at once, hosts that forbid it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from lab.rights import root_only
from lab.ssh_fixtures import PASSWORD, USER, Opener, Person, SshHome, SshKeys, document_of, until
from lab.sshd import Sshd

from rhresources.errors import RhError
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.packets import Packets
from rhresources.reach.ssh.piping import PipedChannel
from rhresources.reach.ssh.problems import SshProblem

Address = str | tuple[str, int]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Echo until the client has said all; then a last word."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write(b"bye")
        await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def echo_socket(short_path: Path) -> AsyncIterator[str]:
    path = str(short_path / "echo.sock")
    server = await asyncio.start_unix_server(_serve, path)
    yield path
    server.close()


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def connection(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener) -> SshConnection:
    ssh_home.knows(sshd)
    return await open_ssh(document_of(sshd, ssh_keys.plain))


async def dial(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.startswith("unix:"):
        return await asyncio.open_unix_connection(address.removeprefix("unix:"))
    host, port = address.rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


async def there_and_back(address: str, data: bytes) -> bytes:
    reader, writer = await dial(address)

    async def send() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.ensure_future(send())
    got = await reader.read(-1)
    await sending
    writer.close()
    return got


async def test_sockets_and_ports_at_both_ends(
    connection: SshConnection, echo_socket: str, echo_port: int, short_path: Path
) -> None:
    local = str(short_path / "l.sock")
    remotes: list[Address] = [echo_socket, ("127.0.0.1", echo_port)]
    for remote in remotes:
        for here in (local, ("127.0.0.1", 0)):
            forward = await connection.forward(remote, here, probe=True)
            # the end of one direction is passed on while the other goes on
            assert await there_and_back(forward.address, b"hello ") == b"hello bye"
            if isinstance(here, str):
                assert stat.S_IMODE(os.stat(here).st_mode) == 0o600
            forward.close()
            with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
                await dial(forward.address)
    assert connection.forwarding is True
    assert not os.path.exists(local)


async def test_much_in_both_directions_on_many_connections(
    connection: SshConnection, echo_socket: str, short_path: Path
) -> None:
    forward = await connection.forward(echo_socket, str(short_path / "l.sock"))
    data = [os.urandom((number + 1) << 20) for number in range(6)]
    got = await asyncio.gather(*[there_and_back(forward.address, each) for each in data])
    for sent, received in zip(data, got, strict=True):
        assert hashlib.sha256(received).digest() == hashlib.sha256(sent + b"bye").digest()


async def test_a_reader_that_rests_holds_up_nobody(
    connection: SshConnection, echo_socket: str, short_path: Path
) -> None:
    forward = await connection.forward(echo_socket, str(short_path / "l.sock"))
    reader, writer = await dial(forward.address)
    data = os.urandom(8 << 20)
    writer.write(data)
    await asyncio.sleep(0.3)
    async with asyncio.timeout(20):
        assert await there_and_back(forward.address, b"quick ") == b"quick bye"
        assert await reader.readexactly(len(data)) == data
    writer.close()


async def test_new_keys_in_the_middle(
    make_sshd: Callable[..., Sshd],
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    open_ssh: Opener,
    echo_socket: str,
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both sides ask for new keys again and again while both directions are full."""
    monkeypatch.setattr(Packets, "REKEY_BYTES", 5 << 20)
    server = make_sshd(extra="RekeyLimit 3M")
    ssh_home.knows(server)
    connection = await open_ssh(document_of(server, ssh_keys.plain))
    forward = await connection.forward(echo_socket, str(short_path / "l.sock"))
    data = os.urandom(24 << 20)
    assert await there_and_back(forward.address, data) == data + b"bye"
    assert connection.alive


@pytest.mark.parametrize("cipher", ["aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"])
async def test_with_every_cipher(
    cipher: str,
    make_sshd: Callable[..., Sshd],
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    open_ssh: Opener,
    echo_socket: str,
    short_path: Path,
) -> None:
    server = make_sshd(extra=f"Ciphers {cipher}\nRekeyLimit 3M")
    ssh_home.knows(server)
    connection = await open_ssh(document_of(server, ssh_keys.plain))
    forward = await connection.forward(echo_socket, str(short_path / "l.sock"))
    data = os.urandom(8 << 20)
    assert await there_and_back(forward.address, data) == data + b"bye"


@pytest.mark.parametrize("algorithms", ["Ciphers aes128-cbc", "Ciphers aes128-ctr\nMACs hmac-sha1"])
async def test_unsafe_algorithms_are_not_spoken(
    algorithms: str, make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    server = make_sshd(extra=algorithms)
    ssh_home.knows(server)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(server, ssh_keys.plain))
    assert caught.value.code == "no-common-algorithm"


async def test_through_a_jump_host(
    sshd: Sshd,
    jump_host: Sshd,
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    open_ssh: Opener,
    echo_socket: str,
    short_path: Path,
) -> None:
    ssh_home.knows(sshd, jump_host)
    connection = await open_ssh(document_of(sshd, ssh_keys.plain, proxy_jump=f"127.0.0.1:{jump_host.port}"))
    forward = await connection.forward(echo_socket, str(short_path / "l.sock"))
    data = os.urandom(8 << 20)
    assert await there_and_back(forward.address, data) == data + b"bye"


async def test_window_grows_on_a_long_way_only() -> None:
    class Transport:
        round_trip = 3600.0

    channel = PipedChannel(None)  # type: ignore[arg-type]
    channel.transport = Transport()
    first, grown = channel._granted, 0
    for _ in range(100):
        grown += channel._growth(first // 4)
        channel._granted = first + grown
    assert channel._granted >= 16 * first
    Transport.round_trip = 0.0
    before = channel._granted
    for _ in range(100):
        channel._granted += channel._growth(before // 4)
    assert channel._granted == before


# ---------------------------------------------------------------- what goes wrong


async def test_nothing_listens_there(connection: SshConnection, short_path: Path) -> None:
    forward = await connection.forward("/nonexistent.sock", str(short_path / "l.sock"))
    assert await there_and_back(forward.address, b"") == b""
    assert forward.error is not None
    assert forward.error.code == "nothing-listens"
    with pytest.raises(SshProblem, match=r"Nothing on .* answers at /nonexistent.sock"):
        await connection.forward("/nonexistent.sock", str(short_path / "l2.sock"), probe=True)
    assert not (short_path / "l2.sock").exists()


async def test_taken_address(connection: SshConnection, echo_port: int, short_path: Path) -> None:
    for here in (("127.0.0.1", echo_port), str(short_path / "missing" / "l.sock")):
        with pytest.raises(RhError, match="cannot listen at"):
            await connection.forward("/x.sock", here)


async def test_connections_end_with_the_ssh_connection(
    connection: SshConnection, sshd: Sshd, echo_socket: str, short_path: Path
) -> None:
    forward = await connection.forward(echo_socket, str(short_path / "l.sock"))
    reader, writer = await dial(forward.address)
    writer.write(b"x")
    assert await reader.read(1) == b"x"
    sshd.drop()
    async with asyncio.timeout(10):
        assert await reader.read(1) == b""
    await until(lambda: not os.path.exists(short_path / "l.sock"))
    writer.close()


@pytest.mark.parametrize("line", ["AllowStreamLocalForwarding no", "AllowTcpForwarding no", "DisableForwarding yes"])
async def test_a_host_that_forbids_forwarding(
    line: str,
    make_sshd: Callable[..., Sshd],
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    open_ssh: Opener,
    echo_socket: str,
    echo_port: int,
    short_path: Path,
) -> None:
    """A program there carries the connections instead: no port is opened, and nobody else can use it."""
    server = make_sshd(extra=line)
    ssh_home.knows(server)
    connection = await open_ssh(document_of(server, ssh_keys.plain))
    data = os.urandom(3 << 20)
    for number, remote in enumerate([echo_socket, ("127.0.0.1", echo_port)]):
        forward = await connection.forward(remote, str(short_path / f"l{number}.sock"), probe=True)
        if (line, number) != ("AllowTcpForwarding no", 0):  # some servers count sockets among what it forbids
            allowed = (line, number) == ("AllowStreamLocalForwarding no", 1)
            assert forward.carried is not allowed
            assert connection.forwarding is allowed
        async with asyncio.timeout(20):
            assert await there_and_back(forward.address, data) == data + b"bye"
            both = [there_and_back(forward.address, each) for each in (b"one ", b"two ")]
            assert await asyncio.gather(*both) == [b"one bye", b"two bye"]


async def test_a_host_that_forbids_everything(
    make_sshd: Callable[..., Sshd],
    ssh_home: SshHome,
    ssh_keys: SshKeys,
    open_ssh: Opener,
    echo_port: int,
) -> None:
    server = make_sshd(extra="DisableForwarding yes\nForceCommand echo no")
    ssh_home.knows(server)
    connection = await open_ssh(document_of(server, ssh_keys.plain))
    with pytest.raises(SshProblem) as caught:
        await connection.forward(("127.0.0.1", echo_port), probe=True)
    assert (caught.value.code, caught.value.step) == ("forwarding-forbidden", "forwarding")
    assert "AllowTcpForwarding" in caught.value.remedy
    assert connection.forwarding is False


@root_only
async def test_another_user_of_the_host_reaches_no_socket_of_ours(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, short_path: Path
) -> None:
    """The server opens sockets with the rights of whoever is logged in."""
    server = make_sshd(users={USER: PASSWORD, "mallory": PASSWORD})
    ssh_home.knows(server)
    mine = await open_ssh(document_of(server, ssh_keys.plain, user=USER))
    folder = server.home_of(USER) / "private"
    await mine.run(f"mkdir -m 700 {folder}", check=True)
    listening = asyncio.ensure_future(
        mine.run(
            "python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); "
            f'c, _ = s.accept(); c, _ = s.accept(); c.sendall(b"secret")\' {folder}/s.sock'
        )
    )
    async with asyncio.timeout(20):
        await until((folder / "s.sock").is_socket)
        theirs = await open_ssh(document_of(server, ssh_keys.plain, user="mallory"), Person())
        with pytest.raises(SshProblem):
            await theirs.forward(f"{folder}/s.sock", str(short_path / "m.sock"), probe=True)
        forward = await mine.forward(f"{folder}/s.sock", str(short_path / "l.sock"), probe=True)
        assert await there_and_back(forward.address, b"") == b"secret"
        await listening
