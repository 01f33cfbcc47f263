"""How a cluster's host is reached: one route per kind of cluster, all with the same three questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.wire.channel import ServerAddress

if TYPE_CHECKING:
    from rhresources.credentials import Credentials
    from rhresources.reach.questions import Asker

Progress = Callable[[str], None]
"""Gets one line about each step of something that takes long."""


class Route(Protocol):
    """The way to the server of one cluster."""

    async def up(self, progress: Progress, *, wait_ready: bool = True, ask: bool = True) -> ServerAddress:
        """Bring the cluster up, if it is not; where its server listens.

        Args:
            progress: gets a line for every step.
            wait_ready: wait for Ray too; without it, for the server alone, which queues what it is asked.
            ask: whether a person may be asked.

        Raises:
            RhError: it cannot be brought up.
        """
        ...

    async def address(self, ask: bool = False) -> ServerAddress | None:
        """Where the server listens now; None if it does not run.

        Raises:
            RhError: its host cannot be reached.
        """
        ...

    async def down(self, stop_runs: bool) -> None:
        """End the server and what it started.

        Raises:
            RhError: runs are active and `stop_runs` is false; nothing was ended.
        """
        ...

    async def close(self) -> None:
        """End what this process holds open on the way; the cluster goes on."""
        ...


def route_for(
    document: ClusterDocument,
    home: Path | None = None,
    *,
    credentials: Credentials | None = None,
    asker: Callable[[], Asker | None] = lambda: None,
) -> Route:
    """The way to a cluster.

    Args:
        document: what the cluster is.
        home: the rhdesk directory; default: the user's.
        credentials: where passphrases and passwords are kept; hosts over SSH need it.
        asker: who can ask the person, at any time; None: nobody.

    Raises:
        RhError: clusters of this kind cannot be reached by this version.
    """
    if document.type == "machine":
        from rhresources.reach.machine import MachineRoute

        return MachineRoute(home, document)
    if document.type == "ssh":
        from rhresources.reach.ssh_route import SshRoute

        assert credentials is not None
        return SshRoute(document, home, credentials, asker)
    raise RhError(
        "This version of rhdesk brings up clusters on this computer and on hosts over SSH, not on clouds.",
        remedy="Use ^local, or a cluster of type machine or ssh.",
    )
