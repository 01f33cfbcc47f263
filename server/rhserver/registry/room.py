"""What the routes share: the database, the rights of callers, the feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request
from sqlalchemy import Connection, true
from starlette.concurrency import run_in_threadpool

from rhserver.registry import accounts, audit, documents, resource
from rhserver.registry.accounts import Caller
from rhserver.registry.asked import asked_of
from rhserver.registry.database import Database
from rhserver.registry.feed import Feed
from rhserver.registry.limits import Limits, Slots
from rhserver.registry.names import Name
from rhserver.registry.problems import BadToken
from rhserver.registry.recorder import Recorder
from rhserver.registry.resource import Resource
from rhserver.registry.rights import Rights, RightsCache

KEEP_ALIVE = 15.0
"""After so many seconds in which nothing happens, a feed of changes says that it lives."""

_document = resource.BY_KEY.subquery("document")
_LOAD = accounts.BY_HASH.outerjoin(_document, true()).add_columns(*_document.c)
"""Whose token it is, and the document: what is asked for most, in one statement."""


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
        if self.database.is_sqlite:  # has answered before a thread has begun
            return self._load(request, name)
        return await run_in_threadpool(self._load, request, name)

    def _load(self, request: Request, name: Name) -> Resource:
        token = accounts.hash_of(token_of(request))
        with self.database.reading() as connection:
            row = connection.execute(_LOAD, {"token": token, "wanted": name.key}).first()
            caller = self._noted(accounts.caller_of(row, token), request)
            rights = self._cache.known(caller)
            if rights is None:  # those of a later moment; nothing older may be judged by them
                rights = self._cache.of(connection, caller)
                row = resource.find(connection, name.key)
        return documents.required(documents.seen(row, rights, name), name)

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
