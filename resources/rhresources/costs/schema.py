"""The tables of the ledger, and how a database of it is opened."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from rhresources.errors import RhError

_FIRST = """
CREATE TABLE lives (
    life TEXT PRIMARY KEY, cluster TEXT NOT NULL, kind TEXT NOT NULL, hosts INTEGER NOT NULL, cloud TEXT NOT NULL,
    region TEXT NOT NULL, hardware TEXT NOT NULL, spot INTEGER NOT NULL, owner TEXT NOT NULL, ended INTEGER NOT NULL,
    labels TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE sightings (
    id INTEGER PRIMARY KEY, life TEXT NOT NULL, seen TEXT NOT NULL, price REAL, since REAL NOT NULL,
    exact INTEGER NOT NULL, boot TEXT NOT NULL, first_wall REAL NOT NULL, first_steady REAL NOT NULL,
    last_wall REAL NOT NULL, last_steady REAL NOT NULL
);
CREATE INDEX sightings_of_a_life ON sightings (life, id);
CREATE TABLE intervals (
    life TEXT NOT NULL, start REAL NOT NULL, ended REAL,
    start_wall REAL NOT NULL, start_steady REAL NOT NULL, start_boot TEXT NOT NULL,
    end_wall REAL, end_steady REAL, end_boot TEXT,
    PRIMARY KEY (life, start)
) WITHOUT ROWID;
CREATE TABLE ties (
    boot TEXT PRIMARY KEY, wall REAL NOT NULL, steady REAL NOT NULL, judged INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE runs (
    run TEXT PRIMARY KEY, cluster TEXT NOT NULL, function TEXT NOT NULL, started REAL NOT NULL, ended REAL NOT NULL,
    labels TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE alerts (name TEXT PRIMARY KEY, told REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE marks (name TEXT PRIMARY KEY, wall REAL NOT NULL) WITHOUT ROWID;
"""
_SECOND = """
ALTER TABLE sightings ADD COLUMN autostop REAL NOT NULL DEFAULT -1;
ALTER TABLE intervals ADD COLUMN watched INTEGER NOT NULL DEFAULT 0;
"""
_THIRD = """
ALTER TABLE lives ADD COLUMN server TEXT;
ALTER TABLE lives ADD COLUMN others INTEGER;
"""
_FOURTH = """
CREATE TABLE instances (
    instance TEXT NOT NULL, launched REAL NOT NULL, life TEXT NOT NULL, region TEXT NOT NULL, seen REAL NOT NULL,
    ended REAL, missed REAL, PRIMARY KEY (instance, launched)
) WITHOUT ROWID;
CREATE TABLE unasked (life TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_FIFTH = """
ALTER TABLE runs ADD COLUMN person TEXT NOT NULL DEFAULT '';
"""
_STEPS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
"""What makes each version out of the one before."""

VERSION = len(_STEPS)


def open_database(path: Path) -> sqlite3.Connection:
    """The database at `path`, made where there is none; readable by its owner alone.

    Raises:
        RhError: it cannot be read or made, or a newer rhdesk wrote it.
    """
    database: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        database = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        _write_ahead(database)
        database.execute("PRAGMA synchronous=NORMAL")
        _bring_up_to_date(database, path)
        return database
    except (OSError, sqlite3.Error) as error:
        if database is not None:
            database.close()
        raise RhError(
            f"The record of costs cannot be opened: {path}.",
            remedy="If it is damaged, move it away: a new one begins.",
            detail=str(error),
        ) from None
    except RhError:
        if database is not None:
            database.close()
        raise


def _bring_up_to_date(database: sqlite3.Connection, path: Path) -> None:
    if _version(database) == VERSION:
        return
    database.execute("BEGIN IMMEDIATE")  # of several processes that open it first one makes the tables
    try:
        found = _version(database)
        if found > VERSION:
            raise RhError(
                f"{path} was written by a newer rhdesk.", remedy="Use that one here too: install the newer version."
            )
        for step in _STEPS[found:]:
            for statement in step.split(";"):
                if statement.strip():
                    database.execute(statement)
        database.execute(f"PRAGMA user_version={VERSION}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def _write_ahead(database: sqlite3.Connection) -> None:
    """One writes while others read. Of several that ask for it at once SQLite refuses some, whatever its time-out."""
    for _ in range(600):
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.05)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])
