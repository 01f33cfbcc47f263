"""What the routes share: the database, the rights of callers, the feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from sqlalchemy import Connection, Row, String, bindparam, func, true
from sqlalchemy.dialects.postgresql import ARRAY

from rhresources.errors import RhError
from rhserver.registry import accounts, audit, documents, resource
from rhserver.registry.accounts import Caller
from rhserver.registry.asked import asked_of
from rhserver.registry.database import Database
from rhserver.registry.feed import Feed
from rhserver.registry.gathering import Gathered
from rhserver.registry.limits import Limits, Slots
from rhserver.registry.names import Name
from rhserver.registry.problems import BadToken
from rhserver.registry.recorder import Recorder
from rhserver.registry.resource import Resource
from rhserver.registry.rights import Rights, RightsCache
from rhserver.registry.schema import resources, tokens

KEEP_ALIVE = 15.0
"""After so many seconds in which nothing happens, a feed of changes says that it lives."""

_document = resource.BY_KEY.subquery("document")
_LOAD = accounts.BY_HASH.outerjoin(_document, true()).add_columns(*_document.c)
"""Whose token it is, and the document: what is asked for most, in one statement."""

_asked = (
    func.unnest(bindparam("tokens", type_=ARRAY(String)), bindparam("wanted", type_=ARRAY(String)))
    .table_valued("token", "key", with_ordinality="place", name="asked")
    .render_derived()
)
_documents = resource.live().where(resources.c.key == _asked.c.key).lateral("document")
_LOAD_ALL = (
    accounts.KNOWN.add_columns(_asked.c.place, *_documents.c)
    .join(_asked, _asked.c.token == tokens.c.hash)
    .outerjoin(_documents, true())
)
"""The same of all these tokens and keys, on PostgreSQL; `place` counts from 1."""


@dataclass(frozen=True, slots=True)
class _Load:
    """A document that somebody asks for."""

    request: Request
    token: str
    name: Name


@dataclass(frozen=True, slots=True)
class Session:
    """One request inside its transaction: who asks, and what they may do."""

    connection: Connection
    caller: Caller
    rights: Rights


class Room:
    """What there is one of in a server. `feed` is there while the server runs."""

    feed: Feed
    keep_alive = KEEP_ALIVE

    def __init__(self, database: Database, limits: Limits, recorder: Recorder) -> None:
        self.database = database
        self.recorder = recorder
        self.feed_slots = Slots(limits.feeds, limits.feeds_per_token)
        self._cache = RightsCache()
        self._loads: Gathered[_Load, Resource | RhError] = Gathered(self._load_all)

    @contextmanager
    def reading(self, request: Request) -> Iterator[Session]:
        """A session that reads.

        Raises:
            BadToken: the request has no valid token.
        """
        token = token_of(request)
        with self.database.reading() as connection:
            yield self._session(connection, token, request)

    @contextmanager
    def writing(self, request: Request) -> Iterator[Session]:
        """A session whose changes are committed at its end.

        Raises:
            BadToken: the request has no valid token.
        """
        token = token_of(request)
        with self.database.writing() as connection:
            session = self._session(connection, token, request)
            with audit.acting(asked_of(request.scope).actor):
                yield session

    async def load(self, request: Request, name: Name) -> Resource:
        """The document of that name.

        Raises:
            BadToken: the request has no valid token.
            NotFound: there is none that its user may read.
        """
        load = _Load(request, accounts.hash_of(token_of(request)), name)
        if self.database.is_sqlite:  # has answered before a thread has begun
            return self._load(load)
        found = await self._loads.ask(load)
        if isinstance(found, RhError):
            raise found
        return found

    def _load(self, load: _Load) -> Resource:
        with self.database.reading() as connection:
            row = connection.execute(_LOAD, {"token": load.token, "wanted": load.name.key}).first()
            return self._seen(connection, load, row)

    def _load_all(self, loads: list[_Load]) -> list[Resource | RhError]:
        sent = {"tokens": [load.token for load in loads], "wanted": [load.name.key for load in loads]}
        with self.database.reading() as connection:
            if len(loads) == 1:  # PostgreSQL plans this statement once, the other each time
                rows = {1: connection.execute(_LOAD, {"token": loads[0].token, "wanted": loads[0].name.key}).first()}
            else:
                rows = {row.place: row for row in connection.execute(_LOAD_ALL, sent)}
            return [self._seen_or_error(connection, load, rows.get(place)) for place, load in enumerate(loads, 1)]

    def _seen_or_error(self, connection: Connection, load: _Load, row: Row[Any] | None) -> Resource | RhError:
        try:
            return self._seen(connection, load, row)
        except RhError as error:
            return error

    def _seen(self, connection: Connection, load: _Load, row: Row[Any] | None) -> Resource:
        caller = self._noted(accounts.caller_of(row, load.token), load.request)
        rights = self._cache.known(caller)
        if rights is None:  # those of a later moment; nothing older may be judged by them
            rights = self._cache.of(connection, caller)
            row = resource.find(connection, load.name.key)
        return documents.required(documents.seen(row, rights, load.name), load.name)

    def caller(self, request: Request) -> Caller:
        """Whose token came with the request.

        Raises:
            BadToken: nobody's.
        """
        token = token_of(request)
        with self.database.reading() as connection:
            return self._authenticated(connection, token, request)

    def _session(self, connection: Connection, token: str, request: Request) -> Session:
        caller = self._authenticated(connection, token, request)
        return Session(connection, caller, self._cache.of(connection, caller))

    def _authenticated(self, connection: Connection, token: str, request: Request) -> Caller:
        return self._noted(accounts.authenticate(connection, token), request)

    def _noted(self, caller: Caller, request: Request) -> Caller:
        asked = asked_of(request.scope)
        asked.caller = caller
        self.recorder.token_used(asked.actor)
        return caller


def room_of(request: Request) -> Room:
    """The room of the application that answers `request`."""
    app: FastAPI = request.app
    room: Room = app.state.room
    return room


def token_of(request: Request) -> str:
    """The token that came with a request.

    Raises:
        BadToken: none did.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise BadToken("The registry wants a token.", remedy="Log in with: rhdesk login URL")
    return token.strip()
