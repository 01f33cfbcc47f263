"""The cluster server as a whole: builds the rooms, opens the door, starts Ray, ends in order.

The socket answers first; Ray comes up meanwhile. Nothing here does work of its own.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import uv

from rhresources import paths
from rhresources.version import version
from rhresources.wire import PROTOCOL
from rhresources.wire import cluster_pb2 as pb
from rhserver.auth import TokenInterceptor
from rhserver.code.blobs import BlobStore
from rhserver.code.snapshots import Snapshots
from rhserver.engine.launcher import Launcher
from rhserver.engine.pool import Pool
from rhserver.engine.ray_head import RayHead
from rhserver.engine.ray_processes import LOOPBACK
from rhserver.environments.environments import Environments
from rhserver.hosts.environments import EnvironmentsOnHosts
from rhserver.hosts.hosts import Hosts
from rhserver.housekeeping import Housekeeping
from rhserver.inspection.inspection import Inspection
from rhserver.keeping_warm import KeepingWarm
from rhserver.limits import Limits
from rhserver.objects.blobs import Blobs
from rhserver.objects.objects import Objects
from rhserver.runs.functions import Functions
from rhserver.runs.manager import RunManager
from rhserver.runs.store import RunStore
from rhserver.service.code import CodeService
from rhserver.service.environments import EnvironmentsService
from rhserver.service.handlers import add_services
from rhserver.service.health import HealthService
from rhserver.service.inspection import InspectionService
from rhserver.service.objects import ObjectsService
from rhserver.service.runs import RunsService
from rhserver.service.session import SessionService
from rhserver.service.status import StatusService
from rhserver.single_instance import Lock, Published

OPTIONS = (
    # a client's keepalive pings must not be taken for an attack
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)

log = logging.getLogger(__name__)


class Server:
    """The rooms of one cluster server and how they are connected."""

    def __init__(self, home: Path, limits: Limits, *, address: str = LOOPBACK, hosts: Sequence[str] = ()) -> None:
        self._home = home
        self._lock = Lock(home)
        runtime = paths.runtime_directory(home)
        self._socket = paths.socket_path(runtime, "server")
        self._stop = asyncio.Event()
        self._stop_engine = False
        self._background: list[asyncio.Task[Any]] = []
        self._services: tuple[Any, ...] = ()

        self.blobs = Blobs(home / "blobs")
        self.objects = Objects(home / "objects", self.blobs)
        self.code_blobs = BlobStore(home / "code" / "blobs")
        self.snapshots = Snapshots(home / "code", self.code_blobs)
        self.environments = Environments(
            home / "environments", self.snapshots, uv.find_uv_bin(),
            in_use=lambda python: self.pool.uses(python) or self.launcher.uses(python),
        )  # fmt: skip
        self.store = RunStore(home / "runs")
        self.functions = Functions(self.store, self.environments, self.snapshots, self.blobs)
        self.ray = RayHead(home, runtime, lambda _state: None, address)
        self.hosts = Hosts(hosts, address, self.snapshots, self.code_blobs)
        self.launcher = Launcher(
            self.ray, home=home, runtime=runtime, hosts=self.hosts, needs_of=self.functions.needs_of,
            run_of=self.store.run_of, acquire_tree=self.snapshots.acquire, release_tree=self.snapshots.release,
        )  # fmt: skip
        self.pool = Pool(
            self.launcher, limit=lambda: limits.workers() * len(self.hosts.alive()),
            idle_seconds=limits.worker_idle_seconds,
        )  # fmt: skip
        self.hosts.on_back = lambda _host: self.pool.serve_crowded_out()
        self.runs = RunManager(self.store, self.functions, self.pool, self.blobs)
        self.housekeeping = Housekeeping(
            limits, self.pool, self.runs, self.store, self.blobs, self.snapshots, self.environments
        )
        self.session = SessionService(self.functions, self.pool, self.runs, self.store, self.blobs)
        self.moved = 0  # pieces of code and data that came or went
        self.keeping_warm = KeepingWarm(self._works, lambda: self.runs.submitted + self.session.calls + self.moved)

    async def serve(self) -> None:
        """Serve until told to stop."""
        token, server_id = secrets.token_urlsafe(32), secrets.token_hex(8)
        server = grpc.aio.server(interceptors=(TokenInterceptor(token),), options=OPTIONS)
        self._services = self._make_services(server_id)
        add_services(server, self._services)
        self._socket.unlink(missing_ok=True)
        await self.launcher.hold_survivors()
        server.add_insecure_port(f"unix:{self._socket}")
        await server.start()
        self._socket.chmod(0o600)
        published = Published(
            self._home, socket=str(self._socket), token=token, version=version(), protocol=PROTOCOL,
            server_id=server_id,
        )  # fmt: skip
        log.info("serving on %s", self._socket)
        self._handle_signals()
        self.runs.recover_waiting()
        self._background = [
            asyncio.ensure_future(self._start_engine()),
            asyncio.ensure_future(self.session.sweep()),
            asyncio.ensure_future(self.housekeeping.keep_house()),
            asyncio.ensure_future(self.keeping_warm.keep()),
            asyncio.ensure_future(_keep_published(published)),
        ]
        await self._stop.wait()
        published.withdraw()
        await server.stop(0.5)
        for task in self._background:
            task.cancel()
        if self._stop_engine:
            await self.pool.close()
        await self.hosts.close(leave=self._stop_engine)
        if self._stop_engine:
            await asyncio.to_thread(self.ray.stop_processes)
        await self.environments.close()  # what it makes gives back its trees
        for room in (self.runs, *self._services, self.snapshots, self.store):
            if (close := getattr(room, "close", None)) is not None:
                close()
        self._socket.unlink(missing_ok=True)

    def stop(self, *, engine: bool) -> None:
        """End the server; with `engine` also Ray and every worker, else they wait for the next server."""
        self._stop_engine = engine
        self._stop.set()

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        self.stop(engine=not self.runs.active())

    def _make_services(self, server_id: str) -> tuple[Any, ...]:
        inspection = Inspection(self.snapshots, self.environments)
        return (
            HealthService(server_id, self._home, self.ray, self.runs, self.stop),
            CodeService(self.snapshots, before_push=self.pool.retire, worked=self._moved),
            RunsService(self.functions, self.runs, self.store, self.blobs),
            EnvironmentsService(self.environments, EnvironmentsOnHosts(self.environments, self.hosts)),
            InspectionService(inspection),
            ObjectsService(self.objects, self.blobs, worked=self._moved),
            StatusService(self._home, self.ray.current, self._counts, self.hosts.status),
            self.session,
        )

    def _counts(self) -> dict[str, int]:
        active, queued = self.runs.counts()
        return {"runs_active": active, "runs_queued": queued, "workers": self.pool.size, "calls": self.session.calls}

    def _works(self) -> bool:
        return bool(self.runs.active() or self.session.in_flight or self.environments.busy)

    def _moved(self) -> None:
        self.moved += 1

    async def _start_engine(self) -> None:
        await self.ray.start()
        self._handle_signals()  # Ray put handlers of its own in their place
        links = {}
        if self.ray.state.phase == pb.EngineState.READY:
            await self.hosts.start()
            for link, spec in await self.launcher.find_again(self.pool.on_death):
                self.pool.adopt(link, spec)
                links[link.name] = link
        self.runs.recover_running(links)


async def _keep_published(published: Published) -> None:
    """Put `server.json` back where something removed or damaged it."""
    while True:
        await asyncio.sleep(1)
        try:
            await asyncio.to_thread(published.restore)
        except OSError as error:
            log.info("server.json cannot be written: %s", error)
