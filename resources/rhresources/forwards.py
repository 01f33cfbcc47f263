"""Ports of this computer that lead to a cluster. They live as long as the workspace and outlive its connections.

Only 127.0.0.1 listens here. After a lost connection every forward comes back on its port by itself.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from rhresources.connections import Described
from rhresources.errors import NotFound, RhError, UsageError
from rhresources.reach.local_forward import LocalForward

if TYPE_CHECKING:
    from rhresources.connections import ClusterLike
    from rhresources.reach.ssh.connection import SshConnection

LOOPBACK = "127.0.0.1"
RETRY_SECONDS = 2.0
LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PortForward:
    """One forward.

    Attributes:
        id: names it, for `stop`.
        cluster: the name of the cluster.
        remote_host, remote_port: where it leads, seen from the cluster's head; port 0: the unix socket `remote_host`.
        local_port: where it begins, at 127.0.0.1.
        state: "open"; "waiting" for the connection; or "failed", tried again too.
        sentence: what is wrong; of an open one, that nothing listens where it leads.
    """

    id: str
    cluster: str
    remote_host: str
    remote_port: int
    local_port: int
    state: Literal["open", "waiting", "failed"]
    sentence: str = ""

    @property
    def local(self) -> str:
        """ "127.0.0.1:8888"."""
        return f"{LOOPBACK}:{self.local_port}"

    @property
    def remote(self) -> str:
        """ "127.0.0.1:8888", or the path of a socket."""
        return f"{self.remote_host}:{self.remote_port}" if self.remote_port else self.remote_host


class Handle(Protocol):
    """An open forward, here or over SSH."""

    @property
    def address(self) -> str:
        """ "127.0.0.1:4711"."""
        ...

    @property
    def error(self) -> RhError | None:
        """Why its last connection led nowhere; None while all goes well."""
        ...

    def close(self) -> None:
        """Stop listening and end what goes through it."""
        ...


GetConnection = Callable[["ClusterLike", bool], Awaitable["SshConnection | None"]]
"""The SSH connection of a cluster, made if there is none, asking if the second argument says so; None: it is here."""


class _Kept:
    """A forward and the task that keeps it open."""

    def __init__(self, row: PortForward, cluster: ClusterLike) -> None:
        self.row = row
        self.cluster = cluster
        self.handle: Handle | None = None
        self.connection: SshConnection | None = None
        self.wakened = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Forwards:
    """The forwards of a workspace.

    Args:
        connection: gets the SSH connection of a cluster.
    """

    def __init__(self, connection: GetConnection) -> None:
        self._get_connection = connection
        self._kept: dict[str, _Kept] = {}
        self._numbers = itertools.count(1)
        self._callbacks: list[Callable[[], None]] = []

    def list(self) -> list[PortForward]:
        """All of them, in the order in which they were added."""
        return [kept.row for kept in self._kept.values()]

    async def add(
        self,
        cluster: ClusterLike,
        remote_port: int,
        local_port: int = 0,
        remote_host: str = LOOPBACK,
        *,
        num_ports_to_try: int = 0,
        ask: bool = True,
    ) -> PortForward:
        """Forward a port of this computer to one there.

        Args:
            cluster: through which one; it need not be up, its head must be reachable.
            remote_port: the port there; 0: `remote_host` is the path of a unix socket there.
            local_port: the port here; 0: any that is free.
            remote_host: as the cluster's head calls it.
            num_ports_to_try: so many ports after `local_port` will do too.
            ask: whether questions may be asked on the way.

        Raises:
            UsageError: there are no such ports.
            RhError: the host cannot be reached or forbids forwarding, or the port here is taken.
        """
        _require_port(remote_port, "remote")
        _require_port(local_port, "local")
        name = _name_of(cluster)
        row = PortForward(str(next(self._numbers)), name, remote_host, remote_port, local_port, "waiting")
        kept = _Kept(row, cluster)
        last = min(local_port + num_ports_to_try, 65_535) if local_port else 0
        for port in range(local_port, last + 1):
            try:
                await self._open(kept, port, ask)
                break
            except PortTaken:
                if port == last:
                    raise
        self._kept[row.id] = kept
        kept.task = asyncio.create_task(self._keep(kept), name=f"forward {row.id}")
        self._say()
        return kept.row

    async def stop(self, id: str) -> None:
        """End a forward and what goes through it.

        Raises:
            NotFound: there is none of that id.
        """
        kept = self._kept.pop(id, None)
        if kept is None:
            raise NotFound(f"There is no port forward {id}.")
        await self._end(kept)
        self._say()

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Tell `callback` whenever `list` changes; call what is returned to end that."""
        self._callbacks.append(callback)

        def stop() -> None:
            with suppress(ValueError):
                self._callbacks.remove(callback)

        return stop

    def wake(self) -> None:
        """A connection was lost or is back: look at once."""
        for kept in self._kept.values():
            kept.wakened.set()

    async def close(self) -> None:
        """End all of them."""
        all_kept, self._kept = list(self._kept.values()), {}
        for kept in all_kept:
            await self._end(kept)

    # ------------------------------------------------------------ inside

    async def _open(self, kept: _Kept, port: int, ask: bool) -> None:
        row = kept.row
        remote: str | tuple[str, int] = (row.remote_host, row.remote_port) if row.remote_port else row.remote_host
        connection = await self._get_connection(kept.cluster, ask)
        _require_free(port)
        if connection is None:
            handle: Handle = await LocalForward.open(remote, (LOOPBACK, port))
        else:
            handle = await connection.forward(remote, (LOOPBACK, port))
            if ask:
                await _require_allowed(handle)
        kept.connection, kept.handle = connection, handle
        bound = int(handle.address.rpartition(":")[2])
        kept.row = replace(row, local_port=bound, state="open", sentence=_said(handle))

    async def _keep(self, kept: _Kept) -> None:
        """Open it again whenever its connection is gone; until cancelled."""
        while True:
            kept.wakened.clear()
            if kept.handle is None:
                await self._reopen(kept)
            elif kept.connection is not None and not kept.connection.alive:
                self._shut(kept)
                self._set(kept, "waiting", "The connection was lost.")
                continue
            else:
                self._set(kept, "open", _said(kept.handle))
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS if kept.handle is None else LOOK_SECONDS):
                    await kept.wakened.wait()

    async def _reopen(self, kept: _Kept) -> None:
        try:
            await self._open(kept, kept.row.local_port, False)
        except PortTaken as error:
            self._set(kept, "failed", error.sentence)
        except RhError as error:
            self._set(kept, "waiting", error.sentence)
        else:
            self._say()

    def _set(self, kept: _Kept, state: Literal["open", "waiting", "failed"], sentence: str) -> None:
        if (kept.row.state, kept.row.sentence) != (state, sentence):
            kept.row = replace(kept.row, state=state, sentence=sentence)
            self._say()

    @staticmethod
    def _shut(kept: _Kept) -> None:
        handle, kept.handle, kept.connection = kept.handle, None, None
        if handle is not None:
            handle.close()

    async def _end(self, kept: _Kept) -> None:
        if kept.task is not None:
            kept.task.cancel()
            await asyncio.gather(kept.task, return_exceptions=True)
        self._shut(kept)

    def _say(self) -> None:
        for callback in list(self._callbacks):
            callback()


