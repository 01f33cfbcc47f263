"""Documents: read, written, moved, deleted, each change in one transaction with its version and its place in the feed.

A change says which version it began from (`base`), and is refused if another one is there by now. Nothing here knows
HTTP. Whoever may not read a document gets the same answer as where there is none.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, true, update

from rhresources.documents import parse_document
from rhresources.errors import AlreadyExists, NotFound
from rhserver.registry import audit, changes, resource
from rhserver.registry.accounts import EVERYONE
from rhserver.registry.accounts import find as find_account
from rhserver.registry.folders import require_same_case
from rhserver.registry.names import Name
from rhserver.registry.problems import CaseClash, Conflict, NoAccess
from rhserver.registry.resource import OTHER, Resource, from_row
from rhserver.registry.rights import Level, Rights
from rhserver.registry.schema import audiences, resources, versions
from rhserver.registry.sharing import readers_of

_AUDITED = {"saved": "save", "deleted": "delete", "moved": "move", "restored": "restore version"}


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says; `legacy` is the exact JSON of an old client, where one saved it."""

    kind: str
    text: str
    description: str = ""
    legacy: dict[str, Any] | None = None


def content_of(text: str, name: Name) -> Content:
    """The content that a document's text is. Takes its time; call it before the transaction.

    Raises:
        DocumentError: the text is no valid document; with field and line.
    """
    document = parse_document(text, source=name.text)
    return Content(document.kind, text if text.endswith("\n") else f"{text}\n", document.description)


def load(connection: Connection, rights: Rights, name: Name, *, other: bool = False) -> Resource:
    """The document of that name; with `other` also one that only old clients can read.

    Raises:
        NotFound: there is none that this user may read.
    """
    return required(peek(connection, rights, name), name, other=other)


def required(found: Resource | None, name: Name, *, other: bool = False) -> Resource:
    """The document of that name that was found; with `other` also one that only old clients can read.

    Raises:
        NotFound: there is none that this user may read.
    """
    if found is None or (found.kind == OTHER and not other):
        raise not_found(name)
    return found


def peek(connection: Connection, rights: Rights, name: Name) -> Resource | None:
    """The document of exactly that name, of whatever kind; None where this user may read none."""
    return seen(resource.find(connection, name.key), rights, name)


def seen(row: Row[Any] | None, rights: Rights, name: Name) -> Resource | None:
    """What this user sees of the row that was found under the key of `name`."""
    if row is None or row.name != name.text:
        return None
    level = rights.of(row.key, row.id)
    return from_row(row, level) if level >= Level.READ else None


def save(
    connection: Connection, rights: Rights, name: Name, content: Content, *, base: int | None = None, note: str = ""
) -> Resource:
    """Save a document. Where it says the same already, nothing changes.

    Args:
        base: the version that the change began from; 0: there must be none; None: whatever is there.

    Raises:
        NoAccess: this user may not write there.
        Conflict: `base` is not what is there.
        CaseClash: another name differs in case only.
    """
    row = resource.find(connection, name.key)
    level = rights.of(name.key, row.id if row else None)
    require_write(name, level)
    if row is None or row.name != name.text:
        if base:
            raise conflict(connection, rights, name, None, base)
        require_free(connection, name)
        return _create(connection, rights, name, content, note)
    if base is not None and base != row.version:
        # also where the text is the same: two who each add one to what they saw have not both added one
        raise conflict(connection, rights, name, from_row(row, level), base)
    if (row.kind, row.text, row.legacy) == (content.kind, content.text, content.legacy):
        return from_row(row, level)
    return put(connection, rights, row.id, row.version + 1, name, content, "saved", note, status=row.status)


