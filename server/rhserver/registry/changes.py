"""The feed as the database has it: what happened, in the order of its commits, and what of it one user may be told.

Who is told of a change is decided when it is told: of what one may not read now, no trace is sent. Those who could read
a document before a change that took it from them stand in that change's audience; they are told that it is gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, false, func, insert, literal, select, text

from rhserver.registry.paging import how_many_fit
from rhserver.registry.resource import OTHER, Resource
from rhserver.registry.rights import Level, Rights
from rhserver.registry.schema import audiences, changes, resources, versions

SAVED, DELETED, MOVED, ACCESS, STATUS = "saved", "deleted", "moved", "access", "status"

KEPT = 100_000
"""How many changes are kept; whoever has missed more reads everything again."""

_PRUNE_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Now:
    """What became of a document since: under which key it is found, and who might read it when it ended, if it has."""

    key: str
    readers: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        resource: the document right after it.
        now: what became of it, as it was when the change was read.
        audience: the users whom the change concerned, where that cannot be seen from their rights of today.
    """

    cursor: int
    event: str
    name: str
    old_name: str | None
    resource: Resource
    now: Now
    audience: frozenset[int]


@dataclass(frozen=True, slots=True)
class News:
    """What one user is told of one change."""

    cursor: int
    event: str
    name: str
    old_name: str | None = None
    resource: Resource | None = None

    def data(self) -> dict[str, Any]:
        """As it goes over the wire."""
        said: dict[str, Any] = {"cursor": self.cursor, "name": self.name}
        if self.old_name is not None:
            said["from"] = self.old_name
        if self.resource is not None:
            said["resource"] = self.resource.wire()
        return said


_NEWEST = select(func.max(changes.c.cursor))
_OLDEST = select(func.min(changes.c.cursor))
_COLUMNS = ("event", "resource_id", "version", "name", "old_name", "audience_id", "at")
_ADD = (
    insert(changes)
    .from_select(
        ["cursor", *_COLUMNS],
        select(
            func.coalesce(func.max(changes.c.cursor), 0) + 1,
            *(bindparam(name, type_=changes.c[name].type) for name in _COLUMNS),
        ),
    )
    .returning(changes.c.cursor)
)
_FORGET_STATUS = delete(changes).where(
    changes.c.resource_id == bindparam("which"),
    changes.c.event == text(f"'{STATUS}'"),  # for the index of these alone
    changes.c.cursor < bindparam("newest"),
)


def newest(connection: Connection) -> int:
    """The number of the last change, 0 before the first."""
    return int(connection.execute(_NEWEST).scalar() or 0)


def oldest(connection: Connection) -> int:
    """The number of the first change that is still kept, 0 before the first."""
    return int(connection.execute(_OLDEST).scalar() or 0)


# ---------------------------------------------------------------- writing it


def record(
    connection: Connection,
    event: str,
    resource_id: int,
    version: int,
    name: str,
    *,
    old_name: str | None = None,
    audience_id: int | None = None,
) -> int:
    """Add a change to the feed, in the transaction that makes it; its number."""
    row = {
        "event": event, "resource_id": resource_id, "version": version, "name": name, "old_name": old_name,
        "audience_id": audience_id, "at": time.time(),
    }  # fmt: skip
    cursor = int(connection.execute(_ADD, row).scalar_one())
    if cursor % _PRUNE_EVERY == 0:
        connection.execute(delete(changes).where(changes.c.cursor <= cursor - KEPT))
    return cursor


def record_access(connection: Connection, which: ColumnElement[bool], users: Iterable[int]) -> None:
    """Tell `users` that their rights to the documents `which` have changed."""
    audience = add_audience(connection, users)
    if audience is None:
        return
    number = literal(newest(connection)) + func.row_number().over(order_by=resources.c.id)
    rows = select(
        number, literal(ACCESS), resources.c.id, resources.c.version, resources.c.name, literal(audience),
        literal(time.time()),
    ).where(which, resources.c.deleted == false())  # fmt: skip
    columns = ["cursor", "event", "resource_id", "version", "name", "audience_id", "at"]
    connection.execute(insert(changes).from_select(columns, rows))


