"""On the head: the link to a worker of another host, through the relay there.

To the rest of the server it is a `WorkerLink` like any other: what the worker writes on its host has arrived on this
disk, under the same place in the home, before the frame that speaks of it is delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rhserver.engine.worker_link import OnAnswer, OnItem, OnStarted, WorkerLink
from rhserver.hosts import handshake, shipping
from rhserver.worker.rhworker import frames

CONNECT_SECONDS = 20.0
DRAIN_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class RemoteWorker(WorkerLink):
    """A worker of another host. Open it with `connect`.

    Attributes:
        home: the server's home on this host.
        key: see `handshake.key_of`.
        run_before: what the worker may be in the middle of, of an earlier server.
        on_broken: told when the connection ended by itself; the worker cannot be reached any more.
    """

    home: Path = Path()
    key: bytes = field(default=b"", repr=False)
    run_before: str = ""
    on_broken: Callable[[RemoteWorker], None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store = shipping.Store(self.home)
        self._recognised: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._nonce = b""
        self._certificate = b""
        self._closing = False
        self._room = asyncio.Event()
        self._room.set()
        self._gone = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    async def connect(self, address: str, port: int) -> None:
        """Connect to the relay, prove who we are and check who that is.

        Raises:
            OSError, TimeoutError, ConnectionError: nobody answers there, or somebody who does not know the token.
        """
        loop = asyncio.get_running_loop()
        self.scratch.unlink(missing_ok=True)
        self.scratch.touch(mode=0o600)
        async with asyncio.timeout(CONNECT_SECONDS):
            await loop.create_connection(lambda: self, address, port, ssl=handshake.caller_context())
            await self._recognised
        log_file = self.home / "runs" / self.run_before / "log"
        size = log_file.stat().st_size if self.run_before and log_file.exists() else 0
        attach = {"worker": self.name, "run": self.run_before, "log": size}
        self._write(frames.pack(shipping.ATTACH, 0, json.dumps(attach).encode()))

    def run(
        self,
        number: int,
        task: dict[str, Any],
        arguments: bytes,
        on_answer: OnAnswer,
        on_item: OnItem = lambda _index, _meta, _data: None,
        on_started: OnStarted | None = None,
    ) -> None:
        """As for a worker of this host; arguments that lie in a file travel first."""
        remote = shipping.to_wire(task, str(self.home))
        path = task.get("arguments_path")
        if path is None:
            super().run(number, remote, arguments, on_answer, on_item, on_started)
            return
        self._on_answer = on_answer  # it is busy from now on
        relative = Path(path).relative_to(self.home).as_posix()

        async def send() -> None:
            try:
                for piece in shipping.pieces(Path(path), relative):
                    self._write(piece)
                    await self._room.wait()
            except OSError as error:
                log.warning("arguments cannot be read: %s", error)
                self.died("Its arguments could not be read from the disk of the head.")
                self.close()
                return
            if not self.lost:
                super(RemoteWorker, self).run(number, remote, arguments, on_answer, on_item, on_started)

        self._sending = asyncio.ensure_future(send())

    async def drained(self) -> None:
        """The worker ended: wait until everything is here that it left, for a few seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._gone.wait()

    def close(self) -> None:
        self._closing = True
        super().close()

    # ------------------------------------------------------------ asyncio.Protocol

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tls = cast("ssl.SSLObject", transport.get_extra_info("ssl_object"))
        self._certificate = tls.getpeercert(binary_form=True) or b""

    def data_received(self, data: bytes) -> None:
        if self._recognised.done():
            super().data_received(data)
            return
        self._buffer += data
        try:
            self._recognise()
        except ConnectionError as error:
            if not self._recognised.done():
                self._recognised.set_exception(error)
            self.close()

    def _recognise(self) -> None:
        buffer, size = self._buffer, handshake.NONCE
        if not self._nonce:
            if len(buffer) < size:
                return
            self._theirs = bytes(buffer[:size])
            del buffer[:size]
            self._nonce = secrets.token_bytes(size)
            self._write(
                self._nonce + handshake.proof(self.key, b"caller", self._theirs, self._nonce, self._certificate)
            )
        if len(buffer) < handshake.DIGEST:
            return
        given = bytes(buffer[: handshake.DIGEST])
        del buffer[: handshake.DIGEST]
        wanted = handshake.proof(self.key, b"listener", self._theirs, self._nonce, self._certificate)
        if not hmac.compare_digest(given, wanted):
            raise ConnectionError("whoever answers there does not know the token of the cluster")
        self._recognised.set_result(None)
        if buffer:
            super().data_received(b"")

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._room.set()
        self._gone.set()
        self._store.close()
        if not self._recognised.done():
            self._recognised.set_exception(ConnectionError("the relay closed the connection"))
            self._recognised.exception()
        if not self._closing and self.on_broken is not None:
            self.on_broken(self)

    def _frame(self, kind: bytes, number: int, meta: bytes, payload: bytes) -> None:
        try:
            if kind == shipping.FILE:
                self._store.write(meta, payload)
            elif kind == shipping.FRESH:
                self._store.begin_anew(meta)
            else:
                if kind in (frames.DONE, frames.ITEM) and meta:
                    meta = json.dumps(shipping.from_wire(json.loads(meta), str(self.home))).encode()
                if kind in (frames.DONE, frames.ERROR, frames.HELLO):
                    self._store.close()
                super()._frame(kind, number, meta, payload)
        except OSError as error:
            log.warning("what worker %s wrote cannot be kept here: %s", self.name, error)
            self.died(f"What it wrote could not be kept on the head: {error.strerror}.")
            self.close()
        except ValueError as error:
            log.warning("worker %s sent what it must not: %s", self.name, error)
            self.died("Its host sent something that is not for the head.")
            self.close()
