"""Hosts over SSH as a cluster: brought up, taken down, repaired, upgraded.

What is done on the hosts is in `bring_up`; this decides what has to be done. The way to the head is in `head_way`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rhresources.cloud.answers import OnLaunch
from rhresources.credentials import Credentials
from rhresources.documents import ClusterDocument
from rhresources.errors import ConnectionLost, RhError, ServerProblem
from rhresources.reach import Progress, silent
from rhresources.reach.bring_up import problems
from rhresources.reach.bring_up.host import Host, Timed
from rhresources.reach.bring_up.install import prepare
from rhresources.reach.bring_up.nodes import address_of
from rhresources.reach.bring_up.start import remove_old, start_server, stop
from rhresources.reach.bring_up.state import SHARING, Install, State, read_state, servers_of_others
from rhresources.reach.bring_up.wheel import own_version
from rhresources.reach.cluster_hosts import ClusterHosts
from rhresources.reach.head_way import HeadWay, NothingListens
from rhresources.reach.questions import Asker
from rhresources.reach.server_calls import (
    START_SECONDS,
    active_runs,
    answers,
    runs_active,
    shut_down,
    wait_for_engine,
)
from rhresources.reach.ssh.connection import SshConnection
from rhresources.reach.ssh.target import FindTarget, target_of
from rhresources.reach.ssh_hosts import SshHosts
from rhresources.wire import PROTOCOL
from rhresources.wire.channel import ServerAddress


class SshRoute(SshHosts):
    """The way to the cluster server of hosts over SSH.

    Args:
        document: what the cluster is.
        home: the rhdesk directory of this computer; default: the user's.
        credentials: where passphrases and passwords are kept.
        asker: who can ask the person, at any time; None: nobody.
        find: where each host is; default: where the document and ~/.ssh/config say.
    """

    def __init__(
        self,
        document: ClusterDocument,
        home: Path | None,
        credentials: Credentials,
        asker: Callable[[], Asker | None],
        find: FindTarget = target_of,
    ) -> None:
        super().__init__(document, credentials, find)
        self._way = HeadWay(document, home, credentials, asker, find)
        self._hosts = ClusterHosts(document, home, self._way, asker)
        self._changing = asyncio.Lock()

    @property
    def ssh(self) -> SshRoute:
        """Its hosts are reached by SSH."""
        return self

    @property
    def on_demand(self) -> None:
        """Its hosts belong to somebody."""
        return None

    @property
    def timings(self) -> list[Timed]:
        """How long each step of the last bring-up, upgrade, repair or end took, on each host."""
        return self._hosts.timings

    # ------------------------------------------------------------ the connection

    async def connection(self, ask: bool = False) -> SshConnection:
        """The live connection to the head, opened anew when it died.

        Args:
            ask: questions may be asked now.

        Raises:
            SshProblem: the head cannot be reached or logged in to.
            NeedsAnswer: a person would have to answer first.
        """
        return await self._way.connection(ask)

    @property
    def on_connection(self) -> Callable[[bool, str], None] | None:
        """Told whether the SSH connection is there, and a sentence, whenever that changes."""
        return self._way.on_connection

    @on_connection.setter
    def on_connection(self, callback: Callable[[bool, str], None] | None) -> None:
        self._way.on_connection = callback

    async def close(self) -> None:
        """End the forwarded socket and the connection; the cluster goes on."""
        await self._way.close()

    # ------------------------------------------------------------ the server

    async def address(self, ask: bool = False) -> ServerAddress | None:
        """Where the server can be reached from here now; None if it does not run.

        Raises:
            SshProblem: the head cannot be reached or logged in to, or forbids forwarding.
            NeedsAnswer: a person would have to answer first.
        """
        connection = await self.connection(ask)
        state = await read_state(self._hosts.host(self.head, connection, silent))
        if state.server is None or not state.server_lives:
            return None
        return await self._way.through(connection, state.server)

    # ------------------------------------------------------------ up

    async def up(
        self, progress: Progress, *, wait_ready: bool = True, ask: bool = True, on_event: OnLaunch | None = None
    ) -> ServerAddress:
        """Bring the hosts up: install what is missing, start what does not run. Done again it goes on where it broke.

        Args:
            progress: gets a line for every step.
            wait_ready: wait for Ray too. A cluster of several hosts always waits, as they join it.
            ask: whether a person may be asked.
            on_event: hears nothing; no machines are launched here.

        Raises:
            SshProblem: a host cannot be reached or logged in to.
            RhError: a host could not be brought up; the sentence says at which step. If it is not the head, the
                others are up.
        """
        async with self._changing:
            self._hosts.timings = []
            connection = await self._connect(progress, ask)
            head = self._hosts.host(self.head, connection, progress)
            async with self._hosts.others(self._document.ips[1:], progress, ask) as (others, failed):
                with head.step("state", ""):
                    state = await read_state(head)
                address, version = await self._ensure_server(head, state, others, failed, progress)
                if wait_ready or len(self._document.ips) > 1:
                    with head.step("engine", ""):
                        await wait_for_engine(address, progress)
                there = {name: host for name, host in others.items() if name not in failed}
                failed.update(await self._hosts.ensure_nodes(head, version, address, there))
                self._hosts.require_all(failed)
            return address

    async def _connect(self, progress: Progress, ask: bool) -> SshConnection:
        if self._way.is_open:
            return await self.connection(ask)
        began = time.monotonic()
        connection = await self.connection(ask)
        took = time.monotonic() - began
        self.timings.append(Timed(self.head, "connect", took))
        progress(f"Connected to {connection.target.account} ({took:.1f} s)")
        return connection

    async def _ensure_server(
        self, head: Host, state: State, others: Mapping[str, Host], failed: dict[str, RhError], progress: Progress
    ) -> tuple[ServerAddress, str]:
        """A server on the head that answers, and its version."""
        if state.server is not None and state.server_lives:
            self._require_known_protocol(state)
            address = await self._answering(head, state)
            if address is not None:
                version = state.server_version
                head.say(f"The cluster server runs (rhdesk {version})")
                if version != await asyncio.to_thread(own_version):
                    head.say(
                        f"It is another build than this computer's; `rhdesk upgrade` brings {self.head} up to date."
                    )
                return address, version
        if not self._document.ssh_creds.ssh_user and (theirs := await servers_of_others(head)):
            with head.step("others", f"{theirs}. {SHARING}"):
                pass
        installs = await self._prepare({self.head: head, **others}, {self.head: state}, failed)
        version = installs[self.head].version
        return await self._start(head, version), version

    async def _prepare(
        self, hosts: Mapping[str, Host], known: Mapping[str, State], failed: dict[str, RhError]
    ) -> dict[str, Install]:
        """This computer's rhdesk on all these hosts; what fails on others than the head goes to `failed`."""
        missing = [name for name in hosts if name not in known]
        states = await asyncio.gather(*(read_state(hosts[name]) for name in missing), return_exceptions=True)
        whole = dict(known)
        for name, state in zip(missing, states, strict=True):
            if isinstance(state, State):
                whole[name] = state
            elif isinstance(state, RhError):
                failed[name] = state
            else:
                raise state
        prepared = await prepare({name: hosts[name] for name in whole}, whole, self._document)
        if self.head in prepared.failed:
            raise prepared.failed[self.head]
        failed.update(prepared.failed)
        return prepared.installs

    async def _start(self, head: Host, version: str) -> ServerAddress:
        options = await self._hosts.limits()
        if len(self._document.ips) > 1:
            options += ["--address", await address_of(head), "--hosts", ",".join(self._document.ips)]
        with head.step("start", f"Started the cluster server on {self.head}"):
            server = await start_server(head, version, options)
            address = await self._way.through(head.connection, server)
            if not await answers(address):
                raise RhError(
                    f"The cluster server on {self.head} started and does not answer through the tunnel.",
                    remedy=f"{head.home}/server.log on the host says what it does.",
                )
        return address

    async def _answering(self, head: Host, state: State) -> ServerAddress | None:
        """The address of a server whose process lives, once it answers; None if it ended meanwhile.

        Raises:
            RhError: it lives and does not answer.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if state.server is None or not state.server_lives:
                return None
            try:
                address = await self._way.through(head.connection, state.server)
                if await answers(address):
                    return address
            except NothingListens:
                pass
            except ServerProblem as error:
                if error.code != "unauthenticated":  # a server that was started anew meanwhile
                    raise
            await asyncio.sleep(0.2)
            state = await read_state(head)
        raise RhError(
            f"The cluster server on {self.head} runs and does not answer.",
            remedy=f"{head.home}/server.log there says what it does; "
            f"as a last resort end its process there: kill {(state.server or {}).get('pid', '')}.",
        )

    def _require_known_protocol(self, state: State) -> None:
        spoken = (state.server or {}).get("protocol", PROTOCOL)
        if isinstance(spoken, int) and spoken != PROTOCOL:
            why = problems.newer_there if spoken > PROTOCOL else problems.older_there
            raise why(self.head, state.server_version, own_version())

    # ------------------------------------------------------------ down, repair, upgrade

    async def down(self, stop_runs: bool, progress: Progress = silent) -> None:
        """End the server, its Ray and every worker, on all hosts that can be reached.

        Raises:
            SshProblem: the head cannot be reached or logged in to.
            RhError: runs are active and `stop_runs` is false; nothing was ended.
        """
        async with self._changing:
            self._hosts.timings = []
            head = self._hosts.host(self.head, await self.connection(True), progress)
            state = await read_state(head)
            address: ServerAddress | None = None
            if state.server is not None and state.server_lives:
                address = await self._answering(head, state)
            elif state.ray_lives:
                # a killed server left its Ray and maybe runs behind; a new one knows how to end them in order
                version = await self._any_version(head, state)
                address = await self._start(head, version)
                await wait_for_engine(address, progress)
                state = await read_state(head)
            async with self._hosts.others(self._document.ips[1:], progress, False) as (others, _):
                if address is not None:
                    with head.step("shut down", ""):
                        await shut_down(address, stop_runs)

                async def end(host: Host) -> None:
                    with host.step("stop", ""):
                        if host is not head:
                            await stop(host, "node.json")
                        elif address is not None:
                            await stop(host, "server.json", ended=(state.server or {}).get("pid"))

                ended = await asyncio.gather(*map(end, (head, *others.values())), return_exceptions=True)
                self._way.end_forward()
                if isinstance(ended[0], BaseException):
                    raise ended[0]

    async def _any_version(self, head: Host, state: State) -> str:
        """An installation to start the server from that Ray was started from, or may have been."""
        if state.server_version in state.installs:
            return state.server_version
        return (await self._prepare({self.head: head}, {self.head: state}, {}))[self.head].version

    async def repair(self, host: str | None, progress: Progress) -> None:
        """Bring hosts back that are lost, in place; the rest of the cluster goes on.

        Args:
            host: which one, as the document names it; None: all that are not part of the cluster.
            progress: gets a line for every step.

        Raises:
            SshProblem: a host cannot be reached or logged in to.
            RhError: the head does not run, or a host cannot join.
        """
        if host is not None and host not in self._document.ips:
            raise RhError(f"{host} is none of the hosts of this cluster: {', '.join(self._document.ips)}.")
        if host == self.head or len(self._document.ips) == 1:
            await self.up(progress)
            return
        async with self._changing:
            self._hosts.timings = []
            head = self._hosts.host(self.head, await self._connect(progress, True), progress)
            state = await read_state(head)
            if state.server is None or not state.server_lives:
                raise RhError("The cluster is not up.", remedy="Bring it up; that brings all its hosts up.")
            names = [host] if host is not None else self._document.ips[1:]
            async with self._hosts.others(names, progress, True) as (others, failed):
                address = await self._way.through(head.connection, state.server)
                version = state.server_version
                failed.update(await self._hosts.ensure_nodes(head, version, address, others, anew=host is not None))
                self._hosts.require_all(failed)

    async def upgrade(self, progress: Progress) -> None:
        """Put the rhdesk of this computer onto the hosts and restart the server from it; runs go on meanwhile.

        Raises:
            SshProblem: a host cannot be reached or logged in to.
            RhError: runs are active and would not survive, as Ray or Python would change; nothing was changed.
        """
        async with self._changing:
            self._hosts.timings = []
            head = self._hosts.host(self.head, await self._connect(progress, True), progress)
            state = await read_state(head)
            async with self._hosts.others(self._document.ips[1:], progress, True) as (others, failed):
                installs = await self._prepare({self.head: head, **others}, {self.head: state}, failed)
                new = installs[self.head]
                same = state.server_version == new.version
                if state.server_lives and state.server is not None and (others or not same):
                    if same:
                        address = await self._way.through(head.connection, state.server)
                    else:
                        address = await self._exchange(head, state, new)
                    with head.step("engine", ""):
                        await wait_for_engine(address, progress)
                    there = {name: host for name, host in others.items() if name not in failed}
                    idle = not await active_runs(address)  # a host's part in the cluster ends what runs there
                    failed.update(await self._hosts.ensure_nodes(head, new.version, address, there, same_build=idle))
                for each in (head, *others.values()):
                    for removed in await remove_old(each, new.version):
                        each.say(f"Removed rhdesk {removed}")
                self._hosts.require_all(failed)

    async def _exchange(self, head: Host, state: State, new: Install) -> ServerAddress:
        """Another server in place of the one that runs; that one again, if the other does not start."""
        assert state.server is not None
        old = state.installs.get(state.server_version)
        if old is None or (old.python, old.ray) != (new.python, new.ray):
            with contextlib.suppress(ConnectionLost, ServerProblem):
                if runs := await active_runs(await self._way.through(head.connection, state.server)):
                    raise runs_active(
                        runs,
                        f"rhdesk {new.version} needs Ray {new.ray} on Python {new.python} and cannot take them over; "
                        "upgrade when they have ended.",
                    )
        with head.step("stop", f"Ended the server of rhdesk {state.server_version}"):
            # it leaves Ray and the workers alone while runs are active
            await stop(head, "server.json")
        self._way.end_forward()
        try:
            return await self._start(head, new.version)
        except RhError:
            if old is not None:
                head.say(f"It does not start; starting rhdesk {old.version} again")
                await self._start(head, old.version)
            raise
