"""The feed of changes as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from rhserver.registry.accounts import Caller
from rhserver.registry.asked import asked_of
from rhserver.registry.feed import CaughtUp, Hello, Reset, Seen
from rhserver.registry.problems import TooMany
from rhserver.registry.room import room_of
from rhserver.registry.routes.models import Number

router = APIRouter(prefix="/v1", tags=["changes"])


@router.get("/changes", response_class=StreamingResponse)
async def follow_changes(
    request: Request,
    after: Annotated[Number | None, Query()] = None,
    follow: bool = True,
    last_event_id: Annotated[str, Header(max_length=40)] = "",
) -> Response:
    """What happens, in the order of its commits: after the change `after` (or `Last-Event-ID`), or from now on.

    Without `follow` it ends with the event `caught-up`, when all that has happened was told.
    """
    room = room_of(request)
    caller = await run_in_threadpool(room.caller, request)
    free = room.feed_slots.take(caller.token_id)
    if free is None:
        raise TooMany("Too many feeds of changes are open.", remedy="Close one, or try again later.", seconds=30)
    asked_of(request.scope).at_end.append(free)
    if last_event_id.isascii() and last_event_id.isdigit():
        after = min(int(last_event_id), 2**53)
    events = _events(caller, room.feed.listen(caller, after, follow=follow), room.keep_alive)
    # a proxy in between must pass each event on at once
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(caller: Caller, told: AsyncGenerator[Any], keep_alive: float) -> AsyncIterator[str]:
    """Each thing told as an event, and a comment where there is nothing for `keep_alive` seconds."""
    upcoming = asyncio.ensure_future(anext(told, None))
    last = ""
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=keep_alive)
            if caller.expired:
                return
            if not done:
                yield f":\n{last}\n"
                continue
            item = upcoming.result()
            if item is None:
                return
            if isinstance(item, Seen):
                last = f"id: {item.cursor}\n"  # goes along with the next comment
            else:
                last = ""
                yield _event(item)
            # not before that was taken: it may be long, and rights end meanwhile
            upcoming = asyncio.ensure_future(anext(told, None))
    finally:
        upcoming.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await upcoming
        await told.aclose()


def _event(item: Any) -> str:
    match item:
        case Hello():
            return _written("hello", asdict(item))
        case CaughtUp(cursor):
            return _written("caught-up", {"cursor": cursor}, cursor)
        case Reset(cursor):
            return _written("reset", {"cursor": cursor}, cursor)
        case _:
            return _written(item.event, item.data(), item.cursor)


def _written(event: str, data: dict[str, Any], cursor: int | None = None) -> str:
    head = "" if cursor is None else f"id: {cursor}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
