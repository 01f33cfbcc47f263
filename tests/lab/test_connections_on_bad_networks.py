"""Our SSH connection on networks that misbehave: cables that are cut, servers that restart, hosts that vanish."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from lab.burden import CONNECTS, burden
from lab.hosts import Cable, Host, Network
from lab.remote import target_at
from lab.rights import root_only
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import ME, Sshd
from rhresources.credentials import Credentials
from rhresources.errors import ConnectionLost
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.target import SshTarget

pytestmark = pytest.mark.slow

_ECHO = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("listening", flush=True)
while True:
    connection, _ = server.accept()
    if os.fork() == 0:
        while data := connection.recv(65536):
            connection.sendall(data)
        os._exit(0)
    connection.close()
"""


@asynccontextmanager
async def connected(target: SshTarget, home: Path) -> AsyncIterator[SshConnection]:
    connection = await SshConnection.open(target, credentials=Credentials(home))
    try:
        yield connection
    finally:
        await connection.close()


def watch_for_loss(connection: SshConnection) -> asyncio.Future[SshProblem]:
    lost: asyncio.Future[SshProblem] = asyncio.get_running_loop().create_future()
    connection.on_lost(lost.set_result)
    return lost


async def echoed(address: str, data: bytes) -> bytes:
    """What comes back over a forward to an echo server."""
    reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))

    async def send() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    received, _ = await asyncio.gather(reader.read(-1), send())
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return received


def start_echo(host: Host, user: str = "") -> str:
    """An echo server on the host, in a private folder of `user`; the path of its socket."""
    folder = host.accounts[user or host.user].home / "private"
    host.run("mkdir", "-m", "700", str(folder), user=user)
    path = str(folder / "echo.sock")
    host.start("python3", "-c", _ECHO, path, user=user)
    host.run("sh", "-c", f"until [ -S {path} ]; do sleep 0.05; done")
    return path


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("fault", ["pulled", "powerless"])
async def test_a_silent_loss_is_noticed_and_said(
    lab_network: Network, ssh_keys: SshKeys, rh_home: Path, fault: str
) -> None:
    host = lab_network.host(1)
    host.sshd([ssh_keys.plain])
    async with connected(target_at(host, ssh_keys.plain), rh_home) as connection:
        lost = watch_for_loss(connection)
        running = asyncio.create_task(connection.run("sleep 1000"))
        await connection.ping()
        host.unplug() if fault == "pulled" else host.power_off()
        problem = await asyncio.wait_for(lost, 40)
        assert isinstance(problem, ConnectionLost)
        assert problem.code == "connection-lost"
        assert problem.remedy or problem.sentence
        assert not connection.alive
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(running, 10)
        with pytest.raises(ConnectionLost):
            await connection.run("true")


async def test_a_cable_that_is_pulled_for_a_moment_changes_nothing(
    lab_network: Network, ssh_keys: SshKeys, rh_home: Path
) -> None:
    host = lab_network.host(1)
    host.sshd([ssh_keys.plain])
    path = start_echo(host)
    async with connected(target_at(host, ssh_keys.plain), rh_home) as connection:
        lost = watch_for_loss(connection)
        forward = await connection.forward(path, str(rh_home.parent / "echo.sock"))
        data = os.urandom(20_000_000)
        coming = asyncio.create_task(echoed(forward.address, data))
        for _ in range(3):
            await asyncio.sleep(0.2)
            host.unplug()
            await asyncio.sleep(1.5)
            host.plug()
        assert await asyncio.wait_for(coming, 60) == data
        assert connection.alive
        assert not lost.done()


