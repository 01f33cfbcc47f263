"""SkyPilot, as the rest of rhdesk uses it. What it looks like; the parts it is made of stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rhresources.cloud.answers import (
    CloudCheck,
    CloudCluster,
    CloudHosts,
    CloudRequest,
    Offer,
    OnLaunch,
    ServerInfo,
    Usage,
)

if TYPE_CHECKING:
    from rhresources.cloud.orphans import Instance, Instances
    from rhresources.credentials import Credentials


class SkyPilot(Protocol):
    """All that is asked of SkyPilot. Its server is started by the first call that needs it, unless `start` says no.

    Every method raises `CloudProblem` with one sentence, SkyPilot's hints as `remedy` and its own words as `detail`;
    `code` is one of `problems.CloudCode`.
    """

    async def info(self) -> ServerInfo:
        """Which server is used and how it is; never starts it."""
        ...

    async def ensure(self, on_event: OnLaunch | None = None) -> ServerInfo:
        """Have a server that answers: installed, started and warm."""
        ...

    async def clusters(
        self, names: Sequence[str] | None = None, *, refresh: bool = False, start: bool = True
    ) -> list[CloudCluster]:
        """The clusters that SkyPilot knows. `refresh` asks the clouds themselves (seconds to half a minute)."""
        ...

    async def launch(self, name: str, task: str, on_event: OnLaunch) -> CloudCluster:
        """Bring a cluster up; `task` is YAML from `task.task_of`. Cancelling this cancels the request; whether
        something is left running is for `leftovers` to find out."""
        ...

    async def start(
        self, name: str, on_event: OnLaunch, *, autostop_mins: int = -1, down: bool = False
    ) -> CloudCluster:
        """Start a stopped cluster again, with its autostop set anew."""
        ...

    async def stop(self, name: str, on_event: OnLaunch) -> None:
        """Stop the instances; their disks stay, and cost a little. Cancelling this leaves SkyPilot to go on."""
        ...

    async def down(self, name: str, on_event: OnLaunch, *, purge: bool = False) -> None:
        """End the cluster for good. Cancelling this leaves SkyPilot to go on, so that no half of it is left."""
        ...

    async def autostop(self, name: str, minutes: int, *, down: bool = False) -> None:
        """Have it stop, or go away, after so many idle minutes; -1: never."""
        ...

    async def call_off(self, name: str) -> list[str]:
        """Cancel the launches and starts of a cluster that SkyPilot still has under way, or waiting, whoever follows
        them; their ids. None: it has none, so nothing more is made."""
        ...

    async def hosts(self, name: str) -> CloudHosts:
        """How the hosts of a cluster that is up are reached."""
        ...

    async def made(self, name: str) -> frozenset[str] | None:
        """The hosts of a cluster that its last launch has made anew, by their addresses among themselves; it may have
        found others there. None: the server does not say, as a team's."""
        ...

    async def checks(self, *, refresh: bool = False) -> list[CloudCheck]:
        """Which clouds can be used; `refresh` asks them anew."""
        ...

    async def offers(
        self, instance_type: str, *, cloud: str = "", region: str = "", all_regions: bool = True
    ) -> list[Offer]:
        """What fits "A100:4", "CPU:8+" or "m5.xlarge", cheapest first."""
        ...

    async def instances(self) -> Instances:
        """What the clouds themselves have that bears a name of SkyPilot's. Seconds."""
        ...

    async def end_instances(self, instances: Sequence[Instance]) -> None:
        """End instances of one cluster which SkyPilot does not list, and which were asked for from here."""
        ...

    async def usage(self, days: int = 30) -> list[Usage]:
        """When clusters were up, those that are gone too."""
        ...

    async def events(self, name: str) -> list[tuple[float, str]]:
        """What happened to a cluster, oldest first, also to one that vanished."""
        ...

    async def requests(self, *, ended: bool = False, start: bool = True) -> list[CloudRequest]:
        """What SkyPilot's server is at work on, and what waits there, newest first; `ended`: also the latest that
        ended. On a team's server without log-ins these are everybody's."""
        ...

    async def cancel(self, request: str) -> CloudRequest:
        """Cancel a request, named by its id or the beginning of it; how it is then. One that had ended is answered as
        it ended. A cancelled launch or start may leave machines that run: see `clusters(refresh=True)`, and take them
        down."""
        ...

    async def close(self) -> None:
        """Use it no more. A server of ours ends with all its processes, unless others of this rhdesk directory use
        it, a launch or the like is under way, or it was opened to linger."""
        ...


def open_skypilot(
    home: Path | None = None, credentials: Credentials | None = None, *, lingers: bool = False
) -> SkyPilot:
    """SkyPilot for a rhdesk directory, by its settings (`skypilot_server`). Nothing is started or asked yet.

    Args:
        home: the rhdesk directory; default `$RH_HOME`, else `~/.rh`.
        credentials: where the token of a team's server is found; default: those of `home`.
        lingers: whether `close` leaves a server of ours to the next who needs it, for a while.
    """
    from rhresources.cloud.client import ApiSkyPilot

    return ApiSkyPilot(home, credentials, lingers=lingers)
