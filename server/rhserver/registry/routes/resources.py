"""Documents over HTTP: /v1/resources."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from rhserver.registry import documents, listing
from rhserver.registry.names import document_name, folder_name
from rhserver.registry.resource import Resource
from rhserver.registry.room import room_of
from rhserver.registry.routes.models import (
    ConflictAnswer,
    ErrorAnswer,
    MoveRequest,
    Number,
    PageAnswer,
    ResourceAnswer,
    SaveRequest,
    Words,
)
from rhserver.registry.token_first import TokenFirst

router = APIRouter(prefix="/v1/resources", tags=["resources"], route_class=TokenFirst)

Kind = Literal["cluster", "function", "package"]

PAGE_LIMIT = 1000
CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": ConflictAnswer}, 422: {"model": ErrorAnswer}}


@router.get("", response_model=PageAnswer)
def list_resources(
    request: Request,
    under: Words = "",
    recursive: bool = True,
    kind: Kind | None = None,
    query: Words = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 500,
    after: Words = "",
    text: bool = True,
) -> Response:
    """The documents that the caller may read, in the order of their names, page by page."""
    folder = folder_name(under) if under else None
    with room_of(request).reading(request) as session:
        page = listing.page(
            session.connection, session.rights, under=folder, recursive=recursive, kind=kind or "", query=query,
            limit=limit, after=after,
        )  # fmt: skip
    found = [resource.wire(text=text) for resource in page.resources]
    return JSONResponse({"resources": found, "next": page.after, "cursor": page.cursor})


@router.post("/{path:path}:move", response_model=ResourceAnswer, responses=CONFLICT)
def move_resource(request: Request, path: str, sent: MoveRequest) -> Response:
    """Give a document another name; its history and what was given on it go along."""
    name, to = document_name(path), document_name(sent.to.removeprefix("/"))
    with room_of(request).writing(request) as session:
        moved = documents.move(session.connection, session.rights, name, to, base=sent.base)
    return resource_answer(moved)


@router.get("/{path:path}", response_model=ResourceAnswer, responses={304: {"description": "It is not newer"}})
async def load_resource(request: Request, path: str) -> Response:
    """One document."""
    found = await room_of(request).load(request, document_name(path))
    if request.headers.get("If-None-Match") == _tag(found):
        return Response(status_code=304, headers={"ETag": _tag(found)})
    return resource_answer(found)


@router.put("/{path:path}", response_model=ResourceAnswer, responses=CONFLICT)
def save_resource(request: Request, path: str, sent: SaveRequest) -> Response:
    """Save a document, if what is there is still what the change began from."""
    name = document_name(path)
    content = documents.content_of(sent.text, name)  # before the turn of the one writer: it takes its time
    with room_of(request).writing(request) as session:
        saved = documents.save(session.connection, session.rights, name, content, base=sent.base, note=sent.note)
    return resource_answer(saved)


@router.delete("/{path:path}", status_code=204, responses=CONFLICT)
def delete_resource(request: Request, path: str, base: Annotated[Number | None, Query()] = None) -> Response:
    """Delete a document; its history stays."""
    name = document_name(path)
    with room_of(request).writing(request) as session:
        documents.delete(session.connection, session.rights, name, base=base)
    return Response(status_code=204)


def resource_answer(resource: Resource) -> Response:
    """A document as an answer."""
    return JSONResponse(resource.wire(), headers={"ETag": _tag(resource)})


def _tag(resource: Resource) -> str:
    return f'"{resource.version}"'
