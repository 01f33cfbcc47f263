"""How clusters are, over HTTP: PATH:status."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from rhserver.registry import documents, status
from rhserver.registry.names import document_name
from rhserver.registry.room import room_of
from rhserver.registry.routes.models import StatusReply, StatusRequest
from rhserver.registry.token_first import TokenFirst

router = APIRouter(prefix="/v1/resources", tags=["status"], route_class=TokenFirst)


@router.get("/{path:path}:status", response_model=StatusReply)
def read_status(request: Request, path: str) -> Response:
    """How a cluster is, as it was told last; null where nobody told."""
    name = document_name(path)
    with room_of(request).reading(request) as session:
        found = documents.load(session.connection, session.rights, name)
    return JSONResponse({"status": json.loads(found.status) if found.status else None})


@router.put("/{path:path}:status", response_model=StatusReply)
def tell_status(request: Request, path: str, sent: StatusRequest) -> Response:
    """Tell how a cluster is, in place of what was told before."""
    name = document_name(path)
    with room_of(request).writing(request) as session:
        told = status.tell(session.connection, session.rights, name, sent.said(), sent.age)
    return JSONResponse({"status": told})
