"""On a host that is not the head: the Ray actor that stands for the host.

It is the supervisor of the workers there that hold no resources, and it keeps what workers of this host need: code,
environments. The head makes it on every node that joins, under the name `agent-<node>`; it is detached, so it outlives
a killed server like every supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil
import uv

from rhresources.errors import InstallError
from rhresources.version import version
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.blobs import BlobStore
from rhserver.code.snapshots import Push, Snapshots
from rhserver.engine.supervisor import Supervisor
from rhserver.environments.environments import Environments
from rhserver.environments.listing import Versions
from rhserver.environments.progress import Followed
from rhserver.hosts.node import HOME_VARIABLE
from rhserver.housekeeping import DAY, INTERVAL
from rhserver.limits import Limits
from rhserver.problems import problem_of
from rhserver.runs.placing import Needs, Placed, place
from rhserver.status.gpus import Gpus
from rhserver.status.hosts import read_host

PUSH_SECONDS = 600.0
"""A push that nobody goes on with for so long is given up."""

_LINES_EVERY = 0.05
_READ_SECONDS = 1.0

log = logging.getLogger(__name__)


class HostAgent(Supervisor):
    """Everything of one host. Its methods are called through Ray; messages travel as bytes.

    The node program says in the environment where this host keeps its state, and in `node.json` there the rest.
    """

    def __init__(self) -> None:
        home = Path(os.environ[HOME_VARIABLE])
        super().__init__(str(home))
        self._facts: dict[str, Any] = json.loads((home / "node.json").read_text())
        self._limits = Limits(**self._facts["limits"])
        self._blobs = BlobStore(home / "code" / "blobs")
        self._snapshots = Snapshots(home / "code", self._blobs)
        self._environments = Environments(home / "environments", self._snapshots, uv.find_uv_bin())
        self._leases: dict[str, Placed] = {}
        self._pushes: dict[str, tuple[Push, float]] = {}
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="agent")
        self._placing: dict[str, asyncio.Future[Placed]] = {}
        self._given_up: set[str] = set()  # workers that were released while something was placed for them
        self._status_thread = ThreadPoolExecutor(1, thread_name_prefix="status")
        self._status = pb.Host(name=socket.gethostname(), cpus=os.cpu_count() or 1)
        self._reading: asyncio.Future[pb.Host] | None = None
        self._gpus = Gpus()
        self._housekeeping: asyncio.Task[None] | None = None
        psutil.cpu_percent(interval=None)  # the first reading is since this call

    async def describe(self) -> dict[str, Any]:
        """What this host is: given, address, home, version."""
        if self._housekeeping is None:
            self._housekeeping = asyncio.ensure_future(self._keep_house())
        return {**{name: self._facts[name] for name in ("given", "address")}, "home": str(self._home),
                "version": version()}  # fmt: skip

    async def read_status(self) -> bytes:
        """How the host is, or was where its disk or GPUs do not answer at once: a `pb.Host`. The head takes this for
        the sign of life of this host."""
        if self._reading is None:
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(self._status_thread, self._read_host)
        await asyncio.wait({self._reading}, timeout=_READ_SECONDS)
        if self._reading.done():
            with contextlib.suppress(Exception):
                self._status = self._reading.result()
            self._reading = None
        self._status.given, self._status.workers = self._facts["given"], len(self._workers)
        return bytes(self._status.SerializeToString())

    def _read_host(self) -> pb.Host:
        return read_host(self._gpus, self._home, str(self._facts["address"]), head=False)

    async def begin_anew(self) -> None:
        """The head had taken this host for lost: nobody waits any more for what its workers do."""
        for process in list(self._workers.values()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        for worker in list(self._leases):
            self._let_go(worker)

    async def leave(self) -> None:
        """The cluster ends: end the node program here, which ends Ray and all workers."""
        with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
            facts = json.loads((self._home / "node.json").read_text())
            process = psutil.Process(facts["pid"])
            if abs(process.create_time() - facts["process_started"]) < 1:
                process.terminate()

    # ------------------------------------------------------------ code

    async def plan_push(self, request: bytes) -> bytes:
        """`Snapshots.plan`: a `pb.PlanPushRequest` to a `pb.PlanPushReply`.

        Raises:
            RhError: see there.
        """
        reply = await self._in_thread(self._snapshots.plan, pb.PlanPushRequest.FromString(request))
        return bytes(reply.SerializeToString())

    async def begin_push(self, project: str, root: str) -> str:
        """Begin to take the files of a plan; the name of the push."""
        for name, (_, used) in list(self._pushes.items()):
            if time.monotonic() - used > PUSH_SECONDS:
                await self.end_push(name)
        push = await self._in_thread(self._snapshots.push, project, root)
        name = token_hex(8)
        self._pushes[name] = (push, time.monotonic())
        return name

    async def add_files(self, name: str, batch: bytes) -> None:
        """A `pb.FileBatch` of a push; one at a time."""
        push, _ = self._pushes[name]
        self._pushes[name] = (push, time.monotonic())
        await self._in_thread(push.add, list(pb.FileBatch.FromString(batch).parts))

    async def end_push(self, name: str, *, complete: bool = False) -> None:
        """All files were sent, and the tree is put in place; or, if not `complete`, what came is dropped.

        Raises:
            RhError: files are missing, or the disk is full.
        """
        push, _ = self._pushes.pop(name)
        try:
            if complete:
                await self._in_thread(push.finish)
        finally:
            await self._in_thread(push.close)

    # ------------------------------------------------------------ environments

    async def list_environments(self) -> list[bytes]:
        """A `pb.Environment` each: those that are here, that are being made and that could not be made."""
        return [bytes(each.SerializeToString()) for each in self._environments.list()]

    async def remove_environment(self, hash: str) -> int:
        """`Environments.remove`.

        Raises:
            RhError: see there.
        """
        return await self._environments.remove(hash)

    async def place(self, spec: bytes, worker: str, versions: Versions | None) -> AsyncIterator[list[tuple[str, Any]]]:
        """Make what a `pb.FunctionSpec` needs here, whose code was pushed; its environment as it is on the head, if
        `versions` says how.

        Yields lists of ("output", line) and ("phase", text), and last ("placed", Placed) or ("problem", bytes of a
        `pb.Problem`). With `worker`, trees and environment are kept until that worker ends or `release`.
        """
        needs = Needs(pb.FunctionSpec.FromString(spec), versions)
        work = Followed(lambda *say: place(needs, self._environments, self._snapshots, *say))
        self._placing[worker] = work.task
        try:
            async with work:
                async for batch in work.batches(_LINES_EVERY):
                    yield [*batch]
                try:
                    placed = work.result()
                    if worker:
                        await self._in_thread(self._keep, worker, placed)
                    if worker in self._given_up:
                        self._let_go(worker)
                    last: tuple[str, Any] = ("placed", placed)
                except asyncio.CancelledError:
                    if not work.task.cancelled():
                        raise
                    last = ("problem", _problem(InstallError("The worker is not needed any more.")))
                except Exception as error:
                    last = ("problem", _problem(error))
                yield [last]
        finally:
            if self._placing.get(worker) is work.task:
                del self._placing[worker]
                self._given_up.discard(worker)

    async def release(self, worker: str) -> None:
        """What was kept for this worker may go; what is being made for it alone is given up."""
        placing = self._placing.get(worker)
        if worker and placing is not None:
            self._given_up.add(worker)
            placing.cancel()
        self._let_go(worker)

    async def keep_only(self, workers: list[str]) -> None:
        """Let go of what is kept for others than these workers."""
        for worker in set(self._leases).difference(workers):
            self._let_go(worker)

    def _keep(self, worker: str, placed: Placed) -> None:
        held = []
        try:
            for tree in placed.trees:
                self._snapshots.acquire(*tree)
                held.append(tree)
        except BaseException:
            for tree in held:
                self._snapshots.release(*tree)
            raise
        self._environments.acquire(placed.environment)
        self._leases[worker] = placed

    def _let_go(self, worker: str) -> None:
        placed = self._leases.pop(worker, None)
        if placed is not None:
            self._environments.release(placed.environment)
            for tree in placed.trees:
                self._snapshots.release(*tree)

    # ------------------------------------------------------------ workers

    async def wait(self, name: str) -> int:
        """As of every supervisor; what the worker needed may go afterwards."""
        code = await super().wait(name)
        self._let_go(name)
        return code

    # ------------------------------------------------------------ keeping house

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.tidy_up()
            except Exception:
                log.exception("housekeeping")

    async def tidy_up(self) -> None:
        """Let go of everything beyond the limits of this host, once."""
        limits = self._limits
        await self._in_thread(
            lambda: self._snapshots.collect(
                unused_seconds=limits.runs_kept_days * DAY, max_bytes=limits.code_storage_limit
            )
        )
        await self._environments.collect(
            unused_seconds=limits.environment_kept_days * DAY, max_bytes=limits.environment_storage_limit,
            spared_seconds=INTERVAL,
        )  # fmt: skip

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args))


def _problem(error: Exception) -> bytes:
    return bytes(problem_of(error).SerializeToString())
