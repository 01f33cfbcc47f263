"""Prepared functions: code in place, environment made, ready to be called by a key."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.snapshots import Snapshots
from rhserver.engine.worker_link import WorkerLink
from rhserver.engine.worker_spec import WorkerSpec
from rhserver.environments.environments import Environments
from rhserver.objects.blobs import Blobs
from rhserver.runs.placing import Needs, locate
from rhserver.runs.store import RunStore

_KNOWN = 1000
_KNOWN_BYTES = 256 * 1024 * 1024
_KNOWN_WORKERS = 10_000

Listener = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PreparedFunction:
    """What a call needs to know; `number` is what workers of this server call the function by."""

    key: str
    number: int
    name: str
    environment: str
    code: pb.CodeTree
    worker: WorkerSpec
    entry: dict[str, Any]
    pickled: bytes

    def tell(self, link: WorkerLink) -> None:
        """Make sure that a worker knows the function."""
        if self.number not in link.known:
            link.tell_function(self.number, self.entry, self.pickled)


class Functions:
    """Prepares functions and remembers them, also over a restart of the server."""

    def __init__(self, store: RunStore, environments: Environments, snapshots: Snapshots, blobs: Blobs) -> None:
        self._store = store
        self._environments = environments
        self._snapshots = snapshots
        self._blobs = blobs
        self._ready: OrderedDict[str, PreparedFunction] = OrderedDict()
        self._pickled_bytes = 0  # of those that are ready
        self._needs: OrderedDict[WorkerSpec, tuple[pb.FunctionSpec, str]] = OrderedDict()
        self._next = 1

    def ready(self, key: str) -> PreparedFunction | None:
        """A function prepared by this server since it started, whose environment is still there."""
        found = self._ready.get(key)
        if found is None or not self._environments.has(found.environment):
            return None
        self._ready.move_to_end(key)
        return found

    def needs_of(self, worker: WorkerSpec) -> Needs:
        """What other hosts have to be given for workers of this spec.

        Raises:
            ServerProblem: no function was prepared for them, or long ago ("not-prepared").
        """
        if worker not in self._needs:
            raise _not_prepared()
        self._needs.move_to_end(worker)
        function, environment = self._needs[worker]
        has = self._environments.has(environment)
        return Needs(function, self._environments.record(environment).versions if has else None)

    async def by_key(self, key: str) -> PreparedFunction:
        """A prepared function; one of an earlier server is made ready again.

        Raises:
            ServerProblem: code "not-prepared": the client has to prepare it again.
        """
        found = self.ready(key)
        if found is not None:
            return found
        stored = self._store.function(key)
        if stored is None:
            raise _not_prepared()
        spec, environment = stored
        return await self._prepare(spec, lambda _: None, lambda _: None, newest=not self._environments.has(environment))

    async def prepare(self, spec: pb.FunctionSpec, on_output: Listener, on_phase: Listener) -> PreparedFunction:
        """Make the environment if it is not there yet, and check that the code is. If the environment was updated, it
        is the newest.

        Raises:
            RhError: the code was not pushed (code "unknown-code"), or the environment cannot be made (its own words).
        """
        return await self._prepare(spec, on_output, on_phase, newest=True)

    async def _prepare(
        self, given: pb.FunctionSpec, on_output: Listener, on_phase: Listener, *, newest: bool
    ) -> PreparedFunction:
        spec = pb.FunctionSpec()
        spec.CopyFrom(given)
        await asyncio.to_thread(self._put_pickle_inside, spec)
        environment = await self._environments.ensure(spec.environment, on_output, on_phase, newest=newest)
        if spec.environment.renewed != environment.renewed:
            spec.environment.renewed = environment.renewed  # other hosts make the same
        key = hashlib.blake2b(
            spec.SerializeToString(deterministic=True) + environment.hash.encode(), digest_size=16
        ).hexdigest()
        known = self._ready.get(key)
        if known is not None:
            return known
        placed = await locate(spec, environment, self._snapshots)
        entry, pickled = _entry(spec.entry)
        prepared = PreparedFunction(
            key=key,
            number=self._next,
            name=spec.name,
            environment=environment.hash,
            code=spec.code,
            worker=WorkerSpec(
                python=placed.python,
                path=placed.path,
                folder=placed.folder,
                trees=placed.trees,
                variables=tuple(sorted(spec.variables.items())),
                cpus=spec.resources.cpus,
                gpus=spec.resources.gpus,
                memory=spec.resources.memory,
            ),
            entry=entry,
            pickled=pickled,
        )
        self._next += 1
        self._keep(prepared, spec)
        self._store.save_function(key, spec, environment.hash, time.time())
        return prepared

    def _keep(self, prepared: PreparedFunction, spec: pb.FunctionSpec) -> None:
        """Those that were not used for the longest time go; the store has them."""
        self._ready[prepared.key] = prepared
        self._pickled_bytes += len(prepared.pickled)
        while len(self._ready) > _KNOWN or (self._pickled_bytes > _KNOWN_BYTES and len(self._ready) > 1):
            _, gone = self._ready.popitem(last=False)
            self._pickled_bytes -= len(gone.pickled)
        self._needs[prepared.worker] = _without_pickle(spec), prepared.environment
        self._needs.move_to_end(prepared.worker)
        while len(self._needs) > _KNOWN_WORKERS:
            self._needs.popitem(last=False)

    def _put_pickle_inside(self, spec: pb.FunctionSpec) -> None:
        """A large pickled function arrives as a blob, which expires: keep its bytes."""
        if spec.entry.pickled.blob:
            spec.entry.pickled.data = self._blobs.path(spec.entry.pickled.blob).read_bytes()


def _without_pickle(spec: pb.FunctionSpec) -> pb.FunctionSpec:
    function = pb.FunctionSpec(name=spec.name, code=spec.code, environment=spec.environment)
    if spec.entry.HasField("imported"):
        function.entry.imported.CopyFrom(spec.entry.imported)
    else:
        function.entry.folder = spec.entry.folder
    return function


def _not_prepared() -> ServerProblem:
    return ServerProblem(
        "The cluster server does not know this function.", code="not-prepared", remedy="Prepare it again."
    )


def _entry(entry: pb.Entry) -> tuple[dict[str, Any], bytes]:
    where = entry.WhichOneof("where")
    if where == "imported":
        return {"module": entry.imported.module, "name": entry.imported.name}, b""
    if where == "builtin":
        if entry.builtin not in ("shell", "python"):
            raise ServerProblem(f"There is no built-in function {entry.builtin!r}.", code="bad-entry")
        return {"builtin": entry.builtin}, b""
    if where == "pickled":
        return {}, entry.pickled.data
    raise ServerProblem("The function has no entry point.", code="bad-entry")
