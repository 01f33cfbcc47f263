"""Prepared functions: code in place, environment made, ready to be called by a key."""

from __future__ import annotations

import hashlib
import time
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
from rhserver.runs.placing import locate
from rhserver.runs.store import RunStore

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
        self._ready: dict[str, PreparedFunction] = {}
        self._spec_of: dict[WorkerSpec, pb.FunctionSpec] = {}
        self._next = 1

    def ready(self, key: str) -> PreparedFunction | None:
        """A function prepared by this server since it started, whose environment is still there."""
        found = self._ready.get(key)
        return found if found is not None and self._environments.has(found.environment) else None

    def spec_of(self, worker: WorkerSpec) -> pb.FunctionSpec:
        """The function that workers of this spec are for.

        Raises:
            KeyError: none was prepared for them.
        """
        return self._spec_of[worker]

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
            raise ServerProblem(
                "The cluster server does not know this function.", code="not-prepared", remedy="Prepare it again."
            )
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
        self._put_pickle_inside(spec)
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
        self._ready[key] = prepared
        self._spec_of.setdefault(prepared.worker, spec)
        self._store.save_function(key, spec, environment.hash, time.time())
        return prepared

    def _put_pickle_inside(self, spec: pb.FunctionSpec) -> None:
        """A large pickled function arrives as a blob, which expires: keep its bytes."""
        if spec.entry.pickled.blob:
            spec.entry.pickled.data = self._blobs.path(spec.entry.pickled.blob).read_bytes()


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
