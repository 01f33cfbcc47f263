"""Accepting connections: each is counted before TLS is spoken with it, which who is silent never does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable

from rhserver.registry.limits import Limits, Slots, network_of
from rhserver.registry.patience import Bounded

_WAITING_TO_BE_ACCEPTED = 2048
_TOLD_AT_ONCE = 20  # that there are too many; who comes while so many are told is told nothing
_SECONDS_WITHOUT_FILES = 0.5

log = logging.getLogger(__name__)


class Listener:
    """Accepts the connections of a socket until it is closed.

    Args:
        bound: the socket, bound already.
        make: a new protocol for a connection.
        is_proxy: whether there are many behind an address; their open requests are counted, each for itself.
        context: for TLS, if it is spoken.
    """

    def __init__(
        self,
        bound: socket.socket,
        make: Callable[[], Bounded],
        limits: Limits,
        is_proxy: Callable[[str], bool],
        context: ssl.SSLContext | None,
    ) -> None:
        self._bound = bound
        self._make = make
        self._is_proxy = is_proxy
        self._open = Slots(limits.connections, limits.connections_per_address)
        self._told = Slots(_TOLD_AT_ONCE, 0)
        self._tls = context
        self._patience = (limits.seconds or None) if context else None
        bound.setblocking(False)
        bound.listen(_WAITING_TO_BE_ACCEPTED)
        self._tasks = {asyncio.create_task(self._accept())}

    def close(self) -> None:
        """Accept no more; who has not said anything yet is not waited for."""
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until nothing is accepted any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, (address, port, *_) = await loop.sock_accept(self._bound)
            except ConnectionError:
                continue  # it has gone again
            except OSError as error:
                log.warning("no connection can be accepted: %s", error.strerror)
                await asyncio.sleep(_SECONDS_WITHOUT_FILES)
                continue
            free = self._open.take((address, port) if self._is_proxy(address) else network_of(address))
            protocol = self._make()
            protocol.refused = free is None
            protocol.free = free or self._told.take(address)
            if protocol.free is None:
                connection.close()
            else:
                task = asyncio.create_task(self._begin(connection, protocol))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(0)  # many who come at once keep nobody waiting who is there

    async def _begin(self, connection: socket.socket, protocol: Bounded) -> None:
        loop = asyncio.get_running_loop()
        begun = False
        try:
            with contextlib.suppress(OSError):  # no TLS, or not in time
                await loop.connect_accepted_socket(
                    lambda: protocol, connection, ssl=self._tls, ssl_handshake_timeout=self._patience
                )
                begun = True
        finally:
            if not begun:
                protocol.release()
