"""Versions of documents over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from rhserver.registry import history
from rhserver.registry.names import document_name
from rhserver.registry.room import room_of
from rhserver.registry.routes.models import HistoryAnswer, Number, ResourceAnswer, RestoreRequest, VersionAnswer
from rhserver.registry.routes.resources import CONFLICT, resource_answer
from rhserver.registry.token_first import TokenFirst

router = APIRouter(prefix="/v1/resources", tags=["history"], route_class=TokenFirst)


@router.get("/{path:path}:history", response_model=HistoryAnswer)
def list_versions(
    request: Request,
    path: str,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[Number | None, Query()] = None,
) -> Response:
    """The versions of a document, newest first; `before` is where the page before this one ended."""
    name = document_name(path)
    with room_of(request).reading(request) as session:
        found = history.history(session.connection, session.rights, name, limit=limit, before=before)
    return JSONResponse({"versions": [version.wire() for version in found]})


@router.get("/{path:path}:history/{number}", response_model=VersionAnswer)
def load_version(request: Request, path: str, number: Number) -> Response:
    """One version with its text."""
    name = document_name(path)
    with room_of(request).reading(request) as session:
        found = history.version(session.connection, session.rights, name, number)
    return JSONResponse(found.wire(text=True))


@router.post("/{path:path}:restore", response_model=ResourceAnswer, responses=CONFLICT)
def restore_version(request: Request, path: str, sent: RestoreRequest) -> Response:
    """Make an old version the newest one; a document that was deleted comes back."""
    name = document_name(path)
    with room_of(request).writing(request) as session:
        restored = history.restore(session.connection, session.rights, name, sent.version, base=sent.base)
    return resource_answer(restored)
