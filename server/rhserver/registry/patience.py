"""HTTP with bounds that uvicorn has not by itself: for slow senders and readers, and for headers without end."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEADERS_LIMIT = 64 * 1024


def bounded_protocol(seconds: float, connections: float) -> type[asyncio.Protocol]:
    """The protocol for a server with at most so many connections, each given so many seconds."""

    class Bounded(_BoundedProtocol):
        limit = connections or float("inf")
        patience = seconds or None

    return Bounded


class _BoundedProtocol(HttpToolsProtocol):
    limit: float
    patience: float | None
    _arriving: asyncio.TimerHandle | None = None
    _leaving: asyncio.TimerHandle | None = None
    _unread: int = 0
    _in_headers = True

    def connection_made(self, transport: Any) -> None:
        """One more, if there are not too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limit:
            transport.abort()
        else:
            self._arriving = self._after_patience()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, but no headers without end."""
        if self._in_headers:
            self._unread += len(data)
        super().data_received(data)
        if self._in_headers and self._unread > _HEADERS_LIMIT:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A request begins to arrive."""
        if self._arriving is None:
            self._arriving = self._after_patience()
        self._in_headers, self._unread = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """What comes now is a body, which the application bounds."""
        self._in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server ends: idle connections do so at once. With TLS, closing waits for a client that reads nothing."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.transport.get_write_buffer_size() == 0:
            self.transport.abort()
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """The other side does not read as fast as we write."""
        super().pause_writing()
        if self._leaving is None:
            self._leaving = self._after_patience()

    def resume_writing(self) -> None:
        """It has read."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        super().resume_writing()

    def _after_patience(self) -> asyncio.TimerHandle | None:
        return None if self.patience is None else self.loop.call_later(self.patience, self._give_up)

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _cancel(self) -> None:
        for timer in (self._arriving, self._leaving):
            if timer is not None:
                timer.cancel()
        self._arriving = self._leaving = None
