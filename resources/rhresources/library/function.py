"""Functions: local code, called here and run on a cluster."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rhresources.code.pointer import (
    NOT_HERE,
    Pointer,
    code_of_pointer,
    pointer_of_callable,
    pointer_of_code,
    pointer_of_text,
)
from rhresources.code.specs import Needs
from rhresources.documents import ClusterDocument, FunctionDocument, FunctionResources, parse_document
from rhresources.documents.function import FunctionCode
from rhresources.errors import RemoteError, ServerProblem, UsageError
from rhresources.library import calls
from rhresources.library.cluster import Cluster, cluster, result_of_run
from rhresources.library.many import call_many, call_one, decoded, outcome_of
from rhresources.library.package import specs
from rhresources.library.portal import Portal, portal
from rhresources.library.progress import progress
from rhresources.library.resource import Resource, names
from rhresources.mentions import named_in
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient, new_run_id
from rhresources.wire.values import pickle_arguments

_NOT_READY = frozenset({"not-prepared", "no-code"})


class _Ready:
    """A function that a cluster is ready to run, as long as neither code nor connection change."""

    def __init__(self, there: Portal, client: ClusterClient, key: str) -> None:
        self.there = there
        self.client = client
        self.key = key

    def holds(self) -> bool:
        """Whether that is still so; microseconds."""
        return self.there.alive and self.client.connected and self.there.workspace.trees.are_settled()


class Function(Resource):
    """A function that runs on a cluster. Make it with `rh.function`; call it like the original."""

    kind: ClassVar[str] = "function"

    def __init__(
        self,
        name: str | None,
        source: Callable[..., Any] | Pointer,
        system: Cluster | None,
        needs: Needs,
        dryrun: bool = False,
    ) -> None:
        super().__init__(name, dryrun)
        self._source = source
        self._pointer: Pointer | None = source if isinstance(source, Pointer) else None
        self.system = system
        self.description = ""
        self._needs = needs
        self._ready: _Ready | None = None
        self._keys: dict[tuple[int, bytes], str] = {}
        self._queue = threading.Lock()
        if not isinstance(source, Pointer):
            # a worker that imports this module finds the handle where the function was
            self.__rh_function__ = source
            self.__doc__ = source.__doc__
            self.__wrapped__ = source

    # ------------------------------------------------------------ calling

    def __call__(self, *args: Any, stream_logs: bool = True, **kwargs: Any) -> Any:
        """Run it there and wait; what it prints is printed here as it comes.

        Args:
            stream_logs: whether to print that. Not passed on.

        Returns:
            What it returned; for a generator function, an iterator over its items as they come.

        Raises:
            the exception that it raised, with the remote traceback as its cause, or `rh.RemoteError`.
        """
        ready = self._get_ready()
        arguments = calls.encode(ready.there, ready.client, pickle_arguments(args, kwargs))
        if "generator" in self.pointer.kind:
            return calls.stream(ready.there, ready.client, ready.key, arguments, stream_logs)
        try:
            return calls.call(ready.there, ready.client, ready.key, arguments, stream_logs)
        except ServerProblem as error:
            if error.code not in _NOT_READY:
                raise
        self._forget()  # the server forgot the function; it did not run
        ready = self._get_ready()
        return calls.call(ready.there, ready.client, ready.key, arguments, stream_logs)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """Like a call, for coroutines: does not block the event loop. What it prints is left in the run's log."""
        there = portal()
        ready = await asyncio.to_thread(self._get_ready)
        data = pickle_arguments(args, kwargs)
        value = await asyncio.wrap_future(there.start(call_one, ready.client, ready.key, data))
        return await asyncio.to_thread(outcome_of, there, ready.client, value)

    def map(self, arg_list: Iterable[Any], **kwargs: Any) -> list[Any]:
        """Call it once for every item, at the same time; the results in the order of the items."""
        return self._many([((item,), kwargs) for item in arg_list])

    def starmap(self, args_lists: Iterable[Sequence[Any]], **kwargs: Any) -> list[Any]:
        """Like `map`, with every item a sequence of arguments."""
        return self._many([(tuple(args), kwargs) for args in args_lists])

    def repeat(self, num_repeats: int, *args: Any, **kwargs: Any) -> list[Any]:
        """Call it `num_repeats` times with the same arguments, at the same time."""
        return self._many([(args, kwargs)] * num_repeats)

    def enqueue(self, *args: Any, **kwargs: Any) -> Any:
        """Call it when earlier enqueued calls of this object are done: they run one after another."""
        with self._queue:
            return self(*args, **kwargs)

    def remote(self, *args: Any, **kwargs: Any) -> str:
        """Start a run and do not wait; its id, for `get`, `cluster.cancel` and `cluster.logs`.

        Raises:
            RhError: it cannot be started.
        """
        there, client = portal(), self._cluster().client()
        run = new_run_id()
        there.run(self._submit, there, client, pickle_arguments(args, kwargs), run)
        return run

    def get(self, run_key: str | Iterable[str], stream_logs: bool = False) -> Any:
        """The result of a run of `remote`, waited for; of several, a list.

        Raises:
            NotFound: there is no such run.
            RunCancelled, RunLost: it has no result.
            the exception that it raised.
        """
        if not isinstance(run_key, str):
            return [self.get(one, stream_logs) for one in run_key]
        return result_of_run(portal(), self._cluster().client(), run_key, stream_logs)

    # ------------------------------------------------------------ set-up

    def to(
        self, system: str | Cluster | None, reqs: Iterable[Any] | None = None, setup_cmds: Sequence[str] | None = None
    ) -> Function:
        """This function on another cluster, prepared there now.

        Raises:
            InstallError: its environment cannot be made.
            RhError: the cluster cannot be brought up.
        """
        needs = self._needs
        if reqs is not None:
            needs = replace(needs, packages=tuple(specs(reqs)))
        if setup_cmds is not None:
            needs = replace(needs, setup_commands=tuple(_lines(setup_cmds)))
        moved = Function(None, self._source, _cluster_of(system), needs, self.dryrun)
        moved._address = self._address
        if not moved.dryrun:
            moved._get_ready()
        return moved

    def run_setup(self, cmds: Sequence[str], force: bool = False) -> None:
        """Add set-up commands and run them; with `force` again if they ran before."""
        new = tuple(command for command in cmds if force or command not in self._needs.setup_commands)
        if new:
            self._needs = replace(self._needs, setup_commands=(*self._needs.setup_commands, *new))
            self._forget()
            self._get_ready()

    @property
    def reqs(self) -> list[str]:
        """What it needs, one line a package."""
        return [spec.text or str(spec) for spec in self._needs.packages]

    @property
    def setup_cmds(self) -> list[str]:
        """Shell commands after the packages."""
        return list(self._needs.setup_commands)

    @property
    def pointer(self) -> Pointer:
        """Where its code is. A function of a script, a notebook or a closure is pickled when this is first needed."""
        if self._pointer is None:
            assert not isinstance(self._source, Pointer)
            self._pointer = pointer_of_callable(self._source, self.name or "")
        return self._pointer

    def document(self) -> FunctionDocument:
        """What is saved under its name.

        Raises:
            UsageError: it lives in no file, so nothing could find it again; or its cluster has no name.
        """
        code = self._code()
        if self.system is not None and self.system.rns_address is None:
            raise UsageError("Its cluster has no name.", remedy="Save the cluster first.")
        needs = self._needs
        return FunctionDocument(
            description=self.description,
            cluster=self.system.rns_address if self.system is not None else None,
            code=code,
            packages=self.reqs,
            setup_commands=self.setup_cmds,
            python=needs.python or None,
            resources=FunctionResources(cpus=needs.cpus, gpus=needs.gpus, memory=needs.memory),
            env=dict(needs.variables),
        )

    # ------------------------------------------------------------ inside

    def _code(self) -> FunctionCode:
        """Where its code is; under a name that others load, with what its cluster was last sent of it."""
        ready = self._ready
        if ready is None or self.is_local():
            code = code_of_pointer(self.pointer)
            saved = self._began.document if self._began is not None else None
            if isinstance(saved, FunctionDocument) and saved.code.model_copy(update={"sent": code.sent}) == code:
                return saved.code  # what others call of it stays
            return code
        return ready.there.workspace.sent_code(ready.client, self.pointer)

    def _cluster(self) -> Cluster:
        if self.system is None:
            self.system = cluster("^local")
        return self.system

    def _get_ready(self) -> _Ready:
        ready = self._ready
        if ready is None or not ready.holds():
            if self.dryrun:
                raise UsageError(f"{self!r} is only described (dryrun).", remedy="Make it without dryrun=True.")
            there, client = portal(), self._cluster().client()
            pointer = self.pointer  # reads files; not on the loop
            if pointer.git_url:
                # a branch may have moved: begin from what was asked for
                pointer = self._pointer = there.run(there.workspace.locate, replace(pointer, root=NOT_HERE))
            ready = self._ready = _Ready(there, client, there.run(self._prepare, there, client, pointer))
        return ready

    def _forget(self) -> None:
        self._ready = None
        self._keys.clear()

    async def _prepare(self, there: Portal, client: ClusterClient, pointer: Pointer) -> str:
        spec = await there.workspace.function_spec(pointer, client, progress, needs=self._all_needs())
        known = id(client), spec.SerializeToString(deterministic=True)
        key = self._keys.get(known)
        if key is None:
            prepared = await there.workspace.prepare(pointer, client, progress, needs=self._all_needs())
            key = self._keys[known] = prepared.key
        return key

    def _all_needs(self) -> Needs:
        installed = self._cluster().packages
        return replace(self._needs, packages=(*installed, *self._needs.packages)) if installed else self._needs

    async def _submit(self, there: Portal, client: ClusterClient, data: bytes, run: str) -> pb.Run:
        pointer = await asyncio.to_thread(lambda: self.pointer)
        spec = await there.workspace.function_spec(pointer, client, progress, needs=self._all_needs())
        return await client.submit(spec, await client.value(data), run=run)

    def _many(self, arguments: list[tuple[tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
        if not arguments:
            return []
        ready = self._get_ready()
        data = [pickle_arguments(args, kwargs) for args, kwargs in arguments]
        try:
            outcomes = ready.there.run(call_many, ready.client, ready.key, data)
        except RemoteError as error:
            calls.raise_remote(error)
        return [decoded(ready.there, ready.client, outcome) for outcome in outcomes]


def function(
    fn: str | Callable[..., Any] | None = None,
    name: str | None = None,
    system: str | Cluster | None = None,
    reqs: Iterable[Any] | str | None = None,
    setup_cmds: Sequence[str] | None = None,
    dryrun: bool = False,
    load_secrets: bool = False,
    serialize_notebook_fn: bool = False,
    load: bool = True,
    *,
    python: str | None = None,
    env: dict[str, str] | None = None,
    resources: dict[str, float] | None = None,
) -> Function:
    """A function that runs on a cluster.

    Args:
        fn: a callable; or `path/to/file.py:function`, `package.module:function`, or
            `https://github.com/owner/repo/blob/branch/path.py:function` (or such a page of another host): the
            repository is checked out on this computer, with your own keys; or None for a saved one.
        name: how it is called; with `fn` left out, the saved function to load.
        system: the cluster; default: this computer. Brought up at the first call.
        reqs: packages, one line each; "./" stands for the tree of the code with its requirements and is added.
        setup_cmds: shell commands after the packages.
        dryrun: only describe it.
        load_secrets, serialize_notebook_fn: accepted for code that names them; notebook functions always work.
        load: use what is saved under `name` where nothing else is given.
        python: "3.11"; default: the cluster's.
        env: variables of the process environment.
        resources: `cpus`, `gpus`, `memory` (bytes) that one run takes.

    Raises:
        UsageError: `fn` points to no function, or something in `reqs` is no package.
        NotFound: nothing is saved under `name`.
        DocumentError: `env`, `python`, `resources` or `setup_cmds` hold what they cannot.
    """
    if fn is None:
        if not name or not load:
            raise UsageError("Nothing says which function.", remedy="Give a callable, or the name of a saved function.")
        return _loaded(name, system, reqs, setup_cmds, dryrun)
    packages = specs(reqs)
    source: Callable[..., Any] | Pointer
    if isinstance(fn, Function):
        source = fn._source
    elif isinstance(fn, str):
        source = pointer_of_text(fn)
    elif callable(fn):
        source = fn
    else:
        raise UsageError(f"{fn!r} is not callable.", remedy="Give a function, or text that points to one.")
    said = _checked(setup_commands=_lines(setup_cmds), python=python, env=env or {}, resources=resources or {})
    needs = Needs(
        tuple(packages), tuple(said.setup_commands), said.python or "", dict(said.env),
        said.resources.cpus, said.resources.gpus, said.resources.memory,
    )  # fmt: skip
    return Function(name, source, _cluster_of(system), needs, dryrun)


def _checked(**fields: Any) -> FunctionDocument:
    """What was asked for beside code and packages, held to the rules of the documents.

    Raises:
        DocumentError: it names the field.
    """
    code = {"root": "/", "file": "function.py", "name": "function"}  # never looked at
    document = parse_document({"kind": "function", "code": code, **fields}, source="rh.function")
    assert isinstance(document, FunctionDocument)
    return document


def _lines(setup_cmds: Sequence[str] | str | None) -> list[str]:
    return [setup_cmds] if isinstance(setup_cmds, str) else list(setup_cmds or ())


def from_document(name: str | None, document: FunctionDocument, dryrun: bool = False) -> Function:
    """The function that a document describes.

    Raises:
        UsageError: its file has no such function.
    """
    pointer, title = pointer_of_code(document.code), str(names().resolve(name)) if name else ""
    with named_in(names(), title, document.cluster or ""):
        system = _cluster_of(document.cluster)
    found = Function(name, pointer, system, portal().workspace.needs_of(document, title), dryrun)
    found.description = document.description
    return found


def _loaded(
    name: str, system: str | Cluster | None, reqs: Any, setup_cmds: Sequence[str] | None, dryrun: bool
) -> Function:
    entry = names().entry(name, "function")
    document = entry.require()
    assert isinstance(document, FunctionDocument)
    found = from_document(name, document, dryrun).began_from(entry)
    if system is not None:
        found.system = _cluster_of(system)
    if reqs is not None:
        found._needs = replace(found._needs, packages=tuple(specs(reqs)))
    if setup_cmds is not None:
        found._needs = replace(found._needs, setup_commands=tuple(_lines(setup_cmds)))
    return found


def _cluster_of(system: str | Cluster | ClusterDocument | None) -> Cluster | None:
    if isinstance(system, str):
        return Cluster(system, names().cluster(system))
    if isinstance(system, ClusterDocument):
        return Cluster(None, system)
    if system is not None and not isinstance(system, Cluster):
        raise UsageError(f"{system!r} is no cluster.", remedy='Write its name, such as "^local".')
    return system
