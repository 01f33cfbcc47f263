"""Between two threads: the background loop that owns every connection, and the interface.

`BackgroundLoop` is a thread with an asyncio loop of its own; `submit` sends a coroutine there. `Mailbox` is the way
back: calls to be made on the interface's thread, drained in slices so that a burst cannot freeze the window.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """A daemon thread that runs one asyncio loop (uvloop where it is installed) until `close`."""

    def __init__(self, name: str = "rhdesk-background") -> None:
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._closed = False
        self._early: list[tuple[Coroutine[Any, Any, Any], concurrent.futures.Future[Any]]] = []
        self._lock = threading.Lock()  # over `_loop` and `_early`

    def start(self) -> None:
        """Start the thread. Called once, after the window's first paint; what was submitted before begins now.

        Nobody waits for the loop to be there: making it loads a library.
        """
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._loop is not None and not self._closed

    @property
    def closed(self) -> bool:
        """Whether nothing can be started on it any more."""
        return self._closed

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the background loop, as soon as that is started.

        Raises:
            RuntimeError: the loop was closed.
        """
        if self._closed:
            coroutine.close()
            raise RuntimeError("the background loop does not run")
        with self._lock:
            if self._loop is None:
                waiting: concurrent.futures.Future[T] = concurrent.futures.Future()
                self._early.append((coroutine, waiting))
                return waiting
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call_soon(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call a plain function on the background loop; ignored once it is closed."""
        if self._loop is not None and not self._closed:
            try:
                self._loop.call_soon_threadsafe(callback, *arguments)
            except RuntimeError:  # closed in this very moment
                pass

    def close(self, timeout: float = 3.0) -> None:
        """Cancel what runs there, let it clean up for at most `timeout` seconds, and end the thread."""
        if self._closed or not self._thread.is_alive():
            self._closed = True
            for coroutine, future in self._early:
                coroutine.close()
                future.cancel()
            self._early = []
            return
        self._ready.wait()
        assert self._loop is not None
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout)

    def _run(self) -> None:
        loop = _new_loop()
        asyncio.set_event_loop(loop)
        loop.call_soon(self._begin, loop)
        try:
            loop.run_forever()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=2.0))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop runs: start what was submitted until now."""
        with self._lock:
            self._loop = loop
            early, self._early = self._early, []
        for coroutine, future in early:
            if future.cancelled():
                coroutine.close()
            else:
                _chain(asyncio.run_coroutine_threadsafe(coroutine, loop), future)
        self._ready.set()


def _chain(source: concurrent.futures.Future[T], target: concurrent.futures.Future[T]) -> None:
    """Let `target` end as `source` does, and `source` be cancelled with `target`."""

    def ended(done: concurrent.futures.Future[T]) -> None:
        if done.cancelled():
            target.cancel()
        if not target.set_running_or_notify_cancel():
            return
        if (error := done.exception()) is not None:
            target.set_exception(error)
        else:
            target.set_result(done.result())

    target.add_done_callback(lambda done: source.cancel() if done.cancelled() else None)
    source.add_done_callback(ended)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Mailbox:
    """Calls for the interface's thread, in order. `post` may be called from any thread."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._wake: Callable[[], None] | None = None
        self._asked = False
        self._lock = threading.Lock()

    def on_wake(self, wake: Callable[[], None]) -> None:
        """Set what asks the interface's thread to drain; it is called at most once between two drains."""
        self._wake = wake
        if self._calls:
            self._ask()

    def post(self, call: Callable[[], object]) -> None:
        self._calls.append(call)
        self._ask()

    def drain(self, budget: float = 0.008, on_error: Callable[[Exception], object] | None = None) -> bool:
        """Make the calls for at most `budget` seconds. Returns whether some are left (a wake is asked for then)."""
        with self._lock:
            self._asked = False
        end = time.perf_counter() + budget
        while self._calls:
            call = self._calls.popleft()
            try:
                call()
            except Exception as error:
                if on_error is None:
                    raise
                on_error(error)
            if time.perf_counter() >= end:
                break
        if self._calls:
            self._ask()
            return True
        return False

    def _ask(self) -> None:
        with self._lock:
            if self._asked or self._wake is None:
                return
            self._asked = True
        self._wake()
