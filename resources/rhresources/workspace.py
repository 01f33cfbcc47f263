"""Everything a person does, in one asynchronous object: names, clusters, functions and runs.

The library, the command line and the window are faces of this. Here is what is about functions and runs, with the code
on this side; `Connections`, `Access`, `Upkeep` and `OnDemand`, which it is made of, look after clusters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhresources.access import Access
from rhresources.code.pointer import (
    Pointer,
    code_of_pointer,
    pointer_of_callable,
    pointer_of_code,
    pointer_of_module,
    pointer_of_text,
)
from rhresources.code.specs import (
    Needs,
    Trees,
    import_of,
    locate,
    make_builtin_environment,
    make_environment,
    make_spec,
    push_code,
    sent_as,
)
from rhresources.connections import DEFAULT_CLUSTER, ClusterLike, ClusterState
from rhresources.documents import FunctionDocument
from rhresources.environments import ClusterEnvironments
from rhresources.errors import NotFound, RhError, ServerProblem, UsageError
from rhresources.git.checkouts import Checkouts
from rhresources.git.logins import Logins
from rhresources.mentions import named_in
from rhresources.on_demand import OnDemand
from rhresources.packages import PackageSpec
from rhresources.reach import Progress
from rhresources.shared_code import hand_over_run
from rhresources.upkeep import Upkeep
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient, Prepared
from rhresources.wire.values import JSON, json_arguments, pickle_arguments

if TYPE_CHECKING:
    from rhresources.documents.function import FunctionCode
    from rhresources.notebook import Notebook
    from rhresources.reach.questions import Asker

__all__ = ["DEFAULT_CLUSTER", "ClusterLike", "ClusterState", "FunctionLike", "Workspace"]

FunctionLike = str | FunctionDocument | Pointer | Callable[..., Any]
"""A function: the name of a saved one, `file.py:function`, its document, a pointer, or the callable itself."""

_LAST_WORDS = 5.0  # seconds to tell a cluster something while this ends

_CODE_GONE = frozenset({"no-code", "unknown-code"})


class Workspace(Access, Upkeep, OnDemand):
    """What a person works with on one rhdesk directory. Use it on one event loop; `names` works from anywhere.

    Args:
        home: the rhdesk directory; default: the user's.
        client: who asks, kept with the runs: "library", "command line" or "window".
        watch: let the operating system tell what changes in code; pays where a process calls more than once.
        asker: asks the person for passphrases and the like; None: nobody is there to answer.
    """

    def __init__(
        self, home: Path | None = None, client: str = "library", *, watch: bool = True, asker: Asker | None = None
    ) -> None:
        super().__init__(home, client, asker=asker)
        logins = Logins(lambda: self.credentials, lambda: self.asker)
        self.checkouts = Checkouts(self.home / "cache" / "git", logins)
        self.trees = Trees(watch, self.checkouts)
        self._notebooks: dict[str, tuple[Notebook, bool]] = {}  # by run; the flag: it outlives this workspace

    async def close(self) -> None:
        """End connections, forwards, notebooks that were not to be kept, and the watching. Clusters and runs go on."""
        notebooks, self._notebooks = self._notebooks, {}
        for notebook, outlives in notebooks.values():
            if outlives:
                continue
            with suppress(RhError, TimeoutError):
                async with asyncio.timeout(_LAST_WORDS):
                    await (await self.connect(notebook.cluster)).cancel(notebook.run)
        await super().close()
        self.trees.close()

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
        pointer = await locate(self.trees, pointer, progress)
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
        environment = await self.builtin_environment(client, packages, progress)
        entry = pb.Entry(builtin=builtin)
        return await client.prepare(
            pb.FunctionSpec(name=builtin, entry=entry, environment=environment), _told(progress)
        )

    async def builtin_environment(
        self, client: ClusterClient, packages: Sequence[PackageSpec], progress: Progress | None = None
    ) -> pb.EnvironmentSpec:
        """The description of an environment of `packages` for what needs no code; folders among them are pushed."""
        return await make_builtin_environment(client, self.trees, packages, progress)

    async def environments(
        self, cluster: ClusterLike, *, up: bool = False, ask: bool = False, progress: Progress | None = None
    ) -> ClusterEnvironments:
        """The environments of a cluster, with what can be done to them.

        Args:
            cluster: which one.
            up: bring it up if it is not.
            ask: whether questions may be asked on the way to it.
            progress: gets a line for every step that takes long.

        Raises:
            RhError: there is no such cluster, or it cannot be reached.
        """
        return ClusterEnvironments(await self.connect(cluster, up=up, progress=progress, ask=ask), self.trees)

    async def notebook(
        self, cluster: ClusterLike, local_port: int = 0, progress: Progress | None = None, *, keep: bool = False
    ) -> Notebook:
        """Start JupyterLab on a cluster, brought up if it is not, and forward a port to it; or the one started before.

        Args:
            cluster: which one.
            local_port: the port here; 0: any that is free.
            progress: gets a line for every step.
            keep: leave it running when this workspace is closed.

        Raises:
            InstallError: JupyterLab cannot be installed there.
            RhError: it does not start, or cannot be reached.
        """
        from rhresources.notebook import find_notebook, start_notebook

        running = [notebook for notebook, _ in self._notebooks.values()]
        found = await find_notebook(self, cluster, local_port, running)
        if found is None:
            found = await start_notebook(self, cluster, local_port, progress)
        self._notebooks[found.run] = (found, keep)
        return found

    async def end_notebook(self, notebook: Notebook) -> None:
        """End a notebook server: its run is cancelled and its forward stopped."""
        self._notebooks.pop(notebook.run, None)
        with suppress(NotFound):
            await self.forwards.stop(notebook.forward.id)
        await (await self.connect(notebook.cluster)).cancel(notebook.run)

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
        cluster = await self._cluster_for(on, function)
        client = await self.connect(cluster, up=up, progress=progress, ask=True)
        if pickled:
            arguments = await client.value(pickle_arguments(tuple(args), dict(kwargs or {})))
        else:
            arguments = await self._json(client, list(args), dict(kwargs or {}))
        spec = await self.function_spec(function, client, progress)
        submitted = await client.submit(spec, arguments, run=run)
        if isinstance(function, str) and ":" not in function:
            await hand_over_run(self, function, cluster)
        return submitted

    async def inspect(
        self,
        target: FunctionLike | Path,
        *,
        on: ClusterLike | None = None,
        up: bool = True,
        ask: bool = False,
        progress: Progress | None = None,
    ) -> pb.InspectReply:
        """The functions of a module with docstrings and schemas of their parameters.

        Args:
            target: a Python file, for all of its public functions, or one function.
            on: the cluster; default: the function's own, else this computer.
            up: bring the cluster up if it is not.
            ask: whether questions may be asked on the way to the cluster.
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
            pointer = await locate(self.trees, pointer, progress)
            cluster = await self._cluster_for(on, target)
        if not pointer.module:
            raise UsageError(f"{pointer.title} lives in no module.", remedy="Inspect a function of a file.")
        client = await self.connect(cluster, up=up, progress=progress, ask=ask)
        for attempt in (1, 2):
            code = await push_code(client, self.trees, pointer, progress)
            environment = await make_environment(client, self.trees, pointer, needs, progress)
            try:
                return await client.inspect(code, environment, [import_of(pointer, "" if whole else None)])
            except ServerProblem as error:
                if error.code not in _CODE_GONE or attempt == 2:
                    raise
                self._forget_pushes(client)
        raise AssertionError

    async def locate(self, function: FunctionLike, progress: Progress | None = None) -> Pointer:
        """Where the code of a function is on this computer. One in a git repository is checked out.

        Raises:
            RhError: there is no such function, or its repository cannot be had.
        """
        _, pointer, _ = await asyncio.to_thread(self._resolve, function)
        return await locate(self.trees, pointer, progress)

    def sent_code(self, client: ClusterClient, pointer: Pointer) -> FunctionCode:
        """Where code is, for a document that others load: with what the cluster of `client` was last sent of it.

        Raises:
            UsageError: it lives in no file, so nothing could find it again.
        """
        return code_of_pointer(sent_as(client, self.trees, pointer))

    async def _cluster_for(self, on: ClusterLike | None, function: FunctionLike) -> ClusterLike:
        return on or str(await asyncio.to_thread(self.cluster_of, function))

    def cluster_of(self, function: FunctionLike) -> str:
        """The cluster that a function names; this computer if it names none.

        Raises:
            NotFound: there is no such function, or no such cluster.
        """
        title = ""
        if isinstance(function, str) and ":" not in function:
            title = str(self.names.resolve(function))
            function = self.names.function(function)
        cluster = function.cluster if isinstance(function, FunctionDocument) else None
        if cluster is None:
            return DEFAULT_CLUSTER
        with named_in(self.names, title, cluster):
            self.names.cluster(cluster)
        return cluster

    def needs_of(self, document: FunctionDocument, title: str = "") -> Needs:
        """What a function's document says that it needs, saved packages looked up.

        Args:
            document: what it says.
            title: its name, for errors; empty: it has none.

        Raises:
            NotFound: a saved package does not exist.
        """
        return Needs(
            packages=tuple(self.names.packages(document.packages, title)),
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
            pointer = pointer_of_code(function.code)
            return title or pointer.title, pointer, self.needs_of(function, title)
        pointer = function if isinstance(function, Pointer) else pointer_of_callable(function)
        return pointer.title, pointer, Needs()

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


def _told(progress: Progress | None) -> Callable[[pb.PrepareEvent], None]:
    def on_event(event: pb.PrepareEvent) -> None:
        if progress is not None:
            for line in (event.phase or event.output).splitlines():
                progress(line)

    return on_event
