"""Everything a person does, in one asynchronous object: names, clusters, functions and runs.

The library, the command line and the window are faces of this. It keeps one connection per cluster and looks after
the code on this side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rhresources import paths
from rhresources.code.pointer import (
    Pointer,
    pointer_of_callable,
    pointer_of_file,
    pointer_of_module,
    pointer_of_text,
)
from rhresources.code.specs import (
    Needs,
    Trees,
    import_of,
    make_builtin_environment,
    make_environment,
    make_spec,
)
from rhresources.documents import ClusterDocument, FunctionDocument
from rhresources.errors import ClusterDown, ConnectionLost, RhError, ServerProblem, UsageError
from rhresources.packages import PackageSpec
from rhresources.reach import Progress, Route, route_for
from rhresources.resource_names import ResourceNames
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient, Prepared
from rhresources.wire.link import ConnectionCallback
from rhresources.wire.values import JSON, json_arguments, pickle_arguments

DEFAULT_CLUSTER = "^local"

ClusterState = Literal["up", "starting", "failed", "down"]

ClusterLike = str | ClusterDocument
"""A cluster: its name, or the document of one that is not saved."""

FunctionLike = str | FunctionDocument | Pointer | Callable[..., Any]
"""A function: the name of a saved one, `file.py:function`, its document, a pointer, or the callable itself."""

_CODE_GONE = frozenset({"no-code", "unknown-code"})


class Workspace:
    """What a person works with on one rhdesk directory. Use it on one event loop; `names` works from anywhere.

    Args:
        home: the rhdesk directory; default: the user's.
        client: who asks, kept with the runs: "library", "command line" or "window".
        watch: let the operating system tell what changes in code; pays where a process calls more than once.
    """

    def __init__(self, home: Path | None = None, client: str = "library", *, watch: bool = True) -> None:
        self.home = home if home is not None else paths.home()
        self.names = ResourceNames(self.home)
        self.client = client
        self.trees = Trees(watch)
        self._clients: dict[str, ClusterClient] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._routes: dict[str, tuple[ClusterDocument, Route]] = {}
        self._on_connection: Callable[[str, bool, str], None] | None = None

    def set_on_connection(self, callback: Callable[[str, bool, str], None] | None) -> None:
        """Tell `callback(cluster, connected, sentence)` when a connection is lost and when it is back."""
        self._on_connection = callback

    async def close(self) -> None:
        """End the connections and the watching. Clusters and runs go on."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.close() for client in clients))
        self.trees.close()

    # ------------------------------------------------------------ clusters

    async def connect(
        self, cluster: ClusterLike, *, up: bool = False, progress: Progress | None = None
    ) -> ClusterClient:
        """The connection to a cluster, made when it is not there.

        Args:
            cluster: which one.
            up: bring the cluster up if it is not.
            progress: gets a line for every step of bringing it up.

        Raises:
            NotFound: no cluster has that name.
            ClusterDown: it is not up, and `up` is false.
            RhError: it cannot be brought up or reached.
        """
        key, route = self._route(cluster)
        async with self._locks.setdefault(key, asyncio.Lock()):
            client = self._clients.get(key)
            if client is not None and client.connected:
                return client
            address = await route.address()
            if address is None:
                if not up:
                    raise self._down(cluster)
                address = await route.up(progress or _silent, wait_ready=False)
            if client is not None:
                await client.reconnect()
                return client
            try:
                client = await ClusterClient.connect(
                    address, client=self.client, resolve=route.address, on_connection=self._connection_callback(key)
                )
            except ConnectionLost as error:
                if await route.address() is None:
                    raise self._down(cluster) from None
                raise error
            self._clients[key] = client
            return client

    async def up(self, cluster: ClusterLike, progress: Progress | None = None) -> ClusterClient:
        """Bring a cluster up, wait until it is ready, and connect.

        Raises:
            RhError: it cannot be brought up; the sentence says at which step.
        """
        _, route = self._route(cluster)
        await route.up(progress or _silent)
        return await self.connect(cluster)

    async def down(self, cluster: ClusterLike, stop_runs: bool = False) -> None:
        """Take a cluster down.

        Raises:
            RhError: runs are active and `stop_runs` is false; nothing was ended.
        """
        key, route = self._route(cluster)
        await route.down(stop_runs)
        client = self._clients.pop(key, None)
        if client is not None:
            await client.close()

    async def cluster_state(self, cluster: ClusterLike) -> ClusterState:
        """Whether a cluster is up. A server that runs and does not answer counts as starting.

        Raises:
            NotFound: no cluster has that name.
        """
        _, route = self._route(cluster)
        if await route.address() is None:
            return "down"
        try:
            hello = await (await self.connect(cluster)).say_hello()
        except ClusterDown:
            return "down"
        except ConnectionLost:
            return "starting" if await route.address() is not None else "down"
        match hello.engine.phase:
            case pb.EngineState.READY:
                return "up"
            case pb.EngineState.FAILED:
                return "failed"
            case _:
                return "starting"

    # ------------------------------------------------------------ functions

    async def function_spec(
        self,
        function: FunctionLike,
        client: ClusterClient,
        progress: Progress | None = None,
        *,
        needs: Needs | None = None,
    ) -> pb.FunctionSpec:
        """Push the code of a function and say how the cluster runs it.

        Args:
            function: which one.
            client: the cluster's connection.
            progress: gets a line for every step that takes long.
            needs: in place of what the document of the function says.

        Raises:
            RhError: there is no such function, or its code cannot be sent.
        """
        title, pointer, own_needs = await asyncio.to_thread(self._resolve, function)
        spec = await make_spec(client, self.trees, pointer, needs or own_needs, progress)
        spec.name = title
        return spec

    async def prepare(
        self,
        function: FunctionLike,
        client: ClusterClient,
        progress: Progress | None = None,
        *,
        needs: Needs | None = None,
    ) -> Prepared:
        """Make a function callable on a cluster: code pushed, environment made.

        Raises:
            InstallError: the environment could not be made.
            RhError: as `function_spec`.
        """

        for attempt in (1, 2):
            spec = await self.function_spec(function, client, progress, needs=needs)
            try:
                return await client.prepare(spec, _told(progress))
            except ServerProblem as error:
                if error.code not in _CODE_GONE or attempt == 2:
                    raise
                self._forget_pushes(client)
        raise AssertionError

    async def prepare_builtin(
        self, client: ClusterClient, builtin: str, packages: Sequence[PackageSpec], progress: Progress | None = None
    ) -> Prepared:
        """Make what every worker can do ("shell", "python") callable in an environment of `packages`.

        Raises:
            InstallError: the packages cannot be installed.
        """
        environment = await make_builtin_environment(client, self.trees, packages, progress)
        entry = pb.Entry(builtin=builtin)
        return await client.prepare(
            pb.FunctionSpec(name=builtin, entry=entry, environment=environment), _told(progress)
        )

    async def submit(
        self,
        function: FunctionLike,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        on: ClusterLike | None = None,
        run: str | None = None,
        up: bool = True,
        pickled: bool = False,
        progress: Progress | None = None,
    ) -> pb.Run:
        """Start a run; its environment is made as part of it, and `watch` of the client shows how.

        Args:
            function: which one.
            args, kwargs: values that JSON can hold, converted by the function's type hints; any values if `pickled`.
            on: the cluster; default: the function's own, else this computer.
            run: the ULID of the run; made here when not given. A second submit of it starts nothing.
            up: bring the cluster up if it is not.
            pickled: send arguments, and get the result, as Python objects.
            progress: gets a line for every step that takes long.

        Raises:
            UsageError: the arguments cannot be sent.
            RhError: no such function or cluster, or it cannot be reached.
        """
        client = await self.connect(on or self.cluster_of(function), up=up, progress=progress)
        if pickled:
            arguments = await client.value(pickle_arguments(tuple(args), dict(kwargs or {})))
        else:
            arguments = await self._json(client, list(args), dict(kwargs or {}))
        spec = await self.function_spec(function, client, progress)
        return await client.submit(spec, arguments, run=run)

    async def inspect(
        self,
        target: FunctionLike | Path,
        *,
        on: ClusterLike | None = None,
        up: bool = True,
        progress: Progress | None = None,
    ) -> pb.InspectReply:
        """The functions of a module with docstrings and schemas of their parameters.

        Args:
            target: a Python file, for all of its public functions, or one function.
            on: the cluster; default: the function's own, else this computer.
            up: bring the cluster up if it is not.
            progress: gets a line for every step that takes long.

        Raises:
            RhError: no such file or function, or its environment cannot be made.
        """
        whole = isinstance(target, Path) or (isinstance(target, str) and target.endswith(".py"))
        if whole:
            pointer, needs = await asyncio.to_thread(pointer_of_module, Path(str(target))), Needs()
            cluster = on or DEFAULT_CLUSTER
        else:
            assert not isinstance(target, Path)
            _, pointer, needs = await asyncio.to_thread(self._resolve, target)
            cluster = on or self.cluster_of(target)
        if not pointer.module:
            raise UsageError(f"{pointer.title} lives in no module.", remedy="Inspect a function of a file.")
        client = await self.connect(cluster, up=up, progress=progress)
        for attempt in (1, 2):
            code = await client.push(self.trees.get(pointer.root, pointer.only), progress)
            environment = await make_environment(client, self.trees, pointer, needs, progress)
            try:
                return await client.inspect(code, environment, [import_of(pointer, "" if whole else None)])
            except ServerProblem as error:
                if error.code not in _CODE_GONE or attempt == 2:
                    raise
                self._forget_pushes(client)
        raise AssertionError

    def cluster_of(self, function: FunctionLike) -> str:
        """The cluster that a function names; this computer if it names none."""
        if isinstance(function, str) and ":" not in function:
            function = self.names.function(function)
        return (function.cluster if isinstance(function, FunctionDocument) else None) or DEFAULT_CLUSTER

    def needs_of(self, document: FunctionDocument) -> Needs:
        """What a function's document says that it needs, saved packages looked up.

        Raises:
            NotFound: a saved package does not exist.
        """
        return Needs(
            packages=tuple(self.names.packages(document.packages)),
            setup_commands=tuple(document.setup_commands),
            python=document.python or "",
            variables=dict(document.env),
            cpus=document.resources.cpus,
            gpus=document.resources.gpus,
            memory=document.resources.memory,
        )

    # ------------------------------------------------------------ inside

    def _resolve(self, function: FunctionLike) -> tuple[str, Pointer, Needs]:
        """Title, pointer and needs; reads files."""
        title = ""
        if isinstance(function, str):
            if ":" in function:
                function = pointer_of_text(function)
            else:
                title = str(self.names.resolve(function))
                function = self.names.function(function)
        if isinstance(function, FunctionDocument):
            root = Path(function.code.root).expanduser()
            pointer = pointer_of_file(root / function.code.file, function.code.name, root)
            return title or pointer.title, pointer, self.needs_of(function)
        pointer = function if isinstance(function, Pointer) else pointer_of_callable(function)
        return pointer.title, pointer, Needs()

    def _route(self, cluster: ClusterLike) -> tuple[str, Route]:
        if isinstance(cluster, ClusterDocument):
            document, address = cluster, f"({cluster.model_dump_json()})"
        else:
            address = str(self.names.resolve(cluster))
            document = self.names.cluster(cluster)
        # every cluster of this kind is the one server of this computer
        key = "machine" if document.type == "machine" else address
        known = self._routes.get(key)
        if known is None or (known[0] != document and document.type != "machine"):
            known = self._routes[key] = (document, route_for(document, self.home))
        return key, known[1]

    def _connection_callback(self, cluster: str) -> ConnectionCallback:
        def said(connected: bool, sentence: str) -> None:
            if self._on_connection is not None:
                self._on_connection(cluster, connected, sentence)

        return said

    def _forget_pushes(self, client: ClusterClient) -> None:
        client.pushed.clear()
        self.trees.forget_pushes()

    @staticmethod
    async def _json(client: ClusterClient, args: list[Any], kwargs: dict[str, Any]) -> pb.Value:
        try:
            value = json_arguments(args, kwargs)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"The arguments cannot be written as JSON: {error}.", remedy="Give text, numbers, lists and mappings."
            ) from None
        return await client.value(value.data, JSON)

    @staticmethod
    def _down(cluster: ClusterLike) -> RhError:
        if isinstance(cluster, ClusterDocument):
            return ClusterDown("The cluster is not up.", remedy="Bring it up.")
        return ClusterDown(f"The cluster {cluster} is not up.", remedy=f"Bring it up: rhdesk up '{cluster}'")


def _told(progress: Progress | None) -> Callable[[pb.PrepareEvent], None]:
    def on_event(event: pb.PrepareEvent) -> None:
        if progress is not None:
            for line in (event.phase or event.output).splitlines():
                progress(line)

    return on_event


def _silent(_: str) -> None:
    pass
