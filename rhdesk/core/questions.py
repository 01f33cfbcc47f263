"""Questions on the way to a host: asked on the background loop, answered by the person at the window.

`Questions` is the window's `Asker`. A question waits in a queue that belongs to the interface's thread; whoever shows
them takes the first, answers it, and gets the next. A question whose asker has gone takes itself out.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from rhdesk.core.bridge import Mailbox

if TYPE_CHECKING:  # the first paint must not wait for what comes with these
    from rhresources.reach.questions import HostKeyQuestion, SecretAnswer, SecretQuestion

    Question = HostKeyQuestion | SecretQuestion
    Answer = bool | SecretAnswer | None


@dataclass(eq=False)
class Waiting:
    """One question, and everyone who asked it at the same time."""

    question: Question
    askers: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]]] = field(default_factory=dict, repr=False)

    @property
    def is_secret(self) -> bool:
        """Whether something is to be typed; else it is a host key to be confirmed."""
        return hasattr(self.question, "prompt")


class Questions:
    """The `Asker` of a window. `confirm_host_key` and `ask_secret` are for event loops, the rest for the interface."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._numbers = itertools.count(1)
        self._queue: list[Waiting] = []
        self._subscribers: list[Callable[[], None]] = []
        self._closed = False

    # ------------------------------------------------------------ for whoever asks

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether the person says that it is the host's key; a closed window says no."""
        return bool(await self._ask(question))

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        """What the person typed; None: they would rather not, or the window was closed."""
        answer = await self._ask(question)
        return answer or None

    async def _ask(self, question: Question) -> Any:
        if self._closed:
            return None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        number = next(self._numbers)
        self._mailbox.post(partial(self._arrived, number, question, loop, future))
        try:
            return await future
        except asyncio.CancelledError:
            self._mailbox.post(partial(self._withdrawn, number))
            raise

    # ------------------------------------------------------------ for the window

    def waiting(self) -> list[Waiting]:
        """What is not answered yet, in the order it came."""
        return list(self._queue)

    def answer(self, waiting: Waiting, answer: Answer) -> None:
        """Give the answer to everyone who asked; ignored for a question that has gone."""
        if waiting in self._queue:
            self._queue.remove(waiting)
            for loop, future in waiting.askers.values():
                _settle(loop, future, answer)
            self._tell()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when a question comes or goes. Returns what ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def close(self) -> None:
        """Answer everything with no, now and from now on."""
        self._closed = True
        for waiting in list(self._queue):
            self.answer(waiting, None)

    def _arrived(
        self, number: int, question: Question, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]
    ) -> None:
        if self._closed:
            _settle(loop, future, None)
            return
        # two clusters behind one jump host ask the same; a code that is good for one log-in is asked for each
        same = None if getattr(question, "kind", "") == "answer" else self._find(question)
        waiting = same or Waiting(question)
        waiting.askers[number] = (loop, future)
        if same is None:
            self._queue.append(waiting)
            self._tell()

    def _withdrawn(self, number: int) -> None:
        for waiting in list(self._queue):
            if waiting.askers.pop(number, None) is not None and not waiting.askers:
                self._queue.remove(waiting)
                self._tell()

    def _find(self, question: Question) -> Waiting | None:
        return next((waiting for waiting in self._queue if waiting.question == question), None)

    def _tell(self) -> None:
        for callback in list(self._subscribers):
            callback()


def _settle(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], answer: Any) -> None:
    def set_result() -> None:
        if not future.done():
            future.set_result(answer)

    try:
        loop.call_soon_threadsafe(set_result)
    except RuntimeError:  # the loop was closed
        pass
