"""Who may do what with a document or a folder: seen, and changed by its owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from rhresources.errors import NotFound
from rhserver.registry import accounts, audit, changes, resource
from rhserver.registry.accounts import Account
from rhserver.registry.folders import require_same_case
from rhserver.registry.names import Name, ancestors, below
from rhserver.registry.problems import NoAccess, Unfit
from rhserver.registry.rights import LEVELS, Level, Rights
from rhserver.registry.schema import accounts as accounts_table
from rhserver.registry.schema import grants, resources


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody was given; `inherited_from` is the folder that it was given on, None where it was here."""

    who: str
    level: Level
    inherited_from: str | None

    def wire(self) -> dict[str, Any]:
        """As clients get it."""
        return {"who": self.who, "access": self.level.word, "inherited_from": self.inherited_from}


@dataclass(frozen=True, slots=True)
class _Place:
    """A document or a folder that can be shared."""

    name: Name
    resource_id: int | None
    level: Level

    @property
    def here(self) -> ColumnElement[bool]:
        """The condition for grants on it."""
        if self.resource_id is None:
            return grants.c.folder_key == self.name.key
        return grants.c.resource_id == self.resource_id

    @property
    def inside(self) -> ColumnElement[bool]:
        """The condition for the documents that such grants are about."""
        if self.resource_id is not None:
            return resources.c.id == self.resource_id
        first, end = below(self.name.key)
        return (resources.c.key >= first) & (resources.c.key < end)


def access(connection: Connection, rights: Rights, name: Name, *, folder: bool | None = None) -> list[Grant]:
    """What was given on a document or folder, and on the folders around it.

    Args:
        folder: whether the folder of that name is meant; None: the document if there is one.

    Raises:
        NotFound: there is nothing that this user may read.
    """
    place = _place(connection, rights, name, folder)
    around = list(ancestors(name.key))
    rows = connection.execute(
        select(grants, accounts_table.c.kind, accounts_table.c.name)
        .join(accounts_table, accounts_table.c.id == grants.c.account_id)
        .where(place.here | grants.c.folder_key.in_(around), accounts_table.c.removed.is_(None))
        .order_by(accounts_table.c.key, grants.c.folder_key)
    )
    found = []
    for row in rows:
        is_here = row.folder_key == name.key if place.resource_id is None else row.resource_id == place.resource_id
        who = Account(row.account_id, row.kind, row.name).written
        found.append(Grant(who, LEVELS[row.access], None if is_here else row.folder))
    return found


def is_empty(connection: Connection, rights: Rights, name: Name, *, folder: bool | None = None) -> bool:
    """Whether that is a folder with nothing in it: what was given on it is for what will be saved there.

    Raises:
        NotFound: there is nothing that this user may read.
    """
    return _place(connection, rights, name, folder).resource_id is None and not _has_any(connection, name)


def share(
    connection: Connection, rights: Rights, name: Name, given: dict[str, str], *, folder: bool | None = None
) -> None:
    """Give each of these ("bob", "@team", "@everyone") "read", "write" or "owner" access, or take it back ("none").

    Raises:
        NotFound: there is nothing that this user may read.
        NoAccess: only owners share.
        Unfit: one of them is nobody, or the owner.
        CaseClash: there is a folder that differs in case only.
    """
    place = _place(connection, rights, name, folder)
    if place.level < Level.OWNER:
        raise NoAccess(f"Only an owner of {name} may share it.")
    if place.resource_id is None:
        for around in (*name.folders[1:], name.text):
            require_same_case(connection, around)
    changed: set[int] = set()
    for written, word in given.items():
        try:
            account = accounts.who(connection, written)
        except NotFound as error:
            raise Unfit(error.sentence, remedy=error.remedy) from None
        if account.name == name.owner:
            raise Unfit(f"{account.written} owns /{name.owner}; that cannot be changed.")
        if _give(connection, place, account, word):
            changed.add(account.id)
            audit.record(connection, "share", name.text, f"{written}: {word}")
    if changed:
        accounts.rights_changed(connection)
        changes.record_access(connection, place.inside, accounts.users_of(connection, changed))


def readers_of(connection: Connection, key: str, resource_id: int) -> list[int]:
    """The ids of all users who may read the document now, besides those who may read everything."""
    around = list(ancestors(key))
    who = select(grants.c.account_id).where((grants.c.resource_id == resource_id) | grants.c.folder_key.in_(around))
    owner = select(accounts_table.c.id).where(accounts_table.c.key == around[0][1:])
    return accounts.users_of(connection, {*connection.scalars(who), *connection.scalars(owner)})


def record_membership(connection: Connection, group: Account, user: Account) -> None:
    """Tell `user` of all that came or went with the membership of `group`."""
    first, end = below(f"/{group.name.lower()}")
    ways = [(resources.c.key >= first) & (resources.c.key < end)]
    for row in connection.execute(select(grants).where(grants.c.account_id == group.id)):
        if row.resource_id is not None:
            ways.append(resources.c.id == row.resource_id)
        else:
            first, end = below(row.folder_key)
            ways.append((resources.c.key >= first) & (resources.c.key < end))
    for way in ways:
        changes.record_access(connection, way, [user.id])


def _give(connection: Connection, place: _Place, account: Account, word: str) -> bool:
    mine = place.here & (grants.c.account_id == account.id)
    before = connection.execute(select(grants.c.access).where(mine)).scalar()
    if (before or Level.NONE.word) == word:
        return False
    connection.execute(delete(grants).where(mine))
    if word != Level.NONE.word:
        row: dict[str, Any] = {"account_id": account.id, "access": word}
        if place.resource_id is not None:
            row["resource_id"] = place.resource_id
        else:
            row |= {"folder": place.name.text, "folder_key": place.name.key}
        connection.execute(insert(grants).values(row))
    return True


def _place(connection: Connection, rights: Rights, name: Name, folder: bool | None) -> _Place:
    """What is meant by `name`, if this user may know of it."""
    row = None if folder else resource.find(connection, name.key)
    if row is not None and row.name == name.text and (level := rights.of(row.key, row.id)) >= Level.READ:
        return _Place(name, row.id, level)
    level = rights.in_folder(name.key)
    # an owner may share a folder before there is anything in it
    if folder is False or level is Level.NONE or (level < Level.OWNER and not _has_any(connection, name)):
        raise NotFound(f"There is no resource and no folder {name}.")
    return _Place(name, None, level)


def _has_any(connection: Connection, name: Name) -> bool:
    first, end = below(name.key)
    inside = (resources.c.key >= first) & (resources.c.key < end) & ~resources.c.deleted
    return connection.execute(select(resources.c.id).where(inside).limit(1)).first() is not None
