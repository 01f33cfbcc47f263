"""Where a worker runs: on which host, and under which supervisor.

Functions that ask for no resources go to the least loaded host; Ray says where the resources are that others ask for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhresources.errors import ServerProblem
from rhserver.engine.ray_head import NAMESPACE
from rhserver.engine.supervisor import SHARED, Supervisor
from rhserver.engine.worker_spec import WorkerSpec
from rhserver.hosts.hosts import Host, Hosts

REFUSED_SECONDS = 60
"""How long a host that could not make an environment is spared the next try; the head takes its workers."""

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class WorkerProcess:
    """A worker process that this server knows of."""

    spec: WorkerSpec
    host: Host
    supervisor: Any
    lost: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Gets a sentence when it cannot be reached any more, whatever becomes of it."""


class Places:
    """Finds places for workers, and those of workers that an earlier server started.

    Args:
        home: the state directory of the server on the head.
        hosts: of the cluster.
    """

    def __init__(self, home: Path, hosts: Hosts) -> None:
        self._home = home
        self._hosts = hosts
        self._shared: Any = None
        self._shared_lock = asyncio.Lock()
        self._refused: dict[tuple[Host, WorkerSpec], float] = {}

    async def find(self, spec: WorkerSpec, name: str, idle: Mapping[str, int]) -> WorkerProcess:
        """Where the worker is to run; it counts there from now on.

        Args:
            spec: what it is for.
            name: of the worker.
            idle: how many workers do nothing, by host.
        """
        if spec.dedicated:
            return await self._dedicated(spec, name)
        host = await self._hosts.choose(spec, idle)
        if not host.is_head and time.monotonic() - self._refused.get((host, spec), -REFUSED_SECONDS) < REFUSED_SECONDS:
            self._hosts.left(host)
            host = self._hosts.head
            self._hosts.took(host)
        return WorkerProcess(spec, host, await self._shared_supervisor() if host.is_head else host.actor)

    async def _shared_supervisor(self) -> Any:
        async with self._shared_lock:
            if self._shared is None:
                node = self._hosts.head.node
                self._shared = await asyncio.to_thread(self._create, SHARED, {"num_cpus": 0}, str(self._home), node)
        return self._shared

    async def _dedicated(self, spec: WorkerSpec, name: str) -> WorkerProcess:
        """A supervisor that holds the resources; Ray says where."""
        await asyncio.to_thread(self._require, spec)
        options: dict[str, Any] = {"num_cpus": spec.cpus, "num_gpus": spec.gpus}
        if spec.memory:
            options["memory"] = spec.memory
        actor = await asyncio.to_thread(self._create, f"{SHARED}-{name}", options)
        try:
            node = await actor.where.remote()  # waits until Ray has the resources
            host = self._hosts.head if self._hosts.single else self._hosts.host_of_node(node)
            if host is None or not host.alive:
                raise ServerProblem("The host that has the resources is not there yet.", code="engine")
            await actor.use_home.remote(host.home or str(self._home))
        except BaseException:
            await asyncio.to_thread(_end_actor, actor)
            raise
        self._hosts.took(host)
        return WorkerProcess(spec, host, actor)

    @staticmethod
    def _create(name: str, options: dict[str, Any], home: str = "", node: str = "") -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if node:
            options = {**options, "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}
        actor = ray.remote(Supervisor)
        return actor.options(
            name=name, namespace=NAMESPACE, lifetime="detached", get_if_exists=True, max_concurrency=1000, **options
        ).remote(home)

    async def find_again(self, name: str, spec: WorkerSpec, given: str) -> WorkerProcess:
        """A worker that an earlier server started.

        Raises:
            LookupError: it is gone, or its host or supervisor is.
        """
        host = self._hosts.host_named(given) if given else self._hosts.head
        if host is None or not host.alive:
            raise LookupError(f"its host {given} is not there")
        for pause in (0.5, 2, 5, 0):  # Ray may have just come back itself
            try:
                supervisor = await asyncio.to_thread(self._existing, spec, name, host)
                there = (await supervisor.ping.remote())["workers"]
            except Exception as error:
                log.info("the supervisor of worker %s does not answer: %s", name, error)
                await asyncio.sleep(pause)
                continue
            if name in there:
                return WorkerProcess(spec, host, supervisor)
            break
        raise LookupError("its worker is gone")

    @staticmethod
    def _existing(spec: WorkerSpec, name: str, host: Host) -> Any:
        import ray

        if not spec.dedicated and not host.is_head:
            return host.actor
        return ray.get_actor(f"{SHARED}-{name}" if spec.dedicated else SHARED, namespace=NAMESPACE)

    @staticmethod
    def _require(spec: WorkerSpec) -> None:
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        for wanted, kind, word in ((spec.gpus, "GPU", "GPU"), (spec.cpus, "CPU", "processor")):
            has = max((node.get(kind, 0.0) for node in nodes), default=0.0)
            if wanted > has:
                whose = "this cluster has" if len(nodes) == 1 else "the largest host of this cluster has"
                raise ServerProblem(
                    f"The function asks for {wanted:g} {word}{'' if wanted == 1 else 's'}; {whose} {has:g}.",
                    code="no-resources", remedy="Ask for less, or run it on another cluster.",
                )  # fmt: skip

    def refuse(self, host: Host, spec: WorkerSpec) -> None:
        """The host cannot run such a function now: spare it for a while."""
        self._refused[host, spec] = time.monotonic()

    def supervisor_died(self, process: WorkerProcess) -> None:
        """The next worker needs a new one."""
        if process.host.is_head and not process.spec.dedicated:
            self._shared = None

    async def left(self, process: WorkerProcess) -> None:
        """A worker that counted on its host is gone from there."""
        self._hosts.left(process.host)
        if process.spec.dedicated:
            await asyncio.to_thread(_end_actor, process.supervisor)


def _end_actor(actor: Any) -> None:
    import ray

    try:
        ray.kill(actor)
    except Exception as error:
        log.info("a supervisor could not be ended: %s", error)
