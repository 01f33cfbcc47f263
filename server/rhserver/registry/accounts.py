"""Who there is: users with their tokens, groups with their members. All of them share one space of names."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from rhresources.errors import AlreadyExists, BadName, NotFound
from rhresources.names import Address
from rhserver.registry import audit
from rhserver.registry.database import RESTORED
from rhserver.registry.names import below
from rhserver.registry.problems import BadToken
from rhserver.registry.redaction import TOKEN_START
from rhserver.registry.schema import accounts, grants, members, resources, state, tokens

USER, GROUP, EVERYONE = "user", "group", "everyone"

PREFIX_LENGTH = len(TOKEN_START) + 6  # of 43 characters: enough to tell tokens apart, no help in guessing one

_NOBODY = "There is no user or group '{}'."
_restored = select(state.c.number).where(state.c.name == RESTORED)
_generation = select(state.c.number).where(state.c.name == "rights").scalar_subquery()


@dataclass(frozen=True, slots=True)
class Account:
    """A user or group, or everyone.

    Attributes:
        admin: a user who may do everything with every document.
        removed: it can do nothing any more; its documents and its name stay.
    """

    id: int
    kind: str
    name: str
    admin: bool = False
    removed: bool = False

    @property
    def written(self) -> str:
        """`alice`, `@team`, `@everyone`."""
        return self.name if self.kind == USER else f"@{self.name}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token came with a request, until when it is valid, and which rights were valid then."""

    user: Account
    token_id: int
    token_hash: str
    generation: int
    expires: float | None = None

    @property
    def expired(self) -> bool:
        """Whether the token has ceased to be valid by its age."""
        return self.expires is not None and self.expires <= time.time()


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token.

    Attributes:
        prefix: how it begins, which tells it from others.
        expires: when it ceases to be valid; None: never.
        used: when it last was, to the minute; None: never.
    """

    id: int
    user: str
    label: str
    created: float
    prefix: str
    expires: float | None
    used: float | None


# ---------------------------------------------------------------- users


def add(
    connection: Connection, name: str, kind: str = USER, *, admin: bool = False, take_over: bool = False
) -> Account:
    """Make a user or group.

    Args:
        take_over: whether it gets what was saved by one of that name that was removed.

    Raises:
        BadName: that cannot be a name.
        AlreadyExists: there is one already, or documents of one that was removed.
    """
    _require_name(name)
    found = connection.execute(select(accounts).where(accounts.c.key == name.lower())).first()
    rights_changed(connection)
    audit.record(connection, f"add {kind}", name, "admin" if admin else "")
    if found is None:
        added = connection.execute(
            insert(accounts).values(kind=kind, name=name, key=name.lower(), admin=admin, created=time.time())
        )
        return Account(int((added.inserted_primary_key or [0])[0]), kind, name, admin)
    if found.removed is None or found.kind != kind:
        raise AlreadyExists(f"There is a {found.kind} '{found.name}' already.", remedy="Choose another name.")
    if found.name != name:
        raise AlreadyExists(f"A {kind} '{found.name}' was removed.", remedy=f"Write it as '{found.name}'.")
    if not take_over and _has_documents(connection, name):
        raise AlreadyExists(
            f"A {kind} '{name}' was removed, whose documents are still in /{name}.",
            remedy="Say --take-over if the new one shall have them with all their versions; else choose another name.",
        )
    # another number: what the old one might read of what was deleted since is not the new one's
    fresh = insert(accounts).values(kind=kind, name=name, key=f"{name.lower()}/", created=time.time())
    number = int((connection.execute(fresh).inserted_primary_key or [0])[0])
    connection.execute(delete(accounts).where(accounts.c.id == number))
    again = {"id": number, "removed": None, "admin": admin, "created": time.time()}
    connection.execute(update(accounts).where(accounts.c.id == found.id).values(again))
    return Account(number, kind, name, admin)


def remove(connection: Connection, name: str, kind: str = USER) -> Account:
    """End a user or group: its tokens and memberships go, its documents and its name stay.

    Raises:
        NotFound: there is none.
    """
    account = find(connection, name, kind)
    connection.execute(delete(tokens).where(tokens.c.user_id == account.id))
    connection.execute(delete(members).where((members.c.user_id == account.id) | (members.c.group_id == account.id)))
    connection.execute(delete(grants).where(grants.c.account_id == account.id))  # the next of that name is another
    connection.execute(update(accounts).where(accounts.c.id == account.id).values(removed=time.time(), admin=False))
    rights_changed(connection)
    audit.record(connection, f"remove {kind}", name)
    return account


def find(connection: Connection, name: str, kind: str | None = None) -> Account:
    """The user or group of that name.

    Raises:
        NotFound: there is none, or it was removed.
    """
    if not name.isprintable():  # PostgreSQL does not even look for it
        raise NotFound(_NOBODY.format(""))
    found = connection.execute(select(accounts).where(accounts.c.key == name.lower())).first()
    if found is None or found.removed is not None or found.name != name or kind not in (None, found.kind):
        raise NotFound(f"There is no {kind} '{name}'." if kind else _NOBODY.format(name))
    return _account(found)


def who(connection: Connection, written: str) -> Account:
    """Whom `alice`, `@team` or `@everyone` means.

    Raises:
        NotFound: nobody.
    """
    account = find(connection, written.removeprefix("@"))
    if account.written != written:
        raise NotFound(_NOBODY.format(written), remedy=f"Write {account.written}.")
    return account


def everyone(connection: Connection) -> Account:
    """The account that every user is."""
    return _account(connection.execute(select(accounts).where(accounts.c.kind == EVERYONE)).one())


def every(connection: Connection, *kinds: str, having: str = "") -> list[Account]:
    """All accounts of these kinds whose name has `having` in it, by name."""
    query = select(accounts).where(accounts.c.kind.in_(kinds), accounts.c.removed.is_(None)).order_by(accounts.c.key)
    if having:
        query = query.where(accounts.c.key.contains(having.lower(), autoescape=True))
    return [_account(row) for row in connection.execute(query)]


def users_of(connection: Connection, account_ids: set[int]) -> list[int]:
    """The ids of all users whom these accounts mean: themselves, members of groups, or everyone."""
    if not account_ids:
        return []
    chosen = select(accounts.c.id).where(accounts.c.kind == USER, accounts.c.removed.is_(None))
    if everyone(connection).id not in account_ids:
        in_groups = select(members.c.user_id).where(members.c.group_id.in_(account_ids))
        chosen = chosen.where(accounts.c.id.in_(account_ids) | accounts.c.id.in_(in_groups))
    return list(connection.scalars(chosen.order_by(accounts.c.id)))


# ---------------------------------------------------------------- groups


def members_of(connection: Connection, group: Account) -> list[tuple[Account, bool]]:
    """Its members by name, and whether each is a manager."""
    found = connection.execute(
        select(accounts, members.c.manager)
        .join(members, members.c.user_id == accounts.c.id)
        .where(members.c.group_id == group.id)
        .order_by(accounts.c.key)
    )
    return [(_account(row), bool(row.manager)) for row in found]


def set_member(connection: Connection, group: Account, user: Account, role: str) -> None:
    """Make `user` a "member" or "manager" of `group`, or take them out of it ("none")."""
    connection.execute(delete(members).where(members.c.group_id == group.id, members.c.user_id == user.id))
    if role != "none":
        connection.execute(insert(members).values(group_id=group.id, user_id=user.id, manager=role == "manager"))
    rights_changed(connection)
    audit.record(connection, "set member", group.written, f"{user.written}: {role}")


# ---------------------------------------------------------------- tokens


def new_token(connection: Connection, user: Account, label: str = "", *, days: float | None = None) -> str:
    """A new token of `user`, valid for `days`. It is kept nowhere: what is stored is its hash, and how it begins."""
    token = f"{TOKEN_START}{secrets.token_urlsafe(32)}"
    now = time.time()
    added = connection.execute(
        insert(tokens).values(
            user_id=user.id, hash=hash_of(token), label=label[:100], created=now, prefix=token[:PREFIX_LENGTH],
            expires=None if days is None else now + days * 86400,
        )
    )  # fmt: skip
    number = (added.inserted_primary_key or [0])[0]
    audit.record(connection, "add token", user.written, f"token {number}, {token[:PREFIX_LENGTH]}…")
    return token


def tokens_of(connection: Connection, user: Account | None = None) -> list[Token]:
    """What is known of the tokens of `user`, or of all users, oldest first."""
    query = select(tokens, accounts.c.name).join(accounts, accounts.c.id == tokens.c.user_id).order_by(tokens.c.id)
    if user is not None:
        query = query.where(tokens.c.user_id == user.id)
    return [
        Token(row.id, row.name, row.label, row.created, row.prefix, row.expires, row.used)
        for row in connection.execute(query)
    ]


def revoke(connection: Connection, revoked: list[Token]) -> None:
    """Make these tokens worthless."""
    for token in revoked:
        connection.execute(delete(tokens).where(tokens.c.id == token.id))
        audit.record(connection, "revoke token", token.user, f"token {token.id}, {token.prefix}…")
    rights_changed(connection)  # feeds that such a token opened look again and end


KNOWN = select(
    tokens.c.id.label("token_id"), tokens.c.hash.label("token_hash"), tokens.c.expires,
    accounts.c.id.label("user_id"), accounts.c.name.label("user_name"), accounts.c.admin,
    _generation.label("generation"),
).join(accounts, accounts.c.id == tokens.c.user_id)  # fmt: skip
"""What `caller_of` wants to know of a token."""

BY_HASH = KNOWN.where(tokens.c.hash == bindparam("token"))
"""That of the token whose hash is `token`."""


def authenticate(connection: Connection, token: str) -> Caller:
    """Whose token this is.

    Raises:
        BadToken: nobody's, or it has expired.
    """
    wanted = hash_of(token)
    return caller_of(connection.execute(BY_HASH, {"token": wanted}).first(), wanted)


def caller_of(row: Row[*tuple[Any, ...]] | None, wanted: str) -> Caller:
    """Whose token that with the hash `wanted` is, as the row of `BY_HASH` says.

    Raises:
        BadToken: nobody's, or it has expired.
    """
    if row is None or not hmac.compare_digest(row.token_hash, wanted):
        raise BadToken("This token is not valid here.", remedy="Ask who runs the registry for a new one.")
    user = Account(row.user_id, USER, row.user_name, bool(row.admin))
    caller = Caller(user, row.token_id, row.token_hash, row.generation, row.expires)
    if caller.expired:
        raise BadToken("This token has expired.", remedy="Ask who runs the registry for a new one.")
    return caller


def note_use(connection: Connection, used: dict[int, float]) -> None:
    """Write down when each of these tokens was last used."""
    for token_id, at in used.items():
        connection.execute(update(tokens).where(tokens.c.id == token_id).values(used=at))


def is_valid(connection: Connection, caller: Caller) -> bool:
    """Whether that token has not been revoked."""
    # by its hash: the number of one that was revoked may be that of another by now
    return connection.execute(select(tokens.c.id).where(tokens.c.hash == caller.token_hash)).first() is not None


def restored(connection: Connection) -> int:
    """Changes when a backup is put back."""
    return int(connection.execute(_restored).scalar() or 0)


def generation(connection: Connection) -> int:
    """A number that is another one after every change of rights."""
    return int(connection.execute(select(_generation)).scalar_one())


def rights_changed(connection: Connection) -> None:
    """To be called by everything that changes who may do what."""
    # not the next number: that would come again if this one is never committed, and a cache may have it by then
    connection.execute(update(state).where(state.c.name == "rights").values(number=secrets.randbits(62)))


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _has_documents(connection: Connection, name: str) -> bool:
    """Whether anything is or was saved in the folder of that owner: a deleted document can be restored by its owner."""
    first, end = below(f"/{name.lower()}")
    found = select(resources.c.id).where(resources.c.key >= first, resources.c.key < end)
    return connection.execute(found.limit(1)).first() is not None


def _require_name(name: str) -> None:
    try:
        Address.parse(f"/{name}/x")
    except BadName as error:  # it speaks of the name that was made up here
        raise BadName(error.sentence.replace(repr(f"/{name}/x"), repr(name)), remedy=error.remedy) from None
    if "/" in name:
        raise BadName(f"{name!r} is not the name of a user or group: it has a '/'.")
    if len(name) > 60:
        raise BadName(f"{name[:60]!r}… is {len(name)} characters long; 60 are allowed for users and groups.")
    if name.lower() == EVERYONE:
        raise AlreadyExists(f"'{name}' means all users.", remedy="Choose another name.")


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(row.id, row.kind, row.name, bool(row.admin), row.removed is not None)
