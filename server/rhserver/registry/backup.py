"""All that a registry holds in one file, while it goes on; and back, into SQLite or PostgreSQL.

The file is an SQLite database with the tables of `schema`, packed by zstd, which finds damage by its checksum. What is
put back is another registry to its clients, as version numbers given after the backup come again with other texts;
unless nothing came after it and it only `moved`. Either way the feed begins far ahead, so all of it is read anew.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import zstandard
from sqlalchemy import Connection, Table, create_engine, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from rhresources.errors import AlreadyExists, NotFound, RhError
from rhserver.registry import audit, changes
from rhserver.registry.database import RESTORED, Database, registry_id
from rhserver.registry.schema import HEAD, accounts, metadata, resources, state, versions
from rhserver.registry.schema import audit as audit_table
from rhserver.registry.schema import changes as changes_table

_MADE = "backup"
"""The row of `state` that says in a backup when it was made."""

_MAGIC = b"\x28\xb5\x2f\xfd"
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in a backup."""

    registry: str
    made: float
    users: int
    documents: int
    versions: int

    def __str__(self) -> str:
        made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.made))
        return f"{self.users:,} users, {self.documents:,} documents, {self.versions:,} versions, as of {made}"


def back_up(database: Database, target: Path, *, replace: bool = False) -> Summary:
    """Write all of `database` to the file `target`, which only its owner may read. Writers go on meanwhile.

    Raises:
        AlreadyExists: there is such a file, and it is not to be replaced.
        RhError: it cannot be written.
    """
    if not replace and target.exists():
        raise AlreadyExists(f"There is a file {target} already.", remedy="Choose another name, or say --replace.")
    if database.file is not None and target.exists() and target.samefile(database.file):
        raise RhError(f"{target} is the database itself.", remedy="Choose another name.")
    try:
        with tempfile.TemporaryDirectory(prefix=".registry-backup-", dir=target.parent) as folder:
            copy = Path(folder) / "registry.sqlite"
            _copy_sqlite(database.file, copy) if database.file is not None else _copy_rows(database, copy)
            summary = _finish(copy)
            packed = Path(folder) / target.name
            _pack(copy, packed)
            os.replace(packed, target)
            _sync_folder(target.parent)
    except OSError as error:
        raise RhError(f"The backup {target} cannot be written: {error.strerror or error}.") from None
    return summary


def restore(database: Database, source: Path, *, replace: bool = False, moved: bool = False) -> Summary:
    """Put back what `back_up` wrote, in one transaction; feeds that are open end.

    Args:
        replace: whether what is there may go; its audit log stays.
        moved: whether it is the same registry to its clients.

    Raises:
        NotFound: there is no such file.
        RhError: it is damaged, no backup, or of a newer rhdesk; or the database is not empty.
    """
    with _unpacked(source) as copy:
        backup = Database(f"sqlite:///{copy}")  # one of an older rhdesk is brought up to date
        try:
            with backup.reading() as old, database.writing() as connection:
                summary = _summary(old, source)
                if not replace and not _is_empty(connection):
                    raise RhError(
                        f"There is a registry in {database.shown} already.",
                        remedy="Say --replace to lose what is in it; make a backup of it first.",
                    )
                _put_back(old, connection, moved=moved)
                detail = f"registry {registry_id(connection)}, backup of {summary.registry}"
                audit.record(connection, "restore", "", f"{detail}: {summary}")
            database.empty_log()
        finally:
            backup.close()
    return summary


# ---------------------------------------------------------------- writing it


def _copy_sqlite(file: Path, copy: Path) -> None:
    source = sqlite3.connect(file, timeout=30, isolation_level=None)
    try:
        source.execute("VACUUM INTO ?", (str(copy),))  # as of one moment, and without what is left of deleted rows
    finally:
        source.close()


def _copy_rows(database: Database, copy: Path) -> None:
    engine = create_engine(f"sqlite:///{copy}")
    try:
        with database.snapshot() as old, engine.begin() as connection:
            metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
            for table in metadata.sorted_tables:
                _copy_table(old, connection, table)
    finally:
        engine.dispose()


def _copy_table(old: Connection, connection: Connection, table: Table) -> None:
    rows = old.execution_options(yield_per=_ROWS).execute(select(table))
    for part in rows.mappings().partitions(_ROWS):
        connection.execute(insert(table), [dict(row) for row in part])


def _finish(copy: Path) -> Summary:
    """Make the copy one whole file, note when that was, and make sure that it can be read."""
    connection = sqlite3.connect(copy)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        with connection:
            made = (_MADE, "", int(time.time()))
            connection.execute("INSERT OR REPLACE INTO state (name, text, number) VALUES (?, ?, ?)", made)
        _require_sound(connection)
    finally:
        connection.close()
    engine = create_engine(f"sqlite:///{copy}")
    try:
        with engine.connect() as reading:
            return _summary(reading, copy)
    finally:
        engine.dispose()


