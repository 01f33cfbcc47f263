"""What work says while it is done: kept within bounds for those who come late, and told to who waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Generic, Literal, TypeVar

_T = TypeVar("_T")
_KEPT = 1024 * 1024
_WAITING = 4 * 1024 * 1024
_EACH = 100  # what an entry takes beside its text

OnText = Callable[[str], None]
Said = tuple[Literal["output", "phase"], str]
"""A line of output, or what is done now."""


class ProgressLog:
    """What was said, in order. Beyond `limit` characters the oldest goes, and a line in its place says how much."""

    def __init__(self, limit: int = _KEPT) -> None:
        self._limit = limit
        self._said: deque[Said] = deque()
        self._size = 0
        self._left_out = 0

    def add(self, said: Said) -> None:
        """Note what is said now."""
        self._said.append(said)
        self._size += len(said[1]) + _EACH
        while self._size > self._limit and len(self._said) > 1:
            self._size -= len(self._said.popleft()[1]) + _EACH
            self._left_out += 1

    def __iter__(self) -> Iterator[Said]:
        if self._left_out:
            lines = "line is" if self._left_out == 1 else "lines are"
            yield "output", f"({self._left_out} earlier {lines} left out here.)"
        yield from tuple(self._said)

    def __bool__(self) -> bool:
        return bool(self._said)

    def take(self) -> list[Said]:
        """All that is there, which is forgotten."""
        taken = list(self)
        self._said.clear()
        self._size = self._left_out = 0
        return taken


class Followed(Generic[_T]):
    """Work that says what it does, as a context that ends the work where nobody listens any more: iterate over
    `batches`, then ask for the `result`.

    Args:
        begin: called at once with what hears a line of output, and what is done now.
    """

    def __init__(self, begin: Callable[[OnText, OnText], Coroutine[Any, Any, _T]]) -> None:
        self._said = ProgressLog(_WAITING)
        self._more = asyncio.Event()
        self.task = asyncio.ensure_future(begin(partial(self._say, "output"), partial(self._say, "phase")))
        self.task.add_done_callback(self._ended)

    async def __aenter__(self) -> Followed[_T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()

    async def batches(self, every: float = 0.0) -> AsyncIterator[list[Said]]:
        """What is said, until the work ended; at most one batch in `every` seconds."""
        while True:
            await self._more.wait()
            if every and not self.task.done():
                await asyncio.sleep(every)
            self._more.clear()
            ended = self.task.done()
            if self._said:
                yield self._said.take()
            if ended:
                return

    def result(self) -> _T:
        """What the work came to.

        Raises:
            asyncio.CancelledError: it was cancelled.
            Exception: what it raised.
        """
        return self.task.result()

    def _say(self, kind: Literal["output", "phase"], text: str) -> None:
        self._said.add((kind, text))
        self._more.set()

    def _ended(self, task: asyncio.Task[_T]) -> None:
        self._more.set()
        if not task.cancelled():
            task.exception()  # who listened may be gone
