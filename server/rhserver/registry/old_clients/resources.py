"""Their calls on resources: load, save, delete, share, history, list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy import Select, or_, select

from rhresources.errors import NotFound
from rhserver.registry import accounts, documents, resource, sharing
from rhserver.registry.names import Name
from rhserver.registry.old_clients.configs import config_of, content_of, is_same, type_of
from rhserver.registry.old_clients.secrets import LOG_INS, NO_SECRETS, provider_of
from rhserver.registry.old_clients.states import state_of, with_state
from rhserver.registry.old_clients.wire import OldRoute, answer, name_of, sent_bytes, sent_mapping, unchanged
from rhserver.registry.paging import how_many_fit
from rhserver.registry.problems import NoAccess, Unfit
from rhserver.registry.resource import OTHER, Resource, from_row
from rhserver.registry.rights import Level
from rhserver.registry.room import Session, room_of
from rhserver.registry.routes.models import Words
from rhserver.registry.schema import resources, versions

router = APIRouter(route_class=OldRoute, include_in_schema=False)

Body = Annotated[bytes, Depends(sent_bytes)]

_LISTED = 200  # what these clients show at most
_LONGEST = 16_000_000  # characters of all that is listed: more is shown to nobody, and would fill the memory
_EVERYONE = "@everyone"
_ACCESS = {"read": "read", "write": "write", "denied": "none"}


@router.get("/resource/history/{uri}")
def load_history(request: Request, uri: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """The versions of a resource, newest first."""
    name = name_of(uri)
    with room_of(request).reading(request) as session:
        found = _found(session, name)
        rows = session.connection.execute(
            select(versions)
            .where(versions.c.resource_id == found.id)
            .order_by(versions.c.version.desc())
            .limit(limit)
        ).all()  # fmt: skip
    reader = session.caller.user.name
    told = []
    for row in rows:
        then = Resource(
            found.id,
            row.name,
            row.kind,
            row.version,
            row.text,
            row.description,
            row.at,
            row.by,
            row.legacy,
            found.level,
        )
        at = datetime.fromtimestamp(row.at, UTC).isoformat()
        said = {"version": row.version, "action": row.action, "updated_by": row.by, "updated_at": at}
        told.append(config_of(then, reader) | said)
    return answer(told)


@router.get("/resource/{uri}")
def load_resource(request: Request, uri: str) -> Response:
    """One resource."""
    name = name_of(uri)
    with room_of(request).reading(request) as session:
        found = _found(session, name)
    return answer(config_of(found, session.caller.user.name))


@router.put("/resource/{uri}")
def save_resource(request: Request, uri: str, body: Body) -> Response:
    """Save one that is there; the client makes a new one where it is not."""
    name = name_of(uri)
    sent = sent_mapping(body)
    with room_of(request).writing(request) as session:
        return _save(session, name, sent, _found(session, name)) or unchanged()


@router.post("/resource")
def make_resource(request: Request, body: Body) -> Response:
    """Save a new one, under the name in it."""
    sent = sent_mapping(body)
    written = sent.get("name")
    if not isinstance(written, str) or not written.startswith("/"):
        raise Unfit("A resource needs a whole name, /owner/name.")
    name = name_of(written[1:].replace("/", ":"))
    is_secret = sent.get("resource_type") == "secret"
    if is_secret and provider_of(sent) not in LOG_INS:
        raise NoAccess(NO_SECRETS)  # at once: its values would be refused, and it stay behind without them
    with room_of(request).writing(request) as session:
        try:
            saved = _save(session, name, sent, documents.peek(session.connection, session.rights, name))
        except NoAccess:
            if is_secret:  # of a cluster of somebody else, which can be saved without it
                return unchanged()
            raise
    return saved or answer({}, "Nothing has changed.")


@router.delete("/resource/{uri}")
def delete_resource(request: Request, uri: str) -> Response:
    """Delete one; its history stays."""
    name = name_of(uri)
    with room_of(request).writing(request) as session:
        documents.delete(session.connection, session.rights, name)
    return answer({})


@router.get("/resource")
def list_resources(
    request: Request,
    resource_type: Words = "",
    owned: bool = False,
    cluster_status: Annotated[str, Query(max_length=40)] = "",
    since: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
) -> Response:
    """Resources by name, at most as many as these clients show.

    Args:
        cluster_status, since: only clusters of this state, seen within so many seconds.
    """
    with room_of(request).reading(request) as session:
        wanted = resource.live().where(session.rights.readable()).order_by(resources.c.name)
        if resource_type:
            wanted = wanted.where(or_(resources.c.kind == resource_type, resources.c.kind == OTHER))
        if owned:
            wanted = wanted.where(
                or_(*(resources.c.key.startswith(f"{root}/", autoescape=True) for root in _own(session)))
            )
        found: list[Resource] = []
        length = 0
        for each in _pages(session, wanted):
            state, seen = state_of(each)
            if (resource_type and type_of(each) != resource_type) or cluster_status not in ("", state):
                continue
            if not since or time.time() - seen <= since:
                found.append(each)
                length += len(each.text)
            if len(found) == _LISTED or length > _LONGEST:
                break
    return answer([with_state(config_of(each, session.caller.user.name), each) for each in found])


@router.put("/resource/{uri}/users/access")
def share_resource(request: Request, uri: str, body: Body) -> Response:
    """Give users access, or take it back; whom nobody knows here is left out of the answer."""
    name = name_of(uri)
    sent = sent_mapping(body)
    word = sent.get("access_level") or sent.get("access_type") or "read"
    access = _ACCESS.get(word) if isinstance(word, str) else None
    if access is None:
        raise Unfit("There is read, write and denied access here.")
    with room_of(request).writing(request) as session:
        _found(session, name)
        known, given = _users(session, name, sent.get("users"), access)
        sharing.share(session.connection, session.rights, name, dict.fromkeys(given, access), folder=False)
    added = {} if access == "none" else dict.fromkeys(known, word)
    return answer({"added_users": added, "new_users": {}, "valid_users": known})


# ---------------------------------------------------------------- inside


def _found(session: Session, name: Name) -> Resource:
    return documents.load(session.connection, session.rights, name, other=True)


def _pages(session: Session, wanted: Select[Any]) -> Iterator[Resource]:
    """All of them, read in pages: they may be many, and long."""
    after = ""
    while True:
        page = wanted.where(resources.c.name > after)
        limit = how_many_fit(session.connection, page, _LISTED)
        rows = session.connection.execute(page.limit(limit)).all()
        for row in rows:
            yield from_row(row, session.rights.of(row.key, row.id))
            after = row.name
        if len(rows) < limit:
            return


def _save(session: Session, name: Name, sent: dict[str, Any], current: Resource | None) -> Response | None:
    """Save what was sent; None where it says what is there already."""
    if current is not None and is_same(current, sent):
        return None
    content = content_of(name, sent, current, session.caller.user.name)
    base = current.version if current else 0
    saved = documents.save(session.connection, session.rights, name, content, base=base)
    _publish(session, name, sent, current, saved)
    return answer(config_of(saved, session.caller.user.name))


def _publish(session: Session, name: Name, sent: dict[str, Any], before: Resource | None, saved: Resource) -> None:
    """`visibility: public` means that everyone may read; taken back, it is only what it gave."""
    was = (before.legacy or {}).get("visibility") if before else None
    wanted = sent.get("visibility")
    if wanted == was or "public" not in (wanted, was) or saved.level < Level.OWNER:
        return
    access = "read" if wanted == "public" else "none"
    sharing.share(session.connection, session.rights, name, {_EVERYONE: access}, folder=False)


def _users(session: Session, name: Name, written: Any, access: str) -> tuple[list[str], list[str]]:
    """Which of those who were named are known here, and how access is given to them. Denied to nobody: to all."""
    if written is None and access == "none":
        grants = sharing.access(session.connection, session.rights, name, folder=False)
        return [], [grant.who for grant in grants if grant.inherited_from is None]
    users = [written] if isinstance(written, str) else written or []
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        raise Unfit("Users are a list of names.")
    known: list[str] = []
    given: list[str] = []
    for user in dict.fromkeys(users):
        try:
            account = accounts.find(session.connection, user.removeprefix("@"))
        except NotFound:
            continue
        known.append(user)
        if account.name != name.owner:
            given.append(account.written)
    return known, given


def _own(session: Session) -> list[str]:
    return [f"/{owner.lower()}" for owner in (session.caller.user.name, *session.rights.groups)]
