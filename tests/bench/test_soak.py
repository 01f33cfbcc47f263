"""What must hold when a cluster is busy: output of runs stays whole, and slow runs do not hold fast calls up."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import cloudpickle
import pytest
import pytest_asyncio

from rhresources.code.tree import CodeTree
from rhresources.reach.machine import MachineRoute
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import pickle_arguments

pytestmark = [pytest.mark.slow, pytest.mark.ray]

LINES = 200_000


class Cluster:
    """A cluster on this machine with the functions of `workload`."""

    def __init__(self, client: ClusterClient, code: pb.CodeTree) -> None:
        self.client = client
        self._code = code

    async def prepare(self, name: str) -> str:
        entry = pb.Entry(imported=pb.Import(folder="", module="functions", name=name))
        spec = pb.FunctionSpec(name=f"functions.py:{name}", code=self._code, entry=entry)
        return (await self.client.prepare(spec)).key

    async def submit(self, key: str, *args: object) -> str:
        return (await self.client.submit(key, pickle_arguments(args, {}))).id

    async def log_and_end(self, run: str) -> tuple[bytes, pb.Run]:
        """All of a run's output as a watcher gets it, and the run's last record."""
        blocks: list[bytes] = []
        last = pb.Run()
        async for event in self.client.watch(run):
            if event.HasField("log"):
                blocks.append(event.log.data)
            elif event.HasField("run"):
                last = event.run
        return b"".join(blocks), last


@pytest_asyncio.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    home, project = tmp_path / "home", tmp_path / "project"
    monkeypatch.setenv("RH_HOME", str(home))
    shutil.copytree(Path(__file__).parent / "workload", project)
    route = MachineRoute(home)
    address = await route.up(lambda _: None)
    try:
        client = await ClusterClient.connect(address)
        try:
            yield Cluster(client, await client.push(CodeTree(project)))
        finally:
            await client.close()
    finally:
        await route.down(stop_runs=True)


def expected_lines(tag: str) -> bytes:
    """What `print_tagged` prints."""
    lines = [
        f"{tag} {number} of a child" if number % 50_000 == 25_000 else f"{tag} {number} {'x' * (number % 60)}"
        for number in range(LINES)
    ]
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.timeout(300)
async def test_two_runs_that_print_at_once_lose_mix_and_reorder_no_line(cluster: Cluster) -> None:
    key = await cluster.prepare("print_tagged")
    tags = ("first", "second")
    runs = [await cluster.submit(key, tag, LINES) for tag in tags]

    followed = await asyncio.gather(*(cluster.log_and_end(run) for run in runs))
    for tag, (log, run) in zip(tags, followed, strict=True):
        assert run.state == pb.SUCCEEDED, run
        assert log == expected_lines(tag)

    starts, ends = zip(*((run.started, run.ended) for _, run in followed), strict=True)
    assert max(starts) < min(ends), "the two runs did not run at once"

    for tag, run_id in zip(tags, runs, strict=True):
        again, _ = await cluster.log_and_end(run_id)
        assert again == expected_lines(tag), "the log that was kept differs from the one that was followed"


@pytest.mark.timeout(300)
async def test_ten_slow_runs_do_not_hold_fast_calls_up(cluster: Cluster) -> None:
    slow, fast = await cluster.prepare("sleep"), await cluster.prepare("nothing")
    nothing = pickle_arguments((), {})
    await cluster.client.call(fast, nothing)
    runs = [await cluster.submit(slow, 20.0) for _ in range(10)]

    states: dict[str, pb.RunState] = {}
    async for event in cluster.client.watch_runs():  # until ten processes have started
        states.update((run.id, run.state) for run in event.changed)
        if [states.get(run) for run in runs] == [pb.RUNNING] * 10:
            break
    taken = []
    for _ in range(200):
        start = time.perf_counter()
        value = await cluster.client.call(fast, nothing)
        taken.append(time.perf_counter() - start)
        assert cloudpickle.loads(value.data) is None
    listed = {run.id: run for run in (await cluster.client.list_runs()).runs}
    assert all(listed[run].state == pb.RUNNING for run in runs), "the slow runs ended before they could be in the way"
    assert statistics.median(taken) < 0.05
    assert max(taken) < 2.0

    ended = [run.state for _, run in await asyncio.gather(*(cluster.log_and_end(run) for run in runs))]
    assert ended == [pb.SUCCEEDED] * 10
