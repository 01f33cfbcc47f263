"""Warm workers, grouped by what they can run: environment, code, variables, resources.

A task takes an idle worker of its group at once. With none idle it waits `PATIENCE` seconds for one before another is
started, so that a burst of quick calls shares few workers, while calls behind slow ones get workers of their own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from rhresources.errors import RhError, ServerProblem
from rhserver.engine.launcher import Launcher
from rhserver.engine.worker_link import WorkerLink
from rhserver.engine.worker_spec import WorkerSpec
from rhserver.hosts.remote_worker import RemoteWorker

PATIENCE = 0.05

OnWorker = Callable[[WorkerLink | RhError], None]

log = logging.getLogger(__name__)


@dataclass
class _Group:
    spec: WorkerSpec
    idle: list[WorkerLink] = field(default_factory=list)
    waiting: deque[tuple[float, OnWorker]] = field(default_factory=deque)
    members: int = 0
    starting: int = 0
    timer: asyncio.TimerHandle | None = None
    idle_since: float = 0.0


class Pool:
    """All workers of the server. `limit` says how many there may be at once."""

    def __init__(self, launcher: Launcher, *, limit: Callable[[], int], idle_seconds: float) -> None:
        self._launcher = launcher
        launcher.idle = self._idle_by_host
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._groups: dict[WorkerSpec, _Group] = {}
        self._group_of: dict[str, _Group] = {}
        self._links: dict[str, WorkerLink] = {}
        self._retiring: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def size(self) -> int:
        return len(self._links)

    def what_it_waits_for(self) -> str:
        """Why a request is not answered at once, as a sentence."""
        return self._launcher.obstacle() or "Waits for a worker."

    def uses(self, python: str) -> bool:
        """Whether a worker of the environment with this interpreter lives, or is about to."""
        return any(
            spec.python == python and (group.members or group.starting or group.waiting)
            for spec, group in self._groups.items()
        )

    def take_idle(self, spec: WorkerSpec) -> WorkerLink | None:
        """A warm worker, if one is free right now."""
        group = self._groups.get(spec)
        if group is not None and group.idle and not group.waiting:
            return self._pick(group)
        return None

    def request(self, spec: WorkerSpec, on_worker: OnWorker) -> Callable[[], None]:
        """Call `on_worker` with a worker as soon as there is one, or with the reason why there is none.

        Returns a function that withdraws the request.
        """
        group = self._groups.get(spec)
        if group is None:
            group = self._groups[spec] = _Group(spec)
        if group.idle and not group.waiting:
            on_worker(self._pick(group))
            return lambda: None
        entry = (time.monotonic(), on_worker)
        group.waiting.append(entry)
        self._grow(group)

        def withdraw() -> None:
            if entry in group.waiting:
                group.waiting.remove(entry)

        return withdraw

    async def acquire(self, spec: WorkerSpec) -> WorkerLink:
        """A worker for one task; give it back with `release`."""
        future: asyncio.Future[WorkerLink] = asyncio.get_running_loop().create_future()

        def settle(found: WorkerLink | RhError) -> None:
            if future.cancelled():
                if isinstance(found, WorkerLink):
                    self.release(found)
            elif isinstance(found, WorkerLink):
                future.set_result(found)
            else:
                future.set_exception(found)

        withdraw = self.request(spec, settle)
        try:
            return await future
        except asyncio.CancelledError:
            withdraw()
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(future.result())
            raise

    def release(self, link: WorkerLink) -> None:
        """Give a worker back after its task."""
        group = self._group_of.get(link.name)
        if group is None or link.lost:
            return
        if link.name in self._retiring or self._closing:
            self._discard(link)
        elif group.waiting:
            group.waiting.popleft()[1](link)
        else:
            group.idle.append(link)
            group.idle_since = time.monotonic()
            self.serve_crowded_out()

    def adopt(self, link: WorkerLink, spec: WorkerSpec) -> None:
        """Take in a worker that an earlier server started; it is idle once it greets."""
        self._enter(link, self._groups.setdefault(spec, _Group(spec)))
        link.greeted.add_done_callback(lambda done: None if done.exception() else self.release(link))

    async def kill(self, link: WorkerLink) -> None:
        """End a worker with everything it started, whatever it does."""
        await self._launcher.kill(link.name)

    async def interrupt(self, link: WorkerLink) -> None:
        """Raise KeyboardInterrupt in what a worker runs."""
        await self._launcher.interrupt(link.name)

    def retire(self, project: str, keep_root: str) -> None:
        """The code of `project` changed: workers of older trees end as soon as they are idle."""
        for group in list(self._groups.values()):
            stale = any(tree[0] == project and tree[1] != keep_root for tree in group.spec.trees)
            if stale and not group.waiting:
                for link in group.idle:
                    self._discard(link)
                group.idle.clear()
                self._retiring.update(name for name, of in self._group_of.items() if of is group)

    def reap_idle(self) -> None:
        """End workers that were idle for long; called now and then."""
        now = time.monotonic()
        for spec, group in list(self._groups.items()):
            if group.idle and now - group.idle_since > self._idle_seconds:
                for link in group.idle:
                    self._discard(link)
                group.idle.clear()
            if not (group.members or group.starting or group.waiting):
                del self._groups[spec]

    async def close(self) -> None:
        """End every worker."""
        self._closing = True
        await asyncio.gather(*(self._launcher.kill(name) for name in list(self._links)), return_exceptions=True)
        for task in self._tasks:
            task.cancel()

    def links(self) -> list[WorkerLink]:
        return list(self._links.values())

    def _pick(self, group: _Group) -> WorkerLink:
        """Of the idle workers one on the host with the fewest busy ones, on the head where equal, used last there."""
        idle = group.idle
        if len(idle) == 1 or not any(isinstance(link, RemoteWorker) for link in idle):
            return idle.pop()
        busy = Counter(link.host for link in self._links.values() if link.busy)
        places = reversed(range(len(idle)))
        return idle.pop(min(places, key=lambda place: (busy[idle[place].host], isinstance(idle[place], RemoteWorker))))

    def _idle_by_host(self) -> Counter[str]:
        return Counter(link.host for group in self._groups.values() for link in group.idle)

    # ------------------------------------------------------------ growing

    def _grow(self, group: _Group) -> None:
        """Start a worker if the oldest request has waited long enough; look again later otherwise."""
        if not group.waiting or self._closing:
            return
        patient = group.members + group.starting == 0 or time.monotonic() - group.waiting[0][0] >= PATIENCE
        if patient and group.starting < len(group.waiting) and self._has_room():
            group.starting += 1
            self._spawn(self._start(group))
        if group.timer is None:
            group.timer = asyncio.get_running_loop().call_later(PATIENCE, self._look_again, group)

    def _look_again(self, group: _Group) -> None:
        group.timer = None
        self._grow(group)

    def _has_room(self) -> bool:
        starting = sum(group.starting for group in self._groups.values())
        if len(self._links) + starting < self._limit():
            return True
        candidates = [group for group in self._groups.values() if group.idle]
        if not candidates:
            return False
        oldest = min(candidates, key=lambda group: group.idle_since)
        self._discard(oldest.idle.pop(0))
        return True

    def serve_crowded_out(self) -> None:
        """There is more room than before: a worker fell idle, or a host came back."""
        for group in self._groups.values():
            if group.waiting and group.timer is None:
                self._grow(group)

    async def _start(self, group: _Group) -> None:
        try:
            link = await self._launcher.start(group.spec, self.on_death)
        except RhError as error:
            group.starting -= 1
            self._refuse(group, error)
            return
        except Exception as error:
            log.exception("a worker could not be started")
            group.starting -= 1
            self._refuse(group, ServerProblem("A worker could not be started.", code="engine", detail=repr(error)))
            return
        group.starting -= 1
        self._enter(link, group)
        self.release(link)
        self._grow(group)

    def _refuse(self, group: _Group, error: RhError) -> None:
        if group.members:  # others serve the group; the next look tries again
            return
        while group.waiting:
            group.waiting.popleft()[1](error)

    def _enter(self, link: WorkerLink, group: _Group) -> None:
        self._links[link.name] = link
        self._group_of[link.name] = group
        group.members += 1

    def on_death(self, link: WorkerLink, sentence: str) -> None:
        self._forget(link)
        link.died(sentence)

    def _discard(self, link: WorkerLink) -> None:
        self._forget(link)
        link.lost = True
        self._spawn(self._launcher.kill(link.name))

    def _forget(self, link: WorkerLink) -> None:
        self._links.pop(link.name, None)
        self._retiring.discard(link.name)
        group = self._group_of.pop(link.name, None)
        if group is not None:
            group.members -= 1
            if link in group.idle:
                group.idle.remove(link)
            self._launcher.released(group.spec)
            self._grow(group)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