def delete(connection: Connection, rights: Rights, name: Name, *, base: int | None = None) -> None:
    """Delete a document; its history stays, for those who might read it.

    Raises:
        NotFound, NoAccess, Conflict: as for `load` and `save`.
    """
    old = peek(connection, rights, name)
    if old is None:
        raise not_found(name)
    require_write(name, old.level)
    if base is not None and base != old.version:
        raise conflict(connection, rights, name, old, base)
    readers = changes.add_audience(connection, readers_of(connection, name.key, old.id))
    version = old.version + 1
    _add_version(connection, old.id, version, name, _content(old), "deleted", rights, "")
    connection.execute(
        update(resources)
        .where(resources.c.id == old.id)
        .values(deleted=True, readers=readers, version=version, status=None)
    )
    changes.record(connection, changes.DELETED, old.id, version, name.text, audience_id=readers)


def move(connection: Connection, rights: Rights, name: Name, to: Name, *, base: int | None = None) -> Resource:
    """Give a document another name; its history and its own grants go along. To another owner only owners may.

    Raises:
        NotFound, NoAccess, Conflict, CaseClash: as for `load` and `save`; also where `to` is taken.
    """
    old = peek(connection, rights, name)
    if old is None:
        raise not_found(name)
    require_write(name, old.level)
    require_write(to, rights.of(to.key))
    if name.owner != to.owner and old.level < Level.OWNER:
        raise NoAccess(f"Only an owner of {name} may move it out of /{name.owner}.")
    if base is not None and base != old.version:
        raise conflict(connection, rights, name, old, base)
    if to == name:
        return old
    require_free(connection, to, besides=old)
    readers = changes.add_audience(connection, readers_of(connection, name.key, old.id))
    version = max(old.version, highest_version(connection, to)) + 1
    at = _add_version(connection, old.id, version, to, _content(old), "moved", rights, "")
    connection.execute(_UPDATE, {"which": old.id, **_present(to, _content(old), version, rights, at)})
    audit.record(connection, "move away", name.text, f"to {to}")
    changes.record(connection, changes.MOVED, old.id, version, to.text, old_name=name.text, audience_id=readers)
    return load(connection, rights, to, other=True)


# ---------------------------------------------------------------- shared with history


def put(
    connection: Connection,
    rights: Rights,
    resource_id: int,
    version: int,
    name: Name,
    content: Content,
    action: str,
    note: str = "",
    *,
    status: str | None = None,
) -> Resource:
    """Make `version` of a document: a line of its history, what is there now, a place in the feed. `status` stays."""
    at = _add_version(connection, resource_id, version, name, content, action, rights, note)
    connection.execute(_UPDATE, {"which": resource_id, **_present(name, content, version, rights, at)})
    changes.record(connection, changes.SAVED, resource_id, version, name.text)
    return Resource(
        resource_id, name.text, content.kind, version, content.text, content.description, at, rights.user.name,
        content.legacy, rights.of(name.key, resource_id), status,
    )  # fmt: skip


def highest_version(connection: Connection, name: Name) -> int:
    """The highest number that a version under this name ever had, whatever document that was."""
    return int(connection.execute(_HIGHEST, {"wanted": name.key}).scalar() or 0)


def require_write(name: Name, level: Level) -> None:
    """Refuse who may not write there.

    Raises:
        NoAccess: with the reason.
    """
    if level is Level.READ:
        raise NoAccess(f"You may read {name}, but not change it.", remedy="Ask its owner for write access.")
    if level is Level.NONE:
        raise NoAccess(f"You may not save in {name.folder}.", remedy="Ask its owner for write access.")


def require_free(connection: Connection, name: Name, besides: Resource | None = None) -> None:
    """Refuse a new name that is taken, that nobody owns, or that another computer's disk could not tell from one there.

    Raises:
        NotFound: there is no such owner.
        AlreadyExists: it is taken.
        CaseClash: it differs in case only, or one of its folders does.
    """
    there = resource.find(connection, name.key)
    if there is not None and (besides is None or there.id != besides.id):
        if there.name == name.text:
            raise AlreadyExists(f"There is a resource {name} already.", remedy="Choose another name.")
        raise CaseClash(f"{name} and {there.name} differ only in upper and lower case.", remedy="Choose another name.")
    if find_account(connection, name.owner).kind == EVERYONE:
        raise NoAccess(f"Nobody owns /{name.owner}.")
    for folder in name.folders[1:]:
        require_same_case(connection, folder, besides.id if besides else 0)


