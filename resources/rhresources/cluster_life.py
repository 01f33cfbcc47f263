"""The life of a cluster: brought up, and taken down with those runs only that somebody agreed to end.

Part of the `Workspace`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from rhresources.connections import ClusterLike, Connections
from rhresources.errors import RhError
from rhresources.reach import Progress, silent
from rhresources.reach.server_calls import runs_active
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient

if TYPE_CHECKING:
    from rhresources.cloud.answers import OnLaunch

ACTIVE = (pb.QUEUED, pb.PREPARING, pb.RUNNING)
"""States of runs that have not ended."""

_LAST_LOOK = 10.0  # seconds that a look at a cluster may take before it is ended
_RUNS_REMEMBERED = 10_000


class ClusterLife(Connections):
    """Up and down."""

    async def up(
        self,
        cluster: ClusterLike,
        progress: Progress | None = None,
        *,
        ask: bool = True,
        on_event: OnLaunch | None = None,
    ) -> ClusterClient:
        """Bring a cluster up, wait until it is ready, and connect. Of one on demand, machines are launched or started.

        Cancelled, it leaves running what ran before, and no more.

        Args:
            cluster: which one.
            progress: gets a line for every step.
            ask: whether a person may be asked.
            on_event: hears what the launch of machines says, in place of `progress`.

        Raises:
            RhError: it cannot be brought up; the sentence says at which step.
        """
        way = await self._way_with_key(cluster, ask)
        way.route.forget_failure()
        await way.route.up(progress or silent, wait_ready=True, ask=ask, on_event=on_event)
        return await self.connect(cluster, ask=ask)

    async def down(
        self, cluster: ClusterLike, stop_runs: bool | Collection[str] = False, progress: Progress | None = None
    ) -> None:
        """Take a cluster down. Of one on demand, the machines are ended for good, with what is on their disks.

        Args:
            cluster: which one.
            stop_runs: end the runs that are active: all, or these, which somebody was shown and agreed to end.
            progress: gets a line for every step.

        Raises:
            RhError: other runs are active than may be stopped; nothing was ended.
        """
        way = await self._way_with_key(cluster, True)
        await self._require_agreed(cluster, stop_runs)
        await self._remember_runs(cluster)
        await way.route.down(bool(stop_runs), progress or silent)
        await self._let_go(way)

    # ------------------------------------------------------------ inside

    async def _require_agreed(self, cluster: ClusterLike, agreed: bool | Collection[str]) -> None:
        """Somebody else may have started a run since a person was shown what would be ended.

        Raises:
            RhError: such a run is active.
        """
        if isinstance(agreed, bool) or not agreed:
            return  # all may go, or the server itself refuses if there is one
        others: list[pb.Run] = []
        with suppress(RhError, TimeoutError):  # machines whose server cannot be asked are ended all the same
            async with asyncio.timeout(_LAST_LOOK):
                client = await self.connect(cluster)
                active = (await client.list_runs(_RUNS_REMEMBERED, states=ACTIVE)).runs
                others = [run for run in active if run.id not in agreed]
        if others:
            raise runs_active(others, "They were started meanwhile, and nothing was ended: look again.")

    async def _remember_runs(self, cluster: ClusterLike) -> None:
        """Write down which runs a cluster in a cloud had, before they go with it; what they cost stays known."""
        if self.document_of(cluster).type != "cloud":
            return
        with suppress(RhError, TimeoutError):
            async with asyncio.timeout(_LAST_LOOK):
                client = await self.connect(cluster)
                await self.costs.saw_runs(self._key_of(cluster), (await client.list_runs(_RUNS_REMEMBERED)).runs)
