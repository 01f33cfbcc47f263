"""Which host gets the next worker, and what the head tells of hosts that have not joined; no other host is needed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.blobs import BlobStore
from rhserver.code.snapshots import Snapshots
from rhserver.engine.worker_spec import WorkerSpec
from rhserver.hosts.host import Host
from rhserver.hosts.hosts import Hosts
from rhserver.hosts.presence import Presence
from rhserver.runs.placing import Needs

SPEC = WorkerSpec(python="python", path=(), folder="/")


def hosts_of(folder: Path, *given: str) -> Hosts:
    blobs = BlobStore(folder / "blobs")
    return Hosts(given, "10.9.9.1", Snapshots(folder, blobs), blobs)


def join(host: Host, cpus: int) -> Host:
    host.problem, host.cpus = "", cpus
    return host


async def test_a_cluster_of_one_computer_is_its_head(tmp_path: Path) -> None:
    hosts = hosts_of(tmp_path)
    await hosts.start()
    assert hosts.single
    assert await hosts.choose(SPEC) is hosts.head
    assert [(host.given, host.head, host.alive, host.workers) for host in hosts.status()] == [("", True, True, 1)]
    await hosts.close(leave=True)


async def test_workers_go_where_the_fewest_are_for_each_processor(tmp_path: Path) -> None:
    hosts = hosts_of(tmp_path, "one", "two", "three")
    hosts.head.cpus = 2
    two, three = (hosts.host_named(name) for name in ("two", "three"))
    assert two is not None
    assert three is not None
    assert await hosts.choose(SPEC) is hosts.head  # the others have not joined
    hosts.left(hosts.head)
    join(two, 4)
    chosen = [await hosts.choose(SPEC) for _ in range(6)]
    assert [host.given for host in chosen] == ["two", "one", "two", "two", "one", "two"]
    join(three, 2)
    assert await hosts.choose(SPEC) is three
    hosts.took(three)
    hosts.left(hosts.head)
    hosts.left(hosts.head)
    assert (await hosts.choose(SPEC)).is_head
    assert hosts.alive() == [hosts.head, two, three]


async def test_workers_that_do_nothing_are_no_load(tmp_path: Path) -> None:
    hosts = hosts_of(tmp_path, "one", "two")
    two = hosts.host_named("two")
    assert two is not None
    hosts.head.cpus = 2
    join(two, 2)
    for _ in range(4):
        hosts.took(hosts.head)
    hosts.took(two)
    # those of the head are warm from earlier runs; what is between them and the new ones of both hosts is even
    chosen = [await hosts.choose(SPEC, {"one": 4}) for _ in range(4)]
    assert [host.given for host in chosen] == ["one", "two", "one", "two"]


async def test_a_host_that_has_not_joined_is_told_and_refuses_functions(tmp_path: Path) -> None:
    hosts = hosts_of(tmp_path, "one", "two", "two")
    told = hosts.status()
    assert [(host.given, host.alive, host.problem) for host in told] == [
        ("one", True, ""), ("two", False, "two has not joined the cluster yet."),
    ]  # fmt: skip
    two = hosts.host_named("two")
    assert two is not None
    with pytest.raises(ServerProblem, match="two has not joined the cluster yet") as caught:
        await hosts.ensure(two, Needs(pb.FunctionSpec()))
    assert caught.value.code == "host-lost"
    await hosts.release(two, "w1")
    await hosts.keep_only(set())


@pytest.mark.parametrize(("seconds", "told"), [(12, "12 s"), (90, "90 s"), (600, "10 min"), (4 * 3600, "4 h")])
async def test_the_sentence_of_a_silent_host_says_for_how_long(seconds: int, told: str) -> None:
    head, other = Host("one", "10.9.9.1", is_head=True), Host("two", "10.9.9.2", is_head=False)
    lost: list[str] = []
    presence = Presence([head, other], lambda host, sentence: lost.append(sentence), lambda host: None)
    other.seen = time.time() - seconds
    presence._lose(other, "two is silent.", silent=True)
    assert lost == ["two is silent."]
    assert presence.sentence(other) == f"two (10.9.9.2) has not answered for {told}."
    assert not other.alive
