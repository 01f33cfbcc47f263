"""What documents were: their versions, and how an old one comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, true

from rhserver.registry import documents, resource
from rhserver.registry.documents import Content
from rhserver.registry.names import Name
from rhserver.registry.resource import OTHER, Resource
from rhserver.registry.rights import Level, Rights
from rhserver.registry.schema import resources, versions


@dataclass(frozen=True, slots=True)
class Version:
    """One state that a document was in, under the name that it had then."""

    number: int
    action: str
    by: str
    at: float
    note: str
    name: str
    kind: str
    text: str

    def wire(self, *, text: bool = False) -> dict[str, Any]:
        """As clients get it."""
        said = {
            "version": self.number, "action": self.action, "by": self.by, "at": self.at, "note": self.note,
            "name": self.name,
        }  # fmt: skip
        return said | {"kind": self.kind, "text": self.text} if text else said


def history(
    connection: Connection, rights: Rights, name: Name, *, limit: int, before: int | None = None
) -> list[Version]:
    """The versions of a document, newest first, also of one that was deleted.

    Raises:
        NotFound: there is and was none that this user may read.
    """
    query = select(versions).where(_which(connection, rights, name), versions.c.kind != OTHER)
    if before is not None:
        query = query.where(versions.c.version < before)
    return [_version(row) for row in connection.execute(query.order_by(versions.c.version.desc()).limit(limit))]


def version(connection: Connection, rights: Rights, name: Name, number: int) -> Version:
    """One version with its text.

    Raises:
        NotFound: there is none that this user may read.
    """
    return _version(_row(connection, rights, name, number))


def restore(connection: Connection, rights: Rights, name: Name, number: int, *, base: int | None = None) -> Resource:
    """Make an old version the newest; a document that was deleted comes back with its grants.

    Raises:
        NotFound, NoAccess, Conflict: as for `documents.save`.
    """
    old = _row(connection, rights, name, number)
    content = Content(old.kind, old.text, old.description, old.legacy)
    current = documents.peek(connection, rights, name)
    if current is not None:
        documents.require_write(name, current.level)
        if base is not None and base != current.version:
            raise documents.conflict(connection, rights, name, current, base)
        resource_id, newest, status = current.id, current.version, current.status
    else:
        dead = documents.ended(connection, rights, name)
        if dead is None:
            raise documents.not_found(name)
        documents.require_write(name, rights.of(name.key, dead.id))
        if base not in (None, 0, dead.version):
            raise documents.conflict(connection, rights, name, None, base)
        if resource.find(connection, name.key) is not None and rights.of(name.key) is Level.NONE:
            documents.require_write(name, Level.NONE)  # whether the name is taken is not theirs to know
        documents.require_free(connection, name)
        resource_id, newest, status = dead.id, documents.highest_version(connection, name), None
    return documents.put(
        connection, rights, resource_id, newest + 1, name, content, "restored", f"version {number}", status=status
    )


def _which(connection: Connection, rights: Rights, name: Name) -> ColumnElement[bool]:
    """The condition for the versions that belong to `name`: of what is there, and for its owners of what was before."""
    current = documents.peek(connection, rights, name)
    dead = None if current else documents.ended(connection, rights, name)
    there = current or dead
    if there is None:
        raise documents.not_found(name)
    which = versions.c.resource_id == there.id
    if rights.of(name.key) >= Level.OWNER:
        before = select(resources.c.id).where(resources.c.key == name.key, resources.c.deleted == true())
        which = which | (versions.c.resource_id.in_(before) & (versions.c.key == name.key))
    return which


def _row(connection: Connection, rights: Rights, name: Name, number: int) -> Row[Any]:
    query = select(versions).where(
        _which(connection, rights, name), versions.c.version == number, versions.c.kind != OTHER
    )
    row = connection.execute(query).first()
    if row is None:
        raise documents.not_found_version(name, number)
    return row


def _version(row: Row[Any]) -> Version:
    return Version(row.version, row.action, row.by, row.at, row.note, row.name, row.kind, row.text)
