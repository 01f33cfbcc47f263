"""Gets another host ready for a function: brings the code from the head as a client brings it to the head (what the
host lacks, and no more), and has the environment made."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, cast

from rhresources.code.manifest import FileEntry
from rhresources.errors import RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import error_of_problem
from rhserver.code.blobs import BlobStore
from rhserver.code.manifests import Entries
from rhserver.code.snapshots import Snapshots
from rhserver.environments.recipe import trees_of
from rhserver.hosts.host import OnText
from rhserver.runs.placing import Needs, Placed

PIECE = 1024 * 1024
BATCH = 3 * PIECE
"""Bytes that travel to a host in one call."""
INLINE = 512 * 1024


class Courier:
    """Of one host: remembers what was brought there, to say the next time only what differs."""

    def __init__(self, snapshots: Snapshots, blobs: BlobStore) -> None:
        self._snapshots, self._blobs = snapshots, blobs
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last: dict[str, str] = {}  # project -> root

    async def place(self, agent: Any, needs: Needs, on_output: OnText, on_phase: OnText, worker: str) -> Placed:
        """Bring the code of a function, and have its environment made; what a worker of it needs there.

        Raises:
            RhError: see `bring`, or the environment cannot be made (its own words).
        """
        spec = needs.function
        own = [(spec.code.project, spec.code.root)] if spec.code.root else []
        for project, root in dict.fromkeys([*own, *trees_of(spec.environment)]):
            await self.bring(agent, project, root)
        said = agent.place.options(num_returns="streaming").remote(spec.SerializeToString(), worker, needs.versions)
        async for reference in said:
            for kind, what in await reference:
                if kind == "output":
                    on_output(what)
                elif kind == "phase":
                    on_phase(what)
                elif kind == "problem":
                    raise error_of_problem(pb.Problem.FromString(what))
                else:
                    return cast(Placed, what)
        raise RuntimeError("the agent ended without an answer")

    async def bring(self, agent: Any, project: str, root: str) -> None:
        """Make sure that a tree is in place on the host of `agent`.

        Raises:
            RhError: the code is not on the head any more ("unknown-code"), or the host cannot keep it.
        """
        async with self._locks[project]:
            entries = await asyncio.to_thread(self._snapshots.entries, root)
            if entries is None:
                raise _unknown(project)
            reply = await self._plan(agent, project, root, entries)
            if reply.outcome == pb.PlanPushReply.NEED_FILES:
                by_hash = {entry.hash: entry for entry in entries.values()}
                await self._push(agent, project, root, [by_hash[hash] for hash in reply.missing])
            self._last[project] = root

    async def _plan(self, agent: Any, project: str, root: str, entries: Entries) -> pb.PlanPushReply:
        base = self._last.get(project, "")
        before = await asyncio.to_thread(self._snapshots.entries, base) if base else None
        if before is not None:
            request = await asyncio.to_thread(self._request, project, root, base, before, entries)
            reply = pb.PlanPushReply.FromString(await call(agent.plan_push, request))
            if reply.outcome != pb.PlanPushReply.UNKNOWN_BASE:
                return reply
        request = await asyncio.to_thread(self._request, project, root, "", {}, entries)
        return pb.PlanPushReply.FromString(await call(agent.plan_push, request))

    def _request(self, project: str, root: str, base: str, before: Entries, entries: Entries) -> bytes:
        changed = [entry for path, entry in entries.items() if before.get(path) != entry]
        removed = [path for path in before if path not in entries]
        request = pb.PlanPushRequest(project=project, root=root, base=base, removed=removed)
        for entry in changed:
            request.changed.add(path=entry.path, hash=entry.hash, size=entry.size, executable=entry.executable)
        if sum(entry.size for entry in changed) <= INLINE:
            request.parts.extend(self._parts(project, changed))
        return request.SerializeToString()

    async def _push(self, agent: Any, project: str, root: str, missing: list[FileEntry]) -> None:
        name = await call(agent.begin_push, project, root)
        complete = False
        try:
            parts = self._parts(project, missing)
            sending: asyncio.Task[Any] | None = None
            while batch := await asyncio.to_thread(_batch, parts):
                if sending is not None:  # the next batch was read meanwhile
                    await sending
                sending = asyncio.ensure_future(call(agent.add_files, name, batch))
            if sending is not None:
                await sending
            complete = True
        finally:
            await call(agent.end_push, name, complete=complete)

    def _parts(self, project: str, entries: Iterable[FileEntry]) -> Iterator[pb.FilePart]:
        done = set()
        for entry in entries:
            if entry.hash in done or entry.link_target is not None:
                continue
            done.add(entry.hash)
            try:
                with open(self._blobs.path(entry.hash), "rb", buffering=0) as file:
                    left = entry.size
                    while True:
                        data = file.read(min(PIECE, left)) if left else b""
                        left -= len(data)
                        yield pb.FilePart(hash=entry.hash, data=data, last=left <= 0 or not data)
                        if left <= 0 or not data:
                            break
            except FileNotFoundError:
                raise _unknown(project) from None


async def call(method: Any, *args: Any, **options: Any) -> Any:
    """Call a method of an actor; what it raised for people is raised here as it was."""
    from ray.exceptions import RayTaskError

    try:
        return await method.remote(*args, **options)
    except RayTaskError as error:
        if isinstance(error.cause, RhError):
            raise error.cause from None
        raise


def _batch(parts: Iterator[pb.FilePart]) -> bytes:
    """The next parts as a `pb.FileBatch`; empty at the end."""
    batch = pb.FileBatch()
    size = 0
    for part in parts:
        batch.parts.append(part)
        size += len(part.data) + 200
        if size >= BATCH:
            break
    return batch.SerializeToString()


def _unknown(project: str) -> ServerProblem:
    return ServerProblem(
        f"This cluster does not have the code of {project} any more.",
        code="unknown-code", remedy="Run it from where the code is, which sends it again.",
    )  # fmt: skip
