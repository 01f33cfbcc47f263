"""The cluster server as a whole: builds the rooms, opens the door, starts Ray, ends in order.

The socket answers first; Ray comes up meanwhile. Nothing here does work of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import uv
from rhresources import paths
from rhresources.version import version
from rhresources.wire import PROTOCOL, cluster_pb2_grpc
from rhresources.wire import cluster_pb2 as pb

from rhserver.auth import TokenInterceptor, with_problems
from rhserver.code.blobs import BlobStore
from rhserver.code.snapshots import Snapshots
from rhserver.engine.launcher import Launcher
from rhserver.engine.pool import Pool
from rhserver.engine.ray_head import RayHead
from rhserver.environments.environments import Environments
from rhserver.inspection.inspection import Inspection
from rhserver.objects.blobs import Blobs
from rhserver.objects.objects import Objects
from rhserver.runs.functions import Functions
from rhserver.runs.manager import RunManager
from rhserver.runs.store import RunStore
from rhserver.service.code import CodeService
from rhserver.service.environments import EnvironmentsService
from rhserver.service.health import HealthService
from rhserver.service.inspection import InspectionService
from rhserver.service.objects import ObjectsService
from rhserver.service.runs import RunsService
from rhserver.service.session import SessionService
from rhserver.service.status import StatusService
from rhserver.single_instance import Lock, publish, withdraw

OPTIONS = (
    # a client's keepalive pings must not be taken for an attack
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)
HOUSEKEEPING_SECONDS = 60

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What the server keeps, and how many workers it may start. 0 workers: by the host's processors."""

    workers: int = 0
    worker_idle_seconds: float = 300
    runs: int = 1000
    run_days: float = 30
    run_bytes: int = 5 * 1024**3
    code_bytes: int = 5 * 1024**3
    environment_days: float = 30
    environment_bytes: int = 50 * 1024**3
    upload_seconds: float = 3600

    def most_workers(self) -> int:
        return self.workers or max(16, 8 * (os.cpu_count() or 2))


class Server:
    """The rooms of one cluster server and how they are connected."""

    def __init__(self, home: Path, limits: Limits) -> None:
        self._home = home
        self._limits = limits
        self._lock = Lock(home)
        runtime = paths.runtime_directory(home)
        self._socket = paths.socket_path(runtime, "server")
        self._stop = asyncio.Event()
        self._stop_engine = False
        self._background: list[asyncio.Task[Any]] = []

        self.blobs = Blobs(home / "blobs")
        self.objects = Objects(home / "objects", self.blobs)
        self.code_blobs = BlobStore(home / "code" / "blobs")
        self.snapshots = Snapshots(home / "code", self.code_blobs)
        self.environments = Environments(
            home / "environments", self.snapshots, uv.find_uv_bin(), in_use=lambda python: self.pool.uses(python)
        )
        self.store = RunStore(home / "runs")
        self.functions = Functions(self.store, self.environments, self.snapshots, self.blobs)
        self.ray = RayHead(home, runtime, lambda _state: None)
        self.launcher = Launcher(
            self.ray, home=home, runtime=runtime, runs=self.store.directory, spill=self.blobs.directory,
            acquire_tree=self.snapshots.acquire, release_tree=self.snapshots.release,
        )  # fmt: skip
        self.pool = Pool(self.launcher, limit=limits.most_workers(), idle_seconds=limits.worker_idle_seconds)
        self.runs = RunManager(self.store, self.functions, self.pool, self.blobs)
        self.session = SessionService(self.functions, self.pool, self.runs, self.store, self.blobs)

    async def serve(self) -> None:
        """Serve until told to stop."""
        token, server_id = secrets.token_urlsafe(32), secrets.token_hex(8)
        server = grpc.aio.server(interceptors=(TokenInterceptor(token),), options=OPTIONS)
        cluster_pb2_grpc.add_ClusterServicer_to_server(self._servicer(server_id), server)
        self._socket.unlink(missing_ok=True)
        server.add_insecure_port(f"unix:{self._socket}")
        await server.start()
        self._socket.chmod(0o600)
        publish(
            self._home, socket=str(self._socket), token=token, version=version(), protocol=PROTOCOL,
            server_id=server_id,
        )  # fmt: skip
        log.info("serving on %s", self._socket)
        self._handle_signals()
        self.runs.recover_waiting()
        self._background = [
            asyncio.ensure_future(self._start_engine()),
            asyncio.ensure_future(self.session.sweep()),
            asyncio.ensure_future(self._keep_house()),
        ]
        await self._stop.wait()
        withdraw(self._home)
        await server.stop(0.5)
        for task in self._background:
            task.cancel()
        if self._stop_engine:
            await self.pool.close()
            await asyncio.to_thread(self.ray.stop_processes)
        self.store.close()
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

    def _servicer(self, server_id: str) -> cluster_pb2_grpc.ClusterServicer:
        inspection = Inspection(self.snapshots, self.environments)
        parts = (
            HealthService(server_id, self._home, self.ray, self.runs, self.stop),
            CodeService(self.snapshots, before_push=self.pool.retire),
            RunsService(self.functions, self.runs, self.store, self.blobs),
            EnvironmentsService(self.environments),
            InspectionService(inspection),
            ObjectsService(self.objects, self.blobs),
            StatusService(self._home, engine=self.ray.current, counts=self._counts),
            self.session,
        )
        servicer = cluster_pb2_grpc.ClusterServicer()
        for method in pb.DESCRIPTOR.services_by_name["Cluster"].methods_by_name:
            part = next(part for part in parts if hasattr(part, method))
            setattr(servicer, method, with_problems(getattr(part, method)))
        return servicer

    def _counts(self) -> dict[str, int]:
        active, queued = self.runs.counts()
        return {"runs_active": active, "runs_queued": queued, "workers": self.pool.size, "calls": self.session.calls}

    async def _start_engine(self) -> None:
        await self.ray.start()
        self._handle_signals()  # Ray put handlers of its own in their place
        links = {}
        if self.ray.state.phase == pb.EngineState.READY:
            for link, spec in await self.launcher.find_again(self.pool.on_death):
                self.pool.adopt(link, spec)
                links[link.name] = link
        self.runs.recover_running(links)

    async def _keep_house(self) -> None:
        """Bound what is kept: runs, trees, environments, uploads, idle workers."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            self.pool.reap_idle()
            try:
                limits, now = self._limits, time.time()
                self.runs.delete(self.store.beyond(limits.runs, now - limits.run_days * 86400, limits.run_bytes))
                self.store.forget_functions(now - limits.run_days * 86400)
                await asyncio.to_thread(self.blobs.collect, limits.upload_seconds)
                await asyncio.to_thread(
                    self.snapshots.collect, unused_seconds=limits.run_days * 86400, max_bytes=limits.code_bytes
                )
                await self.environments.collect(
                    unused_seconds=limits.environment_days * 86400, max_bytes=limits.environment_bytes
                )
            except Exception:
                log.exception("housekeeping")
