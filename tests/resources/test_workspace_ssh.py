"""The workspace with a cluster over SSH: asked and not asked, lost and found again, commands, files and ports.

The host is this computer behind a real SSH server, with the cluster server of the other tests.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from lab.ssh_cluster import SshCluster
from lab.ssh_fixtures import SshHome, SshKeys, until
from lab.sshd import ME, Sshd

from rhresources.documents import ClusterDocument
from rhresources.errors import ClusterDown, ConnectionLost, NotFound, RhError, UsageError
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer, SecretAnswer, SecretQuestion
from rhresources.wire import cluster_pb2 as pb
from rhresources.workspace import Workspace

pytestmark = pytest.mark.ray

LINES = 40_000
SOURCE = f"""
import time

def talk(lines: int = {LINES}) -> int:
    for number in range(lines):
        print(f"line {{number}}")
        if number % 400 == 0:
            time.sleep(0.03)
    return lines
"""


class Person:
    """Says yes to every host key, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[HostKeyQuestion | SecretQuestion] = []

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        self.asked.append(question)
        return True

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        self.asked.append(question)
        return None


@pytest.fixture
def host(ssh_cluster: SshCluster, ssh_home: SshHome) -> Sshd:
    """A host on which a cluster server runs, and whose key nobody knows yet."""
    ssh_home.known_hosts.unlink()
    return ssh_cluster.sshd


@pytest.fixture
def lab(host: Sshd, ssh_cluster: SshCluster) -> ClusterDocument:
    """The document of the cluster there."""
    return ssh_cluster.document


