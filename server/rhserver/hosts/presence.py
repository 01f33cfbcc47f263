"""Which hosts are there: meets those that join, listens to those that are there, notices those that are gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from rhresources.wire import cluster_pb2 as pb
from rhserver.engine.ray_head import NAMESPACE
from rhserver.hosts.host import Host

LOOK_SECONDS = 2.0
"""Between two looks at what Ray knows."""
BEAT_SECONDS = 2.0
"""Between two questions to an agent."""
ANSWER_SECONDS = 6.0
"""How long an agent may take to answer one, before it is asked again."""
SECONDS_TO_LOSE = 12.0
"""A host that is silent for so long is lost."""
MEET_SECONDS = 60.0

log = logging.getLogger(__name__)


class Presence:
    """Watches `hosts`, the first of which is the head. Calls `on_lost(host, sentence)` and `on_back(host)`."""

    def __init__(
        self, hosts: list[Host], on_lost: Callable[[Host, str], None], on_back: Callable[[Host], None]
    ) -> None:
        self._hosts = hosts
        self._on_lost, self._on_back = on_lost, on_back
        self._heard: dict[Host, float] = {}  # when, by this watch's own clock
        self._clock = 0.0
        self._lost: set[Host] = set()  # those that were there once
        self._silent: set[Host] = set()  # those of them that are lost because they said nothing
        self._beats: dict[Host, asyncio.Task[None]] = {}
        self._meetings: dict[str, asyncio.Task[None]] = {}  # by node
        self._strangers: set[str] = set()  # nodes that could not be met
        self._watching: list[asyncio.Task[None]] = []
        self._asking: asyncio.Future[list[dict[str, Any]]] | None = None
        for host in hosts[1:]:
            host.lost.set()

    async def start(self, seconds: float) -> None:
        """Meet who is there, for at most so long, and go on watching."""
        import ray

        self._hosts[0].node = await asyncio.to_thread(lambda: str(ray.get_runtime_context().get_node_id()))
        await self._look()
        if self._meetings:
            await asyncio.wait(list(self._meetings.values()), timeout=seconds)
        self._watching = [asyncio.ensure_future(self._watch_clock()), asyncio.ensure_future(self._watch_ray())]

    async def close(self) -> None:
        """Stop watching."""
        tasks = [*self._beats.values(), *self._meetings.values(), *self._watching]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def sentence(self, host: Host) -> str:
        """Why a host is not there, as of now."""
        if host in self._silent:
            return _silence(host)
        return host.problem

    # ------------------------------------------------------------ watching

    async def _watch_clock(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.5)
            # a head that slept, or was too busy to listen, must not take that for the silence of others
            self._clock += min(1.0, time.monotonic() - before)
            for host in self._hosts[1:]:
                if host.alive and self._clock - self._heard[host] > SECONDS_TO_LOSE:
                    self._lose(host, _silence(host), silent=True)

    async def _watch_ray(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception as error:
                log.info("Ray does not say which nodes there are: %s", str(error) or "no answer in time")

    async def _look(self) -> None:
        import ray

        if self._asking is None:  # one thread at a time, however long it takes
            self._asking = asyncio.ensure_future(asyncio.to_thread(ray.nodes))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await asyncio.shield(self._asking)
        finally:
            if self._asking.done():
                self._asking = None
        nodes = {str(node["NodeID"]): node for node in found}
        for host in self._hosts[1:]:
            node = nodes.get(host.node)
            if host.alive and (node is None or not node["Alive"]):
                reason = str((node or {}).get("DeathReasonMessage") or "")
                log.info("Ray on %s: %s", host.given, reason)
                if "SIGTERM" in reason:
                    self._lose(host, f"{host.shown} has left the cluster.")
                elif "health check" in reason:
                    self._lose(host, _silence(host), silent=True)
                else:
                    self._lose(host, f"{host.shown} is gone: its Ray ended.")
        self._strangers &= nodes.keys()
        for id, node in nodes.items():
            if not node["Alive"] or id in self._meetings or id in self._strangers or self._is_known(id):
                continue
            self._meetings[id] = asyncio.ensure_future(self._meet(id))

    def _is_known(self, node: str) -> bool:
        return any(host.node == node and host.alive for host in self._hosts)

    # ------------------------------------------------------------ meeting

    async def _meet(self, node: str) -> None:
        """A node has joined, or a host that was lost may answer again: make its agent, or find it, and listen."""
        try:
            async with asyncio.timeout(MEET_SECONDS):
                actor = await asyncio.to_thread(_agent_of, node)
                facts: dict[str, Any] = await actor.describe.remote()
                host = self._host_of(facts["given"])
                if host.alive:
                    if host.is_head or (host.node != node and await self._still_answers(host)):
                        log.info("node %s says that it is %s, which is another", node, host.given)
                        self._strangers.add(node)
                        return
                    self._lose(host, f"{host.shown} was started anew.")
                if host in self._lost:
                    await actor.begin_anew.remote()
                status = pb.Host.FromString(await actor.read_status.remote())
        except Exception as error:
            log.info("the agent on node %s does not answer: %s", node, str(error) or "no answer in time")
            return
        finally:
            self._meetings.pop(node, None)
        host.actor, host.node = actor, node
        host.address, host.home = facts["address"], facts["home"]
        host.problem = ""
        host.lost.clear()
        self._silent.discard(host)
        self._lost.discard(host)
        self._hear(host, status)
        self._beats[host] = asyncio.ensure_future(self._listen(host, actor))
        self._on_back(host)

    def _host_of(self, given: str) -> Host:
        for host in self._hosts:
            if host.given == given:
                return host
        host = Host(given, "", is_head=False, problem=f"{given} joins the cluster.")
        host.lost.set()
        self._hosts.append(host)
        return host

    @staticmethod
    async def _still_answers(host: Host) -> bool:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await host.actor.ping.remote()
        except Exception:
            return False
        return True

    # ------------------------------------------------------------ listening

    async def _listen(self, host: Host, actor: Any) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    status = pb.Host.FromString(await actor.read_status.remote())
            except Exception as error:
                log.info("%s does not answer: %s", host.given, str(error) or "no answer in time")
                continue
            self._hear(host, status)

    def _hear(self, host: Host, status: pb.Host) -> None:
        host.status = status
        host.name, host.cpus = status.name, max(1, status.cpus)
        host.seen = time.time()
        self._heard[host] = self._clock

    def _lose(self, host: Host, sentence: str, *, silent: bool = False) -> None:
        if (beats := self._beats.pop(host, None)) is not None:
            beats.cancel()
        host.problem = sentence
        host.actor = None
        self._lost.add(host)
        if silent:
            self._silent.add(host)
        host.lost.set()
        self._on_lost(host, sentence)


def _agent_of(node: str) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from rhserver.hosts.agent import HostAgent

    return (
        ray.remote(HostAgent)
        .options(
            name=f"agent-{node}", namespace=NAMESPACE, lifetime="detached", get_if_exists=True, num_cpus=0,
            max_concurrency=1000, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        .remote()
    )  # fmt: skip


def _silence(host: Host) -> str:
    seconds = max(0.0, time.time() - host.seen)
    if seconds < 120:
        since = f"{seconds:.0f} s"
    elif seconds < 7200:
        since = f"{seconds / 60:.0f} min"
    else:
        since = f"{seconds / 3600:.0f} h"
    return f"{host.shown} has not answered for {since}."
