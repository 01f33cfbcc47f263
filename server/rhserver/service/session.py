"""Calls over the one stream of a client: the quick way from a request to a warm worker and back.

A call that is silent, quick and succeeds leaves nothing behind. One that lasts `RECORD_AFTER` seconds, prints or fails
is recorded as a run, and its output is followed while it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.auth import said_by
from rhserver.engine.pool import Pool
from rhserver.engine.worker_link import Answer, Died, Done, Raised, WorkerLink
from rhserver.objects.blobs import Blobs
from rhserver.problems import problem_of
from rhserver.runs.functions import Functions, PreparedFunction
from rhserver.runs.logs import follow
from rhserver.runs.manager import GRACE_SECONDS, RunManager
from rhserver.runs.messages import remote_error
from rhserver.runs.store import RunStore

RECORD_AFTER = 0.1
SWEEP_INTERVAL = 0.05
ITEMS_IN_FLIGHT = 64
OUTPUT_PIECE = 512 * 1024

_CANCELLED = pb.Problem(code="run-cancelled", sentence="The call was cancelled.")

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Call:
    session: _Session
    number: int
    message: pb.Call
    function: PreparedFunction
    began: float
    link: WorkerLink | None = None
    withdraw: Callable[[], None] | None = None
    recorded: bool = False
    cancelled: bool = False
    tail: asyncio.Task[None] | None = None
    answer: Answer | None = None
    problem: pb.Problem = field(default_factory=lambda: _CANCELLED)  # what a caller hears of a call that was cancelled


class SessionService:
    """All sessions of a server. `calls` counts the answers since it started."""

    def __init__(self, functions: Functions, pool: Pool, runs: RunManager, store: RunStore, blobs: Blobs) -> None:
        self.functions = functions
        self.pool = pool
        self.runs = runs
        self.store = store
        self.blobs = blobs
        self.calls = 0
        self.in_flight: set[_Call] = set()
        self._background: set[asyncio.Task[Any]] = set()

    async def Session(self, requests: AsyncIterator[pb.SessionRequest], context: Any) -> None:
        session = _Session(self, context)
        writer = asyncio.ensure_future(session.write_replies())
        try:
            read, end = context.read, grpc.aio.EOF  # cheaper than to iterate over `requests`
            while (request := await read()) is not end:
                session.take(request)
            await session.drained()
        finally:
            session.close()
            writer.cancel()

    async def sweep(self) -> None:
        """Record calls that last; runs as long as the server."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            late = time.time() - RECORD_AFTER
            for call in [call for call in self.in_flight if call.began < late and not call.recorded and call.link]:
                self.record(call)

    def record(self, call: _Call) -> None:
        """From now on `call` is a run; its output is followed if the client wants it."""
        assert call.link is not None
        if not call.message.run:
            return
        call.recorded = True
        try:
            self.runs.promote(
                call.message.run, call.function, call.link, call.message.client, call.began, call.session.by
            )
        except (RhError, OSError) as error:  # the call goes on all the same
            log.warning("call %s cannot be recorded: %s", call.message.run, error)
            return
        if call.message.follow:
            call.tail = self.keep(self._follow(call))

    async def _follow(self, call: _Call) -> None:
        path = self.store.folder(call.message.run) / "log"
        async for _, data in follow(path, 0, lambda: call.answer is not None):
            call.session.reply(pb.SessionReply(number=call.number, output=data))
            await call.session.room()
        assert call.answer is not None
        call.session.finish(call, call.answer)

    def keep(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


class _Session:
    """One client's stream."""

    def __init__(self, service: SessionService, context: Any) -> None:
        self._service = service
        self._context = context
        self.by = said_by(context)
        self._calls: dict[int, _Call] = {}
        self._starting: dict[int, asyncio.Task[Any]] = {}
        self._replies: list[pb.SessionReply] = []
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._paused: set[WorkerLink] = set()
        self._closed = False

    # ------------------------------------------------------------ requests

    def take(self, request: pb.SessionRequest) -> None:
        """Act on one request, at once where a worker is idle."""
        if request.WhichOneof("what") == "cancel":
            self._cancel(request.number)
            return
        message = request.call
        function = self._service.functions.ready(message.function)
        if function is None:
            self._starting[request.number] = self._service.keep(self._make_ready(request))
            return
        self._begin(request.number, message, function)

    async def _make_ready(self, request: pb.SessionRequest) -> None:
        try:
            function = await self._service.functions.by_key(request.call.function)
        except RhError as error:
            self.reply(pb.SessionReply(number=request.number, problem=problem_of(error)))
        else:
            self._begin(request.number, request.call, function)
        finally:
            self._starting.pop(request.number, None)

    def _begin(self, number: int, message: pb.Call, function: PreparedFunction) -> None:
        call = _Call(self, number, message, function, time.time())
        self._calls[number] = call
        link = self._service.pool.take_idle(function.worker)
        if link is not None:
            self._start(call, link)
        else:
            call.withdraw = self._service.pool.request(function.worker, lambda found: self._on_worker(call, found))

    def _on_worker(self, call: _Call, found: WorkerLink | RhError) -> None:
        if isinstance(found, RhError):
            self._drop(call)
            self.reply(pb.SessionReply(number=call.number, problem=problem_of(found)))
        else:
            self._start(call, found)

    def _start(self, call: _Call, link: WorkerLink) -> None:
        call.link = link
        call.began = time.time()
        function, arguments = call.function, call.message.arguments
        function.tell(link)
        self._service.in_flight.add(call)

        def on_answer(answer: Answer) -> None:
            self._on_answer(call, answer)

        def on_item(index: int, meta: dict[str, Any], data: bytes) -> None:
            self._on_item(call, meta, data)

        is_json = arguments.format == pb.Value.JSON
        if arguments.blob:
            try:
                path = self._service.blobs.path(arguments.blob)
            except (RhError, OSError) as error:
                self._service.in_flight.discard(call)
                self._drop(call)
                self._service.pool.release(link)
                self.reply(pb.SessionReply(number=call.number, problem=problem_of(error)))
                return
            task = {"run": call.message.run, "format": "json" if is_json else "pickle", "arguments_path": str(path)}
            link.run(function.number, task, b"", on_answer, on_item)
        else:
            meta = (b"j" if is_json else b"p") + call.message.run.encode()
            link.call(function.number, meta, arguments.data, on_answer, on_item)
        if link.lost:
            link.died("Its worker process ended as it started.")

    def _cancel(self, number: int) -> None:
        call = self._calls.get(number)
        if call is None:
            task = self._starting.pop(number, None)
            if task is not None:
                task.cancel()
                self.reply(pb.SessionReply(number=number, problem=_CANCELLED))
            return
        call.cancelled = True
        if call.link is None:
            if call.withdraw is not None:
                call.withdraw()
            self._drop(call)
            self.reply(pb.SessionReply(number=number, problem=_CANCELLED))
        else:
            self._service.keep(self._interrupt(call, call.link))

    async def _interrupt(self, call: _Call, link: WorkerLink) -> None:
        await self._service.pool.interrupt(link)
        await asyncio.sleep(GRACE_SECONDS)
        if call.answer is None:
            await self._service.pool.kill(link)

    # ------------------------------------------------------------ answers

    def _on_answer(self, call: _Call, answer: Answer) -> None:
        service, link = self._service, call.link
        assert link is not None
        service.in_flight.discard(call)
        service.calls += 1
        call.answer = answer
        if call.message.arguments.blob:  # in a thread: to free the pages of a large file takes milliseconds
            service.keep(asyncio.to_thread(service.blobs.discard, call.message.arguments.blob))
        if type(answer) is Done and not answer.printed and not call.recorded:
            self.finish(call, answer)
            service.pool.release(link)
            return
        if not call.recorded:
            service.record(call)
        if call.recorded:
            ended = service.runs.conclude(call.message.run, answer, cancelled=call.cancelled)
            if ended is not None and ended.state == pb.CANCELLED and not call.cancelled:  # somebody else did
                call.cancelled = True
                call.problem = pb.Problem(code="run-cancelled", sentence=ended.reason.replace("C", "The call was c", 1))
        if call.tail is None:
            if call.message.follow and not isinstance(answer, Died) and answer.printed:
                self._send_output(call, link.scratch)
            self.finish(call, answer)
        service.pool.release(link)

    def _send_output(self, call: _Call, path: Path) -> None:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            while data := file.read(OUTPUT_PIECE):
                self.reply(pb.SessionReply(number=call.number, output=data))

    def finish(self, call: _Call, answer: Answer) -> None:
        """Send the last reply of a call."""
        self._drop(call)
        number = call.number
        match answer:
            case Done(_, meta, data):
                self.reply(pb.SessionReply(number=number, result=self._value(meta, data)))
            case Raised(_, error, pickled):
                if call.cancelled and error["cancelled"]:
                    self.reply(pb.SessionReply(number=number, problem=call.problem))
                else:
                    self.reply(pb.SessionReply(number=number, error=remote_error(error, pickled)))
            case Died(sentence):
                remedy = f"`rhdesk logs {call.message.run}` shows what it printed."
                lost = pb.Problem(code="run-lost", sentence=sentence, remedy=remedy)
                self.reply(pb.SessionReply(number=number, problem=call.problem if call.cancelled else lost))

    def _on_item(self, call: _Call, meta: dict[str, Any], data: bytes) -> None:
        self.reply(pb.SessionReply(number=call.number, item=self._value(meta, data)))
        if len(self._replies) > ITEMS_IN_FLIGHT and call.link is not None and not self._closed:
            call.link.pause_items()
            self._paused.add(call.link)

    def _value(self, meta: dict[str, Any], data: bytes) -> pb.Value:
        if not meta:
            return pb.Value(format=pb.Value.CLOUDPICKLE, data=data, size=len(data))
        format = pb.Value.JSON if meta["format"] == "json" else pb.Value.CLOUDPICKLE
        if meta.get("path") and not data:
            return pb.Value(format=format, blob=self._service.blobs.adopt(Path(meta["path"])), size=meta["size"])
        return pb.Value(format=format, data=data, size=meta["size"])

    def _drop(self, call: _Call) -> None:
        self._calls.pop(call.number, None)

    # ------------------------------------------------------------ replies

    def reply(self, reply: pb.SessionReply) -> None:
        """Queue a reply; order is kept."""
        if not self._closed:
            self._replies.append(reply)
            self._wake.set()

    async def write_replies(self) -> None:
        """Write what is queued, as long as the stream lives."""
        write, wake = self._context.write, self._wake
        while True:
            await wake.wait()
            wake.clear()
            batch, self._replies = self._replies, []
            for reply in batch:
                await write(reply)
            self._room.set()
            for link in self._paused:
                link.resume_items()
            self._paused.clear()

    async def room(self) -> None:
        """Wait while too much is queued."""
        while len(self._replies) > ITEMS_IN_FLIGHT and not self._closed:
            self._room.clear()
            await self._room.wait()

    async def drained(self) -> None:
        """The client asks nothing more: wait until everything is answered."""
        while self._calls or self._starting or self._replies:  # noqa: ASYNC110 - at the end of a session only
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """The client is gone. What it called goes on; recorded calls keep their outcome."""
        self._closed = True
        self._replies.clear()
        self._room.set()
        for link in self._paused:
            link.resume_items()
