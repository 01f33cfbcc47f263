"""The client against a small gRPC server that shows one behaviour at a time: order, loss, resumption, problems."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import cloudpickle
import grpc
import grpc.aio
import pytest

from rhresources.errors import ConnectionLost, InstallError, NotFound, RemoteError, RhError, ServerProblem
from rhresources.wire import PROTOCOL, cluster_pb2_grpc
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import PROBLEM_METADATA, ServerAddress
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import inline

LOG = b"".join(b"line %06d of the log\n" % number for number in range(20_000))


class SmallServer(cluster_pb2_grpc.ClusterServicer):
    """Answers as the functions called "echo", "never", "fails", "counts", "prints" would."""

    def __init__(self, path: Path, token: str) -> None:
        self.address = ServerAddress(f"unix:{path}", token)
        self.protocol = PROTOCOL
        self.blobs: dict[str, bytes] = {}
        self.cancelled: list[int] = []
        self.submitted: dict[str, int] = {}
        self.cut_watch_after: int | None = None
        self.server: grpc.aio.Server | None = None

    async def start(self) -> None:
        self.server = grpc.aio.server()
        cluster_pb2_grpc.add_ClusterServicer_to_server(self, self.server)
        self.server.add_insecure_port(self.address.target)
        await self.server.start()

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.stop(None)
            self.server = None

    async def _check(self, context: grpc.aio.ServicerContext) -> None:
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {self.address.token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")

    async def Hello(self, request: pb.HelloRequest, context: grpc.aio.ServicerContext) -> pb.HelloReply:
        await self._check(context)
        return pb.HelloReply(version="9", protocol=self.protocol, server_id=self.address.token)

    async def Session(
        self, requests: AsyncIterator[pb.SessionRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.SessionReply]:
        await self._check(context)
        async for request in requests:
            number, call = request.number, request.call
            if request.HasField("cancel"):
                self.cancelled.append(number)
            elif call.function == "echo":
                yield pb.SessionReply(number=number, result=call.arguments)
            elif call.function == "fails":
                error = pb.RemoteError(type="m.Oops", message="no", traceback="Traceback ...", exception=inline(b"x"))
                yield pb.SessionReply(number=number, error=error)
            elif call.function == "problem":
                yield pb.SessionReply(number=number, problem=pb.Problem(code="not-prepared", sentence="Not prepared."))
            elif call.function == "counts":
                for item in range(3):
                    yield pb.SessionReply(number=number, item=inline(b"%d" % item))
                yield pb.SessionReply(number=number, result=inline(b"end"))
            elif call.function == "prints":
                yield pb.SessionReply(number=number, output=b"one\ntwo\n")
                yield pb.SessionReply(number=number, result=inline(b"done"))

    async def Submit(self, request: pb.SubmitRequest, context: grpc.aio.ServicerContext) -> pb.Run:
        await self._check(context)
        self.submitted[request.run] = self.submitted.get(request.run, 0) + 1
        return pb.Run(id=request.run, state=pb.QUEUED)

    async def Watch(self, request: pb.WatchRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.RunEvent]:
        await self._check(context)
        yield pb.RunEvent(run=pb.Run(id=request.run, state=pb.RUNNING))
        offset, sent = request.offset, 0
        offset -= min(offset, 22)  # a server that repeats a line: the client must not
        while offset < len(LOG):
            data = LOG[offset : offset + 2200]
            yield pb.RunEvent(log=pb.LogBlock(offset=offset, data=data))
            offset, sent = offset + len(data), sent + 1
            if self.cut_watch_after is not None and sent >= self.cut_watch_after:
                await asyncio.sleep(3600)
        yield pb.RunEvent(run=pb.Run(id=request.run, state=pb.SUCCEEDED))

    async def Prepare(
        self, request: pb.PrepareRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.PrepareEvent]:
        await self._check(context)
        yield pb.PrepareEvent(phase="Installing 1 package")
        if request.function.name == "bad":
            yield pb.PrepareEvent(problem=pb.Problem(code="install-failed", sentence="No such package.", detail="uv"))
        else:
            yield pb.PrepareEvent(function="key", environment="env")

    async def GetObject(self, request: pb.GetObjectRequest, context: grpc.aio.ServicerContext) -> pb.GetObjectReply:
        await self._check(context)
        problem = pb.Problem(code="not-found", sentence=f"Nothing is kept as {request.key}.", remedy="Put it first.")
        await context.abort(
            grpc.StatusCode.NOT_FOUND, "x", trailing_metadata=((PROBLEM_METADATA, problem.SerializeToString()),)
        )
        raise AssertionError

    async def WatchRuns(
        self, request: pb.WatchRunsRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.RunsEvent]:
        await self._check(context)
        yield pb.RunsEvent(snapshot=True)
        await asyncio.sleep(3600)

    async def Upload(self, chunks: AsyncIterator[pb.Chunk], context: grpc.aio.ServicerContext) -> pb.UploadReply:
        await self._check(context)
        data = b"".join([chunk.data async for chunk in chunks])
        name = f"blob-{len(self.blobs)}"
        self.blobs[name] = data
        return pb.UploadReply(blob=name, size=len(data))

    async def Download(self, request: pb.DownloadRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.Chunk]:
        await self._check(context)
        data = self.blobs[request.blob]
        for start in range(request.offset, len(data), 1 << 20):
            yield pb.Chunk(data=data[start : start + (1 << 20)])


Connect = Callable[..., Awaitable[ClusterClient]]


@pytest.fixture(autouse=True)
def _a_server_may_stop_in_the_middle(allow_warnings: Any) -> None:
    """gRPC's own words for a handler that was cancelled because the server stopped."""
    allow_warnings("Exception not handled by _handle_exceptions")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SmallServer]:
    server = SmallServer(tmp_path / "s", "first")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: SmallServer) -> AsyncIterator[ClusterClient]:
    async def resolve() -> ServerAddress:
        return server.address

    client = await ClusterClient.connect(server.address, resolve=resolve)
    yield client
    await client.close()


