"""Lists of documents: pages in the order of their names, words that are searched for, and the folders there are."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from rhserver.registry import changes
from rhserver.registry.names import Name, ancestors, below
from rhserver.registry.paging import how_many_fit
from rhserver.registry.resource import OTHER, Resource, from_row, live
from rhserver.registry.rights import Rights
from rhserver.registry.schema import resources


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        after: what to ask for to get the next part; None where this is the last.
        cursor: the place in the feed of changes that this page is not older than.
    """

    resources: list[Resource]
    after: str | None
    cursor: int


def page(
    connection: Connection,
    rights: Rights,
    *,
    under: Name | None = None,
    recursive: bool = True,
    kind: str = "",
    query: str = "",
    limit: int = 500,
    after: str = "",
) -> Page:
    """The documents that this user may read; fewer than `limit` where they are long.

    Args:
        under: only what is in this folder.
        recursive: also what is in folders inside it.
        query: words that must all stand in the name or description, whatever their case.
        after: the last name of the page before.
    """
    cursor = changes.newest(connection)  # read first: what is read after it can only be newer
    wanted = live().where(rights.readable(), resources.c.kind != OTHER).order_by(resources.c.name)
    if under is not None and recursive:
        first, end = below(under.key)
        wanted = wanted.where(resources.c.key >= first, resources.c.key < end)
    elif under is not None:
        wanted = wanted.where(resources.c.folder == under.key)
    if kind:
        wanted = wanted.where(resources.c.kind == kind)
    for word in query.lower().split():
        wanted = wanted.where(resources.c.search.contains(word, autoescape=True))
    if after:
        wanted = wanted.where(resources.c.name > after)
    limit = how_many_fit(connection, wanted, limit)
    rows = connection.execute(wanted.limit(limit + 1)).all()
    found = [from_row(row, rights.of(row.key, row.id)) for row in rows[:limit]]
    return Page(found, found[-1].name if len(rows) > limit else None, cursor)


def folders(connection: Connection, rights: Rights, under: Name | None = None) -> list[str]:
    """The folders of all that this user may read, their own, and those of their groups."""
    found = {f"/{rights.user.name}", *(f"/{group}" for group in rights.groups), *rights.granted}
    for folder in rights.granted:
        found.update(ancestors(folder))
    names = select(resources.c.name).where(rights.readable(), ~resources.c.deleted, resources.c.kind != OTHER)
    for name in connection.scalars(names):
        found.update(ancestors(name))
    if under is not None:
        found = {folder for folder in found if f"{folder}/".startswith(f"{under.text}/")}
    return sorted(found)
