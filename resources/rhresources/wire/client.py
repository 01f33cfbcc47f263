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

from rhresources.errors import ConnectionLost, RemoteError, RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import ServerAddress
from rhresources.wire.environment_requests import EnvironmentRequests, install_error
from rhresources.wire.link import ConnectionCallback, Link, Linker, Resolver
from rhresources.wire.requests import PATIENCE
from rhresources.wire.run_requests import FINAL_STATES, RunRequests, new_run_id
from rhresources.wire.session import Call, OutputCallback, result_of
from rhresources.wire.values import Pieces

if TYPE_CHECKING:
    from rhresources.code.tree import CodeTree, Manifest

__all__ = ["FINAL_STATES", "ClusterClient", "Prepared", "new_run_id"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A function that the cluster is ready to run.

    Attributes:
        key: what calls and submits name it by.
        environment: the hash of its environment.
    """

    key: str
    environment: str


class ClusterClient(RunRequests, EnvironmentRequests):
    """A connection to one cluster server. Make it with `connect`; use it on the loop that made it.

    Attributes:
        pushed: the root hash and the manifest that the server has of each project, as far as this client brought it.
        push_locks: keep two pushes of one project from sending everything twice.
        conda: what installs conda packages there, as the cluster's document says; empty: what the cluster has.
    """

    def __init__(self, linker: Linker, client: str) -> None:
        super().__init__(linker, client)
        self.pushed: dict[str, tuple[str, Manifest]] = {}
        self.push_locks: dict[str, asyncio.Lock] = {}
        self.conda = ""

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

    def retry_now(self) -> None:
        """Whoever waits for the next try to reach the server gets it now."""
        self._linker.retry_now()

    def lose(self, sentence: str) -> None:
        """The way to the server broke, and we know it before any request does."""
        link = self._linker.link
        if link is not None:
            self._linker.lose(link, ConnectionLost(sentence))

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
                    raise install_error(event.problem)
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
            raise install_error(reply.problem)
        return reply

    # ------------------------------------------------------------ calls

    async def call(
        self,
        function: str,
        arguments: pb.Value | bytes | Pieces,
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
        arguments: pb.Value | bytes | Pieces,
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
        self, function: str, arguments: pb.Value | bytes | Pieces, run: str | None, on_output: OutputCallback | None
    ) -> tuple[Link, Call]:
        if not isinstance(arguments, pb.Value):
            arguments = await self.value(arguments)
        link = self._linker.link
        if link is None or link.broken:
            link = await self._linker.get(PATIENCE)
        return link, link.session.start(function, arguments, run or new_run_id(), self._client, on_output)

    # ------------------------------------------------------------ objects and bulk data

    async def put_object(self, key: str, value: pb.Value | bytes | Pieces, type: str = "") -> pb.ObjectInfo:
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
