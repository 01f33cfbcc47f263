"""What is known of the documents of a registry, without asking it."""

from __future__ import annotations

import builtins
import json
import time
from collections.abc import Iterable, Mapping
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

from rhresources.registry.answers import Level
from rhresources.registry.database import Database

if TYPE_CHECKING:
    from rhresources.registry.feed import Event, Remote

_MOMENTS_KEPT = 30  # of one document


class Row(NamedTuple):
    """One document as it was last heard of. The version is 0 for one that the registry has not got yet."""

    name: str
    kind: str
    version: int
    text: str
    modified: float
    modified_by: str
    access: Level
    status: str = ""


class Parsed(NamedTuple):
    """What a version of a document says, as JSON."""

    name: str
    version: int
    modified: float
    kind: str
    json: str


_LAST_CHARACTER = chr(0x10FFFF)

_COLUMNS = "name, kind, version, text, modified, modified_by, access, coalesce(status, '')"
_ROWS = f"SELECT {_COLUMNS} FROM documents LEFT JOIN statuses USING (name)"


class Replica:
    """The documents that one user may read. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # ---------------------------------------------------------------- reading

    @property
    def cursor(self) -> int | None:
        """The position of the change feed that this is as new as; None: it was never filled."""
        value = self.fact("cursor")
        return None if value is None else int(value)

    @property
    def seen(self) -> float:
        """When all of it was last confirmed, in seconds since the epoch; 0: never."""
        return float(self.fact("seen") or 0.0)

    def get(self, name: str) -> Row | None:
        """The document of that name."""
        with self.database.reading() as connection:
            found = connection.execute(f"{_ROWS} WHERE name=?", (name,)).fetchone()
        return Row(*found) if found else None

    def rows(self, under: str = "") -> builtins.list[Row]:
        """All documents by name, or those in a folder and the folders inside it."""
        with self.database.reading() as connection:
            found = connection.execute(f"{_ROWS} WHERE name BETWEEN ? AND ? ORDER BY name", _within(under))
            return [Row(*row) for row in found]

    def names(self) -> builtins.list[tuple[str, str]]:
        """All names with their kinds."""
        with self.database.reading() as connection:
            return list(connection.execute("SELECT name, kind FROM documents ORDER BY name"))

    def began_from(self, name: str, modified: float) -> tuple[int, str] | None:
        """Version and text of a document when its entry said `modified`."""
        with self.database.reading() as connection:
            found = connection.execute(
                "SELECT version, text FROM moments WHERE name=? AND modified=?", (name, modified)
            ).fetchone()
        return (int(found[0]), str(found[1])) if found else None

    def parsed(self, under: str = "") -> dict[str, Parsed]:
        """The documents that were kept as JSON, by name, as `rows`; some may be older than their text."""
        with self.database.reading() as connection:
            found = connection.execute("SELECT * FROM parsed WHERE name BETWEEN ? AND ?", _within(under))
            return {row[0]: Parsed(*row) for row in found}

    def keep_parsed(self, found: Iterable[Parsed]) -> None:
        """Keep documents as JSON."""
        with self.database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO parsed VALUES (?,?,?,?,?)", found)

    def fact(self, key: str) -> Any:
        """What was noted under `key`; None: nothing."""
        with self.database.reading() as connection:
            found = connection.execute("SELECT value FROM facts WHERE key=?", (key,)).fetchone()
        return found[0] if found else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of text that was noted under `key`."""
        return tuple(map(str, json.loads(self.fact(key) or "[]")))

    # ---------------------------------------------------------------- writing

    def note(self, key: str, value: Any) -> None:
        """Keep a value under `key`."""
        with self.database.writing() as connection:
            _note(connection, key, value)

    def fill(self, found: Mapping[str, Remote], events: Iterable[Event], cursor: int) -> set[str] | None:
        """Take all that may be read in place of what is here.

        Args:
            found: by name.
            events: what the change feed said since that was asked for.
            cursor: the position after these.

        Returns:
            The names of what is different now; None: another process knows more by now, and nothing was changed.
        """
        with self.database.writing() as connection:
            if (self.cursor or 0) > cursor:
                return None
            before = {row.name: row for row in self.rows()}
            for name in before.keys() - found.keys():
                _drop(connection, name)
            for each in found.values():
                _put(connection, each, own=False)
            for event in events:
                _apply(connection, event)
            _note(connection, "cursor", cursor)
            _note(connection, "seen", time.time())
            after = {row.name: row for row in self.rows()}
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

    def put(self, resource: Remote) -> None:
        """Take over what the registry answered to a question or a change of ours."""
        with self.database.writing() as connection:
            _put(connection, resource, own=True)
            _note(connection, "seen", time.time())

    def drop(self, name: str) -> None:
        """Forget a document that is not there any more, or not for us."""
        with self.database.writing() as connection:
            _drop(connection, name)

    def forget_all(self) -> None:
        """Forget all documents; edits that wait stay."""
        with self.database.writing() as connection:
            for table in ("documents", "moments", "parsed", "facts", "statuses"):
                connection.execute(f"DELETE FROM {table}")

    def take(self, events: Iterable[Event]) -> set[str]:
        """Take over what the change feed says; the names that it is about."""
        changed: set[str] = set()
        with self.database.writing() as connection:
            position = self.cursor or 0
            for event in events:
                changed.update(name for name in (event.name, event.old) if name)
                if event.cursor > position:  # else another process took it over
                    _apply(connection, event)
                    position = event.cursor
            _note(connection, "cursor", position)
            _note(connection, "seen", time.time())
        return changed