class PortTaken(RhError):
    """The local port of a forward is in use."""

    code = "port-taken"


def _require_free(port: int) -> None:
    """Tells a port that is taken from everything else that may be wrong with it."""
    try:
        with socket.socket() as sock:
            if os.name != "nt":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((LOOPBACK, port))
    except OSError as error:
        what = "for administrators only" if error.errno == errno.EACCES else "taken"
        raise PortTaken(
            f"Port {port} of this computer is {what}.", remedy="Choose another local port, or leave it out."
        ) from None


async def _require_allowed(handle: Handle) -> None:
    """Find out now whether the host lets forwards through; that nothing listens there yet is no reason to refuse."""
    from rhresources.reach.ssh.forwarding import Forward
    from rhresources.reach.ssh.threads import in_thread

    assert isinstance(handle, Forward)
    try:
        await in_thread(handle.probe, on_cancel=handle.close)
    except RhError as error:
        if error.code != "nothing-listens":
            handle.close()
            raise


def _said(handle: Handle) -> str:
    return handle.error.sentence if handle.error is not None else ""


def _name_of(cluster: ClusterLike) -> str:
    if isinstance(cluster, Described):
        return cluster.address
    return cluster if isinstance(cluster, str) else ", ".join(cluster.ips) or "this computer"


def _require_port(port: int, which: str) -> None:
    if not 0 <= port <= 65_535:
        raise UsageError(f"{port} is no {which} port.", remedy="Ports are numbers from 1 to 65535.")
