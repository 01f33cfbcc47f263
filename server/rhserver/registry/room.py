"""What the routes share: the database, the rights of callers, the feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request
from sqlalchemy import Connection

from rhserver.registry import accounts, audit
from rhserver.registry.accounts import Caller
from rhserver.registry.asked import asked_of
from rhserver.registry.database import Database
from rhserver.registry.feed import Feed
from rhserver.registry.limits import Limits, Slots
from rhserver.registry.problems import BadToken
from rhserver.registry.recorder import Recorder
from rhserver.registry.rights import Rights, RightsCache

KEEP_ALIVE = 15.0
"""After so many seconds in which nothing happens, a feed of changes says that it lives."""


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
        asked = asked_of(request.scope)
        asked.caller = accounts.authenticate(connection, token)
        self.recorder.token_used(asked.actor)
        return asked.caller


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
