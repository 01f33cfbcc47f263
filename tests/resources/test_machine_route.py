"""This computer as a cluster: found, started, ended; records of servers that are gone; starts that fail."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument, parse_document
from rhresources.errors import ClusterDown, RhError, UsageError
from rhresources.reach import route_for
from rhresources.reach.machine import MachineRoute
from rhresources.wire import cluster_pb2 as pb
from rhresources.workspace import Workspace


def record(home: Path, **changes: object) -> None:
    process = psutil.Process()
    facts = {"pid": process.pid, "process_started": process.create_time(), "socket": "/nowhere", "token": "t"}
    (home / "server").mkdir(parents=True, exist_ok=True)
    (home / "server" / "server.json").write_text(json.dumps({**facts, **changes}))


async def test_a_record_counts_only_while_its_very_process_lives(rh_home: Path) -> None:
    route = MachineRoute(rh_home)
    assert await route.address() is None
    record(rh_home)
    address = await route.address()
    assert address is not None
    assert (address.target, address.token) == ("unix:/nowhere", "t")
    assert "token" not in repr(address)  # it never lands in a log
    record(rh_home, process_started=psutil.Process().create_time() - 60)  # the id was given out again
    assert await route.address() is None
    record(rh_home, pid=2**22 + 1)
    assert await route.address() is None
    for text in ("", "{", "[]", '{"pid": "x"}'):
        (rh_home / "server" / "server.json").write_text(text)
        assert await route.address() is None


async def test_going_down_when_nothing_runs_removes_a_stale_record(rh_home: Path) -> None:
    record(rh_home, pid=2**22 + 1)
    await MachineRoute(rh_home).down(stop_runs=False)
    assert not (rh_home / "server" / "server.json").exists()


async def test_a_start_that_fails_says_why_in_the_servers_words(rh_home: Path) -> None:
    (rh_home / "server" / "lock").mkdir(parents=True)
    with pytest.raises(RhError) as failed:
        await MachineRoute(rh_home).up(lambda _: None)
    assert "could not start: The server cannot use" in failed.value.sentence
    assert "rhserver:" in failed.value.detail


async def test_a_home_that_is_a_file_is_one_sentence(rh_home: Path) -> None:
    rh_home.write_text("")
    with pytest.raises(RhError, match="cannot use"):
        await MachineRoute(rh_home).up(lambda _: None)


def test_that_a_cluster_in_a_cloud_needs_a_name(rh_home: Path) -> None:
    document = parse_document({"kind": "cluster", "type": "cloud", "instance_type": "CPU:2"})
    assert isinstance(document, ClusterDocument)
    with pytest.raises(UsageError, match="needs a name"):
        route_for(document, rh_home, credentials=Credentials(rh_home))


async def test_a_cluster_that_is_down_says_so(rh_home: Path) -> None:
    workspace = Workspace(rh_home)
    assert await workspace.cluster_state("^local") == "down"
    with pytest.raises(ClusterDown) as down:
        await workspace.connect("^local")
    assert down.value.remedy == "Bring it up: rhdesk up '^local'"
    await workspace.close()


@pytest.fixture
async def home(rh_home: Path) -> AsyncIterator[Path]:
    """A home whose server is ended after the test, however it went."""
    yield rh_home
    await MachineRoute(rh_home).down(stop_runs=True)


@pytest.mark.ray
async def test_up_twice_at_once_kill_and_down(home: Path, short_path: Path) -> None:
    """One life of a server: started by two at once, killed with a run under way, back, refused, ended."""
    said: list[str] = []
    first, second = MachineRoute(home), MachineRoute(home)
    addresses = await asyncio.gather(first.up(said.append), second.up(lambda _: None))
    assert addresses[0] == addresses[1]
    assert any("Starting" in line for line in said)
    assert any("Ray" in line for line in said)

    workspace = Workspace(home)
    seen: list[bool] = []
    workspace.set_on_connection(lambda cluster, connected, sentence: seen.append(connected))
    client = await workspace.connect("^local")
    assert await workspace.cluster_state("^local") == "up"
    code = short_path / "code"
    code.mkdir()
    (code / "jobs.py").write_text(
        "import time\ndef slow(n):\n    for i in range(n):\n        print(i)\n        time.sleep(0.1)\n    return n\n"
    )
    run = await workspace.submit(f"{code}/jobs.py:slow", [40])
    log, killed = b"", False
    async for event in client.watch(run.id):
        if event.HasField("log"):
            assert event.log.offset == len(log)
            log += event.log.data
        if log.count(b"\n") > 5 and not killed:
            killed = True
            os.kill(client.hello.pid, signal.SIGKILL)
            returning = asyncio.create_task(second.up(lambda _: None))
        if event.HasField("run"):
            last = event.run
    await returning
    assert log == b"".join(b"%d\n" % number for number in range(40))
    assert last.state == pb.SUCCEEDED
    assert seen[:2] == [False, True]
    reply = await client.result(run.id)
    assert await client.data(reply.value) == b"40"

    longer = await workspace.submit(f"{code}/jobs.py:slow", [600])
    async for event in client.watch(longer.id):
        if event.HasField("log"):
            break
    with pytest.raises(RhError) as refused:
        await workspace.down("^local")
    assert refused.value.code == "runs-active"
    assert longer.id in refused.value.sentence
    assert await workspace.cluster_state("^local") == "up"
    server = psutil.Process(client.hello.pid)
    await workspace.down("^local", stop_runs=True)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    assert await workspace.cluster_state("^local") == "down"
    await workspace.close()


@pytest.mark.ray
async def test_a_server_can_be_ended_while_its_ray_still_starts(rh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[psutil.Process] = []
    monkeypatch.setattr("rhresources.reach.machine._end", killed.append)
    route = MachineRoute(rh_home)
    await route.up(lambda _: None, wait_ready=False)
    await asyncio.sleep(1)
    await route.down(stop_runs=True)
    assert killed == [], "it had to be killed"
    assert await route.address() is None
    assert "Traceback" not in (rh_home / "server" / "server.log").read_text()
