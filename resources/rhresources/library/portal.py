"""From the synchronous library to the asynchronous workspace: one background thread with one event loop.

It starts with the first use and ends with the program. A forked child gets one of its own. Because the loop has its
own thread, the library works inside of a running event loop (Jupyter) as well.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from rhresources import paths
from rhresources.errors import RhError

if TYPE_CHECKING:
    import asyncio

    from anyio.from_thread import BlockingPortal

    from rhresources.workspace import Workspace

    _Inside = tuple[asyncio.AbstractEventLoop, BlockingPortal, Workspace]

Result = TypeVar("Result")


class Portal:
    """The background thread and the workspace that lives on it."""

    def __init__(self, home: Path) -> None:
        import anyio

        self.home = home
        self._process = os.getpid()
        self._started: SimpleQueue[_Inside | BaseException] = SimpleQueue()
        options = {"use_uvloop": sys.platform != "win32"}
        # a thread of ours and not anyio's context manager: that one, dropped in a forked child, waits for ever
        self._thread = threading.Thread(
            target=lambda: anyio.run(self._live, backend_options=options), name="rhdesk", daemon=True
        )
        self._thread.start()
        inside = self._started.get()
        if isinstance(inside, BaseException):
            raise inside
        self.loop, self._portal, self.workspace = inside

    async def _live(self) -> None:
        """What the thread does until `close`."""
        import asyncio

        from anyio.from_thread import BlockingPortal

        try:
            from rhresources.credentials.terminal import TerminalAsker
            from rhresources.workspace import Workspace

            workspace = Workspace(self.home, "library", asker=TerminalAsker())
            async with BlockingPortal() as portal:
                self._started.put((asyncio.get_running_loop(), portal, workspace))
                await portal.sleep_until_stopped()
        except BaseException as error:
            self._started.put(error)
            raise

    def run(self, function: Callable[..., Awaitable[Result]], *args: Any, **kwargs: Any) -> Result:
        """Run `function(*args, **kwargs)` on the loop and wait; an interrupt here cancels it there."""
        self.require_other_thread()
        future = self._portal.start_task_soon(_awaited, function, args, kwargs)
        try:
            result: Result = future.result()
            return result
        except BaseException:
            future.cancel()
            raise

    def start(self, function: Callable[..., Awaitable[Result]], *args: Any, **kwargs: Any) -> Any:
        """Like `run`, but answers at once, with a `concurrent.futures.Future`."""
        return self._portal.start_task_soon(_awaited, function, args, kwargs)

    def iterate(self, items: AsyncIterator[Result]) -> Iterator[Result]:
        """The items of an asynchronous iterator as they come. Leaving the loop early closes it."""
        try:
            while True:
                try:
                    item = self.run(_next, items)
                except _End:
                    return
                yield item
        finally:
            close = getattr(items, "aclose", None)
            if close is not None and self.alive:
                self.run(close)

    @property
    def alive(self) -> bool:
        """Whether this is still the process that started the thread, and the thread runs."""
        return self._process == os.getpid() and self._thread.is_alive()

    def require_other_thread(self) -> None:
        """Raises where waiting would wait for itself."""
        if threading.current_thread() is self._thread:
            raise RhError("The library cannot be called from its own callbacks.", remedy="Hand the work to a thread.")

    def close(self) -> None:
        """End connections, watching and the thread."""
        if not self.alive:
            return
        with suppress(Exception):
            self.run(self.workspace.close)
        with suppress(RuntimeError):
            self._portal.start_task_soon(self._portal.stop, True)
        self._thread.join(5)


_current: Portal | None = None
_lock = threading.Lock()


def portal() -> Portal:
    """The portal of this process for the rhdesk directory of now."""
    global _current
    found, home = _current, paths.home()
    if found is not None and found.home == home and found.alive:
        return found
    with _lock:
        found = _current
        if found is not None and (found.home != home or not found.alive):
            found.close()
            found = _current = None
        if found is None:
            found = _current = Portal(home)
        return found


def close() -> None:
    """End the background thread; the next use starts another."""
    global _current
    with _lock:
        found, _current = _current, None
    if found is not None:
        found.close()


def _after_fork() -> None:
    global _current, _lock
    _current, _lock = None, threading.Lock()  # the thread is not in the child, and nobody there lets go of the lock


class _End(Exception):
    """An asynchronous iterator is at its end."""


async def _next(items: AsyncIterator[Result]) -> Result:
    try:
        return await anext(items)
    except StopAsyncIteration:
        raise _End from None


async def _awaited(function: Callable[..., Awaitable[Result]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
    return await function(*args, **kwargs)


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
