"""Several people on one cluster server: who started what, who ended what, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rhresources.code.tree import CodeTree
from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import inline, pickle_arguments

pytestmark = pytest.mark.ray

FUNCTIONS = """\
import time

def nap(seconds: float = 60) -> str:
    print("asleep", flush=True)
    time.sleep(seconds)
    return "slept"

def stubborn() -> None:
    print("asleep", flush=True)
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""


@dataclass
class Team:
    """Two people's clients of one server, and an old one that says nothing."""

    alice: ClusterClient
    bob: ClusterClient
    old: ClusterClient
    project: Path

    async def prepare(self, client: ClusterClient, name: str) -> str:
        tree = CodeTree(self.project)
        try:
            code = await client.push(tree)
        finally:
            tree.close()
        entry = pb.Entry(imported=pb.Import(module="functions", name=name))
        return (await client.prepare(pb.FunctionSpec(name=f"functions.py:{name}", code=code, entry=entry))).key

    async def start(self, client: ClusterClient, name: str = "nap", *args: object) -> str:
        """A run that has printed something."""
        run = (await client.submit(await self.prepare(client, name), arguments(*args))).id
        async for event in client.watch(run):
            if event.HasField("log"):
                return run
        raise AssertionError("it printed nothing")


def arguments(*args: object) -> pb.Value:
    return inline(pickle_arguments(args, {}))


@pytest_asyncio.fixture
async def team(server: Any, make_project: Callable[..., Path]) -> AsyncIterator[Team]:
    project = make_project({"functions.py": FUNCTIONS})
    async with AsyncExitStack() as stack:
        clients = []
        for by in ("alice", "bob@desk", ""):
            client = await ClusterClient.connect(replace(server.address, by=by))
            stack.push_async_callback(client.close)
            clients.append(client)
        yield Team(*clients, project)


async def test_that_the_server_keeps_who_started_a_run(team: Team) -> None:
    assert (team.alice.hello.by, team.bob.hello.by, team.old.hello.by) == ("alice", "bob@desk", "")
    nap = await team.prepare(team.alice, "nap")
    mine = (await team.alice.submit(nap, arguments(0))).id
    theirs = (await team.bob.submit(nap, arguments(0))).id
    nobodys = (await team.old.submit(nap, arguments(0))).id
    listed = {run.id: run.by for run in (await team.bob.list_runs()).runs}
    assert (listed[mine], listed[theirs], listed[nobodys]) == ("alice", "bob@desk", "")
    only = [run.id for run in (await team.bob.list_runs(by=["alice"])).runs]
    assert mine in only
    assert theirs not in only


async def test_that_a_call_that_lasts_is_known_by_who_made_it(team: Team) -> None:
    nap = await team.prepare(team.bob, "nap")
    called = await team.bob.call(nap, arguments(0.3))
    assert called.size
    newest = (await team.alice.list_runs(1)).runs[0]
    assert (newest.by, newest.state) == ("bob@desk", pb.SUCCEEDED)


async def test_that_the_others_see_who_cancelled(team: Team) -> None:
    run = await team.start(team.alice)
    seen: list[pb.Run] = []

    async def watch() -> None:
        async for event in team.alice.watch_runs():
            seen.extend(change for change in event.changed if change.id == run)
            if seen and seen[-1].state == pb.CANCELLED:
                return

    watching = asyncio.ensure_future(watch())
    await team.bob.cancel(run)
    await asyncio.wait_for(watching, 20)
    assert (seen[-1].by, seen[-1].cancelled_by) == ("alice", "bob@desk")
    assert seen[-1].reason == "Cancelled by bob@desk."


async def test_that_ones_own_cancel_is_nobody_elses(team: Team) -> None:
    run = await team.start(team.alice)
    (ended,) = await team.alice.cancel(run)
    assert (ended.reason, ended.cancelled_by) == ("Cancelled.", "alice")


async def test_that_a_killed_run_says_by_whom(team: Team) -> None:
    run = await team.start(team.alice, "stubborn")
    (ended,) = await team.bob.cancel(run, force=True)
    assert ended.reason == "Cancelled by bob@desk; its worker was killed."


@pytest.mark.parametrize("force", [False, True])
async def test_that_a_caller_is_told_who_ended_the_call(team: Team, force: bool) -> None:
    nap = await team.prepare(team.alice, "nap")
    calling = asyncio.ensure_future(team.alice.call(nap, arguments(60)))
    async for event in team.bob.watch_runs():
        going = [run for run in event.changed if run.by == "alice" and run.state == pb.RUNNING]
        if going:
            break
    (ended,) = await team.bob.cancel(going[0].id, force=force)
    assert ended.state == pb.CANCELLED
    with pytest.raises(RhError, match="The call was cancelled by bob@desk") as told:
        await asyncio.wait_for(calling, 20)
    assert told.value.code == "run-cancelled"
