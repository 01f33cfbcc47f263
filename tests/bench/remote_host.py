"""Hosts of one's own for the benchmarks, in namespaces of this machine."""

from __future__ import annotations

import shlex
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.workspace import Workspace

if TYPE_CHECKING:
    from lab.hosts import Host, Network

    from rhresources.documents import ClusterDocument


class RemoteHosts:
    """Hosts on one network, all with the packages of rhdesk in the cache of their installer and no internet.

    Args:
        folder: ours to fill.

    Attributes:
        installed: a host that has the server, once `bring_up` was called.
    """

    def __init__(self, folder: Path) -> None:
        from lab.hosts import Network
        from lab.sshd import make_key

        folder.mkdir()
        self.folder = folder
        self.key = make_key(folder / "id_ed25519")
        self.installed: Host | None = None
        self._network: Network = Network()

    def bare(self) -> Host:
        """A new host that has nothing of rhdesk, and an SSH server."""
        from lab.hosts import Cable
        from lab.remote import warm_cache

        host = self._network.host(len(self._network.hosts) + 1, cable=Cable())
        host.sshd([self.key], environment=warm_cache())
        return host

    def document(self, host: Host) -> ClusterDocument:
        """The cluster of this host alone."""
        from lab.remote import cluster_of

        return cluster_of(host, key=self.key)

    async def bring_up(self, host: Host) -> dict[str, float]:
        """Bring the cluster of `host` up from a new home on this side; seconds of the whole and of each step."""
        steps: dict[str, float] = {}
        start = last = time.perf_counter()

        def progress(line: str) -> None:
            nonlocal last
            now = time.perf_counter()
            for begin, step in _STEPS.items():
                if line.startswith(begin):
                    steps[step] = steps.get(step, 0.0) + now - last
                    last = now
                    break

        async with self.workspace() as workspace:
            await workspace.up(self.document(host), progress)
            now = time.perf_counter()
        steps["the rest"] = now - last
        steps["all"] = now - start
        self.installed = host
        return steps

    @asynccontextmanager
    async def workspace(self) -> AsyncIterator[Workspace]:
        """A workspace with a home of its own, as of somebody who has just begun."""
        workspace = Workspace(self.folder / f"home-{time.monotonic_ns()}")
        try:
            yield workspace
        finally:
            await workspace.close()

    async def ready(self) -> Host:
        """A host whose server is up."""
        if self.installed is None:
            await self.bring_up(self.bare())
        assert self.installed is not None
        return self.installed

    def ssh(self, host: Host) -> list[str]:
        """The `ssh` of this system, to `host`; a command follows."""
        options = ("-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self._network.known_hosts()}")
        return ["ssh", *options, "-i", str(self.key), f"{host.user}@{host.ip}"]

    def shell_of_rsync(self, host: Host) -> str:
        """What `rsync -e` wants."""
        return shlex.join(self.ssh(host)[:-1])

    def close(self) -> None:
        """Switch everything off."""
        self._network.close()


_STEPS = {
    "Connected": "connect",
    "Sent uv": "send uv",
    "Sent rhdesk": "send rhdesk",
    "Resolved": "choose packages",
    "  Resolved": "choose packages",
    "  Prepared": "prepare packages",
    "  Installed": "install packages",
    "  Bytecode": "compile byte code",
    "Installed": "try the install",
    "Started": "start the server",
    "Ray is up": "start Ray",
}
"""Lines of the progress that end a step, by how they begin."""
