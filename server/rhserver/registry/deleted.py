"""What was deleted and can be brought back, for those who might read it when it ended, and its owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, false, func, or_, select, true

from rhserver.registry.names import Name, below
from rhserver.registry.resource import OTHER
from rhserver.registry.rights import Level, Rights
from rhserver.registry.schema import audiences, resources, versions

_LOOKED_AT = 2_000
"""Rows at a time, so that one for whom there is little to see does not have everything in memory at once."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A document that ended.

    Attributes:
        version: the last one before it ended; what to restore.
        by, at: who deleted it, and when.
        level: what the user may do with it; who may write brings it back.
    """

    name: str
    kind: str
    description: str
    version: int
    by: str
    at: float
    level: Level

    def wire(self) -> dict[str, Any]:
        """As clients get it."""
        return {
            "name": self.name, "kind": self.kind, "description": self.description, "version": self.version,
            "by": self.by, "at": self.at, "access": self.level.word,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: when that document was deleted, and which it was."""

    at: float
    resource_id: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """What `str` has made."""
        at, _, which = text.partition("-")
        return cls(float(at), int(which))

    def __str__(self) -> str:
        return f"{self.at:.9f}-{self.resource_id}"


def page(
    connection: Connection,
    rights: Rights,
    *,
    under: Name | None = None,
    query: str = "",
    limit: int = 100,
    after: Place | None = None,
) -> tuple[list[Deleted], Place | None]:
    """The last deleted document of each name that has none now, the newest deletion first, and where to go on.

    Args:
        under: only what was in this folder.
        query: words that must all stand in the name or description, whatever their case.
        after: where the page before ended. That is at a document of that page, and there is no other page unless there
            is more to show: of what the user may not see, nothing is told, not even when it was deleted.
    """
    wanted = _ENDED.limit(_LOOKED_AT)
    if under is not None:
        first, end = below(under.key)
        wanted = wanted.where(resources.c.key >= first, resources.c.key < end)
    for word in query.lower().split():
        wanted = wanted.where(resources.c.search.contains(word, autoescape=True))
    found: list[Deleted] = []
    shown = looked = after
    while True:
        rows = connection.execute(wanted if looked is None else wanted.where(_is_before(looked))).all()
        for row in rows:
            looked = Place(row.at, row.id)
            if (level := _level(rights, row)) < Level.READ:
                continue
            if len(found) == limit:
                return found, shown
            found.append(Deleted(row.name, row.kind, row.description, row.last, row.by, row.at, level))
            shown = looked
        if len(rows) < _LOOKED_AT:
            return found, None


def _is_before(place: Place) -> ColumnElement[bool]:
    return or_(versions.c.at < place.at, and_(versions.c.at == place.at, resources.c.id < place.resource_id))


def _level(rights: Rights, row: Row[*tuple[Any, ...]]) -> Level:
    """What the user may do with a document that ended; the same as `documents.ended` and `history.restore` go by."""
    if row.living is not None and rights.of(row.key, row.living) >= Level.READ:
        return Level.NONE  # there is one again; what was before is in its history
    if rights.user.id not in (row.users or ()) and rights.of(row.key) < Level.OWNER:
        return Level.NONE
    return max(Level.READ, rights.of(row.key, row.id))


_later, _living, _before = resources.alias("later"), resources.alias("living"), versions.alias("before")
_LAST = (
    select(func.max(_before.c.version))
    .where(_before.c.resource_id == resources.c.id, _before.c.version < resources.c.version)
    .scalar_subquery()
)
_ENDED = (
    select(
        resources.c.id, resources.c.name, resources.c.key, resources.c.kind, resources.c.description,
        versions.c.by, versions.c.at, audiences.c.users, _living.c.id.label("living"), _LAST.label("last"),
    )
    .join(versions, (versions.c.resource_id == resources.c.id) & (versions.c.version == resources.c.version))
    .outerjoin(audiences, audiences.c.id == resources.c.readers)
    .outerjoin(_living, (_living.c.key == resources.c.key) & (_living.c.deleted == false()))
    .where(
        resources.c.deleted == true(),
        resources.c.kind != OTHER,
        ~exists().where(
            _later.c.key == resources.c.key, _later.c.name == resources.c.name, _later.c.deleted == true(),
            _later.c.version > resources.c.version,
        ),
    )
    .order_by(versions.c.at.desc(), resources.c.id.desc())
)  # fmt: skip
