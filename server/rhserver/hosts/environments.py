"""The environments of all hosts of the cluster: those of the head, and those that its other hosts made for workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from rhresources.errors import NotFound, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments.environments import Environments
from rhserver.hosts.courier import call
from rhserver.hosts.hosts import Host, Hosts, lost_problem

_ANSWER_SECONDS = 10.0

log = logging.getLogger(__name__)


class EnvironmentsOnHosts:
    """Lists and removes. Belongs to the server's loop.

    Args:
        environments: those of the head.
        hosts: of the cluster.
    """

    def __init__(self, environments: Environments, hosts: Hosts) -> None:
        self._environments, self._hosts = environments, hosts

    async def list(self) -> Sequence[pb.Environment]:
        """Those of all hosts that answer, newest first; `host` says which one, where there are several."""
        if self._hosts.single:
            return self._environments.list()
        listed = await asyncio.gather(*(self._of(host) for host in self._hosts.alive()))
        return sorted((one for of_host in listed for one in of_host), key=lambda environment: -environment.created)

    async def remove(self, hash: str, host: str = "") -> int:
        """Remove one from a host, or from all that answer; bytes freed.

        Raises:
            NotFound: it is not there, or there is no such host.
            ServerProblem: something runs in it, or it is being made ("environment-in-use"), and none was removed; or
                the host does not answer.
        """
        if self._hosts.single and not host:
            return await self._environments.remove(hash)
        if host:
            return await self._remove(self._named(host), hash)
        found = [one for one in await self.list() if one.hash == hash]
        for one in found:
            if one.in_use or one.state == pb.Environment.INSTALLING:
                raise ServerProblem(
                    f"The environment {hash[:8]} is {'in use' if one.in_use else 'being installed'} on {one.host}.",
                    code="environment-in-use",
                    remedy="Try again when no run uses it; warm workers end after a while.",
                )
        if not found:
            raise NotFound(f"There is no environment {hash[:40]!r} on this cluster.")
        where = list(dict.fromkeys(self._named(one.host) for one in found))
        others = await asyncio.gather(*(self._remove(each, hash) for each in where if not each.is_head))
        # at last from the head, which says what others are to have
        return sum(others) + (await self._environments.remove(hash) if self._hosts.head in where else 0)

    async def _of(self, host: Host) -> Sequence[pb.Environment]:
        if host.is_head:
            found = list(self._environments.list())
        else:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    found = [pb.Environment.FromString(one) for one in await call(host.actor.list_environments)]
            except Exception as error:  # a host is lost when it is silent for longer; its own are unknown meanwhile
                log.info("%s does not say what is installed: %s", host.given, str(error) or "no answer in time")
                return []
        for one in found:
            one.host = host.given
        return found

    async def _remove(self, host: Host, hash: str) -> int:
        if host.is_head:
            return await self._environments.remove(hash)
        if not host.alive:
            raise lost_problem(host)
        return int(await call(host.actor.remove_environment, hash))

    def _named(self, given: str) -> Host:
        host = self._hosts.host_named(given)
        if host is None:
            raise NotFound(f"There is no host {given[:80]!r} in this cluster.")
        return host
