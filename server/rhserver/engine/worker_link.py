"""One worker process as the server sees it: a protocol over its socket, one task at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rhserver.worker.rhworker import frames


@dataclass(frozen=True, slots=True)
class Done:
    """A task that returned. `data` is empty where the value lies in a file at `meta["path"]`."""

    printed: int
    meta: dict[str, Any]
    data: bytes


@dataclass(frozen=True, slots=True)
class Raised:
    """A task that raised: `error` has type, message, traceback, cancelled; `pickled` may be empty."""

    printed: int
    error: dict[str, Any]
    pickled: bytes


@dataclass(frozen=True, slots=True)
class Died:
    """The worker ended in the middle of a task."""

    sentence: str


Answer = Done | Raised | Died
OnAnswer = Callable[[Answer], None]
OnItem = Callable[[int, dict[str, Any], bytes], None]
OnStarted = Callable[[str], None]

_NO_META: dict[str, Any] = {}


def _ignore_item(_index: int, _meta: dict[str, Any], _data: bytes) -> None:
    return None


@dataclass(eq=False)
class WorkerLink(asyncio.Protocol):
    """Speaks `frames` with one worker. Not thread-safe: belongs to the server's loop."""

    name: str
    scratch: Path
    host: str = ""
    pid: int = 0
    resumes: str = ""
    """The run whose outcome an earlier server did not hear of, as the worker said when it was found again."""
    known: set[int] = field(default_factory=set)
    """Numbers of the functions it was told of."""
    lost: bool = False

    def __post_init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._on_answer: OnAnswer | None = None
        self._on_item: OnItem = _ignore_item
        self._on_started: OnStarted | None = None
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def busy(self) -> bool:
        return self._on_answer is not None

    def tell_function(self, number: int, entry: dict[str, Any], pickled: bytes) -> None:
        """Say once how to get function `number`."""
        self._write(frames.pack(frames.FUNCTION, number, json.dumps(entry).encode(), pickled))
        self.known.add(number)

    def call(self, number: int, meta: bytes, arguments: bytes, on_answer: OnAnswer, on_item: OnItem) -> None:
        """The quick way: arguments in the frame, nothing kept."""
        self._on_answer, self._on_item = on_answer, on_item
        if len(arguments) < 16384:
            self._write(frames.HEADER.pack(frames.CALL, number, len(meta), len(arguments)) + meta + arguments)
        elif self._transport is not None:
            self._transport.writelines(
                (frames.HEADER.pack(frames.CALL, number, len(meta), len(arguments)) + meta, arguments)
            )

    def run(
        self,
        number: int,
        task: dict[str, Any],
        arguments: bytes,
        on_answer: OnAnswer,
        on_item: OnItem = _ignore_item,
        on_started: OnStarted | None = None,
    ) -> None:
        """A task with settings of its own, see `execute.Task`; `on_started` hears its arguments as text."""
        self._on_answer, self._on_item, self._on_started = on_answer, on_item, on_started
        self._write(frames.pack(frames.RUN, number, json.dumps(task).encode(), arguments))

    def expect(self, on_answer: OnAnswer) -> None:
        """Take over a worker that is still busy for an earlier server; it greets when it is not."""
        self._on_answer, self._on_item = on_answer, _ignore_item

    def pause_items(self) -> None:
        """Let a generator wait until whoever reads its items caught up."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_items(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def died(self, sentence: str) -> None:
        """The process is gone: whoever waits hears of it, once."""
        self.lost = True
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(Died(sentence))

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError("the worker closed its socket"))
            self.greeted.exception()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        size_of_header, unpack = frames.HEADER.size, frames.HEADER.unpack_from
        while len(buffer) >= size_of_header:
            kind, number, meta_size, size = unpack(buffer)
            end = size_of_header + meta_size + size
            if len(buffer) < end:
                return
            meta = bytes(buffer[size_of_header : size_of_header + meta_size])
            payload = bytes(buffer[size_of_header + meta_size : end])
            del buffer[:end]
            self._frame(kind, number, meta, payload)

    def _frame(self, kind: bytes, number: int, meta: bytes, payload: bytes) -> None:
        if kind == frames.DONE:
            self._answer(Done(number, json.loads(meta) if meta else _NO_META, payload))
        elif kind == frames.ITEM:
            self._on_item(number, json.loads(meta) if meta else _NO_META, payload)
        elif kind == frames.ERROR:
            self._answer(Raised(number, json.loads(meta), payload))
        elif kind == frames.STARTED and self._on_started is not None:
            self._on_started(meta.decode())
        elif kind == frames.HELLO:
            hello = json.loads(meta)
            self.pid, self.resumes = hello["pid"], hello["run"]
            self._on_answer = None  # what it did for an earlier server is done
            if not self.greeted.done():
                self.greeted.set_result(None)

    def _answer(self, answer: Answer) -> None:
        on_answer, self._on_answer, self._on_item = self._on_answer, None, _ignore_item
        if on_answer is not None:
            on_answer(answer)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
