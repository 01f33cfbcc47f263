"""One way to a cluster server, and who goes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rhresources.connections import ClusterState
    from rhresources.documents import ClusterDocument
    from rhresources.reach.pace import PacedRoute
    from rhresources.registry.told import Told
    from rhresources.wire.client import ClusterClient


class Way:
    """Several names go it where they lead to the same server.

    Attributes:
        document: what the way goes by.
        told: what its SkyPilot tells of a cluster that is run elsewhere; None: it is not.
        lost: the sentence that was last said of a lost connection; empty while there is one.
    """

    def __init__(self, document: ClusterDocument, route: PacedRoute, told: Told | None = None) -> None:
        self.document = document
        self.route = route
        self.told = told
        self.lock = asyncio.Lock()
        self.client: ClusterClient | None = None
        self.addresses: set[str] = set()
        self.lost = ""

    def leads_elsewhere_than(self, told: Told | None) -> bool:
        """Whether another way is needed by now: another life of the cluster, another head, it became ours, or what it
        leads to has another name."""
        on_demand = self.route.on_demand
        return _place(self.told) != _place(told) or (on_demand is not None and on_demand.is_renamed)

    @property
    def state_without_server(self) -> ClusterState:
        """How the cluster is where its server does not answer."""
        if self.told is not None:
            return _STATE_OF_TOLD[self.told.state]
        return self.route.on_demand.state if self.route.on_demand is not None else "down"

    async def close(self) -> None:
        """End the connection; the cluster goes on."""
        client, self.client = self.client, None
        if client is not None:
            await client.close()
        await self.route.close()


_STATE_OF_TOLD: dict[str, ClusterState] = {
    "launching": "starting", "unhealthy": "failed", "up": "failed", "stopping": "stopping", "stopped": "stopped",
    "down": "down",
}  # fmt: skip


def _place(told: Told | None) -> Told | None:
    """What of it says where the cluster is."""
    return replace(told, seen=0.0, since=0.0, reason="", price_per_hour=None, autostop_mins=-1) if told else None
