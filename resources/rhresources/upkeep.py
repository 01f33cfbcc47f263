"""Clusters kept in order: the way to their hosts tested, lost hosts brought back, their server upgraded.

Part of the `Workspace`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhresources.access import require_host
from rhresources.connections import ClusterLike, Connections
from rhresources.errors import UsageError
from rhresources.reach import Progress, silent
from rhresources.wire.client import ClusterClient

if TYPE_CHECKING:
    from rhresources.reach.steps import OnStep, Step


class Upkeep(Connections):
    """Upgrade, repair, check."""

    async def upgrade(self, cluster: ClusterLike, progress: Progress | None = None) -> ClusterClient:
        """Bring the server there to the version of here; its runs go on.

        Raises:
            RhError: it cannot be installed or started; what ran before runs on.
        """
        route = (await self._way_with_key(cluster, True)).route.ssh
        if route is None:
            raise UsageError("The cluster server of this computer is started from the rhdesk that is installed here.")
        await route.upgrade(progress or silent)
        return await self.connect(cluster, ask=True)

    async def repair(self, cluster: ClusterLike, host: str | None = None, progress: Progress | None = None) -> None:
        """Bring lost hosts of a cluster back in place.

        Args:
            cluster: which one.
            host: only this one, as the document says it; default: all that are lost.
            progress: gets a line for every step.

        Raises:
            UsageError: the cluster has no such host, or it is not known here.
            RhError: a host cannot be brought back.
        """
        route = (await self._way_with_key(cluster, True)).route.ssh
        if route is None:
            raise UsageError("A cluster on this computer has no other hosts.", remedy="Take it down and up again.")
        await require_host(route, host)
        await route.repair(host, progress or silent)

    def server_differs(self, cluster: ClusterLike) -> str:
        """A sentence where the server that we are connected to is another build than this one; else empty."""
        way = self._ways.get(self._key_of(cluster))
        if way is None or way.client is None or not way.client.connected or way.route.ssh is None:
            return ""
        from rhresources.reach.bring_up.wheel import own_version

        there, here = way.client.hello.version, own_version()
        return f"The cluster runs rhdesk {there}; here is {here}." if there and there != here else ""

    async def check(self, cluster: ClusterLike, on_step: OnStep, *, ask: bool = True) -> list[Step]:
        """Go every step to the hosts of a cluster, without changing anything there; the steps as they ended.

        Args:
            cluster: which one; need not be saved.
            on_step: hears of each step as it begins and as it ends.
            ask: whether questions may be asked.

        Raises:
            UsageError: the cluster has no hosts that could be reached.
            ClusterDown: it is on demand, and has no hosts now.
        """
        route = self._way(cluster).route.ssh
        if route is None:
            raise UsageError(
                "Only hosts over SSH can be tested.",
                remedy="Bring the cluster up instead; that says what is missing.",
            )
        return await route.check(self.asker if ask else None, on_step)
