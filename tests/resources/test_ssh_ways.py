"""The way to a host: steps that are told, jump hosts, commands as proxies, one clear sentence for what goes wrong."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.ssh_fixtures import Opener, Person, SshHome, SshKeys, document_of
from lab.sshd import ME, Sshd, free_port

from rhresources.documents import ClusterDocument, SshCredentials
from rhresources.errors import ConnectionLost
from rhresources.reach.ssh import connecting
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.steps import Step


async def test_every_step_is_told(sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener) -> None:
    ssh_home.knows(sshd)
    steps: list[Step] = []
    await open_ssh(document_of(sshd, ssh_keys.plain), on_step=steps.append)
    assert [(step.name, step.state) for step in steps] == [
        (name, state) for name in ("resolve", "reach", "host key", "log in") for state in ("running", "done")
    ]
    said = [step.sentence for step in steps if step.state == "done"]
    assert said[1] == f"127.0.0.1, port {sshd.port}"
    assert said[2].startswith("ssh-ed25519 SHA256:")
    assert said[3].startswith(f"as {ME} by key ")
    assert all(step.seconds > 0 for step in steps if step.state == "done")


# ---------------------------------------------------------------- what goes wrong


def lonely(host: str = "127.0.0.1", port: int = 22) -> SshTarget:
    return SshTarget(host, host, port, "me", known_hosts=("/nonexistent",), use_agent=False)


@pytest.fixture
def silent() -> Iterator[int]:
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def unanswered() -> Iterator[int]:
    """A port whose queue is full: it does not answer at all, like a host that is off."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for each in waiting:
            each.close()


