"""How a cluster's host is reached: one route per kind of cluster, all with the same three questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rhresources.documents import ClusterDocument
from rhresources.errors import UsageError
from rhresources.wire.channel import ServerAddress

if TYPE_CHECKING:
    from rhresources.cloud.answers import OnLaunch
    from rhresources.cloud.kept import Kept
    from rhresources.cloud.skypilot import SkyPilot
    from rhresources.credentials import Credentials
    from rhresources.reach.cloud_route import CloudRoute
    from rhresources.reach.questions import Asker
    from rhresources.reach.ssh.connection import SshConnection
    from rhresources.reach.ssh.target import SshTarget
    from rhresources.reach.steps import OnStep, Step

Progress = Callable[[str], None]
"""Gets one line about each step of something that takes long."""


def silent(line: str) -> None:
    """Progress that nobody hears."""
    del line


class OverSsh(Protocol):
    """What can be done to a cluster whose hosts are reached by SSH, whoever they belong to."""

    @property
    def on_connection(self) -> Callable[[bool, str], None] | None:
        """Told whether the SSH connection is there, and a sentence, whenever that changes."""
        ...

    @on_connection.setter
    def on_connection(self, callback: Callable[[bool, str], None] | None) -> None: ...

    async def connection(self, ask: bool = False) -> SshConnection:
        """The live connection to the head, opened anew when it died."""
        ...

    async def hosts(self) -> Sequence[str]:
        """The names of the hosts, the head first."""
        ...

    async def target(self, host: str | None = None) -> SshTarget:
        """Where a host is (default: the head), as whom and by what one logs in there."""
        ...

    async def ssh_command(self, host: str | None = None) -> list[str]:
        """The system's `ssh` to a host (default: the head), with the options of our own connection."""
        ...

    async def check(self, asker: Asker | None, on_step: OnStep) -> list[Step]:
        """Go every step to every host, without changing anything there."""
        ...

    async def upgrade(self, progress: Progress) -> None:
        """Put the rhdesk of this computer onto the hosts and restart the server from it; runs go on meanwhile."""
        ...

    async def repair(self, host: str | None, progress: Progress) -> None:
        """Bring hosts back that are lost, in place; None: all that are."""
        ...


class Route(Protocol):
    """The way to the server of one cluster."""

    @property
    def ssh(self) -> OverSsh | None:
        """What can be done over SSH; None: the cluster is this computer."""
        ...

    @property
    def on_demand(self) -> CloudRoute | None:
        """What can be done to the machines themselves; None: they belong to somebody."""
        ...

    async def up(
        self,
        progress: Progress,
        *,
        wait_ready: bool = True,
        ask: bool = True,
        on_event: OnLaunch | None = None,
    ) -> ServerAddress:
        """Bring the cluster up, if it is not; where its server listens.

        Args:
            progress: gets a line for every step.
            wait_ready: wait for Ray too; without it, for the server alone, which queues what it is asked.
            ask: whether a person may be asked.
            on_event: hears what is said where machines are launched, in place of `progress`.

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

    async def down(self, stop_runs: bool, progress: Progress = silent) -> None:
        """End the server and what it started; of a cluster on demand the machines too.

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
    name: str = "",
    credentials: Credentials | None = None,
    asker: Callable[[], Asker | None] = lambda: None,
    skypilot: Callable[[], SkyPilot] | None = None,
    on_known: Callable[[Kept], None] | None = None,
) -> Route:
    """The way to a cluster.

    Args:
        document: what the cluster is.
        home: the rhdesk directory; default: the user's.
        name: its address; one on demand needs it.
        credentials: where passphrases and passwords are kept; hosts over SSH need it.
        asker: who can ask the person, at any time; None: nobody.
        skypilot: what brings up clusters on demand.
        on_known: hears what is known of one on demand, after each look at it.

    Raises:
        UsageError: a cluster on demand has no name.
    """
    if document.type == "machine":
        from rhresources.reach.machine import MachineRoute

        return MachineRoute(home, document)
    assert credentials is not None
    if document.type == "ssh":
        from rhresources.reach.ssh_route import SshRoute

        return SshRoute(document, home, credentials, asker)
    if not name or skypilot is None:
        raise UsageError(
            "A cluster in a cloud needs a name, so that it is found again.",
            remedy="Save its document under one: rhdesk save FILE --as NAME",
        )
    from rhresources.reach.cloud_route import CloudRoute

    return CloudRoute(document, name, home, credentials, asker, skypilot, on_known)
