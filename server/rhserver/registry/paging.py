"""How much is read from the database at once: a document may be a megabyte, and many ask at the same time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func

from rhserver.registry.schema import versions

PAGE_LENGTH = 4_000_000
"""Of a page, in characters of its texts; one that holds a single document may be longer."""


def how_many_fit(connection: Connection, wanted: Select[Any], limit: int) -> int:
    """How many of these versions make one page: `limit`, unless they are long."""
    lengths = wanted.with_only_columns(func.length(versions.c.text), maintain_column_froms=True).limit(limit)
    total = 0
    for count, length in enumerate(connection.scalars(lengths)):
        total += length
        if total > PAGE_LENGTH and count > 0:
            return count
    return limit
