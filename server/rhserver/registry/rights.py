"""What one user may do, as it follows from ownership, groups and grants. A grant on a folder holds for all inside."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import IntEnum

from sqlalchemy import ColumnElement, Connection, or_, select, true

from rhserver.registry.accounts import Account, Caller, everyone
from rhserver.registry.names import ancestors, below
from rhserver.registry.schema import accounts, grants, members, resources


class Level(IntEnum):
    """How much one may do; each includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    OWNER = 3

    @property
    def word(self) -> str:
        """`read`, `write` or `owner`."""
        return self.name.lower()


_shared = resources.alias("shared")
LEVELS = {level.word: level for level in Level}


@dataclass(frozen=True)
class Rights:
    """What one user may do.

    Attributes:
        user: whose rights these are.
        accounts: the ids of all that the user is: themselves, everyone, and groups.
        groups: the names of those groups.
        folders: the level for everything in a folder, by its key.
        documents: the level for single documents, by their id.
        granted: the names of folders that were shared with the user.
    """

    user: Account
    accounts: frozenset[int] = frozenset()
    groups: list[str] = field(default_factory=list)
    folders: dict[str, Level] = field(default_factory=dict)
    documents: dict[int | None, Level] = field(default_factory=dict)
    granted: frozenset[str] = frozenset()

    def of(self, key: str, resource_id: int | None = None) -> Level:
        """The level for the document `key`."""
        if self.user.admin:
            return Level.OWNER
        found = [self.folders[folder] for folder in ancestors(key) if folder in self.folders]
        if resource_id in self.documents:
            found.append(self.documents[resource_id])
        return max(found, default=Level.NONE)

    def in_folder(self, key: str) -> Level:
        """The level for everything in the folder `key`."""
        return self.of(f"{key}/")

    def readable(self) -> ColumnElement[bool]:
        """The condition for rows of `resources` that may be read."""
        if self.user.admin:
            return true()
        ways: list[ColumnElement[bool]] = []
        for owner in (self.user.name, *self.groups):
            first, end = below(f"/{owner.lower()}")
            ways.append((resources.c.key >= first) & (resources.c.key < end))
        mine = grants.c.account_id.in_(self.accounts)
        if self.granted:  # a condition for each would be too long for SQLite where others have shared a thousand
            inside = (_shared.c.key >= grants.c.folder_key + "/") & (_shared.c.key < grants.c.folder_key + "0")
            ways.append(resources.c.id.in_(select(_shared.c.id).join(grants, inside).where(mine)))
        if self.documents:
            granted = select(grants.c.resource_id).where(mine, grants.c.resource_id.is_not(None))
            ways.append(resources.c.id.in_(granted))
        return or_(*ways)


class RightsCache:
    """The rights of users, worked out anew after rights were changed."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Rights]] = {}
        self._lock = threading.Lock()

    def known(self, caller: Caller) -> Rights | None:
        """What this caller might do at the moment when their token was looked up, if that is remembered."""
        known = self._known.get(caller.user.id)
        return known[1] if known is not None and known[0] == caller.generation else None

    def of(self, connection: Connection, caller: Caller) -> Rights:
        """What this caller may do."""
        if (known := self.known(caller)) is not None:
            return known
        rights = rights_of(connection, caller.user)
        with self._lock:
            # under PostgreSQL they may be newer than the number; then they are read once more than was needed
            self._known[caller.user.id] = (caller.generation, rights)
        return rights


def rights_of(connection: Connection, user: Account) -> Rights:
    """What `user` may do, as the database has it."""
    folders = {f"/{user.name.lower()}": Level.OWNER}
    groups = {}
    query = select(accounts.c.id, accounts.c.name, members.c.manager).join(members, members.c.group_id == accounts.c.id)
    for row in connection.execute(query.where(members.c.user_id == user.id).order_by(accounts.c.key)):
        groups[row.id] = row.name
        folders[f"/{row.name.lower()}"] = Level.OWNER if row.manager else Level.WRITE
    who = frozenset({user.id, everyone(connection).id, *groups})
    documents: dict[int | None, Level] = {}
    granted = set()
    for row in connection.execute(select(grants).where(grants.c.account_id.in_(who))):
        level = LEVELS[row.access]
        if row.resource_id is None:
            granted.add(row.folder)
            folders[row.folder_key] = max(level, folders.get(row.folder_key, Level.NONE))
        else:
            documents[row.resource_id] = max(level, documents.get(row.resource_id, Level.NONE))
    return Rights(user, who, list(groups.values()), folders, documents, frozenset(granted))
