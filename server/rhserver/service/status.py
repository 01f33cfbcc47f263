"""The stream of how the cluster is. One reading serves every watcher of the same moment."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from rhresources.wire import cluster_pb2 as pb
from rhserver.disk import bytes_under
from rhserver.status.gpus import Gpus
from rhserver.status.hosts import read_host

DEFAULT_INTERVAL = 2.0
SHORTEST_INTERVAL = 0.2
_LONGEST_INTERVAL = 3600.0
_HOST_FRESH = 0.5
_SIZE_FRESH = 30.0


class StatusService:
    """WatchStatus.

    Args:
        home: the server's state directory.
        engine: the engine's state now.
        counts: `runs_active`, `runs_queued`, `workers`, `calls`, those that are known.
        hosts: all of the cluster as last heard of, this one first; what is read here is filled into that one.
    """

    def __init__(
        self,
        home: Path,
        engine: Callable[[], pb.EngineState],
        counts: Callable[[], Mapping[str, int]],
        hosts: Callable[[], Sequence[pb.Host]] = lambda: (pb.Host(address="127.0.0.1"),),
    ) -> None:
        self._home = home
        self._engine, self._counts, self._hosts = engine, counts, hosts
        self._gpus = Gpus()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="status")
        self._host: pb.Host | None = None
        self._host_read = 0.0
        self._bytes = 0
        self._bytes_read = 0.0
        self._measuring: asyncio.Future[int] | None = None
        self._reading = asyncio.Lock()
        psutil.cpu_percent(interval=None)  # the first reading is since this call

    async def WatchStatus(self, request: pb.WatchStatusRequest, context: Any) -> AsyncIterator[pb.Status]:
        interval = min(max(request.interval or DEFAULT_INTERVAL, SHORTEST_INTERVAL), _LONGEST_INTERVAL)
        due = time.monotonic()
        while True:
            yield await self.read()
            due = max(due + interval, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def read(self) -> pb.Status:
        """How the cluster is now."""
        own = pb.Host()
        own.CopyFrom(await self._read_host())
        self._measure()
        first, *others = self._hosts()
        own.given, own.address, own.workers = first.given, first.address, first.workers
        return pb.Status(
            time=time.time(), engine=self._engine(), hosts=[own, *others], state_bytes=self._bytes, **self._counts()
        )

    def close(self) -> None:
        """Stop the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read_host(self) -> pb.Host:
        async with self._reading:
            now = time.monotonic()
            if self._host is None or now - self._host_read >= _HOST_FRESH:
                self._host_read = now
                loop = asyncio.get_running_loop()
                self._host = await loop.run_in_executor(self._threads, read_host, self._gpus, self._home)
            return self._host

    def _measure(self) -> None:
        """Start to add up what the server keeps, now and then; it may take a while and nobody waits for it."""
        if self._measuring is not None and self._measuring.done():
            with contextlib.suppress(Exception):
                self._bytes = self._measuring.result()
            self._measuring = None
            self._bytes_read = time.monotonic()
        if self._measuring is None and (not self._bytes_read or time.monotonic() - self._bytes_read > _SIZE_FRESH):
            self._measuring = asyncio.get_running_loop().run_in_executor(None, bytes_under, self._home)
