"""The file that holds what one user knows of one registry: documents, edits that wait, and edits to decide on."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rhresources.errors import RhError
from rhresources.stores.files import disk_error

_VERSION = 1
_MOMENT = 0.01
_BUSY = 15.0  # seconds that another process may take for a write

_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE documents (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    modified REAL NOT NULL,
    modified_by TEXT NOT NULL,
    access TEXT NOT NULL,
    own INTEGER NOT NULL  -- from the answer to a write of ours: the change feed may still be behind it
);
CREATE TABLE moments (  -- which version an edit began from, by the time that its entry had
    name TEXT NOT NULL,
    modified REAL NOT NULL,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (name, modified)
) WITHOUT ROWID;
CREATE TABLE parsed (  -- documents as JSON, which is read five times as fast as their YAML
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    modified REAL NOT NULL,
    kind TEXT NOT NULL,
    json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE edits (  -- to be delivered, in this order
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    act TEXT NOT NULL,  -- save, delete, move
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    text TEXT NOT NULL,
    base_version INTEGER NOT NULL,
    base_text TEXT NOT NULL,
    made REAL NOT NULL
);
CREATE TABLE conflicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    edit INTEGER NOT NULL,  -- which edit it was
    name TEXT NOT NULL,
    base_text TEXT NOT NULL,
    mine TEXT NOT NULL,
    problem TEXT NOT NULL
);
"""

# made where they are missing: a rhdesk that does not know them leaves them alone
_SCHEMA_ADDED = """
CREATE TABLE IF NOT EXISTS statuses (name TEXT PRIMARY KEY, status TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tellings (  -- to be told, of each cluster only the newest
    name TEXT PRIMARY KEY,
    status TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets (  -- of conflicts: the new name that it was not given
    conflict INTEGER PRIMARY KEY,
    target TEXT NOT NULL
);
"""


class Database:
    """One SQLite file, used by several threads and processes at once.

    Args:
        path: the file; made with its directory where there is none, for its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        try:
            self._connection = _opened(path)
        except sqlite3.OperationalError as error:
            raise RhError(f"{path} cannot be opened: {error}.", detail=str(error)) from None
        except sqlite3.DatabaseError as error:
            # it may hold edits that wait, so it is kept for who can read it
            aside = path.with_name(f"{path.name}.broken-{time.time():.0f}")
            try:
                os.replace(path, aside)
                self._connection = _opened(path)
            except (OSError, sqlite3.DatabaseError):
                raise RhError(f"{path} is broken: {error}.", remedy="Move it away.", detail=str(error)) from None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def remove(self) -> None:
        """Remove the file, once it is closed."""
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                os.remove(f"{self.path}{end}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.DatabaseError as error:
                raise RhError(f"{self.path} cannot be read: {error}.", detail=str(error)) from None

    @contextmanager
    def reading_if_free(self) -> Iterator[bool]:
        """Whether `reading` in here does not wait for another thread of this process."""
        free = self._lock.acquire(timeout=_MOMENT)
        try:
            yield free
        finally:
            if free:
                self._lock.release()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, or nothing of it where this raises. One inside another is part of that."""
        with self._lock:
            if self._depth:
                yield self._connection
                return
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._depth = 1
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                else:
                    self._connection.execute("COMMIT")
                finally:
                    self._depth = 0
            except sqlite3.DatabaseError as error:
                raise RhError(f"{self.path} cannot be written: {error}.", detail=str(error)) from None

    def stamp(self) -> tuple[int, int]:
        """Another value after every change, by whichever process."""
        with self.reading() as connection:
            ((others,),) = connection.execute("PRAGMA data_version")
            return int(others), connection.total_changes


def _opened(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise disk_error(f"{path} cannot be opened", error) from None
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # an edit that waits is on the disk
        connection.execute("PRAGMA secure_delete=ON")  # what may no longer be read is not
        connection.execute("BEGIN IMMEDIATE")
        ((found,),) = connection.execute("PRAGMA user_version")
        if found == 0:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={_VERSION}")
        for statement in _SCHEMA_ADDED.split(";\n"):
            connection.execute(statement)
        connection.execute("COMMIT")
        if found > _VERSION:
            raise RhError(f"{path} was made by a newer rhdesk.", remedy="Upgrade rhdesk on this computer.")
    except BaseException:
        connection.close()
        raise
    return connection
