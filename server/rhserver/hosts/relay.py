"""On a host that is not the head: brings the frames of its workers to the head, and their files before them.

A worker writes its output, its run's folder and large results to the disk of its own host. The head keeps all of that
on its own disk, where logs are followed and results are read. So the relay sends what a file grew by before it passes
on the frame that speaks of it: on the head nothing differs from a worker of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rhserver.hosts import handshake, shipping
from rhserver.worker.rhworker import frames

INTERVAL = 0.02
"""Seconds between looks at whether a file grew, while a task runs."""

PATIENCE = 20.0
"""Seconds that a caller has to prove who it is."""

log = logging.getLogger(__name__)


class Relay:
    """Listens for the head. One connection per worker.

    Args:
        home: the home of this host's server.
        token: of the cluster's Ray.
        socket_of: where a worker listens, by its name.
    """

    def __init__(self, home: Path, token: str, socket_of: Any) -> None:
        self._home = home
        self._key = handshake.key_of(token)
        self._socket_of = socket_of
        self._certificate = b""
        self._server: asyncio.Server | None = None

    async def open(self, address: str) -> int:
        """Listen on a port of `address`; the port."""
        context, self._certificate = handshake.listener_context()
        self._server = await asyncio.start_server(
            self._serve, address, 0, ssl=context, limit=shipping.PIECE * 2, ssl_handshake_timeout=PATIENCE
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                if not await self._recognise(reader, writer):
                    log.info("a caller that does not know the token was turned away")
                    return
                attach = await _read_frame(reader)
            if attach.kind != shipping.ATTACH:
                return
            what = json.loads(attach.meta)
            worker = str(what["worker"])
            async with asyncio.timeout(PATIENCE):
                from_worker, to_worker = await asyncio.open_unix_connection(
                    self._socket_of(worker), limit=shipping.PIECE * 2
                )
            line = _Line(self._home, worker, reader, writer, from_worker, to_worker)
            try:
                await line.carry(str(what.get("run", "")), int(what.get("log", 0)))
            finally:
                to_worker.close()
        except (OSError, EOFError, ValueError, KeyError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.info("a connection from the head ended: %r", error)
        finally:
            writer.close()

    async def _recognise(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        mine = secrets.token_bytes(handshake.NONCE)
        writer.write(mine)
        theirs = await reader.readexactly(handshake.NONCE)
        given = await reader.readexactly(handshake.DIGEST)
        if not hmac.compare_digest(given, handshake.proof(self._key, b"caller", mine, theirs, self._certificate)):
            return False
        writer.write(handshake.proof(self._key, b"listener", mine, theirs, self._certificate))
        await writer.drain()
        return True


@dataclass(slots=True)
class _Frame:
    kind: bytes
    number: int
    meta: bytes
    size: int


async def _read_frame(reader: asyncio.StreamReader) -> _Frame:
    """Header and meta; the payload is read by whoever knows where it goes."""
    kind, number, meta_size, size = frames.HEADER.unpack(await reader.readexactly(frames.HEADER.size))
    return _Frame(kind, number, await reader.readexactly(meta_size) if meta_size else b"", size)


async def _pass_on(frame: _Frame, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write a frame whose payload is still to be read, in pieces."""
    writer.write(frames.HEADER.pack(frame.kind, frame.number, len(frame.meta), frame.size) + frame.meta)
    left = frame.size
    while left:
        data = await reader.readexactly(min(left, shipping.PIECE))
        left -= len(data)
        writer.write(data)
        if left:
            await writer.drain()
    await writer.drain()