def answering(listener: socket.socket, words: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            if words:
                connection.recv(1000)
                connection.sendall(words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n<html>\r\n", "is not an SSH server"),
        (b"", "ends the connection at once"),
    ],
)
async def test_not_an_ssh_server(words: bytes, says: str, ssh_home: SshHome, open_ssh: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        threading.Thread(target=answering, args=(listener, words), daemon=True).start()
        with pytest.raises(SshProblem) as caught:
            await open_ssh(lonely(port=port))
        listener.shutdown(socket.SHUT_RDWR)
    assert caught.value.code == "not-ssh"
    assert says in caught.value.sentence
    assert isinstance(caught.value, ConnectionLost), "it may be different in a minute"


async def test_closed_port(ssh_home: SshHome, open_ssh: Opener) -> None:
    port, steps = free_port(), list[Step]()
    with pytest.raises(SshProblem) as caught:
        await open_ssh(lonely(port=port), on_step=steps.append)
    assert caught.value.code == "port-closed"
    assert caught.value.sentence == f"127.0.0.1 is on, but no SSH server listens on its port {port}."
    assert (steps[-1].name, steps[-1].state, steps[-1].sentence) == ("reach", "failed", caught.value.sentence)
    assert steps[-1].remedy


async def test_unknown_name(ssh_home: SshHome, open_ssh: Opener) -> None:
    with pytest.raises(SshProblem) as caught:
        await open_ssh(lonely("no-such-host.invalid"))
    assert (caught.value.code, caught.value.step) == ("unknown-name", "resolve")
    assert "no-such-host.invalid" in caught.value.sentence


async def test_no_answer(silent: int, ssh_home: SshHome, open_ssh: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhresources.reach.ssh.transport.ANSWER_SECONDS", 3.0)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(lonely(port=silent))
    assert caught.value.code == "not-ssh"
    assert "says nothing" in caught.value.sentence


async def test_no_way_there(
    unanswered: int, ssh_home: SshHome, open_ssh: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "REACH_SECONDS", 0.5)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(lonely(port=unanswered))
    assert caught.value.code == "unreachable"
    assert "cannot be reached: no answer" in caught.value.sentence


@pytest.mark.parametrize("when", ["reach", "host key", "question"])
async def test_cancelling_ends_it_at_once(
    when: str, silent: int, unanswered: int, sshd: Sshd, ssh_home: SshHome, open_ssh: Opener
) -> None:
    reached = asyncio.Event()

    class Undecided(Person):
        async def confirm_host_key(self, question: object) -> bool:
            reached.set()
            await asyncio.sleep(60)
            return False

    def on_step(step: Step) -> None:
        if step.name == when and step.state == "running":
            reached.set()

    target = lonely(port={"reach": unanswered, "host key": silent, "question": sshd.port}[when])
    opening = asyncio.ensure_future(open_ssh(target, Undecided(), on_step=on_step))
    async with asyncio.timeout(10):
        await reached.wait()
        await asyncio.sleep(0.1)
        began = time.monotonic()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
    assert time.monotonic() - began < 5, "far below every time-out"
    assert not [thread for thread in threading.enumerate() if "Transport" in type(thread).__name__]


# ---------------------------------------------------------------- jump hosts


async def test_through_two_jump_hosts(
    make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    target, outer, inner = make_sshd(), make_sshd(), make_sshd()
    ssh_home.knows(target, outer)
    chain = f"{ME}@127.0.0.1:{outer.port},{ME}@127.0.0.1:{inner.port}"
    person, steps = Person(), list[Step]()
    connection = await open_ssh(document_of(target, ssh_keys.plain, proxy_jump=chain), person, on_step=steps.append)
    assert (await connection.run("echo in")).text == "in"
    # every host on the way has its key verified and is logged in to
    assert len(person.asked) == 1
    assert [step.host for step in steps if step.name == "log in" and step.state == "done"] == [
        f"{ME}@127.0.0.1:{outer.port}",
        f"{ME}@127.0.0.1:{inner.port}",
        "127.0.0.1",
    ]
    assert [step.sentence for step in steps if step.name == "reach" and step.state == "done"][1:] == [
        f"through {ME}@127.0.0.1:{outer.port}",
        f"through {ME}@127.0.0.1:{inner.port}",
    ]
    lost: asyncio.Future[SshProblem] = asyncio.get_running_loop().create_future()
    connection.on_lost(lost.set_result)
    outer.drop()
    async with asyncio.timeout(10):
        assert (await lost).code == "connection-lost"


async def test_jump_host_that_cannot_get_further(
    jump_host: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    ssh_home.knows(jump_host)
    creds = SshCredentials(
        ssh_user=ME,
        ssh_port=free_port(),
        ssh_private_key=str(ssh_keys.plain),
        proxy_jump=f"{ME}@127.0.0.1:{jump_host.port}",
    )
    with pytest.raises(SshProblem) as caught:
        await open_ssh(ClusterDocument(type="ssh", ips=["127.0.0.1"], ssh_creds=creds))
    assert caught.value.code == "jump-failed"
    assert f"The jump host {ME}@127.0.0.1:{jump_host.port} cannot reach 127.0.0.1" in caught.value.sentence


async def test_jump_host_that_forbids_it(
    sshd: Sshd, make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    jump = make_sshd(extra="AllowTcpForwarding no")
    ssh_home.knows(sshd, jump)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(document_of(sshd, ssh_keys.plain, proxy_jump=f"{ME}@127.0.0.1:{jump.port}"))
    assert caught.value.code == "jump-failed"
    assert "forbids going on" in caught.value.sentence
    assert "AllowTcpForwarding" in caught.value.remedy


async def test_refused_at_the_jump_host(
    sshd: Sshd, make_sshd: Callable[..., Sshd], ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener
) -> None:
    jump, steps = make_sshd(authorized=[ssh_keys.stranger]), list[Step]()
    ssh_home.knows(sshd, jump)
    with pytest.raises(SshProblem) as caught:
        await open_ssh(
            document_of(sshd, ssh_keys.plain, proxy_jump=f"{ME}@127.0.0.1:{jump.port}"), on_step=steps.append
        )
    assert caught.value.code == "log-in-refused"
    assert steps[-1].host == f"{ME}@127.0.0.1:{jump.port}"


# ---------------------------------------------------------------- proxy commands


RELAYS = {
    "threads": """
import os, socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536): there.sendall(data)
    there.shutdown(1)
threading.Thread(target=up, daemon=True).start()
while data := there.recv(65536): os.write(1, data)
""",
    # as SkyPilot's; asyncio watches whether somebody still reads its output
    "asyncio": """
import asyncio, sys
async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
async def main():
    loop = asyncio.get_running_loop()
    there, back = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    mine = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(mine), sys.stdin)
    out = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    tasks = [pump(mine, back), pump(there, asyncio.StreamWriter(*out, None, loop))]
    await asyncio.wait([asyncio.create_task(each) for each in tasks], return_when=asyncio.FIRST_COMPLETED)
asyncio.run(main())
""",
}
"""Programs that connect their input and output with HOST PORT."""


@pytest.fixture(params=sorted(RELAYS))
def relay(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each of them as a command."""
    program = tmp_path / "relay.py"
    program.write_text(RELAYS[request.param])
    return f"{shutil.which('python3')} {program}"


async def test_through_a_command(
    sshd: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, open_ssh: Opener, relay: str
) -> None:
    ssh_home.knows(sshd)
    ssh_home.config(f"Host box\n  HostName 127.0.0.1\n  ProxyCommand {relay} %h %p\n")
    creds = SshCredentials(ssh_user=ME, ssh_port=sshd.port, ssh_private_key=str(ssh_keys.plain))
    connection = await open_ssh(ClusterDocument(type="ssh", ips=["box"], ssh_creds=creds))
    assert (await connection.run("echo in")).text == "in"
    command = connection._way.command
    assert command is not None
    await connection.close()
    assert command.process.poll() is not None


async def test_command_that_ends(ssh_home: SshHome, open_ssh: Opener) -> None:
    ssh_home.config("Host box\n  ProxyCommand sh -c 'echo no way there >&2; exit 3'\n")
    with pytest.raises(SshProblem) as caught:
        await open_ssh(ClusterDocument(type="ssh", ips=["box"]))
    assert caught.value.code == "proxy-command-failed"
    assert "exit 3" in caught.value.remedy
    assert caught.value.detail == "exit code 3\nno way there"