def not_found(name: Name) -> NotFound:
    """What everybody hears of what they may not read, and of what is not there."""
    return NotFound(f"There is no resource {name}.")


def ended(connection: Connection, rights: Rights, name: Name) -> Row[Any] | None:
    """The document that last had this name and was deleted, for those who might read it then and its owners."""
    query = (
        select(resources, audiences.c.users)
        .outerjoin(audiences, audiences.c.id == resources.c.readers)
        .where(resources.c.key == name.key, resources.c.name == name.text, resources.c.deleted == true())
        .order_by(resources.c.version.desc())
    )
    row = connection.execute(query.limit(1)).first()
    if row is None or (rights.user.id not in (row.users or ()) and rights.of(row.key) < Level.OWNER):
        return None
    return row


def conflict(connection: Connection, rights: Rights, name: Name, current: Resource | None, base: int) -> Conflict:
    """Why a change that began from `base` is refused, with what is needed to merge it."""
    if current is not None and current.kind == OTHER:
        return Conflict(f"{name} is what an old client saved there; only old clients can read it.", current=None)
    dead = None if current else ended(connection, rights, name)
    if current is not None and base == 0:
        return Conflict(f"There is a resource {name} already.", current=current)
    which = current.id if current else dead.id if dead else None
    query = select(versions.c.text).where(versions.c.resource_id == which, versions.c.version == base)
    text = connection.execute(query).scalar() if which is not None else None
    if current is None:
        return Conflict(f"{name} has been deleted in the meantime.", current=None, base_text=text)
    sentence = f"{name} has been changed by {current.modified_by} in the meantime."
    return Conflict(sentence, current=current, base_text=text)


def not_found_version(name: Name, number: int) -> NotFound:
    """What is said of a version that is not there."""
    return NotFound(f"There is no version {number} of {name}.", remedy=f"See: rhdesk history {name}")


# ---------------------------------------------------------------- rows

_INSERT = insert(resources)
_UPDATE = update(resources).where(resources.c.id == bindparam("which"))
_INSERT_VERSION = insert(versions)
_HIGHEST = select(func.max(versions.c.version)).where(versions.c.key == bindparam("wanted"))


def _create(connection: Connection, rights: Rights, name: Name, content: Content, note: str) -> Resource:
    version = highest_version(connection, name) + 1
    row = _present(name, content, version, rights, time.time())
    added = connection.execute(_INSERT, row)
    resource_id = int((added.inserted_primary_key or [0])[0])
    return put(connection, rights, resource_id, version, name, content, "saved", note)


def _present(name: Name, content: Content, version: int, rights: Rights, at: float) -> dict[str, Any]:
    return {
        "name": name.text,
        "key": name.key,
        "folder": name.folder.lower(),
        "kind": content.kind,
        "version": version,
        "description": _fit(content.description),
        "search": _fit(f"{name.text}\n{content.description}".lower()),
        "modified": at,
        "modified_by": rights.user.name,
        "deleted": False,
        "readers": None,
    }


def _add_version(
    connection: Connection,
    resource_id: int,
    version: int,
    name: Name,
    content: Content,
    action: str,
    rights: Rights,
    note: str,
) -> float:
    at = time.time()
    row = {
        "resource_id": resource_id, "version": version, "name": name.text, "key": name.key, "action": action,
        "kind": content.kind, "text": content.text, "description": _fit(content.description), "legacy": content.legacy,
        "by": rights.user.name, "at": at, "note": note,
    }  # fmt: skip
    connection.execute(_INSERT_VERSION, row)
    audit.record(connection, _AUDITED.get(action, action), name.text, f"version {version}")
    return at


def _fit(text: str) -> str:
    """Without the one character that YAML can write and PostgreSQL cannot keep."""
    return text.replace("\0", "")


def _content(old: Resource) -> Content:
    return Content(old.kind, old.text, old.description, old.legacy)
