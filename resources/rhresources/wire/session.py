"""One bidirectional stream that all calls of a client ride on: half the cost of a unary call each.

One writer sends what is queued, one reader hands each reply to the caller that waits for its number. A call costs a
dictionary entry and a future; tasks and queues exist once per session, not per call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from rhresources.errors import ConnectionLost, RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import Channels, error_of_problem, error_of_rpc
from rhresources.wire.polling import grpc

log = logging.getLogger(__name__)

OutputCallback = Callable[[bytes], None]
"""Gets whole lines of a run's output, on the loop of the client."""


class Call:
    """What a caller waits on: the final reply, and the items and output lines before it."""

    __slots__ = ("done", "items", "number", "on_output", "wake")

    def __init__(self, number: int, done: asyncio.Future[pb.SessionReply], on_output: OutputCallback | None) -> None:
        self.number = number
        self.done = done
        self.on_output = on_output
        self.items: deque[pb.Value] = deque()
        self.wake: asyncio.Future[None] | None = None

    def deliver(self, reply: pb.SessionReply, what: str) -> bool:
        """Take a reply; whether it was the last one."""
        if what == "output":
            try:
                if self.on_output is not None:
                    self.on_output(reply.output)
            except Exception:  # of this caller; the calls of the others go on
                log.exception("what shows the output of a call failed")
            return False
        if what == "item":
            self.items.append(reply.item)
        elif not self.done.done():
            self.done.set_result(reply)
        self.notify()
        return what != "item"

    def fail(self, error: RhError) -> None:
        """End without a reply."""
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # a caller that went away has nobody to retrieve it
        self.notify()

    def notify(self) -> None:
        """Wake whoever waits for the next item."""
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)


class Session:
    """The stream. It lives until it breaks or is closed; then every call in flight fails with `ConnectionLost`."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._loop = asyncio.get_running_loop()
        self._stream: Any = channels.stub.Session(metadata=channels.metadata)
        self._calls: dict[int, Call] = {}
        self._number = 0
        self._outgoing: deque[pb.SessionRequest] = deque()
        self._writer_sleeps: asyncio.Future[None] | None = None
        self.broken: RhError | None = None
        self._reader = self._loop.create_task(self._read(), name="rhdesk session reader")
        self._writer = self._loop.create_task(self._write(), name="rhdesk session writer")

    @property
    def calls_in_flight(self) -> int:
        """Calls that wait for their last reply."""
        return len(self._calls)

    def start(
        self, function: str, arguments: pb.Value, run: str, client: str, on_output: OutputCallback | None = None
    ) -> Call:
        """Send a call. Await `call.done`; its result is the last reply.

        Raises:
            ConnectionLost: the stream is broken already.
        """
        if self.broken is not None:
            raise self.broken
        self._number = number = self._number + 1
        call = Call(number, self._loop.create_future(), on_output)
        self._calls[number] = call
        self._send(
            pb.SessionRequest(
                number=number,
                call=pb.Call(
                    function=function, arguments=arguments, run=run, follow=on_output is not None, client=client
                ),
            )
        )
        return call

    def cancel(self, call: Call) -> None:
        """Stop what a call started. Its last reply is not waited for any more."""
        if self._calls.pop(call.number, None) is not None and self.broken is None:
            self._send(pb.SessionRequest(number=call.number, cancel=True))

    async def close(self) -> None:
        """End the stream and the two tasks."""
        self._break(ConnectionLost("The connection to the cluster server was closed."))
        for task in (self._writer, self._reader):
            task.cancel()
        await asyncio.gather(self._writer, self._reader, return_exceptions=True)

    def _send(self, request: pb.SessionRequest) -> None:
        self._outgoing.append(request)
        sleeper = self._writer_sleeps
        if sleeper is not None:
            self._writer_sleeps = None
            if not sleeper.done():
                sleeper.set_result(None)

    async def _write(self) -> None:
        # callers never write themselves: gRPC ends the whole stream when a task is cancelled inside a write
        outgoing, write = self._outgoing, self._stream.write
        try:
            while True:
                while outgoing:
                    await write(outgoing.popleft())
                self._writer_sleeps = self._loop.create_future()
                await self._writer_sleeps
        except Exception as error:
            log.debug("the session cannot be written to any more: %r", error)
        finally:
            if self.broken is None:
                self._stream.cancel()  # whatever the reason, nobody may wait on a session that sends nothing

    async def _read(self) -> None:
        read, calls, end = self._stream.read, self._calls, grpc.aio.EOF
        error: RhError = ConnectionLost("The cluster server ended the connection.")
        try:
            while (reply := await read()) is not end:
                call = calls.get(reply.number)
                if call is None:
                    continue  # cancelled meanwhile
                what = reply.WhichOneof("what")
                if what is not None and call.deliver(reply, what):
                    calls.pop(reply.number, None)
        except grpc.aio.AioRpcError as failure:
            error = error_of_rpc(failure)
        except asyncio.CancelledError:
            if self.broken is None and not self._channels.closed:
                raise
        finally:
            self._break(error)

    def _break(self, error: RhError) -> None:
        if self.broken is None:
            self.broken = error
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.fail(error)
        self._writer.cancel()


def result_of(reply: pb.SessionReply) -> pb.Value | pb.RemoteError:
    """The result or the remote error of a last reply.

    Raises:
        RhError: the server had a problem with the call.
    """
    what = reply.WhichOneof("what")
    if what == "result":
        return reply.result
    if what == "error":
        return reply.error
    raise error_of_problem(reply.problem)
