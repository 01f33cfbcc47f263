"""The hosts of a cluster beside its head, while they are brought up and joined to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path

from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.reach import Progress
from rhresources.reach.asking import AskedOnce
from rhresources.reach.bring_up.host import Host, Timed
from rhresources.reach.bring_up.install import prepare
from rhresources.reach.bring_up.nodes import Engine, is_joined, join, read_engine, room_of
from rhresources.reach.bring_up.state import read_state
from rhresources.reach.bring_up.wheel import own_version
from rhresources.reach.head_way import HeadWay
from rhresources.reach.questions import Asker
from rhresources.reach.server_calls import limit_options, wait_for_hosts
from rhresources.reach.ssh.connection import SshConnection
from rhresources.wire.channel import ServerAddress


class ClusterHosts:
    """What is done to several hosts at once.

    Args:
        document: the cluster.
        home: the rhdesk directory of this computer; default: the user's.
        way: opens connections.
        asker: who can ask the person, at any time.

    Attributes:
        timings: how long each step took, on each host.
    """

    def __init__(
        self, document: ClusterDocument, home: Path | None, way: HeadWay, asker: Callable[[], Asker | None]
    ) -> None:
        self._document = document
        self._rhdesk_home = home
        self._way = way
        self._asker = asker
        self.timings: list[Timed] = []

    @contextlib.asynccontextmanager
    async def others(
        self, names: Iterable[str], progress: Progress, ask: bool
    ) -> AsyncIterator[tuple[dict[str, Host], dict[str, RhError]]]:
        """Connections to other hosts while something is done to them: (hosts, why some cannot be reached).

        Args:
            names: which ones.
            progress: gets a line for every step.
            ask: whether a person may be asked.
        """
        wanted = list(names)
        asker = self._asker() if ask else None
        shared = AskedOnce(asker) if asker is not None else None
        opened = await asyncio.gather(*(self._way.open(name, shared) for name in wanted), return_exceptions=True)
        connections = {name: one for name, one in zip(wanted, opened, strict=True) if isinstance(one, SshConnection)}
        try:
            failed: dict[str, RhError] = {}
            for name, one in zip(wanted, opened, strict=True):
                if isinstance(one, RhError):
                    failed[name] = one
                elif isinstance(one, BaseException):
                    raise one
            yield {name: self.host(name, one, progress) for name, one in connections.items()}, failed
        finally:
            await asyncio.gather(*(one.close() for one in connections.values()), return_exceptions=True)

    async def ensure_nodes(
        self,
        head: Host,
        version: str,
        address: ServerAddress,
        others: Mapping[str, Host],
        *,
        anew: bool = False,
        same_build: bool = False,
    ) -> dict[str, RhError]:
        """Let hosts join that have not, and wait until the head can use them; why some could not.

        Args:
            head: with its server and Ray running.
            version: of that server; a host that joins runs the same.
            address: the server, from here.
            others: which hosts.
            anew: also those that say that they are part of the cluster.
            same_build: also those of them that run another version; what runs there ends.

        Raises:
            RhError: nobody can join this head.
        """
        if not others:
            return {}
        engine = await read_engine(head)
        outcomes = await asyncio.gather(
            *(self._ensure_node(host, version, engine, anew, same_build) for host in others.values()),
            return_exceptions=True,
        )
        failed = {}
        for name, outcome in zip(others, outcomes, strict=True):
            if isinstance(outcome, RhError):
                failed[name] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
        joined = [name for name in others if name not in failed]
        with head.step("hosts", ""):
            for name, problem in (await wait_for_hosts(address, joined)).items():
                failed[name] = RhError(
                    f"{name} joined the cluster and cannot be used: {problem}",
                    remedy=f"{others[name].home}/node.log on the host says more.",
                )
        return failed

    async def _ensure_node(self, host: Host, version: str, engine: Engine, anew: bool, same_build: bool) -> None:
        state = await read_state(host)
        runs = str((state.node or {}).get("version", ""))
        if not anew and is_joined(state, engine) and not (same_build and runs != version):
            host.say(
                "It is part of the cluster" if runs == version else f"It is part of the cluster, with rhdesk {runs}"
            )
            return
        if version not in state.installs:
            if version != await asyncio.to_thread(own_version):
                raise RhError(
                    f"{host.name} lacks rhdesk {version}, which the head runs, and this computer has another build.",
                    remedy="Upgrade the cluster (rhdesk upgrade), then try again.",
                )
            prepared = await prepare({host.name: host}, {host.name: state}, self._document)
            if host.name in prepared.failed:
                raise prepared.failed[host.name]
        await join(host, version, engine, await self.limits())

    async def limits(self) -> list[str]:
        """The limits of a server, as words of its command line."""
        return await asyncio.to_thread(limit_options, self._document, self._rhdesk_home)

    def host(self, name: str, connection: SshConnection, progress: Progress) -> Host:
        """One host, with a connection to it."""
        many = len(self._document.ips) > 1
        told = (lambda line: progress(f"{name}: {line}")) if many else progress
        return Host(name, connection, told, room=room_of(self._document.ips[0], name), timings=self.timings)

    def require_all(self, failed: Mapping[str, RhError]) -> None:
        """Raise one error for the hosts that could not be brought up, if there are any."""
        if not failed:
            return
        sentences = [error.sentence for error in failed.values()]
        first = next(iter(failed.values()))
        up = len(self._document.ips) - len(failed)
        error = RhError(
            f"{' '.join(sentences)} The other {up} {'host is' if up == 1 else 'hosts are'} up.",
            remedy=f"{first.remedy} Then repair the host.".strip(),
            detail="\n\n".join(f"{name}: {one.detail}" for name, one in failed.items() if one.detail),
        )
        error.code = "hosts-missing"
        raise error
