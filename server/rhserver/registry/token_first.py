"""Routes that change something know whose token came before they read what was sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from rhresources.errors import RhError
from rhserver.registry.asked import asked_of
from rhserver.registry.room import room_of, token_of


class TokenFirst(APIRoute):
    """A route that reads the body of nobody whose token has never been right.

    Whether one that was right when it last came still is, the session finds out, in the transaction; or this, where the
    request fails before.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.methods == {"GET"}:  # there is nothing to read
            return handle

        async def guarded(request: Request) -> Response:
            asked = asked_of(request.scope)
            if not asked.known:
                await _judge(request)
            try:
                return await handle(request)
            except (RhError, RequestValidationError, HTTPException):
                if asked.caller is None:
                    await _judge(request)
                raise

        return guarded


async def _judge(request: Request) -> None:
    token_of(request)  # no thread is needed to see that there is none
    await run_in_threadpool(room_of(request).caller, request)
