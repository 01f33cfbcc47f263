"""Hello and Shutdown: the handshake at the start of a connection, and the orderly end."""

from __future__ import annotations

import asyncio
import getpass
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rhresources.version import version
from rhresources.wire import PROTOCOL
from rhresources.wire import cluster_pb2 as pb
from rhserver.auth import said_by
from rhserver.engine.ray_head import RayHead
from rhserver.runs.manager import RunManager


class HealthService:
    """Says who the server is and how it does."""

    def __init__(self, server_id: str, home: Path, ray: RayHead, runs: RunManager, stop: Callable[..., None]) -> None:
        self._server_id = server_id
        self._home = home
        self._ray = ray
        self._runs = runs
        self._stop = stop
        self._started = time.time()

    async def Hello(self, request: pb.HelloRequest, context: Any) -> pb.HelloReply:
        return pb.HelloReply(
            version=version(), protocol=PROTOCOL, server_id=self._server_id, started=self._started,
            engine=self._ray.current(), user=getpass.getuser(), superuser=os.geteuid() == 0, home=str(self._home),
            python=platform.python_version(), pid=os.getpid(), by=said_by(context),
        )  # fmt: skip

    async def Shutdown(self, request: pb.ShutdownRequest, context: Any) -> pb.ShutdownReply:
        active = self._runs.active()
        if active and not request.stop_runs:
            return pb.ShutdownReply(active=active, stopping=False)
        for run in active:
            await self._runs.cancel(run.id, force=True, by=said_by(context))
        asyncio.get_running_loop().call_later(0.05, lambda: self._stop(engine=True))
        return pb.ShutdownReply(active=active, stopping=True)
