"""The hosts of the cluster as the head sees them: which are there, how loaded they are, which are lost, back again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.blobs import BlobStore
from rhserver.code.snapshots import Snapshots
from rhserver.hosts.courier import Courier
from rhserver.hosts.host import Host, OnText
from rhserver.hosts.presence import SECONDS_TO_LOSE, Presence
from rhserver.runs.placing import Needs, Placed

if TYPE_CHECKING:
    from rhserver.engine.worker_spec import WorkerSpec

START_SECONDS = 20.0
"""How long a server that starts waits for hosts that Ray knows already."""
LEAVE_SECONDS = 3.0

OnLost = Callable[[Host, str], None]
OnBack = Callable[[Host], None]

log = logging.getLogger(__name__)

__all__ = ["Host", "Hosts", "OnBack", "OnLost", "OnText"]


class Hosts:
    """All hosts of the cluster; on a cluster of one computer just the head, at no cost.

    Args:
        given: the hosts as the document names them, the head first; empty or one: a single host.
        address: of the head in the cluster's network.
        snapshots: the code on the head, from which the others get theirs.
        blobs: the contents of its files.

    `on_lost(host, sentence)` is called on the loop, once each time; all that ran there counts as dead from then on
    (when the host answers again, its agent first ends what it still runs). `on_back(host)` is called when a host that
    was not there at the start, or was lost, is usable.
    """

    def __init__(self, given: Sequence[str], address: str, snapshots: Snapshots, blobs: BlobStore) -> None:
        names = list(dict.fromkeys(given)) or [""]
        self.on_lost: OnLost | None = None
        self.on_back: OnBack | None = None
        self._hosts = [Host(names[0], address, is_head=True, cpus=os.cpu_count() or 1)]
        self._hosts += [Host(name, "", is_head=False, problem=_not_joined(name)) for name in names[1:]]
        self._snapshots, self._blobs = snapshots, blobs
        self._couriers: dict[Host, Courier] = {}
        self._presence = Presence(self._hosts, self._lost, self._back)

    @property
    def single(self) -> bool:
        """Whether there is no host beside the head."""
        return len(self._hosts) == 1

    @property
    def head(self) -> Host:
        return self._hosts[0]

    def alive(self) -> list[Host]:
        """Those that workers can be started on, the head first."""
        return [host for host in self._hosts if host.alive]

    async def start(self) -> None:
        """Find the hosts that are there (also agents that an earlier server made), then watch in the background.

        Call it when Ray is up, before `Launcher.find_again`. On a single host it does nothing.
        """
        if not self.single:
            await self._presence.start(START_SECONDS)

    async def close(self, *, leave: bool = False) -> None:
        """Stop watching. The agents stay, or with `leave` the other hosts end their part in the cluster."""
        await self._presence.close()
        if leave:
            actors = [host.actor for host in self._hosts if host.actor is not None and host.alive]
            with contextlib.suppress(Exception):
                calls = (_quietly(actor.leave.remote()) for actor in actors)
                await asyncio.wait_for(asyncio.gather(*calls), LEAVE_SECONDS)

    # ------------------------------------------------------------ choosing

    async def choose(self, spec: WorkerSpec, idle: Mapping[str, int] = MappingProxyType({})) -> Host:
        """The least loaded alive host for a shared worker: by workers for each processor that are not `idle` (how many
        are, by host), then by all of them; the head where equal.

        The worker counts as being there from now on: call `left(host)` when it ended or never started.
        """

        def load(host: Host) -> tuple[float, float, bool]:
            busy = max(0, host.workers - idle.get(host.given, 0))
            return (busy + 1) / host.cpus, (host.workers + 1) / host.cpus, not host.is_head

        chosen = self.head if self.single else min(self.alive(), key=load)
        chosen.workers += 1
        return chosen

    def took(self, host: Host) -> None:
        """A worker runs there that `choose` did not place: a dedicated one, or one of an earlier server."""
        host.workers += 1

    def left(self, host: Host) -> None:
        """A worker that `choose` or `took` counted is gone."""
        host.workers = max(0, host.workers - 1)

    def host_of_node(self, node_id: str) -> Host | None:
        """The host with this node id of Ray (hex), as `ray.get_runtime_context().get_node_id()` tells an actor."""
        return next((host for host in self._hosts if host.node == node_id), None)

    def host_named(self, given: str) -> Host | None:
        """The host that the document names so."""
        return next((host for host in self._hosts if host.given == given), None)

    # ------------------------------------------------------------ getting a host ready

    async def ensure(
        self,
        host: Host,
        needs: Needs,
        on_output: OnText = lambda line: None,
        on_phase: OnText = lambda phase: None,
        *,
        worker: str = "",
    ) -> Placed:
        """Bring code and environment of a function to a host that is not the head; what its worker needs there.

        With `worker` (the name that the worker will have) trees and environment are kept there until that worker
        ends under the HostAgent, or until `release(host, worker)`.

        Raises:
            RhError: the host is lost, the code is not on the head, or the environment cannot be made there.
        """
        if not host.alive:
            raise lost_problem(host)
        lost = asyncio.ensure_future(host.lost.wait())
        work = asyncio.ensure_future(self._courier(host).place(host.actor, needs, on_output, on_phase, worker))
        try:
            await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise lost_problem(host)
            try:
                return work.result()
            except (OSError, RuntimeError) as error:  # Ray's errors of a dead actor are RuntimeErrors
                log.info("%s: %s", host.given, error)
                raise lost_problem(host, repr(error)) from error
        finally:
            lost.cancel()
            work.cancel()

    async def release(self, host: Host, worker: str) -> None:
        """What `ensure` kept for this worker may go. Needed where the worker never started or ran under a supervisor
        of its own; harmless otherwise. Never raises."""
        if host.alive and host.actor is not None:
            await _quietly(host.actor.release.remote(worker))

    async def keep_only(self, workers: set[str]) -> None:
        """After `find_again`: let go of what is kept on other hosts for workers that are not among these."""
        names = sorted(workers)
        actors = [host.actor for host in self.alive() if host.actor is not None]
        await asyncio.gather(*(_quietly(actor.keep_only.remote(names)) for actor in actors))

    def _courier(self, host: Host) -> Courier:
        if host not in self._couriers:
            self._couriers[host] = Courier(self._snapshots, self._blobs)
        return self._couriers[host]

    # ------------------------------------------------------------ telling

    def status(self) -> list[pb.Host]:
        """All of them as last heard of, the lost ones too; the head without its own readings."""
        return [self._describe(host) for host in self._hosts]

    def _describe(self, host: Host) -> pb.Host:
        shown = pb.Host()
        shown.CopyFrom(host.status)
        shown.given, shown.head, shown.alive = host.given, host.is_head, host.alive
        shown.address = host.address or shown.address
        shown.name = host.name or shown.name
        shown.seen = time.time() if host.is_head else host.seen
        shown.workers = host.workers
        if not host.alive:
            shown.problem = self._presence.sentence(host)
            shown.ClearField("cpu_percent")
            shown.ClearField("load")
            shown.ClearField("gpus")
        return shown

    def _lost(self, host: Host, sentence: str) -> None:
        log.info("lost: %s", sentence)
        host.workers = 0
        if self.on_lost is not None:
            self.on_lost(host, sentence)

    def _back(self, host: Host) -> None:
        log.info("%s is there", host.given)
        if self.on_back is not None:
            self.on_back(host)


def lost_problem(host: Host, detail: str = "") -> ServerProblem:
    """What to tell whoever wanted something from a host that is not there."""
    return ServerProblem(
        host.problem or f"{host.shown} does not answer.", code="host-lost",
        remedy="Repair the host; the others of the cluster go on meanwhile.", detail=detail,
    )  # fmt: skip


def _not_joined(given: str) -> str:
    return f"{given} has not joined the cluster yet."


async def _quietly(reference: object) -> None:
    try:
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(_value(reference))), SECONDS_TO_LOSE)
    except Exception as error:
        log.info("an agent did not do as told: %s", error)


async def _value(reference: object) -> object:
    return await reference  # type: ignore[misc]
