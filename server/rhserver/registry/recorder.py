"""Writes down what no transaction does by itself: refusals, from where tokens are used, and when they last were.

All of it is gathered in memory and written once in a while, so a refusal costs nobody the disk. What is gathered is
bounded: of strangers without a valid token only so many different lines are kept, the rest is counted.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from rhserver.registry import accounts, audit
from rhserver.registry.audit import Actor
from rhserver.registry.database import Database
from rhserver.registry.schema import audit as audit_table

_WRITE_SECONDS = 2.0
_STRANGERS_SECONDS = 60.0
_PRUNE_SECONDS = 3600.0
_USED_EXACT_SECONDS = 60.0
_LINES = 5_000
_STRANGERS = 50
_PLACES = 20_000

_Line = tuple[Actor, str, str, str]
"""Who, what, to which name, why not."""

log = logging.getLogger(__name__)


class Recorder:
    """Safe to use from several threads. `run` must run.

    Args:
        days, rows: how long, and how many lines of the audit log are kept.
    """

    def __init__(self, database: Database, *, days: float = 365, rows: int = 1_000_000) -> None:
        self._database = database
        self._days, self._rows = days, rows
        self._lock = threading.Lock()
        self._refused: Counter[_Line] = Counter()
        self._strangers: Counter[_Line] = Counter()
        self._used: dict[int, float] = {}
        self._written: dict[int, float] = {}
        self._places: set[tuple[int, str, int]] = set()

    def refused(self, actor: Actor, action: str, name: str, code: str) -> None:
        """Note what was not allowed."""
        with self._lock:
            if actor.token_id is None:
                lines, most = self._strangers, _STRANGERS
                name = ""  # strangers write what they like
            else:
                lines, most = self._refused, _LINES
            line = (actor, action, name, code)
            if line not in lines and len(lines) >= most:
                line = (Actor(actor.by and "(others)", None, "(others)"), "", "", code)
            lines[line] += 1

    def token_used(self, actor: Actor) -> None:
        """Note that a valid token came."""
        token_id = actor.token_id
        if token_id is None:
            return
        now = time.time()
        place = (token_id, actor.address, int(now // 86400))
        if place in self._places and now - self._written.get(token_id, 0) < _USED_EXACT_SECONDS:
            return  # as nearly always
        with self._lock:
            self._used[token_id] = self._written[token_id] = now
            if place not in self._places:
                if len(self._places) >= _PLACES:
                    self._places.clear()
                self._places.add(place)
                self._refused[(actor, audit.TOKEN_USED, "", audit.DONE)] = 1

    async def run(self) -> None:
        """Write until cancelled, then once more."""
        strangers = prune = time.monotonic()
        try:
            while True:
                await asyncio.sleep(_WRITE_SECONDS)
                now = time.monotonic()
                with_strangers = now - strangers >= _STRANGERS_SECONDS
                strangers = now if with_strangers else strangers
                await self._try(with_strangers, now >= prune)
                prune = now + _PRUNE_SECONDS if now >= prune else prune
        finally:
            await asyncio.shield(asyncio.ensure_future(self._try(True, False)))

    async def _try(self, with_strangers: bool, prune: bool) -> None:
        try:
            await run_in_threadpool(self.write, with_strangers=with_strangers, prune=prune)
        except SQLAlchemyError as error:
            log.error("the audit log cannot be written: %s", error)

    def write(self, *, with_strangers: bool = True, prune: bool = False) -> None:
        """Write what has been gathered; forget what is too old."""
        with self._lock:
            lines, self._refused = self._refused, Counter()
            if with_strangers:
                lines.update(self._strangers)
                self._strangers = Counter()
            used, self._used = self._used, {}
        if not (lines or used or prune):
            return
        rows = [
            audit.row(actor, action, name, code, f"{count} times" if count > 1 else "")
            for (actor, action, name, code), count in lines.items()
        ]
        with self._database.writing() as connection:
            if rows:
                connection.execute(insert(audit_table), rows)
            accounts.note_use(connection, used)
            if prune:
                audit.prune(connection, days=self._days, rows=self._rows)
