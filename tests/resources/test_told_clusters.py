"""A cluster in a cloud that one person launched, on the computer of another: seen, reached, and left to its SkyPilot.

SkyPilot stands in; the registry and the machine, behind a real SSH server, are real.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from lab.registry import RegistryServer
from lab.registry_users import PATIENCE
from lab.skypilot_stand_in import StandInSkyPilot
from lab.ssh_fixtures import Person, SshHome, SshKeys
from lab.sshd import ME, Sshd

from rhresources.cloud.answers import CloudCluster, CloudHosts
from rhresources.cloud.elsewhere import told_elsewhere
from rhresources.cloud.task import sky_name
from rhresources.cloud.telling import source_of
from rhresources.cloud.told_words import Elsewhere
from rhresources.credentials.terminal import refusal
from rhresources.documents import parse_document
from rhresources.errors import RhError
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer, SecretAnswer, SecretQuestion
from rhresources.registry.told import TELL_AGAIN, Told, ToldHead
from rhresources.wire import cluster_pb2 as pb
from rhresources.workspace import Workspace

GPU = "/alice/gpu"
CLOUD = {"kind": "cluster", "type": "cloud", "instance_type": "CPU:2+", "autostop_mins": 10}


class Nobody:
    """Who sits at no terminal."""

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        raise refusal(question)

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        raise refusal(question)


@dataclass
class Machine:
    """The machine that alice's SkyPilot made."""

    sshd: Sshd
    skypilot: StandInSkyPilot
    sky: str

    def becomes(self, **fields: Any) -> None:
        """The cloud changes the cluster."""
        self.skypilot.known[self.sky] = replace(self.skypilot.known[self.sky], **fields)


@pytest.fixture
def make_workspace(
    registry: RegistryServer, ssh_home: SshHome, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Workspace]:
    """Logs a user in on a computer of their own, with a SkyPilot of their own that knows of nothing."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)

    def make(user: str) -> Workspace:
        workspace = Workspace(short_path / user)
        workspace.names.login(registry.url, registry.token(user))
        workspace.skypilot = StandInSkyPilot()
        return workspace

    return make


@pytest.fixture
async def alice(make_workspace: Callable[[str], Workspace], registry: RegistryServer) -> AsyncIterator[Workspace]:
    """She has the cluster's document."""
    workspace = await asyncio.to_thread(make_workspace, "alice")
    registry.token("bob")
    await asyncio.to_thread(workspace.names.save, GPU, parse_document(CLOUD))
    await asyncio.to_thread(workspace.names.share, GPU, {"bob": "write"})
    yield workspace
    await workspace.close()


@pytest.fixture
async def bob(make_workspace: Callable[[str], Workspace]) -> AsyncIterator[Workspace]:
    """He may read and write it."""
    workspace = await asyncio.to_thread(make_workspace, "bob")
    yield workspace
    await workspace.close()


async def launch(alice: Workspace, sshd: Sshd, keys: SshKeys) -> Machine:
    """Have alice's SkyPilot run the cluster on this machine, which she has been to."""
    skypilot, sky = alice.skypilot, sky_name(GPU, alice.home)
    assert isinstance(skypilot, StandInSkyPilot)
    skypilot.known[sky] = CloudCluster(
        sky, "up", hash="life-1", cloud="aws", region="us-east-1", hardware="m6i.large, 2 processors, 8 GB",
        autostop_mins=10, launched=time.time() - 3600, price_per_hour=0.096,
    )  # fmt: skip
    skypilot.all_hosts[sky] = CloudHosts((sshd.address,), (sshd.port,), ME, str(keys.plain))
    alice.asker = Person()
    await alice.machines(GPU)
    assert await alice.ssh_connection(GPU, ask=True) is not None
    await alice.machines(GPU)
    return Machine(sshd, skypilot, sky)


@pytest.fixture
async def machine(alice: Workspace, make_sshd: Callable[..., Sshd], ssh_keys: SshKeys, short_path: Path) -> Machine:
    """A machine on which no cluster server runs."""
    return await launch(alice, make_sshd(set_env={"RH_HOME": str(short_path / "bare")}), ssh_keys)


async def told(workspace: Workspace) -> Told | None:
    """What somebody hears of it, after a look at the registry."""
    await asyncio.to_thread(workspace.names.load, GPU)
    return told_elsewhere(workspace.names, GPU)