@pytest.fixture
async def workspace(lab: ClusterDocument, rh_home: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(rh_home)
    yield workspace
    await workspace.close()


async def connected(workspace: Workspace, ssh_home: SshHome, host: Sshd) -> None:
    ssh_home.knows(host)
    await workspace.connect("~/lab", ask=True)


async def test_that_only_acts_of_a_person_ask(workspace: Workspace) -> None:
    workspace.asker = person = Person()
    with pytest.raises(NeedsAnswer):
        await workspace.cluster_state("~/lab")
    assert workspace.retry_at("~/lab") > 0
    assert person.asked == []
    assert await workspace.cluster_state("~/lab", ask=True) == "up"
    (asked,) = person.asked
    assert isinstance(asked, HostKeyQuestion)
    assert await workspace.cluster_state("~/lab") == "up"
    assert workspace.retry_at("~/lab") == 0
    assert len(person.asked) == 1


async def test_that_a_failure_is_shared_until_the_next_try(workspace: Workspace, host: Sshd, ssh_home: SshHome) -> None:
    ssh_home.knows(host)
    host.stop()
    with pytest.raises(ConnectionLost, match="no SSH server listens") as first:
        await workspace.cluster_state("~/lab")
    host.start()
    with pytest.raises(ConnectionLost) as second:
        await workspace.cluster_state("~/lab")
    assert (second.value.sentence, second.value.remedy) == (first.value.sentence, first.value.remedy)
    assert (await workspace.reconnect("~/lab")).connected  # Retry now
    assert await workspace.cluster_state("~/lab") == "up"


async def test_that_refused_log_ins_are_not_repeated_soon(
    workspace: Workspace, lab: ClusterDocument, host: Sshd, ssh_home: SshHome, ssh_keys: SshKeys
) -> None:
    ssh_home.knows(host)
    creds = lab.ssh_creds.model_copy(update={"ssh_private_key": str(ssh_keys.stranger)})
    workspace.names.save("~/lab", lab.model_copy(update={"ssh_creds": creds}))
    before = host.log.count("Connection from")
    for _ in range(3):
        with pytest.raises(RhError, match="does not let"):
            await workspace.cluster_state("~/lab")
    assert workspace.retry_at("~/lab") > time.time() + 5
    assert host.log.count("Connection from") == before + 1  # who tries too often is locked out


async def test_that_a_log_goes_on_over_new_connections(
    workspace: Workspace,
    host: Sshd,
    ssh_home: SshHome,
    make_project: Callable[[Mapping[str, str]], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(make_project({"talk.py": SOURCE}))
    ssh_home.knows(host)
    said: list[tuple[str, bool, str]] = []
    workspace.set_on_connection(lambda *words: said.append(words))
    run = await workspace.submit("talk.py:talk", on="~/lab")
    client = await workspace.connect("~/lab")
    log, drops = bytearray(), 0
    async for event in client.watch(run.id):
        if event.HasField("log"):
            assert event.log.offset == len(log)
            log += event.log.data
            if drops < 3 and len(log) > (drops + 1) * 80_000:
                drops += 1
                if drops == 2:
                    host.stop()
                    asyncio.get_running_loop().call_later(1.5, host.start)
                else:
                    host.drop()
    assert log.decode().splitlines() == [f"line {number}" for number in range(LINES)]
    assert drops == 3
    assert (await client.result(run.id)).run.state == pb.SUCCEEDED
    assert {cluster for cluster, _, _ in said} == {"~/lab"}
    # the host's own words for a loss may follow those of the link
    assert [up for up, _ in itertools.groupby(said, lambda words: words[1])] == [False, True] * 3, said
    assert client is await workspace.connect("~/lab")


async def test_that_a_changed_document_gets_a_new_connection(
    workspace: Workspace, lab: ClusterDocument, host: Sshd, ssh_home: SshHome, make_sshd: Callable[..., Sshd]
) -> None:
    await connected(workspace, ssh_home, host)
    first = await workspace.ssh_connection("~/lab")
    workspace.names.save("~/lab", lab.model_copy(update={"price_per_hour": 2.0}))
    assert await workspace.ssh_connection("~/lab") is first  # what it costs is not how it is reached
    other = make_sshd()
    ssh_home.knows(other)
    creds = lab.ssh_creds.model_copy(update={"ssh_port": other.port})
    workspace.names.save("~/lab", lab.model_copy(update={"ssh_creds": creds}))
    second = await workspace.ssh_connection("~/lab")
    assert second is not first
    await asyncio.sleep(0.2)
    assert first is not None
    assert not first.alive


async def test_a_host_without_a_server_says_that_it_is_down(
    workspace: Workspace, make_sshd: Callable[..., Sshd], ssh_home: SshHome, lab: ClusterDocument, short_path: Path
) -> None:
    bare = make_sshd(set_env={"RH_HOME": str(short_path / "bare")})
    ssh_home.knows(bare)
    creds = lab.ssh_creds.model_copy(update={"ssh_port": bare.port})
    workspace.names.save("~/bare", lab.model_copy(update={"ssh_creds": creds}))
    assert await workspace.cluster_state("~/bare") == "down"
    with pytest.raises(ClusterDown) as down:
        await workspace.connect("~/bare")
    assert down.value.remedy == "Bring it up: rhdesk up '~/bare'"
    assert await workspace.run_command("~/bare", "true") == 0


# ---------------------------------------------------------------- commands and files


async def test_commands(workspace: Workspace, host: Sshd, ssh_home: SshHome) -> None:
    ssh_home.knows(host)
    out, err = bytearray(), bytearray()
    code = await workspace.run_command(
        "~/lab", "cat; echo oops >&2; exit 4", input=b"hello", on_output=out.extend, on_error=err.extend
    )
    assert (code, bytes(out), bytes(err)) == (4, b"hello", b"oops\n")
    with pytest.raises(UsageError, match="no host elsewhere"):
        await workspace.run_command("~/lab", "true", host="elsewhere")
    command = await workspace.ssh_command("~/lab")
    done = await asyncio.create_subprocess_exec(
        *command, "echo from $((40 + 2))", stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    assert (await done.communicate())[0].strip() == b"from 42"


@pytest.fixture
def tree(short_path: Path) -> Path:
    """A folder with something of everything."""
    root = short_path / "data"
    (root / "deep" / "empty").mkdir(parents=True)
    (root / "a.txt").write_text("hello")
    (root / "deep" / "ünï code.bin").write_bytes(os.urandom(3_000_000))
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o750)
    (root / "link").symlink_to("a.txt")
    (root / "away").symlink_to("/etc/hostname")
    (root / "up").symlink_to("../../outside")
    return root


@pytest.mark.parametrize("cluster", ["~/lab", "^local"])
async def test_files_there_and_back(
    cluster: str, workspace: Workspace, host: Sshd, ssh_home: SshHome, tree: Path, short_path: Path
) -> None:
    ssh_home.knows(host)
    there = short_path / "there"
    sent = await workspace.send(cluster, tree, str(there))
    assert (sent.files, sent.unchanged) == (3, 0)
    assert [path.partition(" (")[0] for path in sent.skipped] == [str(tree / "away"), str(tree / "up")]
    copy = there / "data"
    assert (copy / "deep" / "ünï code.bin").read_bytes() == (tree / "deep" / "ünï code.bin").read_bytes()
    assert stat.S_IMODE((copy / "run.sh").stat().st_mode) == 0o750
    assert (copy / "run.sh").stat().st_mtime_ns == (tree / "run.sh").stat().st_mtime_ns
    assert os.readlink(copy / "link") == "a.txt"
    assert (copy / "deep" / "empty").is_dir()
    assert not (copy / "away").is_symlink()

    assert (await workspace.send(cluster, tree, str(there))).files == 0
    (tree / "run.sh").touch()  # another time, the same contents: compared by hash
    (tree / "a.txt").write_text("HELLO")
    again = await workspace.send(cluster, f"{tree}/", str(copy))
    assert (again.files, again.bytes, again.unchanged) == (1, 5, 2)
    assert (copy / "a.txt").read_text() == "HELLO"

    back = short_path / "back"
    said: list[str] = []
    fetched = await workspace.fetch(cluster, str(copy), back, said.append)
    assert fetched.files == 3
    assert (back / "data" / "a.txt").read_text() == "HELLO"
    assert (await workspace.fetch(cluster, str(copy), back)).files == 0
    assert (await workspace.fetch(cluster, str(copy / "a.txt"), back / "named.txt")).files == 1
    assert (back / "named.txt").read_text() == "HELLO"
    assert not list(short_path.rglob("*.part"))

    with pytest.raises(NotFound, match="There is no /nowhere"):
        await workspace.fetch(cluster, "/nowhere", back)
    with pytest.raises(RhError, match="/proc/nothing"):
        await workspace.send(cluster, tree, "/proc/nothing")
    with pytest.raises(RhError, match="/proc/nothing"):
        await workspace.fetch(cluster, str(copy), "/proc/nothing")


async def test_relative_destinations_start_from_the_home_there(
    workspace: Workspace, host: Sshd, ssh_home: SshHome, tree: Path, short_path: Path
) -> None:
    ssh_home.knows(host)
    home = short_path / "account"
    home.mkdir()
    # the sessions of this host have a home of their own
    host.stop()
    host.set_env["HOME"] = str(home)
    host.start()
    await workspace.send("~/lab", tree / "a.txt", "notes/copy.txt")
    assert (home / "notes" / "copy.txt").read_text() == "hello"


async def test_a_cancelled_transfer_leaves_nothing_half_done(
    workspace: Workspace, host: Sshd, ssh_home: SshHome, short_path: Path
) -> None:
    ssh_home.knows(host)
    source, there = short_path / "big", short_path / "there"
    source.write_bytes(bytes(400_000_000))
    task = asyncio.create_task(workspace.send("~/lab", source, f"{there}/"))
    while not list(short_path.glob("there/.big*")):
        await asyncio.sleep(0.01)
        assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (there / "big").exists()
    assert await workspace.run_command("~/lab", "true") == 0


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can start programs of other accounts")
async def test_that_servers_of_other_accounts_on_the_host_are_told(
    workspace: Workspace, ssh_home: SshHome, host: Sshd, lab: ClusterDocument
) -> None:
    """They share nothing with the one that this document leads to, and nobody should find out by chance."""
    ssh_home.knows(host)
    steps = await workspace.check("~/lab", lambda step: None, ask=False)
    assert (steps[-1].name, steps[-1].state) == ("server", "done")
    assert steps[-1].sentence.startswith("rhdesk ")
    # a fork of this process, which `user=` would need, may crash: it has threads that others have made
    words = ["setpriv", "--reuid=nobody", "--clear-groups", "/bin/sh", "-c", "read line", "-m", "rhserver"]
    words += ["--home", "/home/nobody/.rh/server"]
    theirs = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.PIPE, cwd="/")
    await until(lambda: Path(f"/proc/{theirs.pid}/comm").read_text() == "sh\n")
    try:
        steps = await workspace.check("~/lab", lambda step: None, ask=False)
        assert steps[-1].state == "note"
        assert "nobody has a cluster server of their own" in steps[-1].sentence
        assert "ssh_user" in steps[-1].remedy
        named = lab.model_copy(update={"ssh_creds": lab.ssh_creds.model_copy(update={"ssh_user": ME})})
        steps = await workspace.check(named, lambda step: None, ask=False)
        assert steps[-1].state == "done", "an account was chosen"
    finally:
        theirs.kill()
        await theirs.wait()
