"""Runs, as the client asks for them: started, watched, fetched, cancelled, listed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from ulid import ULID

from rhresources.errors import ConnectionLost
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.link import FIRST_PAUSE, LONGEST_PAUSE, Linker
from rhresources.wire.requests import Requests
from rhresources.wire.values import Pieces

SUBMIT_PATIENCE = 60.0
"""Seconds for which a submit is tried while the server cannot be reached."""

FINAL_STATES = frozenset({pb.SUCCEEDED, pb.FAILED, pb.CANCELLED, pb.LOST})
"""States after which a run does not change."""


def new_run_id() -> str:
    """A run id: unique without asking anybody, and sorting by time."""
    return str(ULID())


class RunRequests(Requests):
    """The part of `ClusterClient` about runs."""

    def __init__(self, linker: Linker, client: str) -> None:
        super().__init__(linker)
        self._client = client

    async def submit(
        self, function: str | pb.FunctionSpec, arguments: pb.Value | bytes | Pieces, *, run: str | None = None
    ) -> pb.Run:
        """Start a run and do not wait for it. Repeated while the server cannot be reached: the id makes that safe.

        Args:
            function: a key from `prepare`, or a spec that is prepared as part of the run.
            arguments: a `Value`, or the cloudpickle of `(args, kwargs)`.
            run: the ULID of the run; made here when not given.
        """
        if not isinstance(arguments, pb.Value):
            arguments = await self.value(arguments)
        request = pb.SubmitRequest(run=run or new_run_id(), arguments=arguments, client=self._client)
        if isinstance(function, str):
            request.function = function
        else:
            request.spec.CopyFrom(function)
        return await self._unary(pb.Run, "Submit", request, patience=SUBMIT_PATIENCE)

    async def watch(self, run: str, offset: int = 0, log: bool = True) -> AsyncIterator[pb.RunEvent]:
        """The record of a run whenever it changes, and its log from a byte offset on, until the run has ended.

        Resumes at its offset, without gap or repetition, however often the connection breaks and however long the
        server is away; the record comes again after each resumption.
        """
        ended, pause = False, FIRST_PAUSE
        while not ended:
            request = pb.WatchRequest(run=run, offset=offset, no_log=not log)
            try:
                async for event in self._stream("Watch", request, on_bulk=log, forever=True):
                    pause = FIRST_PAUSE
                    if event.HasField("log"):
                        skip = offset - event.log.offset
                        if skip >= len(event.log.data):
                            continue
                        if skip > 0:
                            event.log.data = event.log.data[skip:]
                            event.log.offset = offset
                        offset = event.log.offset + len(event.log.data)
                    elif event.HasField("run"):
                        ended = event.run.state in FINAL_STATES
                    yield event
            except ConnectionLost:
                self._linker.require_open()
                ended = False  # the log after the last record may not have come
            if not ended:
                await asyncio.sleep(pause)
                pause = min(pause * 1.7, LONGEST_PAUSE)

    async def read_log(self, run: str, offset: int = 0, length: int = 0) -> pb.ReadLogReply:
        """A piece of a log, at most 1 MiB; a negative offset counts from the end."""
        return await self._unary(pb.ReadLogReply, "ReadLog", pb.ReadLogRequest(run=run, offset=offset, length=length))

    async def result(self, run: str, wait: bool = False, preview: bool = False) -> pb.ResultReply:
        """Record and result of a run; with `preview` a picture of the result in place of the value.

        A run that failed is answered with its record; `error` or `problem` are in it.
        """
        return await self._unary(pb.ResultReply, "Result", pb.ResultRequest(run=run, wait=wait, preview=preview))

    async def items(self, run: str, first: int = 0) -> AsyncIterator[pb.Item]:
        """What a generator's run yielded from index `first` on, and what it yields until it ends."""
        while True:
            try:
                async for item in self._stream(
                    "Items", pb.ItemsRequest(run=run, first=first), on_bulk=True, forever=True
                ):
                    if item.index >= first:
                        first = item.index + 1
                        yield item
                return
            except ConnectionLost:
                self._linker.require_open()

    async def cancel(self, runs: str | Iterable[str], force: bool = False) -> list[pb.Run]:
        """Cancel runs; their records after it. `force` kills the workers at once."""
        ids = [runs] if isinstance(runs, str) else list(runs)
        return list((await self._unary(pb.CancelReply, "Cancel", pb.CancelRequest(runs=ids, force=force))).runs)

    async def list_runs(
        self,
        limit: int = 100,
        before: str = "",
        name: str = "",
        states: Iterable[pb.RunState] = (),
        by: Iterable[str] = (),
    ) -> pb.ListRunsReply:
        """Runs, newest first; with `by` those that one of these people started."""
        request = pb.ListRunsRequest(limit=limit, before=before, name=name, states=states, by=by)
        return await self._unary(pb.ListRunsReply, "ListRuns", request)

    async def watch_runs(self, limit: int = 100) -> AsyncIterator[pb.RunsEvent]:
        """The newest runs, then every change; a snapshot again after each resumption. Does not end by itself."""
        async for event in self._forever("WatchRuns", pb.WatchRunsRequest(limit=limit)):
            yield event

    async def delete_runs(self, runs: Iterable[str]) -> list[str]:
        """Delete records, logs and results; the ids that were deleted."""
        return list((await self._unary(pb.DeleteRunsReply, "DeleteRuns", pb.DeleteRunsRequest(runs=runs))).deleted)
