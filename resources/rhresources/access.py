"""The ways into a cluster besides its server: commands, files, forwarded ports. Part of the `Workspace`.

For a cluster on this computer they do the same without SSH.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.connections import ClusterLike, Connections
from rhresources.errors import UsageError
from rhresources.forwards import Forwards
from rhresources.reach import OverSsh, Progress, silent
from rhresources.reach.local_command import run_here

if TYPE_CHECKING:
    from rhresources.reach.ssh.connection import SshConnection
    from rhresources.reach.ssh.target import SshTarget
    from rhresources.transfer.transfer import OpenFar, Transferred

OnOutput = Callable[[bytes], None]


class Access(Connections):
    """Commands, files and ports of clusters."""

    @cached_property
    def forwards(self) -> Forwards:
        """The forwarded ports of this workspace."""
        return Forwards(self.ssh_connection)

    async def close(self) -> None:
        """End the forwards and the connections. Clusters and runs go on."""
        if "forwards" in self.__dict__:
            await self.forwards.close()
        await super().close()

    async def ssh_connection(self, cluster: ClusterLike, ask: bool = False) -> SshConnection | None:
        """The SSH connection to the head of a cluster, whether its server runs or not; None: it is this computer.

        Raises:
            NeedsAnswer: a person would have to answer, and `ask` is false or nobody is there.
            RhError: it cannot be reached.
        """
        return await (await self._way_with_key(cluster, ask)).route.connection(ask)

    async def ssh_target(self, cluster: ClusterLike) -> SshTarget:
        """Where the head of a cluster is, as whom and by what one logs in there from this computer.

        Raises:
            UsageError: the cluster is on this computer.
        """
        route = self._way(cluster).route.ssh
        if route is None:
            raise UsageError("This cluster is not reached by SSH.")
        return await route.target()

    async def ssh_command(self, cluster: ClusterLike, host: str | None = None) -> list[str]:
        """The system's `ssh`, with the options of our own connection; for a terminal.

        Args:
            cluster: which one.
            host: one of its hosts; default: the head.

        Raises:
            UsageError: the cluster has no such host, or is on this computer.
        """
        route = (await self._way_with_key(cluster, True)).route.ssh
        if route is None:
            raise UsageError("This cluster is not reached by SSH.", remedy="Open a terminal.")
        await require_host(route, host)
        return await route.ssh_command(host)

    @asynccontextmanager
    async def ssh_connection_to(self, cluster: ClusterLike, host: str | None) -> AsyncIterator[SshConnection | None]:
        """The connection to the head, or one to another host that ends with the context; None: it is this computer.

        Raises:
            UsageError: the cluster has no such host.
            RhError: it cannot be reached.
        """
        route = (await self._way_with_key(cluster, True)).route.ssh
        await require_host(route, host)
        if route is None or host is None or host == (await route.hosts())[0]:
            yield await self.ssh_connection(cluster, True)
            return
        from rhresources.reach.ssh.connection import SshConnection

        target = await route.target(host)
        connection = await SshConnection.open(target, credentials=self.credentials, asker=self.asker)
        try:
            yield connection
        finally:
            await connection.close()

    async def run_command(
        self,
        cluster: ClusterLike,
        command: str,
        *,
        host: str | None = None,
        input: bytes | Callable[[Callable[[bytes], None]], None] = b"",
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> int:
        """Run a shell command on a host, in the home directory, outside of all runs; its exit code.

        Args:
            cluster: which one; its server need not run.
            command: for the user's shell there.
            host: one of its hosts; default: the head.
            input: for its standard input; a function is called in a thread, with a function that writes.
            on_output: gets standard output as it comes; called in threads.
            on_error: gets standard error; default: as `on_output`.

        Raises:
            UsageError: the cluster has no such host.
            RhError: the host cannot be reached, or the connection broke meanwhile.
        """
        out = on_output or _ignore
        async with self.ssh_connection_to(cluster, host) as connection:
            if connection is None:
                return await run_here(command, input, out, on_error or out)
            done = await connection.run(command, input=input, on_stdout=out, on_stderr=on_error or out)
            return done.code

    async def send(
        self,
        cluster: ClusterLike,
        sources: str | Path | Sequence[str | Path],
        destination: str,
        progress: Progress | None = None,
    ) -> Transferred:
        """Send files and folders to the head; what is there already is not sent again.

        Args:
            cluster: which one; its server need not run.
            sources: a folder goes with its name; one that ends in a slash as its contents only.
            destination: there; relative ones start from the home directory. A folder, unless one file gets this name.
            progress: hears now and then how far it is.

        Raises:
            NotFound: there is no such source.
            RhError: something cannot be read or written, or the host cannot be reached.
        """
        from rhresources.transfer import transfer

        async with self._far_end(cluster) as far:
            return await transfer.send(far, _many(sources), destination, progress)

    async def fetch(
        self,
        cluster: ClusterLike,
        sources: str | Sequence[str],
        destination: str | Path,
        progress: Progress | None = None,
    ) -> Transferred:
        """Fetch files and folders from the head: as `send`, the other way round.

        Raises:
            NotFound: there is no such source.
            RhError: something cannot be read or written, or the host cannot be reached.
        """
        from rhresources.transfer import transfer

        chosen = [sources] if isinstance(sources, str) else list(sources)
        async with self._far_end(cluster) as far:
            return await transfer.fetch(far, chosen, destination, progress)

    @asynccontextmanager
    async def _far_end(self, cluster: ClusterLike) -> AsyncIterator[OpenFar]:
        """Starts the far end of a transfer, which keeps a cluster on demand awake."""
        connection = await self.ssh_connection(cluster, True)
        if connection is None:
            from rhresources.transfer.transfer import open_here

            yield open_here
            return
        from rhresources.transfer.over_ssh import opener

        route = self._way(cluster).route.on_demand
        if route is None:
            yield opener(connection)
            return
        from rhresources.reach.awake import kept_awake

        async with kept_awake(route, silent):
            yield opener(connection)

    def _host_told_of(self) -> None:
        if "forwards" in self.__dict__:
            self.forwards.wake()


def _many(sources: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [sources] if isinstance(sources, str | Path) else list(sources)


async def require_host(route: OverSsh | None, host: str | None) -> None:
    """See that it is one of a cluster.

    Raises:
        UsageError: it is none, or one that is not known here.
    """
    if host is None:
        return
    known = await route.hosts() if route is not None else ()
    if host not in known:
        from rhresources.reach.told_route import ToldRoute

        if isinstance(route, ToldRoute) and route.has_other_hosts:
            raise route.unknown_host(host)
        remedy = f"Its hosts are {', '.join(known)}." if known else ""
        raise UsageError(f"The cluster has no host {host}.", remedy=remedy)


def _ignore(data: bytes) -> None:
    del data