async def test_a_restarted_server_ends_the_connection_and_welcomes_the_next(
    lab_network: Network, ssh_keys: SshKeys, rh_home: Path
) -> None:
    host = lab_network.host(1)
    server = host.sshd([ssh_keys.plain])
    target = target_at(host, ssh_keys.plain)
    async with connected(target, rh_home) as connection:
        lost = watch_for_loss(connection)
        await connection.run("setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
        server.restart()
        assert isinstance(await asyncio.wait_for(lost, 10), ConnectionLost)
    async with connected(target, rh_home) as connection:
        assert b"sleep 1000" in (await connection.run("ps -eo args")).stdout


async def test_everything_arrives_over_a_slow_cable_with_losses(
    lab_network: Network, ssh_keys: SshKeys, rh_home: Path
) -> None:
    host = lab_network.host(1, cable=Cable(delay_ms=25, loss=0.01, rate_mbit=20))
    host.sshd([ssh_keys.plain])
    path = start_echo(host)
    data = os.urandom(1_500_000)
    async with connected(target_at(host, ssh_keys.plain), rh_home) as connection:
        assert await connection.ping() > 0.045
        forward = await connection.forward(path, str(rh_home.parent / "echo.sock"))
        await connection.write_file(str(host.home / "file"), data)
        assert (host.home / "file").read_bytes() == data
        assert await connection.read_file(str(host.home / "file")) == data
        results = await asyncio.gather(
            *(echoed(forward.address, data) for _ in range(2)), connection.run("cat file | sha256sum")
        )
        assert results[0] == data
        assert results[1] == data
        assert connection.alive


# ---------------------------------------------------------------- two users of one host


@root_only
async def test_another_user_of_the_host_gets_to_no_private_socket(
    lab_network: Network, ssh_keys: SshKeys, rh_home: Path
) -> None:
    host = lab_network.host(1, users={"alice": "", "mallory": ""})
    host.sshd({"alice": [ssh_keys.plain], "mallory": [ssh_keys.rsa]})
    path = start_echo(host, "alice")
    own = str(rh_home.parent / "alice.sock")
    async with connected(target_at(host, ssh_keys.plain, user="alice"), rh_home) as alice:
        forward = await alice.forward(path, own)
        assert await echoed(forward.address, b"mine") == b"mine"
        local = Path(own)
        assert local.stat().st_mode & 0o077 == 0
        assert local.parent.stat().st_uid == os.geteuid()
        async with connected(target_at(host, ssh_keys.rsa, user="mallory"), rh_home) as mallory:
            stolen = await mallory.forward(path, str(rh_home.parent / "mallory.sock"))
            with suppress(OSError):
                assert await echoed(stolen.address, b"mine?") == b""
            assert (await mallory.run(f"ls {Path(path).parent}")).code != 0
            tried = await mallory.run(f"python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('{path}')\"")
            assert b"PermissionError" in tried.stderr
        assert await echoed(forward.address, b"still mine") == b"still mine"


# ---------------------------------------------------------------- growth


async def connect_and_drop(make: Callable[[], SshTarget], drop: Callable[[], None], home: Path, rounds: int) -> None:
    """Connect, use and lose a connection; every second one is closed in order instead of lost."""
    credentials = Credentials(home)
    for number in range(rounds):
        connection = await SshConnection.open(make(), credentials=credentials)
        lost = watch_for_loss(connection)
        forward = await connection.forward("/nowhere.sock", str(home.parent / "nowhere.sock"))
        assert (await connection.run("echo there")).stdout == b"there\n"
        with suppress(OSError):
            assert await echoed(forward.address, b"x") == b""
        if number % 2:
            drop()
            await asyncio.wait_for(lost, 30)
        await connection.close()


@pytest.mark.timeout(600)
async def test_threads_files_and_memory_do_not_grow_with_connects_and_drops(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, rh_home: Path
) -> None:
    ssh_home.knows(sshd)
    target = SshTarget(
        name="host",
        host=sshd.address,
        port=sshd.port,
        user=ME,
        key_files=(str(ssh_keys.plain),),
        use_agent=False,
        known_hosts=(str(ssh_home.known_hosts),),
    )
    await connect_and_drop(lambda: target, sshd.drop, rh_home, 10)
    before = burden()
    await connect_and_drop(lambda: target, sshd.drop, rh_home, CONNECTS)
    after = burden()
    print(f"{CONNECTS} connects: {before} -> {after}")
    assert after["threads"] <= before["threads"]
    assert after["files"] <= before["files"]
    assert after["memory"] - before["memory"] < 3_000_000 + 5_000 * CONNECTS
