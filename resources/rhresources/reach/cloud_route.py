"""A cluster on demand: machines that SkyPilot brings up, and on them our own server as on any hosts over SSH.

The machines are in `cloud_machines`; the way to the server is an `SshRoute` to where they are now. It is made anew when
they come back at other addresses. SkyPilot's own Ray on them is left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.cloud.answers import CloudHosts, OnLaunch
from rhresources.cloud.kept import Kept, KeptCluster
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.skypilot import SkyPilot
from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.errors import ClusterDown, ConnectionLost, RhError
from rhresources.file_locks import only_one
from rhresources.reach import Progress, silent
from rhresources.reach.cloud_hosts import ssh_document
from rhresources.reach.cloud_keys import LaunchedHosts
from rhresources.reach.cloud_machines import CloudMachines
from rhresources.reach.questions import Asker, NeedsAnswer
from rhresources.reach.server_calls import active_runs, runs_active
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.problems import SshProblem
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.ssh_route import SshRoute
from rhresources.reach.steps import OnStep, Step
from rhresources.wire.channel import ServerAddress

if TYPE_CHECKING:
    from rhresources.connections import ClusterState

REFRESH_SECONDS = 120.0
"""How often at most the cloud itself is asked because hosts do not answer that SkyPilot believes to be up."""


class CloudRoute:
    """The way to the cluster server of machines on demand.

    Args:
        document: what the cluster is.
        address: our name of it.
        home: the rhdesk directory of this computer; default: the user's.
        credentials: for what an SSH connection may ask; the machines themselves take SkyPilot's key.
        asker: who can ask the person, at any time; None: nobody.
        skypilot: brings machines up; called when it is needed first.
        on_known: hears what is known of them, after each look.

    Attributes:
        machines: what SkyPilot does for it.
    """

    def __init__(
        self,
        document: ClusterDocument,
        address: str,
        home: Path | None,
        credentials: Credentials,
        asker: Callable[[], Asker | None],
        skypilot: Callable[[], SkyPilot],
        on_known: Callable[[Kept], None] | None = None,
    ) -> None:
        self.machines = CloudMachines(document, address, home, skypilot, on_known)
        self._document = document
        self._home = home
        self._address = address
        self._credentials = credentials
        self._person = asker
        self._launched: LaunchedHosts | None = None
        self._changing = asyncio.Lock()
        self._way: SshRoute | None = None
        self._way_to: CloudHosts | None = None
        self._on_connection: Callable[[bool, str], None] | None = None
        self._refreshed = float("-inf")
        self._ending: set[asyncio.Task[None]] = set()

    def described_by(self, document: ClusterDocument) -> None:
        """The document says something else now that leaves the way there alone; the next launch goes by it."""
        self._document = document
        self.machines.described_by(document)

    @property
    def ssh(self) -> CloudRoute:
        """Its hosts are reached by SSH."""
        return self

    @property
    def on_demand(self) -> CloudRoute:
        """Its machines are launched, stopped and ended."""
        return self

    @property
    def is_renamed(self) -> bool:
        """Whether its machines have another name by now, so that this one is free for others. Reads a small file."""
        return KeptCluster(self._home, self.machines.name, self._address).read().address != self._address

    @property
    def state(self) -> ClusterState:
        """What is known of it without its server."""
        seen = self.machines.kept.seen
        match seen.state if seen is not None else "":
            case "stopped":
                return "stopped"
            case "stopping":
                return "stopping"
            case "launching":
                return "starting"
            case "up" | "unhealthy":
                return "failed"  # machines that cost money, and no server on them
        return "down"

    # ------------------------------------------------------------ the way to the server

    async def address(self, ask: bool = False) -> ServerAddress | None:
        """Where the server can be reached from here now; None if it does not run.

        The hosts that were there last are tried first. Only if they do not answer, or there were none, SkyPilot is
        asked; its server is started for that only where a person wants to know (`ask`).

        Raises:
            RhError: the hosts cannot be reached though they should be there.
        """
        hosts = self.machines.kept.hosts
        lost: RhError | None = None
        if hosts is not None:
            try:
                return await (await self._reachable(hosts, ask)).address(ask)
            except NeedsAnswer:
                raise
            except RhError as error:
                lost = error
        hosts = await self._hosts_now(ask, lost)
        return await self._to(hosts).address(ask) if hosts is not None else None

    async def _hosts_now(self, ask: bool, lost: RhError | None) -> CloudHosts | None:
        """Where the hosts are, by SkyPilot; None if there are none.

        Raises:
            RhError: `lost`, where SkyPilot knows nothing better.
        """
        if not await self.machines.may_be():
            return None
        before = self.machines.kept
        refresh = lost is not None and time.monotonic() - self._refreshed > REFRESH_SECONDS
        try:
            seen = await self.machines.look(refresh=refresh, start=ask)
        except CloudProblem:
            if lost is not None:
                raise lost from None
            if ask:
                raise
            return None
        if refresh:
            self._refreshed = time.monotonic()
        if seen is None or seen.state != "up":
            return None
        hosts = await self.machines.hosts()
        if lost is not None and hosts == before.hosts:
            raise lost
        return hosts

    async def _reachable(self, hosts: CloudHosts, ask: bool = True) -> SshRoute:
        """The route to these hosts, with SkyPilot's server running where it is part of the way and a person waits."""
        if hosts.through_skypilot and ask:
            await self.machines.look()
        return self._to(hosts)

    def _to(self, hosts: CloudHosts) -> SshRoute:
        """The route to these hosts."""
        if self._way is None or self._way_to != hosts:
            old, self._way_to = self._way, hosts
            document = ssh_document(self._document, self.machines.name, hosts)
            self._way = SshRoute(document, self._home, self._credentials, self._asker, self.machines.targets(hosts))
            self._way.on_connection = self._on_connection
            if old is not None:
                old.on_connection = None
                task = asyncio.get_running_loop().create_task(old.close())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        return self._way

    def _asker(self) -> Asker | None:
        return self._launched or self._person()

    @property
    def on_connection(self) -> Callable[[bool, str], None] | None:
        """Told whether the SSH connection is there, and a sentence, whenever that changes."""
        return self._on_connection

    @on_connection.setter
    def on_connection(self, callback: Callable[[bool, str], None] | None) -> None:
        self._on_connection = callback
        if self._way is not None:
            self._way.on_connection = callback

    async def close(self) -> None:
        """End the connection; the cluster goes on."""
        way, self._way, self._way_to = self._way, None, None
        if way is not None:
            await way.close()
        await asyncio.gather(*self._ending)

    # ------------------------------------------------------------ up

    async def up(
        self, progress: Progress, *, wait_ready: bool = True, ask: bool = True, on_event: OnLaunch | None = None
    ) -> ServerAddress:
        """Have machines that run and our server on them. Cancelled, it leaves no more running than before.

        Raises:
            CloudProblem: there are no machines to be had, or something may be left that costs money.
            RhError: the server could not be brought up on them; they run.
        """
        async with self._changing:
            if (address := await self._up_where_it_was(progress, wait_ready, ask)) is not None:
                return address
            waiting = partial(progress, "Another program of yours brings it up; waiting …")
            async with only_one(self.machines.lock, waiting):  # else either could take back what the other uses
                return await self._up_with_machines(progress, wait_ready, ask, on_event)

    async def _up_with_machines(
        self, progress: Progress, wait_ready: bool, ask: bool, on_event: OnLaunch | None
    ) -> ServerAddress:
        life = await self.machines.bring_up(progress, on_event)
        try:
            # machines that are launched, or mended, may be new ones
            hosts = await self.machines.hosts(moved=life.first in ("stopped", "stopping", "up"))
            address = await self._serve(hosts, progress, wait_ready, ask)
            await self.machines.settle_autostop(progress)
            return address
        except asyncio.CancelledError:
            await self.machines.take_back(life, progress)
            raise
        except RhError as error:
            seen = self.machines.kept.seen
            price = f" and cost ${seen.price_per_hour:.2f} per hour" if seen and seen.price_per_hour else ""
            error.remedy = f"{error.remedy} The machines run{price}: bring it up again, or take it down.".strip()
            raise

    async def _up_where_it_was(self, progress: Progress, wait_ready: bool, ask: bool) -> ServerAddress | None:
        """Bring the server up without asking SkyPilot; None where hosts do not answer, and it must be asked."""
        hosts = self.machines.kept.hosts
        if hosts is None or self.machines.kept.launching_since:
            return None
        try:
            return await self._serve(hosts, progress, wait_ready, ask)
        except (ConnectionLost, SshProblem):
            pass  # others may have the addresses by now
        except RhError as error:
            if error.code != "hosts-missing":
                raise
        progress("Not all of its hosts answer; asking SkyPilot …")
        return None

    async def _serve(self, hosts: CloudHosts, progress: Progress, wait_ready: bool, ask: bool) -> ServerAddress:
        route = await self._reachable(hosts)
        new = self.machines.new_names(hosts)
        if not new:
            return await route.up(progress, wait_ready=wait_ready, ask=ask)
        self._launched = LaunchedHosts(new, progress, self._person() if ask else None)
        try:
            address = await route.up(progress, wait_ready=wait_ready, ask=True)
            await self.machines.keys_known()
            return address
        finally:
            self._launched = None

    # ------------------------------------------------------------ stop, down

    async def stop(self, stop_runs: bool, progress: Progress = silent) -> None:
        """Stop the machines: the server ends in order, the disks stay and cost a little.

        Raises:
            RhError: runs are active and `stop_runs` is false, or the cloud cannot stop machines; nothing was ended.
        """
        async with self._changing:
            self.machines.require("stop", await self.machines.look())
            hosts = self.machines.kept.hosts
            if hosts is not None:
                try:
                    await self._to(hosts).down(stop_runs, progress)
                except RhError as error:
                    # once its runs are given up, nothing on the way there keeps machines running that cost money
                    if not stop_runs and not isinstance(error, ConnectionLost):
                        raise
                    progress(f"The server cannot be ended in order: {error.sentence}")
            await self.machines.stop(progress)
            await self.close()

    async def down(self, stop_runs: bool, progress: Progress = silent) -> None:
        """End the machines for good, with what is on their disks.

        Raises:
            RhError: runs are active and `stop_runs` is false; nothing was ended.
            CloudProblem: something may be left that costs money.
        """
        async with self._changing:
            if not stop_runs and self.machines.kept.hosts is not None:
                try:
                    address = await (await self._reachable(self.machines.kept.hosts)).address()
                    runs = await active_runs(address) if address is not None else []
                except (ConnectionLost, NeedsAnswer) as error:
                    progress(f"It is not known whether runs are active: {error.sentence}")
                    runs = []
                if runs:
                    raise runs_active(runs, "Wait for them, cancel them, or take the cluster down with them (--yes).")
            if (hosts := self.machines.kept.hosts) is not None and hosts.through_skypilot:
                # such hosts may outlast the cluster, and what was started there with them
                try:
                    await (await self._reachable(hosts)).down(True, progress)
                except RhError as error:
                    progress(f"The server cannot be ended in order: {error.sentence}")
            await self.machines.down(progress)
            await self.close()

    # ------------------------------------------------------------ what any hosts over SSH can

    async def _there(self, ask: bool = True) -> SshRoute:
        """The route to the hosts.

        Raises:
            ClusterDown: it has none.
        """
        hosts = self.machines.kept.hosts or await self._hosts_now(ask, None)
        if hosts is None:
            raise self._no_hosts()
        return await self._reachable(hosts, ask)

    def _no_hosts(self) -> ClusterDown:
        address = self.machines.kept.address
        return ClusterDown(f"The cluster {address} has no hosts now.", remedy=f"Bring it up: rhdesk up '{address}'")

    async def connection(self, ask: bool = False) -> SshConnection:
        """The live connection to the head; where it cannot be had, it is looked for where it may be by now.

        Raises:
            ClusterDown: it has no hosts.
            SshProblem: the head cannot be reached or logged in to.
        """
        route = await self._there(ask)
        try:
            return await route.connection(ask)
        except (ConnectionLost, SshProblem) as error:  # others may have the address by now
            hosts = await self._hosts_now(ask, error)
            if hosts is None:
                raise self._no_hosts() from None
            return await self._to(hosts).connection(ask)

    async def hosts(self) -> list[str]:
        """The names of the hosts, the head first."""
        return await (await self._there()).hosts()

    async def target(self, host: str | None = None) -> SshTarget:
        """Where a host is; default: the head."""
        return await (await self._there()).target(host)

    async def ssh_command(self, host: str | None = None) -> list[str]:
        """The system's `ssh` to a host (default: the head)."""
        return await (await self._there()).ssh_command(host)

    async def check(self, asker: Asker | None, on_step: OnStep) -> list[Step]:
        """Go every step to every host, without changing anything there."""
        return await (await self._there()).check(asker, on_step)

    async def upgrade(self, progress: Progress) -> None:
        """Put the rhdesk of this computer onto the hosts; runs go on meanwhile."""
        await (await self._there()).upgrade(progress)

    async def repair(self, host: str | None, progress: Progress) -> None:
        """Join hosts again that are lost. Machines that are gone only `up` brings back."""
        await (await self._there()).repair(host, progress)