async def until_told(workspace: Workspace, right: Callable[[Told | None], object]) -> Told | None:
    """Wait until what somebody hears is right."""
    deadline = time.monotonic() + PATIENCE
    while not right(heard := await told(workspace)):
        assert time.monotonic() < deadline, f"heard only {heard}"
        await asyncio.sleep(0.05)
    return heard


def is_up(heard: Told | None) -> bool:
    return heard is not None and heard.head is not None and bool(heard.head.host_keys)


@pytest.fixture
async def launched(machine: Machine, bob: Workspace) -> Told:
    """alice has launched it, and bob has heard of that."""
    heard = await until_told(bob, is_up)
    assert heard is not None
    return heard


async def test_that_others_see_it_come_and_go(
    launched: Told, alice: Workspace, bob: Workspace, machine: Machine, ssh_keys: SshKeys
) -> None:
    seen = launched
    assert (seen.state, seen.by, seen.cloud, seen.price_per_hour) == ("up", "alice", "aws", 0.096)
    assert seen.head is not None
    assert (seen.head.address, seen.head.port) == (machine.sshd.address, machine.sshd.port)
    assert await told(alice) is None, "it is her own"
    assert str(ssh_keys.plain) not in seen.text()
    assert len(await asyncio.to_thread(bob.names.history, GPU)) == 1, "a state is not what a person wrote"
    await alice.autostop(GPU, 30)
    await until_told(bob, lambda heard: heard is not None and heard.autostop_mins == 30)
    machine.becomes(state="stopped")
    await alice.machines(GPU)
    await until_told(bob, lambda heard: heard is not None and heard.state == "stopped" and heard.head is None)
    assert await bob.cluster_state(GPU) == "stopped"
    del machine.skypilot.known[machine.sky]
    await alice.machines(GPU)
    await until_told(bob, lambda heard: heard is None)
    assert bob.skypilot.calls == [], "his own SkyPilot has nothing to do with it"


