"""What every request passes first: limits by address and token, and the access log. Nothing is read of it before."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections import OrderedDict
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rhserver.registry.answers import error_answer
from rhserver.registry.asked import Asked, asked_of
from rhserver.registry.audit import Actor
from rhserver.registry.limits import Buckets, Limits, network_of
from rhserver.registry.problems import TooMany
from rhserver.registry.recorder import Recorder

_BURST_SECONDS = 10
_GOOD = 20_000

access_log = logging.getLogger("rhserver.registry.access")


class Door:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, limits: Limits, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder
        self._addresses = Buckets(limits.address, limits.address * _BURST_SECONDS)
        self._tokens = Buckets(limits.token, limits.token * _BURST_SECONDS)
        self._guesses = Buckets(limits.guesses / 60, limits.guesses)
        # tokens that were right: a guesser does not keep out those who share an address with them
        self._good: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        asked = asked_of(scope)
        begun, status, size = time.perf_counter(), 0, 0

        async def noted(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                self._learn(asked, token, status)
            else:
                size += len(message.get("body", b""))
            await send(message)

        token = _token_hash(scope)
        try:
            if wait := self._wait(asked, token):
                await _refusal(wait)(scope, receive, noted)
            else:
                await self._app(scope, receive, noted)
        finally:
            for call in asked.at_end:
                call()
            if access_log.isEnabledFor(logging.INFO):
                seconds = time.perf_counter() - begun
                _log(scope, asked, status, size, seconds)

    def _wait(self, asked: Asked, token: bytes) -> float:
        """For how many seconds this request comes too early."""
        network = network_of(asked.address)
        wait = self._addresses.take(network)
        asked.known = token in self._good
        if token and not wait:
            wait = self._tokens.take(token) if asked.known else self._guesses.wait(network)
        if wait:
            self._recorder.refused(Actor("", None, asked.address), "ask too often", "", TooMany.code)
        return wait

    def _learn(self, asked: Asked, token: bytes, status: int) -> None:
        """Remember whether the token was right."""
        if not token:
            return
        if asked.caller is not None:
            self._good[token] = None
            self._good.move_to_end(token)
            if len(self._good) > _GOOD:
                self._good.popitem(last=False)
        elif status == 401:
            self._good.pop(token, None)
            self._guesses.take(network_of(asked.address))


def _token_hash(scope: Scope) -> bytes:
    """What tells one token from others, without being it; nothing where there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == b"bearer" and token.strip():
                return hashlib.sha256(token.strip()).digest()[:16]
    return b""


def _refusal(wait: float) -> ASGIApp:
    return error_answer(
        TooMany(
            "These were too many requests in a short time.",
            remedy=f"Try again in {math.ceil(wait)} s.",
            seconds=wait,
        )
    )


def _log(scope: Scope, asked: Asked, status: int, size: int, seconds: float) -> None:
    """One line, without what was searched for, written or read."""
    user = asked.caller.user.name if asked.caller else "-"
    path = quote(scope["path"], safe="/:^~@+")  # no line breaks, no control characters
    access_log.info(
        '%s %s "%s %s" %d %d %.1fms', asked.address or "-", user, scope["method"], path, status, size, seconds * 1000
    )