async def restart(server: SmallServer, pause: float = 0.0) -> None:
    await server.stop()
    await asyncio.sleep(pause)
    server.address = ServerAddress(server.address.target, server.address.token + "+")  # a start makes a new token
    await server.start()


async def test_replies_find_their_callers(client: ClusterClient) -> None:
    values = await asyncio.gather(*[client.call("echo", b"%d" % number) for number in range(500)])
    assert [value.data for value in values] == [b"%d" % number for number in range(500)]


async def test_a_cancelled_call_says_so_and_others_go_on(client: ClusterClient, server: SmallServer) -> None:
    waiting = asyncio.create_task(client.call("never", b""))
    await client.call("echo", b"1")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await client.call("echo", b"2")).data == b"2"
    assert len(server.cancelled) == 1


async def test_generator_items_stream_and_closing_cancels(client: ClusterClient, server: SmallServer) -> None:
    assert [value.data async for value in client.stream("counts", b"")] == [b"0", b"1", b"2"]
    items = client.stream("never", b"")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await anext(items)
    await items.aclose()
    await client.call("echo", b"")
    assert server.cancelled == [2]


async def test_output_comes_before_the_result(client: ClusterClient) -> None:
    lines: list[bytes] = []
    assert (await client.call("prints", b"", on_output=lines.append)).data == b"done"
    assert lines == [b"one\ntwo\n"]


async def test_remote_errors_and_problems_are_told_apart(client: ClusterClient) -> None:
    with pytest.raises(RemoteError) as remote:
        await client.call("fails", b"")
    assert (remote.value.type, remote.value.exception) == ("m.Oops", b"x")
    assert remote.value.traceback == "Traceback ..."
    with pytest.raises(ServerProblem) as problem:
        await client.call("problem", b"")
    assert problem.value.code == "not-prepared"


async def test_problems_of_unary_methods_keep_their_words(client: ClusterClient) -> None:
    with pytest.raises(NotFound) as missing:
        await client.get_object("model")
    assert missing.value.sentence == "Nothing is kept as model."
    assert missing.value.remedy == "Put it first."


async def test_prepare_reports_phases_and_the_installers_failure(client: ClusterClient) -> None:
    phases: list[str] = []
    prepared = await client.prepare(pb.FunctionSpec(name="good"), lambda event: phases.append(event.phase))
    assert (prepared.key, prepared.environment, phases) == ("key", "env", ["Installing 1 package"])
    with pytest.raises(InstallError) as failed:
        await client.prepare(pb.FunctionSpec(name="bad"))
    assert failed.value.detail == "uv"


