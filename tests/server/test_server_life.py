"""A real cluster server over its life: killed, started again, asked by strangers, with runs that outlive it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import pytest_asyncio

from rhresources.code.tree import CodeTree
from rhresources.errors import NotFound, RhError
from rhresources.reach.machine import MachineRoute
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire import cluster_pb2_grpc
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import inline, pickle_arguments

pytestmark = [pytest.mark.ray, pytest.mark.slow]

FUNCTIONS = """
import os, signal, time

def add(a, b): return a + b

def lines(count, pause):
    for number in range(count):
        print("line", number, flush=True)
        time.sleep(pause)
    return count

def die(): os.kill(os.getpid(), signal.SIGKILL)

def nothing(): pass

def version(): return 1
"""


class Subject:
    """A server of this test with a client and some functions."""

    def __init__(self, server: Any, project: Path, client: ClusterClient) -> None:
        self.server, self.project, self.client = server, project, client
        self.state = server.home / "server"

    async def prepare(self, name: str, **fields: Any) -> str:
        tree = await self.client.push(CodeTree(self.project))
        entry = pb.Entry(imported=pb.Import(module="functions", name=name))
        spec = pb.FunctionSpec(name=f"functions.py:{name}", code=tree, entry=entry, **fields)
        return (await self.client.prepare(spec)).key

    async def submit(self, name: str, *args: object) -> str:
        return (await self.client.submit(await self.prepare(name), arguments(*args))).id

    async def end_of(self, run: str) -> tuple[pb.Run, bytes]:
        blocks, last = [], pb.Run()
        async for event in self.client.watch(run):
            if event.HasField("log"):
                assert event.log.offset == sum(map(len, blocks))
                blocks.append(event.log.data)
            elif event.HasField("run"):
                last = event.run
        return last, b"".join(blocks)

    async def until_running(self, run: str) -> pb.Run:
        async for event in self.client.watch(run, log=False):
            if event.HasField("run") and event.run.state not in (pb.QUEUED, pb.PREPARING):
                return event.run
        raise AssertionError("the watch ended")

    def kill_server(self) -> None:
        """SIGKILL, and wait until it is gone."""
        process = psutil.Process(json.loads((self.state / "server.json").read_text())["pid"])
        process.kill()
        process.wait(10)


def arguments(*args: object) -> pb.Value:
    return inline(pickle_arguments(args, {}))


@contextlib.asynccontextmanager
async def _subject(server: Any, project: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    for name, value in server.environment.items():
        patch.setenv(name, value)
    client = await ClusterClient.connect(server.address, resolve=server.route.address)
    yield Subject(server, project, client)
    await client.close()


MakeProject = Callable[[Mapping[str, str]], Path]


@pytest_asyncio.fixture
async def subject(server: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    async with _subject(server, make_project({"functions.py": FUNCTIONS}), monkeypatch) as found:
        yield found


@pytest_asyncio.fixture
async def mortal(own_server: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    """A subject whose server may be killed."""
    async with _subject(own_server, make_project({"functions.py": FUNCTIONS}), monkeypatch) as found:
        yield found


async def test_a_run_goes_on_while_the_server_is_killed_and_a_watcher_misses_nothing(mortal: Subject) -> None:
    run = await mortal.submit("lines", 60, 0.05)
    watching = asyncio.ensure_future(mortal.end_of(run))
    before = await mortal.until_running(run)
    await asyncio.sleep(0.8)
    mortal.kill_server()
    await mortal.server.route.up(lambda _: None)
    last, log = await asyncio.wait_for(watching, 60)
    assert last.state == pb.SUCCEEDED
    assert last.pid == before.pid
    assert log == b"".join(b"line %d\n" % number for number in range(60))
    value = (await mortal.client.result(run)).value
    assert value.size > 0


async def test_records_and_results_outlive_a_restart_and_functions_stay_prepared(mortal: Subject) -> None:
    key = await mortal.prepare("add")
    run = (await mortal.client.submit(key, arguments(2, 3))).id
    await mortal.end_of(run)
    mortal.kill_server()
    await mortal.server.route.up(lambda _: None)
    listed = await mortal.client.list_runs()
    assert ([one.id for one in listed.runs], listed.total) == ([run], 1)
    assert (await mortal.client.result(run)).value.data == (await mortal.client.call(key, arguments(2, 3))).data


async def test_a_run_whose_worker_is_killed_says_so(subject: Subject) -> None:
    run = await subject.submit("lines", 1000, 0.05)
    process = psutil.Process((await subject.until_running(run)).pid)
    process.kill()
    last, _ = await subject.end_of(run)
    assert last.state == pb.LOST
    assert "SIGKILL" in last.reason
    last, _ = await subject.end_of(await subject.submit("die"))
    assert last.state == pb.LOST
    assert (await subject.end_of(await subject.submit("add", 1, 1)))[0].state == pb.SUCCEEDED


async def test_a_worker_killed_while_no_server_was_there_is_noticed_by_the_next(mortal: Subject) -> None:
    run = await mortal.submit("lines", 1000, 0.05)
    worker = psutil.Process((await mortal.until_running(run)).pid)
    mortal.kill_server()
    worker.kill()
    await mortal.server.route.up(lambda _: None)
    last, log = await asyncio.wait_for(mortal.end_of(run), 60)
    assert last.state == pb.LOST
    assert log.startswith(b"line 0\n")


async def test_submitting_twice_runs_once(subject: Subject) -> None:
    key = await subject.prepare("add")
    first = await subject.client.submit(key, arguments(1, 2))
    again = await subject.client.submit(key, arguments(1, 2), run=first.id)
    assert again.id == first.id
    await subject.end_of(first.id)
    runs = (await subject.client.list_runs()).runs
    assert [run.id for run in runs].count(first.id) == 1


async def test_edited_code_runs_the_second_time_and_a_run_that_goes_on_keeps_the_old(subject: Subject) -> None:
    long = await subject.submit("lines", 20, 0.05)
    await subject.until_running(long)
    assert (await subject.client.call(await subject.prepare("version"), arguments())).data[-2:-1] == b"\x01"
    (subject.project / "functions.py").write_text(FUNCTIONS.replace("return 1", "return 2").replace("line", "LINE"))
    assert (await subject.client.call(await subject.prepare("version"), arguments())).data[-2:-1] == b"\x02"
    _, log = await subject.end_of(long)
    assert b"LINE" not in log


async def test_silent_quick_calls_leave_no_record_and_calls_that_print_do(subject: Subject) -> None:
    quick, loud = await subject.prepare("nothing"), await subject.prepare("lines")
    await subject.client.call(quick, arguments())  # the first may wait for a worker, and last
    before = {run.id for run in (await subject.client.list_runs()).runs}
    for _ in range(20):
        await subject.client.call(quick, arguments())
    heard: list[bytes] = []
    await subject.client.call(loud, arguments(3, 0), on_output=heard.append)
    runs = [run for run in (await subject.client.list_runs()).runs if run.id not in before]
    assert [run.name for run in runs] == ["functions.py:lines"]
    assert b"".join(heard) == b"line 0\nline 1\nline 2\n"
    assert (await subject.client.read_log(runs[0].id)).block.data == b"".join(heard)


async def test_output_of_a_long_call_comes_while_it_runs(subject: Subject) -> None:
    loud = await subject.prepare("lines")
    await subject.client.call(loud, arguments(1, 0))
    times: list[float] = []
    await subject.client.call(loud, arguments(10, 0.1), on_output=lambda _: times.append(time.monotonic()))
    assert times[-1] - times[0] > 0.4


async def test_cancelling_many_runs_ends_them_all(subject: Subject) -> None:
    key = await subject.prepare("lines")
    runs = [(await subject.client.submit(key, arguments(1000, 0.05))).id for _ in range(3)]
    for run in runs:
        await subject.until_running(run)
    ended = await subject.client.cancel(runs)
    assert {run.state for run in ended} == {pb.CANCELLED}
    assert (await subject.client.call(await subject.prepare("add"), arguments(1, 2))).data


async def test_a_run_that_asks_for_a_gpu_where_there_is_none_is_refused_in_a_sentence(subject: Subject) -> None:
    key = await subject.prepare("add", resources=pb.Resources(gpus=1))
    last, _ = await subject.end_of((await subject.client.submit(key, arguments(1, 2))).id)
    assert last.state == pb.FAILED
    assert "asks for 1 GPU" in last.problem.sentence


async def test_a_function_with_a_processor_of_its_own_runs(subject: Subject) -> None:
    key = await subject.prepare("add", resources=pb.Resources(cpus=1))
    last, _ = await subject.end_of((await subject.client.submit(key, arguments(1, 2))).id)
    assert last.state == pb.SUCCEEDED


async def test_strangers_without_the_token_get_nothing(subject: Subject) -> None:
    published = subject.state / "server.json"
    facts = json.loads(published.read_text())
    assert stat.S_IMODE(published.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(facts["socket"]).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(facts["socket"]).parent.stat().st_mode) == 0o700
    async with grpc.aio.insecure_channel(f"unix:{facts['socket']}") as channel:
        stub = cluster_pb2_grpc.ClusterStub(channel)
        for metadata in ((), (("authorization", "Bearer wrong"),)):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.Hello(pb.HelloRequest(), metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                async for _ in stub.WatchRuns(pb.WatchRunsRequest(), metadata=metadata):
                    pass
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_nothing_of_a_cluster_listens_beyond_this_machine(subject: Subject) -> None:
    home = str(subject.server.home.parent)
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") != home:
                continue
            listening = [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        except psutil.Error:
            continue
        for connection in listening:
            assert connection.laddr.ip in ("127.0.0.1", "::1", "::ffff:127.0.0.1"), (process.name(), connection)


async def test_a_second_server_on_the_same_home_is_refused_in_a_sentence(subject: Subject) -> None:
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rhserver", "--home", str(subject.state), stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(second.communicate(), 30)
    assert second.returncode == 1
    assert b"already runs on" in said
    assert b"Traceback" not in said
    assert await subject.client.say_hello()


async def test_a_server_whose_address_was_damaged_is_found_again(subject: Subject) -> None:
    published = subject.state / "server.json"
    before = published.read_text()
    for damage in ("{bad", None):
        published.write_text(damage) if damage else published.unlink()
        while not published.exists() or published.read_text() != before:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert stat.S_IMODE(published.stat().st_mode) == 0o600


async def test_unknown_runs_and_ids_that_are_paths_are_refused(subject: Subject) -> None:
    for run in ("0" * 26, "../../../etc/passwd", ""):
        with pytest.raises(RhError):
            await subject.client.result(run)
    with pytest.raises(NotFound):
        await subject.client.read_log("0" * 26)


async def test_the_server_answers_before_ray_is_up_and_says_what_it_waits_for(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = short_path / "other"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rhserver", "--home", str(home / "server"), stderr=asyncio.subprocess.DEVNULL
    )
    route = MachineRoute(home)
    try:
        while not (home / "server" / "server.json").exists():
            assert process.returncode is None
            await asyncio.sleep(0.02)
        address = await route.address()
        assert address is not None
        client = await ClusterClient.connect(address)
        assert client.hello.engine.phase == pb.EngineState.STARTING
        assert "Ray starts" in client.hello.engine.sentence
        await client.close()
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
    assert process.returncode == 0
    await asyncio.to_thread(_wait_until_nothing_runs_in, home)


def _wait_until_nothing_runs_in(home: Path) -> None:
    deadline = time.monotonic() + 10
    while (home / "server" / "ray.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert os.listdir(home / "server")
