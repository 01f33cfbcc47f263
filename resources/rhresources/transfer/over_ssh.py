"""The far end of a transfer on a host over SSH: its streams as blocking files, over one session of our connection."""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from rhresources.errors import RhError
from rhresources.reach.ssh.running import Completed, Write

if TYPE_CHECKING:
    from rhresources.reach.ssh.connection import SshConnection
    from rhresources.transfer.transfer import FarProcess, OpenFar

_WAITING = 64  # pieces that may wait to be read; after that the host waits
_SECONDS_TO_START = 30.0


def opener(connection: SshConnection) -> OpenFar:
    """Starts far ends over this connection."""

    async def open_there(command: str) -> FarProcess:
        return _ThereProcess(connection, command)

    return open_there


class _Stdin:
    def __init__(self) -> None:
        self.writer: Write | None = None
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.broken = False

    def feed(self, write: Write) -> None:
        """What the connection calls in a thread: the stream stays open until it returns."""
        self.writer = write
        self.ready.set()
        self.ended.wait()

    def write(self, data: bytes) -> int:
        if not self.ready.wait(_SECONDS_TO_START) or self.broken or self.writer is None:
            raise BrokenPipeError
        self.writer(data)
        return len(data)

    def flush(self) -> None:
        pass


class _Stdout:
    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes] = queue.Queue(_WAITING)
        self._rest = b""
        self._ended = False
        self._dropped = threading.Event()

    def put(self, data: bytes) -> None:
        """A piece came; empty: the last one. Waits while too much is unread."""
        while not self._dropped.is_set():
            try:
                self._pieces.put(data, timeout=0.2)
                return
            except queue.Full:
                continue

    def drop(self) -> None:
        """Nobody reads any more; who waits in `read` gets the end."""
        self._dropped.set()
        with suppress(queue.Full):
            self._pieces.put_nowait(b"")

    def _fill(self) -> bool:
        if not self._rest and not self._ended:
            self._rest = b"" if self._dropped.is_set() else self._pieces.get()
            self._ended = not self._rest
        return not self._ended

    def read(self, count: int) -> bytes:
        """Up to `count` bytes; fewer only at the end."""
        pieces = []
        while count > 0 and self._fill():
            piece, self._rest = self._rest[:count], self._rest[count:]
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def readline(self) -> bytes:
        """A line with its end."""
        line = b""
        while not line.endswith(b"\n") and self._fill():
            end = self._rest.find(b"\n") + 1 or len(self._rest)
            line, self._rest = line + self._rest[:end], self._rest[end:]
        return line


class _ThereProcess:
    def __init__(self, connection: SshConnection, command: str) -> None:
        self.stdin, self.stdout = _Stdin(), _Stdout()
        self._loop = asyncio.get_running_loop()
        self._over = threading.Event()
        self._completed: Completed | None = None
        self._error = ""
        self._task = self._loop.create_task(self._run(connection, command), name="ssh transfer")

    async def _run(self, connection: SshConnection, command: str) -> None:
        try:
            self._completed = await connection.run(command, input=self.stdin.feed, on_stdout=self.stdout.put)
        except RhError as error:
            self._error = error.sentence
        finally:
            self.stdin.broken = True
            self.stdin.ready.set()
            self.stdin.ended.set()
            self._over.set()
            await asyncio.shield(asyncio.to_thread(self.stdout.put, b""))

    def end_input(self) -> None:
        self.stdin.ended.set()

    def wait(self, seconds: float) -> tuple[int | None, str]:
        if not self._over.wait(seconds) or self._completed is None:
            return None, self._error
        return self._completed.code, self._completed.stderr.decode(errors="replace")

    def kill(self) -> None:
        self.stdout.drop()
        self.stdin.broken = True
        self.stdin.ended.set()
        if not self._over.is_set():
            self._loop.call_soon_threadsafe(self._task.cancel)
