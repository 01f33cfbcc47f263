"""Refuses bodies that are too long, before anything reads them whole."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rhserver.registry.answers import error_answer
from rhserver.registry.problems import TooLarge

BODY_LIMIT = 2 * 1024 * 1024
"""Longest body, in bytes: a document of the largest size, with what JSON adds to it."""


class _Exceeded(Exception):
    """More came than was announced."""


class BodyLimit:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is short enough."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > self._limit:
            return await self._refuse(scope, receive, send)
        count, refused = 0, False

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self._limit:
                raise _Exceeded
            return message

        async def noted(message: Message) -> None:
            nonlocal refused
            if count <= self._limit:
                await send(message)
            elif not refused:  # in place of what the application makes of it
                refused = True
                await self._refuse(scope, receive, send)

        try:
            await self._app(scope, counted, noted)
        except _Exceeded:
            if not refused:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLarge(f"The request is longer than {self._limit:,} bytes.")
        await error_answer(error)(scope, receive, send)
