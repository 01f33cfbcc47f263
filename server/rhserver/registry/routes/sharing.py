"""Access to documents and folders over HTTP, and whom there is to share with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from rhserver.registry import accounts, listing, sharing
from rhserver.registry.database import registry_id
from rhserver.registry.names import Name, folder_name
from rhserver.registry.room import Session, room_of
from rhserver.registry.routes.models import (
    AccessAnswer,
    ErrorAnswer,
    FoldersAnswer,
    MeAnswer,
    ShareRequest,
    UsersAnswer,
    Words,
)
from rhserver.registry.token_first import TokenFirst

router = APIRouter(prefix="/v1", tags=["access"], route_class=TokenFirst)

Folder = Annotated[
    bool | None, Query(description="Whether the folder of that name is meant; else the document, if there is one.")
]


@router.get("/resources/{path:path}:access", response_model=AccessAnswer)
def load_access(request: Request, path: str, folder: Folder = None) -> Response:
    """Who may do what with a document or folder."""
    name = folder_name(path)
    with room_of(request).reading(request) as session:
        return _access(session, name, folder)


@router.put("/resources/{path:path}:access", response_model=AccessAnswer, responses={409: {"model": ErrorAnswer}})
def change_access(request: Request, path: str, sent: ShareRequest, folder: Folder = None) -> Response:
    """Give access to a document or folder, or take it back."""
    name = folder_name(path)
    given: dict[str, str] = {grant.who: grant.access for grant in sent.grants}
    room = room_of(request)
    with room.writing(request) as session:
        sharing.share(session.connection, session.rights, name, given, folder=folder)
    with room.reading(request) as session:
        return _access(session, name, folder)


@router.get("/folders", response_model=FoldersAnswer)
def list_folders(request: Request, under: Words = "") -> Response:
    """The folders that the caller may see."""
    folder = folder_name(under) if under else None
    with room_of(request).reading(request) as session:
        return JSONResponse({"folders": listing.folders(session.connection, session.rights, folder)})


@router.get("/me", response_model=MeAnswer)
def load_me(request: Request) -> Response:
    """Whose token this is."""
    with room_of(request).reading(request) as session:
        user = session.caller.user
        said = {"user": user.name, "groups": session.rights.groups, "admin": user.admin}
        return JSONResponse(said | {"registry": registry_id(session.connection)})


@router.get("/users", response_model=UsersAnswer)
def list_users(request: Request, query: Words = "") -> Response:
    """Users and groups, for whoever wants to share with them."""
    with room_of(request).reading(request) as session:
        found = accounts.every(session.connection, accounts.USER, accounts.GROUP, having=query)
    names = {kind: [each.name for each in found if each.kind == kind] for kind in (accounts.USER, accounts.GROUP)}
    return JSONResponse({"users": names[accounts.USER], "groups": names[accounts.GROUP]})


def _access(session: Session, name: Name, folder: bool | None) -> Response:
    grants = sharing.access(session.connection, session.rights, name, folder=folder)
    empty = sharing.is_empty(session.connection, session.rights, name, folder=folder)
    return JSONResponse({"owner": name.owner, "grants": [grant.wire() for grant in grants], "empty": empty})