class _Line:
    """Between the head and one worker."""

    def __init__(
        self,
        home: Path,
        worker: str,
        head_reader: asyncio.StreamReader,
        head_writer: asyncio.StreamWriter,
        worker_reader: asyncio.StreamReader,
        worker_writer: asyncio.StreamWriter,
    ) -> None:
        self._home = home
        self._from_head, self._to_head = head_reader, head_writer
        self._from_worker, self._to_worker = worker_reader, worker_writer
        self._store = shipping.Store(home)
        self._scratch = f"workers/{worker}.out"
        self._growing = self._scratch  # the file that what runs prints to
        self._sent: dict[str, tuple[int, int]] = {}  # inode and size of what the head has
        self._run = ""  # whose folder goes to the head
        self._busy = asyncio.Event()
        self._sending = asyncio.Lock()

    async def carry(self, run: str, log_size: int) -> None:
        """Carry until one of the ends goes away. `run` is what the worker may be in the middle of."""
        if run:
            self._watch_run(run)
            path = self._home / self._growing
            with contextlib.suppress(OSError):
                self._sent[self._growing] = (path.stat().st_ino, log_size)
        tasks = [asyncio.ensure_future(work()) for work in (self._head_to_worker, self._worker_to_head, self._look)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._store.close()

    # ------------------------------------------------------------ from the head

    async def _head_to_worker(self) -> None:
        while True:
            frame = await _read_frame(self._from_head)
            if frame.kind in (shipping.FILE, shipping.FRESH):
                data = await self._from_head.readexactly(frame.size)
                if frame.kind == shipping.FILE:
                    self._store.write(frame.meta, data)
                else:
                    self._store.begin_anew(frame.meta)
                continue
            if frame.kind == frames.RUN:
                self._store.close()  # arguments are there, whole
                task = shipping.from_wire(json.loads(frame.meta), str(self._home))
                frame.meta = json.dumps(task).encode()
                if task.get("folder"):
                    os.makedirs(task["folder"], mode=0o700, exist_ok=True)
                    self._watch_run(str(task["run"]))
                else:
                    self._watch_scratch()
            elif frame.kind == frames.CALL:
                self._watch_scratch()
            await _pass_on(frame, self._from_head, self._to_worker)

    def _watch_run(self, run: str) -> None:
        self._run = run
        self._growing = f"runs/{run}/log"
        shipping.inside(self._home, self._growing)
        self._busy.set()

    def _watch_scratch(self) -> None:
        self._run, self._growing = "", self._scratch
        self._busy.set()

    # ------------------------------------------------------------ from the worker

    async def _worker_to_head(self) -> None:
        while True:
            try:
                frame = await _read_frame(self._from_worker)
            except (asyncio.IncompleteReadError, OSError):  # the worker ended; what it left is all there is
                async with self._sending:
                    await self._send_growth()
                    await self._send_folder()
                return
            meta = json.loads(frame.meta) if frame.meta and frame.kind != frames.STARTED else {}
            async with self._sending:
                await self._send_growth()
                if frame.kind == frames.HELLO and meta["run"]:
                    self._watch_run(meta["run"])
                    await self._send_growth()
                if frame.kind in (frames.DONE, frames.ITEM) and meta.get("path"):
                    await self._send_result(Path(meta["path"]), move=not self._run)
                    frame.meta = json.dumps(shipping.to_wire(meta, str(self._home))).encode()
                if frame.kind in (frames.DONE, frames.ERROR, frames.HELLO):
                    self._busy.clear()
                    await self._send_folder()
                await _pass_on(frame, self._from_worker, self._to_head)

    async def _look(self) -> None:
        """What is printed reaches the head while the task runs."""
        while True:
            await self._busy.wait()
            await asyncio.sleep(INTERVAL)
            async with self._sending:
                await self._send_growth()

    # ------------------------------------------------------------ files

    async def _send_growth(self) -> None:
        relative = self._growing
        path = self._home / relative
        try:
            there = path.stat()
        except OSError:
            return
        inode, sent = self._sent.get(relative, (0, 0))
        if there.st_ino != inode:
            if inode or relative == self._scratch:
                self._to_head.write(frames.pack(shipping.FRESH, 0, json.dumps({"path": relative}).encode()))
            sent = 0
        if there.st_size > sent:
            await self._send_file(path, relative, sent, there.st_size)
        self._sent[relative] = (there.st_ino, max(sent, there.st_size))

    async def _send_file(self, path: Path, relative: str, offset: int = 0, end: int | None = None) -> None:
        for piece in shipping.pieces(path, relative, offset, end):
            self._to_head.write(piece)
            await self._to_head.drain()

    async def _send_result(self, path: Path, *, move: bool) -> None:
        relative = path.relative_to(self._home).as_posix()
        await self._send_file(path, relative)
        self._sent[relative] = (1, 1)
        if move:
            path.unlink(missing_ok=True)
        text = path.with_name(path.name + ".txt")
        if path.parent.name == "items" and text.exists():
            await self._send_file(text, relative + ".txt")
            self._sent[relative + ".txt"] = (1, 1)

    async def _send_folder(self) -> None:
        """The run is over: what lies in its folder and is not there yet, the outcome last; then it is not needed."""
        run, self._run = self._run, ""
        if not run:
            return
        self._growing = self._scratch
        folder = self._home / "runs" / run
        files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part"]
        for path in sorted(files, key=lambda path: path.name == "outcome.json"):
            relative = path.relative_to(self._home).as_posix()
            if relative not in self._sent and path.name != "arguments":
                await self._send_file(path, relative)
        self._sent = {name: sent for name, sent in self._sent.items() if not name.startswith(f"runs/{run}/")}
        await asyncio.to_thread(shutil.rmtree, folder, True)


def remove_leftovers(home: Path, older_than: float) -> None:
    """Folders of runs that no head came back for, once they are this many seconds old."""
    with contextlib.suppress(OSError):
        for folder in (home / "runs").iterdir():
            if folder.is_dir() and time.time() - folder.stat().st_mtime > older_than:
                shutil.rmtree(folder, ignore_errors=True)
