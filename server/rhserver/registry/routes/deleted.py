"""What was deleted, over HTTP: /v1/deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from rhserver.registry import deleted
from rhserver.registry.deleted import Place
from rhserver.registry.names import folder_name
from rhserver.registry.room import room_of
from rhserver.registry.routes.models import DeletedAnswer, Words

router = APIRouter(prefix="/v1/deleted", tags=["history"])


@router.get("", response_model=DeletedAnswer)
def list_deleted(
    request: Request,
    under: Words = "",
    query: Words = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[str, Query(pattern=r"^([0-9]{1,12}\.[0-9]{1,9}-[0-9]{1,15})?$")] = "",
) -> Response:
    """What was deleted and can be brought back, the newest deletion first, page by page."""
    folder = folder_name(under) if under else None
    with room_of(request).reading(request) as session:
        found, place = deleted.page(
            session.connection, session.rights, under=folder, query=query, limit=limit,
            after=Place.parse(after) if after else None,
        )  # fmt: skip
    return JSONResponse({"deleted": [each.wire() for each in found], "next": str(place) if place else None})