def record_status(connection: Connection, resource_id: int, version: int, name: str) -> None:
    """Add that the status of a document is another; whoever missed earlier ones of it needs only this."""
    cursor = record(connection, STATUS, resource_id, version, name)
    connection.execute(_FORGET_STATUS, {"which": resource_id, "newest": cursor})


def add_audience(connection: Connection, users: Iterable[int]) -> int | None:
    """Note these users for a change that concerns them; None where there are none."""
    ids = sorted(users)
    if not ids:
        return None
    added = connection.execute(insert(audiences).values(users=ids))
    return int((added.inserted_primary_key or [0])[0])


# ---------------------------------------------------------------- reading it

_readers = audiences.alias("readers")
_CHANGES = (
    select(
        changes.c.cursor, changes.c.event, changes.c.name, changes.c.old_name, changes.c.resource_id,
        versions.c.version, versions.c.kind, versions.c.text, versions.c.description, versions.c.by,
        versions.c.at, resources.c.key, resources.c.deleted, resources.c.status, audiences.c.users.label("audience"),
        _readers.c.users.label("readers"),
    )
    .join(resources, resources.c.id == changes.c.resource_id)
    .join(versions, (versions.c.resource_id == changes.c.resource_id) & (versions.c.version == changes.c.version))
    .outerjoin(audiences, audiences.c.id == changes.c.audience_id)
    .outerjoin(_readers, _readers.c.id == resources.c.readers)
    .order_by(changes.c.cursor)
)  # fmt: skip


def after(connection: Connection, cursor: int, limit: int) -> tuple[list[Change], bool]:
    """The next changes after `cursor`, in order, fewer than `limit` where they are long; whether there may be more."""
    wanted = _CHANGES.where(changes.c.cursor > cursor)
    limit = how_many_fit(connection, wanted, limit)
    found = [_change(row) for row in connection.execute(wanted.limit(limit))]
    return found, len(found) == limit


def told(change: Change, rights: Rights) -> News | None:
    """What the user of these rights is told of a change; None: nothing."""
    concerned = rights.user.id in change.audience
    level = _level_now(change, rights)
    if change.event == ACCESS and not concerned:
        return None
    if change.event == DELETED:
        return _gone(change, change.name) if concerned or rights.user.admin else None
    if level is Level.NONE or change.resource.kind == OTHER:
        was_known = concerned or level is not Level.NONE
        return _gone(change, change.old_name or change.name) if was_known else None
    resource = _at(change.resource, level)
    if change.event == MOVED:
        if concerned or rights.user.admin:
            return News(change.cursor, MOVED, change.name, change.old_name, resource)
        return News(change.cursor, SAVED, change.name, None, resource)  # where it was before is not theirs to know
    return News(change.cursor, change.event, change.name, None, resource)


def _level_now(change: Change, rights: Rights) -> Level:
    if change.now.readers is None:
        return rights.of(change.now.key, change.resource.id)
    if rights.user.admin:
        return Level.OWNER
    # how much they might do is gone with it; that it is gone, too, they are told by a later change
    return Level.READ if rights.user.id in change.now.readers else Level.NONE


def _gone(change: Change, name: str) -> News:
    return News(change.cursor, DELETED, name)


def _at(resource: Resource, level: Level) -> Resource:
    return replace(resource, level=level)


def _change(row: Row[*tuple[Any, ...]]) -> Change:
    resource = Resource(
        row.resource_id, row.name, row.kind, row.version, row.text, row.description, row.at, row.by, None, Level.NONE,
        row.status,
    )  # fmt: skip
    readers = frozenset(row.readers or ()) if row.deleted else None
    return Change(
        row.cursor, row.event, row.name, row.old_name, resource, Now(row.key, readers), frozenset(row.audience or ())
    )
