"""What the benchmarks share: a folder, the bare gRPC server, a Ray cluster to call from afar, and our own cluster.

Each starts when the first benchmark asks for it and ends with the run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from processes import BENCH, RoundProcess
from raw_grpc import RawGrpc, raw_grpc
from ray_client import ray_client
from remote_host import RemoteHosts
from ssh_server import SshServer, ssh_server

from rhresources.code.tree import CodeTree
from rhresources.reach.machine import MachineRoute
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import ServerAddress
from rhresources.wire.client import ClusterClient


class Bench:
    """See the module.

    Attributes:
        folder: a temporary directory; ours to fill.
        home: `$RH_HOME` of our cluster and of every child process that is ours.
        project: a folder of user code, a copy of `workload`.
        quick: whether to take fewer rounds.
    """

    def __init__(self, folder: Path, stack: AsyncExitStack, *, quick: bool) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.project = folder / "project"
        self.quick = quick
        self._stack = stack
        self._ray_stack = AsyncExitStack()
        stack.push_async_exit(self._ray_stack)
        self._raw: RawGrpc | None = None
        self._ray: RoundProcess | None = None
        self._route = MachineRoute(self.home)
        self._client: ClusterClient | None = None
        self._ssh: SshServer | None = None
        self._hosts: RemoteHosts | None = None
        self._keys: dict[str, str] = {}
        shutil.copytree(BENCH / "workload", self.project, ignore=shutil.ignore_patterns("__pycache__"))
        self.home.mkdir(mode=0o700)
        os.environ["RH_HOME"] = str(self.home)

    def rounds(self, wanted: int) -> int:
        """How many rounds to take where `wanted` are normal."""
        return max(2, wanted // 3) if self.quick else wanted

    async def raw(self) -> RawGrpc:
        """Bare gRPC."""
        if self._raw is None:
            self._raw = await self._stack.enter_async_context(raw_grpc(self.folder))
        return self._raw

    async def ray(self) -> RoundProcess:
        """A caller through Ray Client."""
        if self._ray is None:
            self._ray = await self._ray_stack.enter_async_context(ray_client(self.folder))
        return self._ray

    async def end_ray(self) -> None:
        """End the Ray cluster: its idle processes would be noise to what follows."""
        self._ray = None
        await self._ray_stack.aclose()

    async def client(self) -> ClusterClient:
        """A client of our cluster on this machine, brought up for it."""
        if self._client is None:
            address = await self._route.up(lambda _: None)
            self._stack.push_async_callback(self._route.down, stop_runs=True)
            self._client = await ClusterClient.connect(address, client="library")
            self._stack.push_async_callback(self._client.close)
        return self._client

    async def address(self) -> ServerAddress:
        """Where our cluster on this machine listens."""
        await self.client()
        address = await self._route.address()
        assert address is not None, "the cluster server is gone"
        return address

    def ssh_server(self) -> SshServer:
        """An SSH server on this machine."""
        if self._ssh is None:
            self._ssh = ssh_server(self.folder / "ssh")
            self._stack.callback(self._ssh.server.remove)
        return self._ssh

    def remote_hosts(self) -> RemoteHosts:
        """Hosts to bring up.

        Raises:
            RuntimeError: this machine allows none.
        """
        from lab.rights import why_no_hosts

        if reason := why_no_hosts():
            raise RuntimeError(reason)
        if self._hosts is None:
            self._hosts = RemoteHosts(self.folder / "hosts")
            self._stack.callback(self._hosts.close)
        return self._hosts

    @asynccontextmanager
    async def new_client(self) -> AsyncIterator[ClusterClient]:
        """Another client, as another process would have it, of the cluster that is up."""
        client = await ClusterClient.connect(await self.address(), client="library")
        try:
            yield client
        finally:
            await client.close()

    def close_at_end(self, close: Callable[[], object]) -> None:
        """Call `close` when the benchmarks end."""
        self._stack.callback(close)

    async def function(self, name: str) -> str:
        """The key of a prepared function of `workload/functions.py`."""
        if name not in self._keys:
            client = await self.client()
            code = await client.push(CodeTree(self.project))
            entry = pb.Entry(imported=pb.Import(folder="", module="functions", name=name))
            prepared = await client.prepare(pb.FunctionSpec(name=f"functions.py:{name}", code=code, entry=entry))
            self._keys[name] = prepared.key
        return self._keys[name]
