"""Listening: on loopback unless told otherwise, until a signal says stop."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
from typing import Any

import uvicorn

from rhresources.errors import RhError
from rhserver.registry.app import make_app
from rhserver.registry.database import Database

DEFAULT_LISTEN = "127.0.0.1:8421"

_SECONDS_TO_END = 5


def serve(database: Database, listen: str = DEFAULT_LISTEN, *, insecure: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; prints where, once it answers.

    Args:
        listen: HOST:PORT; port 0 is any that is free.
        insecure: whether other computers may be listened to without TLS.

    Raises:
        RhError: it cannot listen there.
    """
    host, port = _parsed(listen)
    if not insecure and not _is_loopback(host):
        raise RhError(
            f"The registry does not listen on {host} without TLS: tokens could be read on the way.",
            remedy="Listen on 127.0.0.1 behind a proxy with TLS, or say --insecure.",
        )
    server = _Server(make_app(database), _bound(host, port), host)
    server.run()
    return 0 if server.started else 1


class _Server(uvicorn.Server):  # type: ignore[misc]  # SkyPilot's plugin needs it to be untyped
    """uvicorn on a socket of ours, that ends feeds when it ends."""

    def __init__(self, app: Any, bound: socket.socket, host: str) -> None:
        config = uvicorn.Config(
            app, loop="uvloop" if sys.platform != "win32" else "asyncio", http="httptools", ws="none",
            lifespan="on", log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_END, timeout_keep_alive=75,
        )  # fmt: skip
        super().__init__(config)
        self._app = app
        self._bound = bound
        self._host = f"[{host}]" if ":" in host else host

    def run(self, sockets: Any = None) -> None:
        """Serve until stopped."""
        super().run([self._bound])

    async def startup(self, sockets: Any = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            print(f"The registry answers on http://{self._host}:{self._bound.getsockname()[1]}", flush=True)

    async def shutdown(self, sockets: Any = None) -> None:
        """Answer what has come, end the feeds."""
        await self._app.state.room.feed.close()
        await super().shutdown(sockets)


def _parsed(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise RhError(f"{listen!r} is not an address to listen on.", remedy=f"Write HOST:PORT, e.g. {DEFAULT_LISTEN}.")
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise RhError(
            f"The registry cannot listen on {host}:{port}: {error.strerror or error}.",
            remedy="Choose another address with --listen.",
        ) from None
    return bound


def quiet_logging() -> None:
    """Warnings and errors to standard error; no line for each request."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