@pytest.mark.ray
async def test_that_another_runs_functions_there_with_a_key_of_his_own(
    alice: Workspace,
    bob: Workspace,
    server: Any,
    make_sshd: Callable[..., Sshd],
    ssh_keys: SshKeys,
    make_project: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await launch(alice, make_sshd(set_env={"RH_HOME": str(server.home)}), ssh_keys)
    await until_told(bob, is_up)
    monkeypatch.chdir(make_project({"jobs.py": "def square(x):\n    return x * x\n"}))
    bob.asker = person = Person(key=str(ssh_keys.rsa))
    run = await bob.submit("jobs.py:square", [7], on=GPU)
    client = await bob.connect(GPU)
    result = await client.result(run.id, wait=True)
    assert result.run.by == "bob"
    assert result.run.state == pb.SUCCEEDED
    assert [question.kind for question in person.secrets_asked] == ["key"]
    assert len(person.asked) == 1, "the key that the head shows was told, so nobody is asked about it"
    own = bob.own_ways.of(GPU)
    assert own is not None
    assert own.ssh_private_key == str(ssh_keys.rsa)
    assert await bob.cluster_state(GPU) == "up"


async def test_that_a_refused_key_is_said_with_who_can_help(launched: Told, bob: Workspace, ssh_keys: SshKeys) -> None:
    bob.own_ways.change(GPU, {"ssh_private_key": str(ssh_keys.stranger), "log_in": "key"})
    with pytest.raises(RhError, match="saw just now that /alice/gpu is up, and its head does not let you in") as raised:
        await bob.connect(GPU)
    assert "Ask alice to add your public key" in raised.value.remedy
    bob.asker = Nobody()
    with pytest.raises(
        NeedsAnswer, match="saw just now that /alice/gpu is up, and its head does not let you in"
    ) as asked:
        await bob.connect(GPU, ask=True)
    assert "Ask alice to add your public key" in asked.value.remedy


async def test_that_its_machines_are_left_to_its_skypilot(launched: Told, bob: Workspace) -> None:
    for act in (bob.stop(GPU), bob.autostop(GPU, 5), bob.down(GPU), bob.upgrade(GPU), bob.machines(GPU)):
        with pytest.raises(Elsewhere, match=r"only through the SkyPilot of alice \(.+\), which runs it"):
            await act
    assert await bob.cloud_clusters() == []
    assert await told(bob) is not None


async def test_that_no_second_one_is_launched(
    launched: Told, alice: Workspace, bob: Workspace, machine: Machine
) -> None:
    machine.becomes(state="stopped")
    await alice.machines(GPU)
    await until_told(bob, lambda heard: heard is not None and heard.state == "stopped")
    for act in (bob.up(GPU), bob.submit("jobs.py:square", [7], on=GPU)):
        with pytest.raises(Elsewhere, match=r"alice \(.+\) saw just now that /alice/gpu is stopped") as raised:
            await act
        assert "rhdesk cp '/alice/gpu' ~/gpu" in raised.value.remedy
    assert not bob.skypilot.asked("launch")
    await asyncio.to_thread(bob.names.forget_told, GPU)
    assert await told(bob) is None, "he knows better"
    await asyncio.to_thread(alice.names.load, GPU)
    await alice.machines(GPU)
    await until_told(bob, lambda heard: heard is not None)


async def test_that_others_see_that_it_is_being_made(alice: Workspace, bob: Workspace) -> None:
    assert isinstance(alice.skypilot, StandInSkyPilot)
    alice.skypilot.lists["launch"] = asyncio.Event()
    going = asyncio.create_task(alice.up(GPU))
    heard = await until_told(bob, lambda heard: heard is not None)
    assert heard is not None
    assert (heard.state, heard.hosts, heard.autostop_mins) == ("launching", 1, 10), "as its document asks for"
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    await until_told(bob, lambda heard: heard is None)


async def test_that_others_see_that_it_is_started_again(
    launched: Told, alice: Workspace, bob: Workspace, machine: Machine
) -> None:
    machine.becomes(state="stopped")
    await alice.machines(GPU)
    machine.skypilot.lists["start"] = asyncio.Event()
    going = asyncio.create_task(alice.up(GPU))
    await until_told(bob, lambda heard: heard is not None and heard.state == "launching")
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    await until_told(bob, lambda heard: heard is not None and heard.state == "stopped")


async def test_that_both_facts_are_said_where_its_head_does_not_answer(
    launched: Told, bob: Workspace, machine: Machine
) -> None:
    machine.sshd.stop()
    with pytest.raises(
        RhError, match=r"^alice \(.+\) saw just now that /alice/gpu is up, and its head is not reached from here: "
    ):
        await bob.connect(GPU)


async def test_that_what_cannot_be_told_now_is_told_later_and_only_the_newest(
    launched: Told, alice: Workspace, bob: Workspace, machine: Machine, registry: RegistryServer
) -> None:
    await until_told(alice, lambda _: True)
    registry.kill()
    for minutes in (20, 40, 60):
        await alice.autostop(GPU, minutes)
    machine.becomes(state="stopped")
    await alice.machines(GPU)
    registry.start()

    async def deliver() -> Told | None:
        await asyncio.to_thread(alice.names.refresh_registry)
        return await told(bob)

    deadline = time.monotonic() + PATIENCE
    while (heard := await deliver()) is None or heard.state != "stopped":
        assert time.monotonic() < deadline, f"heard only {heard}"
        await asyncio.sleep(0.2)
    assert heard.autostop_mins == 60


# ---------------------------------------------------------------- what is news


UP = Told("up", since=10.0, seen=100.0, source="a", computer="alice@laptop", launched=50.0, head=ToldHead("h"))


@pytest.mark.parametrize(
    ("before", "now", "is_news"),
    [
        (None, UP, True),
        (None, Told("down", source="a"), False),
        (UP, replace(UP, seen=101.0, since=101.0), False),
        (UP, replace(UP, seen=100.0 + TELL_AGAIN), True),
        (UP, replace(UP, price_per_hour=2.0), True),
        (UP, Told("down", source="a"), True),
        (UP, Told("down", source="b"), False),
        (UP, replace(UP, source="b", launched=40.0), False),
        (UP, replace(UP, source="b", launched=60.0), True),
        (Told("down", source="a"), replace(UP, source="b", launched=1.0), True),
        (Told("stopped", seen=1.0, source="a"), Told("stopped", seen=1e9, source="a"), True),
    ],
)
def test_what_is_worth_telling(before: Told | None, now: Told, is_news: bool) -> None:
    assert now.is_news_after(before) is is_news


def test_what_tells_one_skypilot_from_another(tmp_path: Path) -> None:
    own = source_of(tmp_path / "a", "")
    assert own == source_of(tmp_path / "a", "http://127.0.0.1:46580"), "which is another server on every computer"
    assert own != source_of(tmp_path / "b", "")
    assert source_of(tmp_path / "a", "https://sky.example.org") == source_of(tmp_path / "b", "https://sky.example.org")