def _within(folder: str) -> tuple[str, str]:
    """The first and the last name that may be in a folder; of all that there are where it is empty."""
    return f"{folder}/", f"{folder}/{_LAST_CHARACTER}"


def _apply(connection: Connection, event: Event) -> None:
    if event.old and event.old != event.name:
        _drop(connection, event.old)
    if event.resource is not None:
        later = connection.execute(
            "SELECT 1 FROM documents WHERE name=? AND own AND version>?", (event.name, event.resource.version)
        )
        if later.fetchone() is None:
            _put(connection, event.resource, own=False)
    elif event.name:
        _drop(connection, event.name)


def _drop(connection: Connection, name: str) -> None:
    connection.execute("DELETE FROM documents WHERE name=?", (name,))
    connection.execute("DELETE FROM moments WHERE name=?", (name,))
    connection.execute("DELETE FROM parsed WHERE name=?", (name,))
    connection.execute("DELETE FROM statuses WHERE name=?", (name,))


def _put(connection: Connection, each: Remote, *, own: bool) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO documents VALUES (?,?,?,?,?,?,?,?)",
        (each.name, each.kind, each.version, each.text, each.modified, each.modified_by, each.access, own),
    )
    note_moment(connection, each.name, each.modified, each.version, each.text)
    put_status(connection, each.name, each.status)


def put_status(connection: Connection, name: str, status: str) -> None:
    """Keep how a cluster was told to be; empty: nobody told."""
    if status:
        connection.execute("INSERT OR REPLACE INTO statuses VALUES (?,?)", (name, status))
    else:
        connection.execute("DELETE FROM statuses WHERE name=?", (name,))


def note_moment(connection: Connection, name: str, modified: float, version: int, text: str) -> None:
    """Remember which version an entry with that time shows."""
    connection.execute("INSERT OR REPLACE INTO moments VALUES (?,?,?,?)", (name, modified, version, text))
    connection.execute(
        "DELETE FROM moments WHERE name=? AND version<=?",
        (name, version - _MOMENTS_KEPT),
    )


def _note(connection: Connection, key: str, value: Any) -> None:
    connection.execute("INSERT OR REPLACE INTO facts VALUES (?,?)", (key, value))
