"""Threads for calls that may never return.

A keyring shows its own prompt and blocks until somebody answers it. The threads of `concurrent.futures` would hold
the end of the program; these do not, and there are never more than a few.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """A few daemon threads that take calls in turn.

    Args:
        name: what they are called.
        limit: how many there are at most.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running: dict[int, float] = {}
        self._count = 0

    async def run(self, call: Callable[[], T]) -> T:
        """The outcome of `call`. Cancelling leaves the call to itself, and its thread with it until it returns."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.append((future, call))
            if self._count < self._limit:
                self._count += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._count}", daemon=True).start()
        return await asyncio.wrap_future(future)

    def longest(self) -> float:
        """For how many seconds the oldest call that runs has been running; 0: none runs."""
        with self._lock:
            return time.monotonic() - min(self._running.values()) if self._running else 0.0

    def full_for(self) -> float:
        """For how many seconds all threads have been busy; 0: one is free."""
        with self._lock:
            return time.monotonic() - max(self._running.values()) if len(self._running) >= self._limit else 0.0

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._count -= 1
                    return
                future, call = self._waiting.popleft()
                self._running[id(future)] = time.monotonic()
            try:
                if future.set_running_or_notify_cancel():
                    try:
                        outcome = call()
                    except BaseException as error:
                        future.set_exception(error)
                    else:
                        future.set_result(outcome)
                        del outcome
            finally:
                with self._lock:
                    del self._running[id(future)]
                del future, call  # neither outlives its call: one may hold a secret