def _pack(copy: Path, packed: Path) -> None:
    number = os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    compressor = zstandard.ZstdCompressor(level=6, write_checksum=True, write_content_size=True)
    with os.fdopen(number, "wb") as target, copy.open("rb") as source:
        compressor.copy_stream(source, target, size=copy.stat().st_size)
        target.flush()
        os.fsync(target.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


# ---------------------------------------------------------------- putting it back


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """The database that is in a backup."""
    damaged = f"{source} is damaged"
    with tempfile.TemporaryDirectory(prefix="registry-restore-") as folder:
        copy = Path(folder) / "registry.sqlite"
        try:
            with source.open("rb") as packed, copy.open("xb") as target:
                if packed.read(len(_MAGIC)) != _MAGIC:
                    raise RhError(f"{source} is no backup of a registry.")
                packed.seek(0)
                size = zstandard.get_frame_parameters(packed.read(64)).content_size
                packed.seek(0)
                _, written = zstandard.ZstdDecompressor().copy_stream(packed, target)
                if written != size:
                    raise RhError(f"{damaged}: it ends too early.", remedy="Take an older backup.")
            connection = sqlite3.connect(copy)
            try:
                _require_sound(connection)
            finally:
                connection.close()
        except FileNotFoundError:
            raise NotFound(f"There is no file {source}.") from None
        except (zstandard.ZstdError, sqlite3.DatabaseError) as error:
            raise RhError(f"{damaged}: {error}.", remedy="Take an older backup.") from None
        except OSError as error:
            raise RhError(f"{source} cannot be read: {error.strerror or error}.") from None
        yield copy


def _require_sound(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise sqlite3.DatabaseError("it refers to what is not in it")
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"alembic_version", "state", "accounts", "resources", "versions"} <= names:
        raise sqlite3.DatabaseError("it is no registry")


def _put_back(old: Connection, connection: Connection, *, moved: bool) -> None:
    keeps_log = connection.execute(select(audit_table.c.id).limit(1)).first() is not None
    before = _numbers(connection)
    top = max(changes.newest(connection), changes.newest(old))
    chosen = [table for table in metadata.sorted_tables if not (keeps_log and table is audit_table)]
    for table in reversed(chosen):
        connection.execute(delete(table))
    for table in chosen:
        if table is not changes_table:
            _copy_table(old, connection, table)
    _set_state(connection, "rights", number=max(before.get("rights", 0), _numbers(old).get("rights", 0)) + 1)
    # milliseconds grow faster than any feed does, so no number comes twice however often something is put back
    start = max(top + 1_000_000, int(time.time() * 1000))
    _set_state(connection, RESTORED, number=start)
    marker = {"cursor": start, "event": "restored", "name": "", "at": time.time()}
    connection.execute(insert(changes_table).values(marker))
    connection.execute(delete(state).where(state.c.name == _MADE))
    if not moved:
        _set_state(connection, "registry", written=str(uuid.uuid4()))
    if connection.dialect.name == "postgresql":
        for table in metadata.sorted_tables:
            if "id" in table.c:
                connection.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), coalesce(max(id), 1), "
                        f"max(id) IS NOT NULL) FROM {table.name}"
                    )
                )


def _set_state(connection: Connection, name: str, *, number: int = 0, written: str = "") -> None:
    connection.execute(delete(state).where(state.c.name == name))
    connection.execute(insert(state).values(name=name, number=number, text=written))


def _numbers(connection: Connection) -> dict[str, int]:
    return {row.name: row.number for row in connection.execute(select(state.c.name, state.c.number))}


def _is_empty(connection: Connection) -> bool:
    return all(
        connection.execute(query.limit(1)).first() is None
        for query in (select(accounts.c.id).where(accounts.c.kind != "everyone"), select(versions.c.version))
    )


def _summary(connection: Connection, source: Path) -> Summary:
    def count(table: Table, *which: object) -> int:
        return int(connection.execute(select(func.count()).select_from(table).where(*which)).scalar_one())  # type: ignore[arg-type]

    try:
        made = _numbers(connection).get(_MADE, 0)
        users = count(accounts, accounts.c.kind == "user", accounts.c.removed.is_(None))
        return Summary(
            registry_id(connection), float(made), users, count(resources, ~resources.c.deleted), count(versions)
        )  # fmt: skip
    except DBAPIError as error:
        raise RhError(f"{source} is damaged: {error.orig}.", remedy="Take an older backup.") from None
