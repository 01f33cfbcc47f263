"""The feed for those who listen: reads what was committed once for all of them, and tells each their part.

Woken after commits of this process; what other processes commit to the same database is found by looking once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from itertools import takewhile

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from rhserver.registry import accounts, changes
from rhserver.registry.accounts import Caller
from rhserver.registry.changes import Change, News, Now
from rhserver.registry.database import Database, registry_id
from rhserver.registry.rights import Rights, rights_of

_LOOK_SECONDS = 1.0
_BATCH = 500
_REMEMBERED = 5_000
_REMEMBERED_LENGTH = 32_000_000
"""Of all texts that are remembered, in characters."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hello:
    """Where the feed is: its newest change, and the oldest that is kept; of which database, and for whom."""

    cursor: int
    oldest: int
    registry: str
    user: str
    groups: list[str]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """All that was there when this began has been told; that is up to `cursor`."""

    cursor: int


@dataclass(frozen=True, slots=True)
class Reset:
    """What was missed cannot be told; everything is to be read anew, and the feed goes on after `cursor`."""

    cursor: int


@dataclass(frozen=True, slots=True)
class Seen:
    """There is nothing to tell up to `cursor`."""

    cursor: int


class Feed:
    """Follows the changes of a database. `run` must run for as long as anybody listens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._moved = asyncio.Condition()
        self._closed = False
        self._recent: deque[Change] = deque()
        self._length = 0  # of the texts in it
        self._now: dict[int, Now] = {}  # what became of the documents in it
        self._start = 0  # what is remembered begins after this change
        self._newest = 0
        self._generation = -1
        self._restored = 0
        self._rights: dict[int, Rights] = {}
        self._listeners = 0
        database.on_commit(self._wake)

    def _wake(self) -> None:
        if not self._listeners:  # what was missed is found when the next one comes
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Follow until cancelled."""
        self._newest, self._restored = await run_in_threadpool(self._read_newest)
        self._start = self._newest
        while True:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                while await self._look():
                    pass
            except SQLAlchemyError as error:
                log.warning("the changes cannot be read: %s", error)
                await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        """End what everybody listens to."""
        async with self._moved:
            self._closed = True
            self._moved.notify_all()

    async def listen(
        self, caller: Caller, after: int | None, *, follow: bool = True
    ) -> AsyncGenerator[Hello | Reset | CaughtUp | Seen | News]:
        """What this caller is told of what happens after `after`, or from now on.

        Ends when the token is revoked, a backup is put back or the server ends; without `follow` when all that is
        there has been told.
        """
        self._listeners += 1
        self._woken.set()  # nothing was read for nobody
        try:
            async for item in self._told(caller, after, follow):
                yield item
        finally:
            self._listeners -= 1

    async def _told(
        self, caller: Caller, after: int | None, follow: bool
    ) -> AsyncIterator[Hello | Reset | CaughtUp | Seen | News]:
        hello, restored = await run_in_threadpool(self._hello, caller)
        newest, oldest = hello.cursor, hello.oldest
        yield hello
        position = newest if after is None else after
        # from a future that this database does not have: it was put back from a backup
        if after is not None and (after < oldest - 1 or after > newest):
            yield Reset(newest)
            position = newest
        generation = -1
        caught_up = False
        while not self._closed and self._restored <= restored:
            if generation != self._generation:
                generation = self._generation
                if not await run_in_threadpool(self._is_valid, caller):
                    return
            batch = await self._after(position)
            if not batch and not caught_up and self._newest >= newest:
                caught_up, position = True, max(position, newest)
                yield CaughtUp(position)
                if not follow:
                    return
                continue
            if not batch:
                await self._until(position if caught_up else min(position, newest - 1), generation)
                continue
            rights = await self._rights_of(caller)
            for change in batch:
                # rights may end while the batch is read, and while whoever listens takes their time with it
                if generation != self._generation:
                    break
                position = change.cursor
                if (news := changes.told(change, rights)) is not None:
                    yield news
            else:
                yield Seen(position)

    async def _look(self) -> bool:
        """Read what is new; whether there may be more."""
        batch, more, generation = await run_in_threadpool(self._read, self._newest)
        if not batch and generation == self._generation:
            return False
        newest, restored = await run_in_threadpool(self._read_newest) if generation != self._generation else (0, 0)
        if restored > self._restored:  # what is remembered never happened
            batch = []
        async with self._moved:
            if generation != self._generation:
                self._generation = generation
                self._rights.clear()
            if restored > self._restored:
                self._restored = restored
                self._newest = self._start = newest
                self._recent.clear()
                self._length = 0
            if batch:
                self._remember(batch)
                self._now.update((change.resource.id, change.now) for change in batch)
                if len(self._now) > 2 * _REMEMBERED:
                    self._now = {change.resource.id: self._now[change.resource.id] for change in self._recent}
                self._newest = batch[-1].cursor
            self._moved.notify_all()
        return more and bool(batch)

    def _remember(self, batch: list[Change]) -> None:
        self._recent.extend(batch)
        self._length += sum(len(change.resource.text) for change in batch)
        while len(self._recent) > _REMEMBERED or self._length > _REMEMBERED_LENGTH:
            forgotten = self._recent.popleft()
            self._length -= len(forgotten.resource.text)
            self._start = forgotten.cursor

    async def _after(self, position: int) -> list[Change]:
        if position >= self._newest:
            return []
        if position >= self._start:
            found = list(takewhile(lambda change: change.cursor > position, reversed(self._recent)))
            # as it is now; a change that is remembered may have been read before its document was moved or deleted
            return [replace(change, now=self._now[change.resource.id]) for change in found[: -_BATCH - 1 : -1]]
        batch = await run_in_threadpool(self._read_old, position)
        return [change for change in batch if change.cursor <= self._newest]

    async def _until(self, position: int, generation: int) -> None:
        """Wait until there is more than `position`, or rights have changed."""
        async with self._moved:
            await self._moved.wait_for(
                lambda: self._closed or self._newest > position or self._generation != generation
            )

    async def _rights_of(self, caller: Caller) -> Rights:
        known = self._rights.get(caller.user.id)
        if known is None:
            generation = self._generation
            known = await run_in_threadpool(self._read_rights, caller)
            if generation == self._generation:
                self._rights[caller.user.id] = known
        return known

    # ---------------------------------------------------------------- in threads

    def _read(self, position: int) -> tuple[list[Change], bool, int]:
        with self._database.reading() as connection:
            batch, more = changes.after(connection, position, _BATCH)
            # read last: a change of rights that came before one of these changes is counted
            return batch, more, accounts.generation(connection)

    def _read_old(self, position: int) -> list[Change]:
        with self._database.reading() as connection:
            return changes.after(connection, position, _BATCH)[0]

    def _read_newest(self) -> tuple[int, int]:
        with self._database.reading() as connection:
            return changes.newest(connection), accounts.restored(connection)

    def _hello(self, caller: Caller) -> tuple[Hello, int]:
        with self._database.reading() as connection:
            groups = rights_of(connection, caller.user).groups
            newest, oldest = changes.newest(connection), changes.oldest(connection)
            hello = Hello(newest, oldest, registry_id(connection), caller.user.name, groups)
            return hello, accounts.restored(connection)

    def _read_rights(self, caller: Caller) -> Rights:
        with self._database.reading() as connection:
            return rights_of(connection, caller.user)

    def _is_valid(self, caller: Caller) -> bool:
        with self._database.reading() as connection:
            return accounts.is_valid(connection, caller)
