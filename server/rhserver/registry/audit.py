"""The audit log: who did what when, from where, to which name. Never what a document says, never a token.

What was done is written in the transaction that did it. What was refused, and where tokens are used from, is gathered
and written once a second: a refusal must not wait for the disk, nor tell by its time whether there is something.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from rhserver.registry.redaction import redacted
from rhserver.registry.schema import audit

DONE = "done"
TOKEN_USED = "use token"

_INSERT = insert(audit)
_DETAIL_LENGTH = 1000
_NAME_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, with which token, from where. A command of whoever runs the registry has no token."""

    by: str
    token_id: int | None
    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    id: int
    at: float
    by: str
    token_id: int | None
    address: str
    action: str
    name: str
    outcome: str
    detail: str

    def wire(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {name: getattr(self, name) for name in self.__slots__}


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """What is recorded inside was done by `actor`."""
    before = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(before)


def record(connection: Connection, action: str, name: str, detail: str = "") -> None:
    """Note what is being done, in the transaction that does it."""
    actor = _acting.get()
    if actor is not None:
        connection.execute(_INSERT, row(actor, action, name, DONE, detail))


def row(actor: Actor, action: str, name: str, outcome: str, detail: str = "") -> dict[str, Any]:
    """A line that begins now, as the table takes it."""
    return {
        "at": time.time(),
        "by": actor.by,
        "token_id": actor.token_id,
        "address": actor.address[:60],
        "action": action[:40],
        "name": _fit(name, _NAME_LENGTH),
        "outcome": outcome[:40],
        "detail": _fit(detail, _DETAIL_LENGTH),
    }


def entries(
    connection: Connection,
    *,
    since: float | None = None,
    user: str = "",
    name: str = "",
    refused: bool = False,
    limit: int | None = None,
) -> Iterator[Entry]:
    """The log from its oldest line on.

    Args:
        since: only what happened then or later.
        user: only what this user did.
        name: only what was done to this name, or in this folder.
        refused: only what was not allowed.
        limit: only that many of the newest.
    """
    query = select(audit)
    if since is not None:
        query = query.where(audit.c.at >= since)
    if user:
        query = query.where(audit.c.by == user)
    if name:
        inside = audit.c.name.startswith(f"{name.rstrip('/')}/", autoescape=True)
        query = query.where((audit.c.name == name) | inside)
    if refused:
        query = query.where(audit.c.outcome != DONE)
    if limit is not None:
        newest = query.order_by(audit.c.id.desc()).limit(limit).subquery()
        query = select(newest).order_by(newest.c.id)
    else:
        query = query.order_by(audit.c.id)
    for found in connection.execution_options(yield_per=500).execute(query):
        yield Entry(*found)


def prune(connection: Connection, *, days: float, rows: int) -> int:
    """Forget lines that are older than `days`, and the oldest of more than `rows`; how many those were."""
    newest = connection.execute(select(func.max(audit.c.id))).scalar() or 0
    old = (audit.c.at < time.time() - days * 86400) | (audit.c.id <= newest - rows)
    return int(connection.execute(delete(audit).where(old)).rowcount)


def _fit(text: str, length: int) -> str:
    """Without tokens, without characters that a database or a terminal stumbles over, not too long."""
    return "".join(c if c.isprintable() else "?" for c in redacted(text))[:length]
