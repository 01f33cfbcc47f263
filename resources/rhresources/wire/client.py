"""The one client of a cluster server, asynchronous; library, command line and window all speak through it.

Calls ride one stream, transfers a second channel. A server that goes away and comes back is found again by itself:
watching resumes at its offset, requests that can safely be repeated are repeated, and a call in flight fails with
`ConnectionLost`, because nobody can know whether it ran.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ulid import ULID

from rhresources.errors import ConnectionLost, InstallError, RemoteError, RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import ServerAddress, error_of_problem
from rhresources.wire.link import FIRST_PAUSE, LONGEST_PAUSE, ConnectionCallback, Link, Linker, Resolver
from rhresources.wire.requests import PATIENCE, Requests
from rhresources.wire.session import Call, OutputCallback, result_of

if TYPE_CHECKING:
    from rhresources.code.tree import CodeTree, Manifest

SUBMIT_PATIENCE = 60.0

FINAL_STATES = frozenset({pb.SUCCEEDED, pb.FAILED, pb.CANCELLED, pb.LOST})
"""States after which a run does not change."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A function that the cluster is ready to run.

    Attributes:
        key: what calls and submits name it by.
        environment: the hash of its environment.
    """

    key: str
    environment: str


def new_run_id() -> str:
    """A run id: unique without asking anybody, and sorting by time."""
    return str(ULID())


class ClusterClient(Requests):
    """A connection to one cluster server. Make it with `connect`; use it on the loop that made it.

    Attributes:
        pushed: the root hash and the manifest that the server has of each project, as far as this client brought it.
        push_locks: keep two pushes of one project from sending everything twice.
    """

    def __init__(self, linker: Linker, client: str) -> None:
        super().__init__(linker)
        self._client = client
        self.pushed: dict[str, tuple[str, Manifest]] = {}
        self.push_locks: dict[str, asyncio.Lock] = {}

    @classmethod
    async def connect(
        cls,
        address: ServerAddress,
        *,
        client: str = "library",
        resolve: Resolver | None = None,
        on_connection: ConnectionCallback | None = None,
    ) -> ClusterClient:
        """Connect and shake hands.

        Args:
            address: where the server listens now.
            client: who asks; kept with the runs.
            resolve: where it listens later, after a restart gave it another token.
            on_connection: told when the connection is lost and when it is back.

        Raises:
            ConnectionLost: nobody answers.
            ServerProblem: the server is of another protocol, or refuses the token.
        """
        linker = Linker(address, resolve, on_connection)
        self = cls(linker, client)
        try:
            await linker.get(0.0)
        except BaseException:
            await linker.close()
            raise
        return self

    @property
    def hello(self) -> pb.HelloReply:
        """What the server said of itself at the last handshake.

        Raises:
            ConnectionLost: not connected now.
        """
        link = self._linker.link
        if link is None:
            raise ConnectionLost("The cluster server cannot be reached now.")
        return link.hello

    @property
    def connected(self) -> bool:
        """Whether the last thing we know is that the server answers."""
        link = self._linker.link
        return link is not None and not link.broken

    async def reconnect(self) -> None:
        """Make sure that there is a connection now; requests do that by themselves, `begin` does not.

        Raises:
            ClusterDown: the server does not run.
            ConnectionLost: it cannot be reached.
        """
        await self._linker.get(PATIENCE)

    def set_on_connection(self, callback: ConnectionCallback | None) -> None:
        """Tell `callback` from now on when the connection is lost and when it is back."""
        self._linker.on_connection = callback

    async def close(self) -> None:
        """End the connection. Runs go on; calls in flight fail with `ConnectionLost`."""
        await self._linker.close()

    async def say_hello(self) -> pb.HelloReply:
        """A fresh handshake: engine state, user, version."""
        from rhresources.version import version
        from rhresources.wire import PROTOCOL

        return await self._unary(
            pb.HelloReply, "Hello", pb.HelloRequest(version=version(), protocol=PROTOCOL), timeout=5.0
        )

    # ------------------------------------------------------------ code and environments

    async def push(self, tree: CodeTree, progress: Callable[[str], None] | None = None) -> pb.CodeTree:
        """Bring the server's copy of a tree up to date; only what it lacks travels."""
        from rhresources.code.push import push

        return await push(self, tree, progress)

    async def plan_push(self, request: pb.PlanPushRequest) -> pb.PlanPushReply:
        """Tell the server what a tree holds; it says what it lacks."""
        return await self._unary(pb.PlanPushReply, "PlanPush", request)

    async def push_files(self, batches: AsyncIterator[pb.FileBatch]) -> pb.PushReply:
        """Send the files that the server lacks, on the bulk channel."""
        link = await self._linker.get(PATIENCE)
        reply: pb.PushReply = await self._guarded(
            link, link.channels.bulk_stub.PushFiles(batches, metadata=link.channels.metadata)
        )
        return reply

    async def prepare(
        self, spec: pb.FunctionSpec, on_event: Callable[[pb.PrepareEvent], None] | None = None
    ) -> Prepared:
        """Make a function callable: its environment is made if it is not there.

        Raises:
            InstallError: the environment could not be made; `detail` holds the installer's output.
        """
        async for event in self._stream("Prepare", pb.PrepareRequest(function=spec)):
            match event.WhichOneof("what"):
                case "function":
                    return Prepared(event.function, event.environment)
                case "problem":
                    raise _install_error(event.problem)
            if on_event is not None:
                on_event(event)
        raise ConnectionLost("The cluster server ended the preparation without an answer.")

    async def inspect(
        self, code: pb.CodeTree, environment: pb.EnvironmentSpec, modules: Iterable[pb.Import]
    ) -> pb.InspectReply:
        """The functions of modules with docstrings and schemas; a module that fails to import says so in its place."""
        request = pb.InspectRequest(code=code, environment=environment, modules=modules)
        reply = await self._unary(pb.InspectReply, "Inspect", request)
        if reply.HasField("problem"):
            raise _install_error(reply.problem)
        return reply

    async def list_environments(self) -> list[pb.Environment]:
        """The environments on the cluster."""
        return list(
            (await self._unary(pb.ListEnvironmentsReply, "ListEnvironments", pb.ListEnvironmentsRequest())).environments
        )

    async def remove_environment(self, hash: str) -> int:
        """Delete an environment; the bytes that came free."""
        return int(
            (
                await self._unary(
                    pb.RemoveEnvironmentReply, "RemoveEnvironment", pb.RemoveEnvironmentRequest(hash=hash)
                )
            ).bytes
        )

    # ------------------------------------------------------------ calls

    async def call(
        self,
        function: str,
        arguments: pb.Value | bytes,
        *,
        run: str | None = None,
        on_output: OutputCallback | None = None,
        items: deque[pb.Value] | None = None,
    ) -> pb.Value:
        """Call a prepared function and wait. Cancelling this coroutine cancels the call.

        Args:
            function: a key from `prepare`.
            arguments: a `Value`, or the cloudpickle of `(args, kwargs)`.
            run: a ULID that names the record, if this call leaves one.
            on_output: gets whole lines of output as they come.
            items: gets what the function yields, should it return a generator.

        Returns:
            The value as the server sent it; `data` fetches one that is too large for a message.

        Raises:
            RemoteError: the function raised.
            ConnectionLost: the connection broke; nobody knows whether the function ran.
            RhError: the server had a problem.
        """
        link, call = await self._start(function, arguments, run, on_output)
        if items is not None:
            call.items = items
        try:
            reply = await call.done
        except asyncio.CancelledError:
            link.session.cancel(call)
            raise
        except ConnectionLost as error:
            self._linker.lose(link, error)
            raise
        outcome = result_of(reply)
        if isinstance(outcome, pb.Value):
            return outcome
        raise await self.remote_error(outcome)

    def begin(self, function: str, arguments: pb.Value, on_output: OutputCallback | None = None) -> Call:
        """Start a call without waiting for anything; for whoever has a way of their own to wait for `done`.

        Raises:
            ConnectionLost: there is no connection now; `connect` or any request makes one.
        """
        link = self._linker.link
        if link is None or link.broken:
            raise ConnectionLost("There is no connection to the cluster server now.")
        return link.session.start(function, arguments, new_run_id(), self._client, on_output)

    def abandon(self, call: Call) -> None:
        """Cancel what `begin` started."""
        link = self._linker.link
        if link is not None and not link.broken:
            link.session.cancel(call)

    async def stream(
        self,
        function: str,
        arguments: pb.Value | bytes,
        *,
        run: str | None = None,
        on_output: OutputCallback | None = None,
    ) -> AsyncIterator[pb.Value]:
        """Call a prepared generator function; its items as it yields them. Closing the iterator cancels the call."""
        link, call = await self._start(function, arguments, run, on_output)
        loop = asyncio.get_running_loop()
        try:
            while True:
                while call.items:
                    yield call.items.popleft()
                if call.done.done():
                    break
                call.wake = loop.create_future()
                await call.wake
            outcome = result_of(call.done.result())
        except ConnectionLost as error:
            self._linker.lose(link, error)
            raise
        finally:
            if not call.done.done():
                link.session.cancel(call)
        if isinstance(outcome, pb.RemoteError):
            raise await self.remote_error(outcome)

    async def remote_error(self, error: pb.RemoteError) -> RemoteError:
        """The exception for what user code raised."""
        pickled: bytes | None = None
        if error.HasField("exception"):
            try:
                pickled = bytes(await self.data(error.exception))
            except RhError:
                pickled = None  # type, message and traceback are there anyhow
        return RemoteError(error.type, error.message, error.traceback, pickled)

    async def _start(
        self, function: str, arguments: pb.Value | bytes, run: str | None, on_output: OutputCallback | None
    ) -> tuple[Link, Call]:
        if not isinstance(arguments, pb.Value):
            arguments = await self.value(arguments)
        link = self._linker.link
        if link is None or link.broken:
            link = await self._linker.get(PATIENCE)
        return link, link.session.start(function, arguments, run or new_run_id(), self._client, on_output)

    # ------------------------------------------------------------ runs

    async def submit(
        self, function: str | pb.FunctionSpec, arguments: pb.Value | bytes, *, run: str | None = None
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
        self, limit: int = 100, before: str = "", name: str = "", states: Iterable[pb.RunState] = ()
    ) -> pb.ListRunsReply:
        """Runs, newest first."""
        return await self._unary(
            pb.ListRunsReply, "ListRuns", pb.ListRunsRequest(limit=limit, before=before, name=name, states=states)
        )

    async def watch_runs(self, limit: int = 100) -> AsyncIterator[pb.RunsEvent]:
        """The newest runs, then every change; a snapshot again after each resumption. Does not end by itself."""
        async for event in self._forever("WatchRuns", pb.WatchRunsRequest(limit=limit)):
            yield event

    async def delete_runs(self, runs: Iterable[str]) -> list[str]:
        """Delete records, logs and results; the ids that were deleted."""
        return list((await self._unary(pb.DeleteRunsReply, "DeleteRuns", pb.DeleteRunsRequest(runs=runs))).deleted)

    # ------------------------------------------------------------ objects and bulk data

    async def put_object(self, key: str, value: pb.Value | bytes, type: str = "") -> pb.ObjectInfo:
        """Keep a value on the cluster under a key."""
        if not isinstance(value, pb.Value):
            value = await self.value(value)
        return (
            await self._unary(pb.PutObjectReply, "PutObject", pb.PutObjectRequest(key=key, value=value, type=type))
        ).object

    async def get_object(self, key: str) -> pb.GetObjectReply:
        """A kept value.

        Raises:
            NotFound: nothing has that key.
        """
        return await self._unary(pb.GetObjectReply, "GetObject", pb.GetObjectRequest(key=key))

    async def delete_objects(self, keys: Iterable[str] = (), all: bool = False) -> list[str]:
        """Forget kept values; the keys that were there."""
        return list(
            (
                await self._unary(pb.DeleteObjectsReply, "DeleteObjects", pb.DeleteObjectsRequest(keys=keys, all=all))
            ).deleted
        )

    async def list_objects(self) -> list[pb.ObjectInfo]:
        """What is kept."""
        return list((await self._unary(pb.ListObjectsReply, "ListObjects", pb.ListObjectsRequest())).objects)

    # ------------------------------------------------------------ the hosts

    async def watch_status(self, interval: float = 2.0) -> AsyncIterator[pb.Status]:
        """Load and health of the hosts every `interval` seconds. Does not end by itself."""
        async for status in self._forever("WatchStatus", pb.WatchStatusRequest(interval=interval)):
            yield status

    async def shutdown(self, stop_runs: bool = False) -> pb.ShutdownReply:
        """Ask the server to end; refused while runs are active, unless `stop_runs`."""
        return await self._unary(pb.ShutdownReply, "Shutdown", pb.ShutdownRequest(stop_runs=stop_runs), patience=0.0)


def _install_error(problem: pb.Problem) -> RhError:
    error = error_of_problem(problem)
    if isinstance(error, InstallError) or problem.code not in ("", "failed"):
        return error
    return InstallError(error.sentence, remedy=error.remedy, detail=error.detail)
