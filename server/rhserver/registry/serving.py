"""Listening: on loopback unless told otherwise, until a signal says stop."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from rhresources.errors import RhError
from rhserver.registry.app import make_app
from rhserver.registry.database import Database
from rhserver.registry.door import access_log
from rhserver.registry.limits import Limits
from rhserver.registry.listening import Listener
from rhserver.registry.patience import Bounded, bounded_protocol
from rhserver.registry.recorder import Recorder
from rhserver.registry.redaction import RedactingFormatter
from rhserver.registry.room import KEEP_ALIVE
from rhserver.registry.tls import Certificate

DEFAULT_LISTEN = "127.0.0.1:8421"

_SECONDS_TO_END = 10
_TICKS_BETWEEN_LOOKS = 50  # of a tenth of a second


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve.

    Attributes:
        listen: HOST:PORT; port 0 is any that is free.
        certificate, key: files of TLS.
        insecure: whether other computers may be listened to without TLS.
        proxy: addresses whose word on where a request comes from is taken.
        audit_days, audit_rows: how much of the audit log is kept.
        keep_alive: seconds, see `KEEP_ALIVE`.
    """

    listen: str = DEFAULT_LISTEN
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False
    proxy: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    audit_days: float = 365
    audit_rows: int = 1_000_000
    keep_alive: float = KEEP_ALIVE


def serve(database: Database, options: Options) -> int:
    """Serve until SIGTERM or SIGINT; prints where, once it answers.

    Raises:
        RhError: it cannot listen there.
    """
    host, port = _parsed(options.listen)
    certificate = None
    if options.certificate is not None:
        certificate = Certificate(options.certificate, options.key or options.certificate)
    if certificate is None and not options.insecure and not _is_loopback(host):
        raise RhError(
            f"The registry does not listen on {host} without TLS: tokens could be read on the way.",
            remedy="Give it --cert and --key, listen on 127.0.0.1 behind a proxy with TLS, or say --insecure.",
        )
    files = _raised_file_limit()
    if files is not None:
        options = replace(options, limits=options.limits.within(files))
    recorder = Recorder(database, days=options.audit_days, rows=options.audit_rows)
    app = make_app(database, options.limits, recorder)
    app.state.room.keep_alive = options.keep_alive
    server = _Server(app, _bound(host, port), host, certificate, options)
    server.run()
    return 0 if server.started else 1


class _Server(uvicorn.Server):  # type: ignore[misc]  # SkyPilot's plugin needs it to be untyped
    """uvicorn on a socket of ours, that ends feeds when it ends."""

    def __init__(
        self, app: Any, bound: socket.socket, host: str, certificate: Certificate | None, options: Options
    ) -> None:
        trusted = ProxyHeadersMiddleware(app, list(options.proxy)).trusted_hosts
        config = uvicorn.Config(
            app, loop="uvloop" if sys.platform != "win32" else "asyncio", ws="none",
            http=bounded_protocol(options.limits),
            lifespan="on", log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_END, timeout_keep_alive=75,
            proxy_headers=bool(options.proxy), forwarded_allow_ips=list(options.proxy),
        )  # fmt: skip
        super().__init__(config)
        self._app = app
        self._bound = bound
        self._host = f"[{host}]" if ":" in host else host
        self._certificate = certificate
        self._limits = options.limits
        self._is_proxy = trusted.__contains__

    def run(self, sockets: Any = None) -> None:
        """Serve until stopped."""
        super().run([self._bound])

    async def startup(self, sockets: Any = None) -> None:
        """Begin to answer."""
        await super().startup([])
        if self.started:
            context = self._certificate.context if self._certificate else None
            self.servers = [Listener(self._bound, self._protocol, self._limits, self._is_proxy, context)]
            scheme = "https" if self._certificate else "http"
            print(f"The registry answers on {scheme}://{self._host}:{self._bound.getsockname()[1]}", flush=True)

    def _protocol(self) -> Bounded:
        made: Bounded = self.config.http_protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        if self._certificate is not None and counter % _TICKS_BETWEEN_LOOKS == 0:
            self._certificate.reload_if_renewed()
        return bool(await super().on_tick(counter))

    async def shutdown(self, sockets: Any = None) -> None:
        """Answer what has come, end the feeds."""
        await self._app.state.room.feed.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end it in order; to end as one was told is no failure, so they are not raised again."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


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


def _raised_file_limit() -> int | None:
    """Take as many open files as the system lets us have, as many shells begin with 1,024; how many. None: no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(65536, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def start_logging(access: str = "") -> None:
    """Warnings and errors to standard error.

    Args:
        access: a file for one line on each request, `-`: standard output; empty: nowhere.

    Raises:
        RhError: that file cannot be written.
    """
    errors = logging.StreamHandler(sys.stderr)
    errors.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[errors])
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # its warnings are about what strangers send
    if not access:
        return
    try:
        # a file that was moved away by logrotate is begun anew
        handler = logging.StreamHandler(sys.stdout) if access == "-" else WatchedFileHandler(access)
    except OSError as error:
        raise RhError(f"The access log {access} cannot be written: {error.strerror}.") from None
    handler.setFormatter(RedactingFormatter("%(asctime)s %(message)s"))
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    access_log.propagate = False
