"""The database: connections that read a consistent state, and one writer at a time.

SQLite has one writer anyway; of PostgreSQL we ask the same with an advisory lock, so that changes are numbered in the
order in which they are committed. A write is on the disk when `writing` ends.
"""

from __future__ import annotations

import logging
import os
import selectors
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError

from rhresources import paths
from rhresources.errors import NotFound, RhError
from rhresources.stores.files import disk_error
from rhserver.registry import schema
from rhserver.registry.writer import Writer, plain

VARIABLE = "RH_REGISTRY_DB"
RESTORED = "restored"
"""The row of `state` that is there, with another number, after a backup was put back."""

_BUSY_SECONDS = 30
_READERS = 20
_WRITERS_LOCK = 7242101  # any number will do, as long as all servers of this registry use it

_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)

log = logging.getLogger(__name__)


def default_url() -> str:
    """`$RH_REGISTRY_DB`, else an SQLite file under `$RH_HOME`."""
    return os.environ.get(VARIABLE) or f"sqlite:///{paths.home() / 'registry-server' / 'registry.sqlite'}"


class Database:
    """The tables of one registry. Safe to use from several threads and processes.

    Args:
        url: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`.

    Raises:
        RhError: it cannot be reached, or a newer rhdesk has made it.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._listeners: list[Callable[[], None]] = []
        self._readers = self._engine(_READERS)
        self._writing = self._engine(1)
        self._writer = Writer(self._writing, self._exclude_others, self._tell)
        try:
            self._prepare()
        except OSError as error:
            raise RhError(
                disk_error(f"The database {self.shown} cannot be used", error).sentence,
                remedy=f"Mend that, or choose another file with --db or ${VARIABLE}.",
                detail=str(error),
            ) from None
        except DBAPIError as error:
            raise RhError(
                f"The database {self.shown} cannot be used: {plain(error)}.",
                remedy="Check --db, and that the database is running.",
                detail=str(error),
            ) from None

    @property
    def shown(self) -> str:
        """What to call it, without a password."""
        return self.url.render_as_string(hide_password=True).replace("+psycopg", "")

    @property
    def file(self) -> Path | None:
        """The file of SQLite."""
        return Path(str(self.url.database)) if self.is_sqlite else None

    @property
    def write_failure(self) -> str:
        """Why the database did not take what this process last wrote; empty where it did."""
        return self._writer.failure

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read by. Each statement sees all that is committed then."""
        with self._readers.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that reads what was committed when it began, and nothing later."""
        with self._readers.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")  # ended when the connection is given back
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one connection that may write; what it did is committed at the end, or undone where an error leaves."""
        with self._writer.turn() as connection:
            yield connection

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener`, in the thread of the writer, after everything that was committed here."""
        self._listeners.append(listener)

    def empty_log(self) -> None:
        """Have nothing that was replaced left in the log of SQLite, as far as nobody reads it now."""
        if self.is_sqlite:
            with self.reading() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self._readers.dispose()
        self._writing.dispose()

    def _exclude_others(self, connection: Connection) -> None:
        if not self.is_sqlite:  # there BEGIN IMMEDIATE has done it
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITERS_LOCK})

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _engine(self, size: int) -> Engine:
        options: dict[str, Any] = {
            "pool_size": size,
            "max_overflow": 0,
            "pool_timeout": _BUSY_SECONDS,
            "hide_parameters": True,  # errors go into a log, where no document and no hash of a token belongs
        }
        reads = size > 1
        if reads:  # a request that reads is not begun and ended, which takes as long as what it asks
            options["isolation_level"] = "AUTOCOMMIT"
        if not self.is_sqlite:
            engine = create_engine(self.url, skip_autocommit_rollback=True, **options)
            event.listen(engine, "checkout", _require_open)
            return engine
        if reads:
            options["max_overflow"] = -1  # nobody waits for a connection; there are no more than threads
        options["connect_args"] = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
        engine = create_engine(self.url, **options)
        event.listen(engine, "connect", _on_connect)
        if not reads:
            event.listen(engine, "begin", _begin_writing)
        return engine

    def _prepare(self) -> None:
        if (file := self.file) is not None:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # nobody else reads what a team keeps; SQLite gives the same rights to the files beside it
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        with self.reading() as connection:
            found = _revision(connection)
        if found == schema.HEAD:
            return
        from rhserver.registry import upgrading  # loads Alembic, which a start does not need

        with self.writing() as connection:
            upgrading.upgrade(connection, _revision(connection))
            if connection.execute(select(schema.state.c.name)).first() is None:
                _first_rows(connection)


def has_password(url: str) -> bool:
    """Whether there is a password in that address of a database."""
    return bool(_checked(url).password)


def require_file(url: str) -> None:
    """Refuse an address of SQLite where there is no file.

    Raises:
        NotFound: with its name.
    """
    parsed = _checked(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).is_file():
        raise NotFound(f"There is no registry in {parsed.database}.", remedy=f"Say where with --db or ${VARIABLE}.")


def registry_id(connection: Connection) -> str:
    """What tells this registry from others, whatever its address is."""
    found = connection.execute(select(schema.state.c.text).where(schema.state.c.name == "registry"))
    return str(found.scalar_one())


def _first_rows(connection: Connection) -> None:
    rows = [{"name": "registry", "text": str(uuid.uuid4())}, {"name": "rights", "text": ""}]
    connection.execute(schema.state.insert(), rows)
    everyone = {"kind": "everyone", "name": "everyone", "key": "everyone", "created": time.time()}
    connection.execute(schema.accounts.insert(), everyone)


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise RhError(
            "This is not the address of a database.", remedy="Write sqlite:///FILE or postgresql://USER@HOST/NAME."
        ) from None
    backend = parsed.get_backend_name()
    if backend == "postgres":  # as many providers write it
        backend, parsed = "postgresql", parsed.set(drivername="postgresql")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite", database=str(Path(parsed.database).expanduser().absolute()))
    raise RhError(
        f"A registry is kept in SQLite or PostgreSQL, not in {parsed.render_as_string(hide_password=True)}.",
        remedy="Write sqlite:///FILE or postgresql://USER@HOST/NAME.",
    )


def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    for line in (
        "journal_mode = WAL",  # readers do not wait for the writer
        "synchronous = FULL",  # what was acknowledged outlives a power cut
        "foreign_keys = ON",
        "secure_delete = ON",  # what a backup has replaced, or a token that was revoked, is not left in free pages
        "cache_size = -16000",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {line}")


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _require_open(connection: psycopg.Connection[Any], _record: Any, _proxy: Any) -> None:
    """Have a connection that was closed at the other end replaced, without asking over it."""
    with _Selector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        if selector.select(0):  # nobody speaks to one that is idle, except to say that it ends
            raise DisconnectionError
