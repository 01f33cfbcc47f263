"""Who wants to hear of changes: of one run, or of all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from rhresources.wire import cluster_pb2 as pb


class Subscription:
    """Latest state wins: a slow reader skips what is overtaken, and never holds more than one record a run."""

    def __init__(self) -> None:
        self._changed: dict[str, pb.Run | None] = {}
        self._progress: list[str] = []
        self._wake = asyncio.Event()

    def offer(self, id: str, run: pb.Run | None) -> None:
        self._changed[id] = run
        self._wake.set()

    def offer_progress(self, line: str) -> None:
        if len(self._progress) < 5000:
            self._progress.append(line)
        self._wake.set()

    def take(self) -> tuple[dict[str, pb.Run | None], list[str]]:
        """What came since the last time: changed runs (None: removed) and lines of progress."""
        changed, self._changed = self._changed, {}
        progress, self._progress = self._progress, []
        self._wake.clear()
        return changed, progress

    async def wait(self) -> None:
        await self._wake.wait()

    async def __aiter__(self) -> AsyncIterator[tuple[dict[str, pb.Run | None], list[str]]]:
        while True:
            await self._wake.wait()
            yield self.take()


class Watchers:
    """Subscriptions to one run, or to all with the empty id."""

    def __init__(self) -> None:
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)

    @contextmanager
    def subscribe(self, run: str = "") -> Iterator[Subscription]:
        subscription = Subscription()
        self._subscriptions[run].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[run].discard(subscription)
            if not self._subscriptions[run]:
                del self._subscriptions[run]

    def publish(self, run: pb.Run) -> None:
        for key in (run.id, ""):
            for subscription in self._subscriptions.get(key, ()):
                subscription.offer(run.id, run)

    def publish_removed(self, run: str) -> None:
        for subscription in self._subscriptions.get("", ()):
            subscription.offer(run, None)

    def publish_progress(self, run: str, line: str) -> None:
        for subscription in self._subscriptions.get(run, ()):
            subscription.offer_progress(line)
