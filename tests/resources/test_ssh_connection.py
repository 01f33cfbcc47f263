"""A live connection: commands with clean output, files, what happens when it dies, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from lab.ssh_fixtures import Opener, SshHome, SshKeys, document_of, until
from lab.sshd import Sshd

from rhresources.credentials import Credentials
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.target import target_of


@pytest.fixture
async def connection(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener) -> SshConnection:
    ssh_home.knows(sshd)
    return await open_ssh(document_of(sshd, ssh_keys.plain))


# ---------------------------------------------------------------- commands


async def test_a_command(connection: SshConnection) -> None:
    heard: list[bytes] = []
    done = await connection.run("cat; echo oops >&2; exit 3", input=b"in", on_output=heard.append)
    assert (done.code, done.stdout, done.stderr) == (3, b"in", b"oops\n")
    assert sorted(heard) == [b"in", b"oops\n"]
    assert connection.host_address == "127.0.0.1"


async def test_large_input_and_output_at_once(connection: SshConnection) -> None:
    data = os.urandom(20 << 20)
    done = await connection.run("tee /dev/stderr", input=data)
    assert done.stdout == data
    assert done.stderr == data


async def test_a_noisy_login_shell(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, make_sshd: Callable[..., Sshd], tmp_path: Path
) -> None:
    (tmp_path / ".bashrc").write_text("echo Welcome to the lab; echo mind the gap >&2; printf 'no line end'\n")
    server = make_sshd(set_env={"HOME": str(tmp_path)})
    ssh_home.knows(server)
    connection = await open_ssh(document_of(server, ssh_keys.plain))
    done = await connection.run("echo clean; echo too >&2")
    assert (done.stdout, done.stderr) == (b"clean\n", b"too\n")


async def test_a_failed_command_speaks_for_itself(connection: SshConnection) -> None:
    with pytest.raises(SshProblem) as caught:
        await connection.run("echo first >&2; echo 'disk full' >&2; exit 1", check=True)
    assert caught.value.code == "command-failed"
    assert caught.value.sentence.endswith(": disk full.")
    assert caught.value.detail == "first\ndisk full"


async def test_an_account_without_a_shell(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    server = make_sshd(extra="ForceCommand echo only for backups")
    ssh_home.knows(server)
    connection = await open_ssh(document_of(server, ssh_keys.plain))
    with pytest.raises(SshProblem) as caught:
        await connection.run("true")
    assert caught.value.code == "no-shell"
    assert caught.value.detail == "only for backups"


async def _gone(pids: list[int]) -> None:
    await until(lambda: not any(_lives(pid) for pid in pids))


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_cancelling_kills_the_command_and_its_children(connection: SshConnection) -> None:
    pids: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
    command = "trap '' TERM; sleep 301 & echo $$ $!; wait; wait"
    task = asyncio.ensure_future(
        connection.run(command, on_output=lambda data: pids.set_result([int(word) for word in data.split()]))
    )
    found = await pids
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _gone(found)


async def test_a_command_that_takes_too_long(connection: SshConnection) -> None:
    heard: list[bytes] = []
    with pytest.raises(SshProblem) as caught:
        await connection.run("echo $$; exec sleep 302", timeout=3, on_output=heard.append)
    assert caught.value.code == "timeout"
    await _gone([int(heard[0])])


async def test_many_commands_at_once_on_a_default_server(connection: SshConnection, tmp_path: Path) -> None:
    """A server allows ten sessions, and more than ten are asked for."""
    await connection.write_file(str(tmp_path / "f"), b"x")
    done = await asyncio.gather(*[connection.run(f"sleep 0.1; echo {number}") for number in range(25)])
    assert [each.text for each in done] == [str(number) for number in range(25)]


async def test_nothing_is_said_of_a_channel_after_its_close(connection: SshConnection) -> None:
    """A server ends the whole connection for that, with all that goes on in it."""
    transport = connection._transport
    channel = transport.open_session()
    with channel.lock:
        late = channel._send_eof()
    channel.close()
    transport._send_user_message(late)
    assert (await connection.run("echo still here")).text == "still here"


# ---------------------------------------------------------------- files


async def test_files(connection: SshConnection, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    data = os.urandom(3 << 20)
    await connection.write_file(str(file), data)
    assert file.stat().st_mode & 0o777 == 0o600
    assert await connection.read_file(str(file)) == data
    await connection.write_file(str(file), b"new", mode=0o755)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o755)
    with pytest.raises(FileNotFoundError):
        await connection.read_file(str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        await connection.write_file(str(tmp_path / "missing" / "x"), b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file"]


async def test_a_server_without_sftp(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    server = make_sshd(extra="Subsystem sftp /bin/false")
    ssh_home.knows(server)
    connection = await open_ssh(document_of(server, ssh_keys.plain))
    with pytest.raises(SshProblem) as caught:
        await connection.read_file("x")
    assert caught.value.code == "no-sftp"
    assert (await connection.run("echo still here")).text == "still here"


# ---------------------------------------------------------------- life


async def test_a_dropped_connection_is_told_once(connection: SshConnection, sshd: Sshd) -> None:
    told: list[SshProblem] = []
    connection.on_lost(told.append)
    running = asyncio.ensure_future(connection.run("sleep 303"))
    await connection.run("true")
    sshd.drop()
    with pytest.raises(SshProblem) as caught:
        await running
    assert caught.value.code == "connection-lost"
    await until(lambda: bool(told))
    assert [problem.code for problem in told] == ["connection-lost"]
    assert "was lost" in told[0].sentence
    assert not connection.alive
    late: list[SshProblem] = []
    connection.on_lost(late.append)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert late == told
    for act in (connection.run("true"), connection.read_file("x"), connection.forward("/x", ("127.0.0.1", 0))):
        with pytest.raises(SshProblem):
            await act


async def test_a_connection_that_is_closed_here_is_not_lost(connection: SshConnection) -> None:
    told: list[SshProblem] = []
    connection.on_lost(told.append)
    await connection.close()
    await connection.close()
    assert told == []
    with pytest.raises(SshProblem, match="closed here"):
        await connection.run("true")


async def test_ping(connection: SshConnection) -> None:
    assert 0 < await connection.ping() < 10


async def test_a_silent_link_is_noticed(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped server behaves like a pulled cable: what is sent is taken, and nothing comes back."""
    monkeypatch.setattr("rhresources.reach.ssh.connection.PING_EVERY", 0.1)
    monkeypatch.setattr("rhresources.reach.ssh.connection.PING_ANSWERED_WITHIN", 1.0)
    ssh_home.knows(sshd)
    connection = await open_ssh(document_of(sshd, ssh_keys.plain))
    lost: asyncio.Future[SshProblem] = asyncio.get_running_loop().create_future()
    connection.on_lost(lost.set_result)
    running = asyncio.ensure_future(connection.run("sleep 6"))
    await connection.run("true")
    stopped = [psutil.Process(pid) for pid in sshd.sessions()]
    for process in stopped:
        process.suspend()
    try:
        async with asyncio.timeout(20):
            problem = await lost
            with pytest.raises(SshProblem):
                await running
    finally:
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
    assert "no answer for" in problem.sentence


async def test_nothing_stays_behind(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, session_credentials: Credentials, short_path: Path
) -> None:
    ssh_home.knows(sshd)
    target = await target_of(document_of(sshd, ssh_keys.plain))
    process = psutil.Process()

    async def cycle(drop: bool) -> None:
        connection = await SshConnection.open(target, credentials=session_credentials)
        await connection.forward("/nowhere.sock", str(short_path / "f.sock"))
        await connection.run("true")
        if drop:
            sshd.drop()
        await connection.close()

    async def settled(threads: int, files: int) -> bool:
        for _ in range(200):
            gc.collect()
            if threading.active_count() <= threads and process.num_fds() <= files:
                return True
            await asyncio.sleep(0.05)
        return False

    await cycle(False)
    await asyncio.sleep(0.2)
    threads, files = threading.active_count(), process.num_fds()
    for number in range(20):
        await cycle(bool(number % 2))
    assert await settled(threads, files), f"{threading.enumerate()}, {process.num_fds()} instead of {files} files"
    assert sum(isinstance(each, SshConnection) for each in gc.get_objects()) < 4
