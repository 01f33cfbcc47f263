"""One document as it was or is, and the queries that find it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, false, select

from rhserver.registry.rights import Level
from rhserver.registry.schema import resources, versions

OTHER = "other"
"""The kind of what an old client saved and no document of today can say; only old clients see it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A document in one of its versions.

    Attributes:
        id: the same through renames; another one after it was deleted and made anew.
        legacy: what an old client saved, to the letter; None where a client of today saved it.
        status: how a cluster is, as JSON; None: nobody told.
    """

    id: int
    name: str
    kind: str
    version: int
    text: str
    description: str
    modified: float
    modified_by: str
    legacy: dict[str, Any] | None
    level: Level
    status: str | None = None

    @property
    def key(self) -> str:
        """What no other document shares."""
        return self.name.lower()

    def wire(self, *, text: bool = True) -> dict[str, Any]:
        """As clients get it."""
        said: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "version": self.version,
            "description": self.description,
            "modified": self.modified,
            "modified_by": self.modified_by,
            "access": self.level.word,
        }
        if self.status is not None:
            said["status"] = json.loads(self.status)
        return said | {"text": self.text} if text else said


def live() -> Select[Any]:
    """Documents that are there, each with its present version."""
    return (
        select(
            resources.c.id, resources.c.name, resources.c.key, resources.c.kind, resources.c.version,
            resources.c.modified, resources.c.modified_by, resources.c.description, versions.c.text, versions.c.legacy,
            resources.c.status,
        )
        .join(
            versions,
            (versions.c.resource_id == resources.c.id) & (versions.c.version == resources.c.version),
        )
        .where(resources.c.deleted == false())
    )  # fmt: skip


BY_KEY = live().where(resources.c.key == bindparam("wanted"))
"""The document that is there under the key `wanted`."""


def find(connection: Connection, key: str) -> Row[Any] | None:
    """The row of the document that is there under `key`."""
    return connection.execute(BY_KEY, {"wanted": key}).first()


def from_row(row: Row[Any], level: Level) -> Resource:
    """What a row of `live` says."""
    return Resource(
        row.id, row.name, row.kind, row.version, row.text, row.description, row.modified, row.modified_by, row.legacy,
        level, row.status,
    )  # fmt: skip
