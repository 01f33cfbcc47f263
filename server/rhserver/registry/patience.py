"""HTTP with bounds that uvicorn has not: on slow senders and readers, endless headers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rhserver.registry.answers import error_body
from rhserver.registry.limits import Limits
from rhserver.registry.problems import TooMany

_HEADERS_LIMIT = 64 * 1024
_SECONDS_TO_HEAR = 1.0


def bounded_protocol(limits: Limits) -> type[Bounded]:
    """The protocol for a server with these limits."""

    class WithLimits(Bounded):
        patience = limits.seconds or None

    return WithLimits


class Bounded(HttpToolsProtocol):
    """One connection.

    Attributes:
        patience: seconds; None: no end of it.
        refused: whether it is one too many, which is all that it is told.
        free: called once, when it is over.
    """

    patience: float | None
    refused = False
    free: Callable[[], None] | None = None
    _arriving: asyncio.TimerHandle | None = None
    _leaving: asyncio.TimerHandle | None = None
    _unread: int = 0
    _in_headers = True

    def connection_made(self, transport: Any) -> None:
        """One more, if there are not too many."""
        super().connection_made(transport)
        if not self.refused:
            self._arriving = self._after_patience()
            return
        transport.write(_refusal())
        transport.close()
        self._arriving = self.loop.call_later(_SECONDS_TO_HEAR, self._give_up)  # closing TLS waits for the client

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.release()
        self._cancel()
        super().connection_lost(exc)

    def release(self) -> None:
        """It does not count any more."""
        if self.free is not None:
            self.free()
            self.free = None

    def data_received(self, data: bytes) -> None:
        """Read on, but no headers without end."""
        if self.refused:
            return
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


@cache
def _refusal() -> bytes:
    """What is answered where there are too many connections, to whatever is asked."""
    error = TooMany("Too many connections to the registry are open.", remedy="Close some, or try again later.")
    body = json.dumps(error_body(error)).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable", "Content-Type: application/json", f"Content-Length: {len(body)}",
        "Retry-After: 10", "Connection: close", "", "",
    )  # fmt: skip
    return "\r\n".join(head).encode() + body