async def test_large_values_travel_in_pieces_both_ways(client: ClusterClient, server: SmallServer) -> None:
    data = os.urandom(5 * (1 << 20) + 17)
    value = await client.value(data)
    assert value.blob
    assert server.blobs[value.blob] == data
    assert await client.data(await client.call("echo", value)) == data
    small = await client.value(b"x")
    assert (small.blob, await client.data(small)) == ("", b"x")


async def test_a_call_in_flight_fails_when_the_server_goes_and_the_next_one_reconnects(
    client: ClusterClient, server: SmallServer
) -> None:
    said: list[bool] = []
    client.set_on_connection(lambda connected, _: said.append(connected))
    waiting = asyncio.create_task(client.call("never", b""))
    await client.call("echo", b"")
    await restart(server)
    with pytest.raises(ConnectionLost):
        await waiting
    assert (await client.call("echo", b"again")).data == b"again"
    assert client.hello.server_id == "first+"
    assert said == [False, True]


async def test_submit_is_repeated_until_the_server_is_back(client: ClusterClient, server: SmallServer) -> None:
    await client.call("echo", b"")
    await server.stop()
    submitting = asyncio.create_task(client.submit("key", b"", run="01ARZ3NDEKTSV4RRFFQ69G5FAV"))
    await asyncio.sleep(0.3)
    assert not submitting.done()
    await restart(server)
    assert (await submitting).id == "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert server.submitted == {"01ARZ3NDEKTSV4RRFFQ69G5FAV": 1}


async def test_watch_resumes_without_gap_or_repetition(client: ClusterClient, server: SmallServer) -> None:
    server.cut_watch_after = 40
    log, restarts, last = bytearray(), 0, None
    async for event in client.watch("run"):
        if event.HasField("log"):
            assert event.log.offset == len(log)
            log += event.log.data
            if len(log) // 80_000 > restarts and restarts < 4:
                restarts += 1
                if restarts == 4:
                    server.cut_watch_after = None
                await restart(server, pause=0.1)
        else:
            last = event.run.state
    assert bytes(log) == LOG
    assert last == pb.SUCCEEDED
    assert restarts == 4


async def test_an_idle_client_survives_a_restart(client: ClusterClient, server: SmallServer) -> None:
    await client.call("echo", b"")
    await restart(server)
    await asyncio.sleep(0.1)
    assert (await client.call("echo", b"1")).data == b"1"
    await restart(server)
    with pytest.raises(NotFound):  # the first request to notice is repeated, not failed
        await client.get_object("x")


async def test_another_protocol_is_refused_in_one_sentence(server: SmallServer) -> None:
    server.protocol = PROTOCOL + 1
    with pytest.raises(RhError) as refused:
        await ClusterClient.connect(server.address)
    assert refused.value.code == "version"
    assert f"protocol {PROTOCOL + 1}" in refused.value.sentence
    assert "Install" in refused.value.remedy


async def test_nobody_there_and_wrong_token(server: SmallServer, tmp_path: Path) -> None:
    with pytest.raises(ConnectionLost):
        await ClusterClient.connect(ServerAddress(f"unix:{tmp_path / 'nobody'}", ""))
    with pytest.raises(ServerProblem) as refused:
        await ClusterClient.connect(ServerAddress(server.address.target, "wrong"))
    assert refused.value.code == "unauthenticated"


async def test_closing_fails_what_is_in_flight(client: ClusterClient) -> None:
    waiting = asyncio.create_task(client.call("never", b""))
    runs = client.watch_runs()
    assert (await anext(runs)).snapshot
    watching = asyncio.create_task(anext(runs))
    await client.call("echo", b"")
    await client.close()
    for task in (waiting, watching):
        with pytest.raises(RhError):
            await task


async def test_a_call_through_the_stream_costs_less_than_a_unary_call(server: SmallServer) -> None:
    client = await ClusterClient.connect(server.address)
    arguments = inline(cloudpickle.dumps(((), {})))
    ours, unary = [], []
    for _ in range(6):  # in turns, so that a busy machine is busy for both
        began = time.perf_counter()
        for _ in range(100):
            await client.call("echo", arguments)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(100):
            await client.say_hello()
        unary.append(time.perf_counter() - began)
    await client.close()
    assert min(ours) < min(unary)


def test_remote_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(RemoteError("m.Oops", "no", "Traceback", b"x")))
    assert (error.type, error.message, error.traceback, error.exception) == ("m.Oops", "no", "Traceback", b"x")
