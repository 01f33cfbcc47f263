"""How a cluster's host is reached: one route per kind of cluster, all with the same three questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.wire.channel import ServerAddress

Progress = Callable[[str], None]
"""Gets one line about each step of something that takes long."""


class Route(Protocol):
    """The way to the server of one cluster."""

    async def up(self, progress: Progress, *, wait_ready: bool = True) -> ServerAddress:
        """Bring the cluster up, if it is not; where its server listens.

        Args:
            progress: gets a line for every step.
            wait_ready: wait for Ray too; without it, for the server alone, which queues what it is asked.

        Raises:
            RhError: it cannot be brought up.
        """
        ...

    async def address(self) -> ServerAddress | None:
        """Where the server listens now; None if it does not run."""
        ...

    async def down(self, stop_runs: bool) -> None:
        """End the server and what it started.

        Raises:
            RhError: runs are active and `stop_runs` is false; nothing was ended.
        """
        ...


def route_for(document: ClusterDocument, home: Path | None = None) -> Route:
    """The way to a cluster.

    Args:
        document: what the cluster is.
        home: the rhdesk directory; default: the user's.

    Raises:
        RhError: clusters of this kind cannot be reached by this version.
    """
    if document.type == "machine":
        from rhresources.reach.machine import MachineRoute

        return MachineRoute(home, document)
    named = {"ssh": "hosts over SSH", "cloud": "clouds"}[document.type]
    raise RhError(
        f"This version of rhdesk brings up clusters on this computer only, not on {named}.",
        remedy="Use ^local, or a cluster of type machine.",
    )
