"""What every request passes first: limits by address and token, and the access log. Nothing is read of it before."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rhserver.registry.accounts import PREFIX_LENGTH
from rhserver.registry.answers import error_answer
from rhserver.registry.asked import Asked, asked_of
from rhserver.registry.audit import Actor
from rhserver.registry.limits import Buckets, Limits, Slots, network_of
from rhserver.registry.problems import TooEarly, TooMany
from rhserver.registry.recorder import Recorder

_BURST_SECONDS = 10
_GOOD = 20_000

access_log = logging.getLogger("rhserver.registry.access")


class Door:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, limits: Limits, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder
        self._open = Slots(0, limits.connections_per_address)
        self._addresses = Buckets(limits.address, limits.address * _BURST_SECONDS)
        self._tokens = Buckets(limits.token, limits.token * _BURST_SECONDS)
        self._guesses = Buckets(limits.guesses / 60, limits.guesses)
        # those at tokens that begin alike: whose begins otherwise does not wait for a guesser with the same address
        self._aimed = Buckets(limits.guesses / 60, limits.guesses)
        # and those that begin like no other: each costs a look into the database
        self._unknown = Buckets(limits.unknown, limits.unknown * _BURST_SECONDS)
        # tokens that were right: a guesser does not keep out those who share an address with them
        self._good: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        asked = asked_of(scope)
        token = _token_of(scope)
        begun, status, size = time.perf_counter(), 0, 0
        refusal: TooMany | None = None

        async def noted(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                if token is not None and refusal is None:
                    self._learn(asked, token, status)
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            refusal = self._refusal(asked, token)
            if refusal is None:
                await self._app(scope, receive, noted)
            else:
                self._recorder.refused(Actor("", None, asked.address), "ask too often", "", TooMany.code)
                await error_answer(refusal)(scope, receive, noted)
        finally:
            for call in asked.at_end:
                call()
            if access_log.isEnabledFor(logging.INFO):
                seconds = time.perf_counter() - begun
                _log(scope, asked, status, size, seconds)

    def _refusal(self, asked: Asked, token: _Token | None) -> TooMany | None:
        """Why this request is not even looked at; None: it is."""
        network = network_of(asked.address)
        free = self._open.take(network)
        if free is None:
            return TooMany("Too many requests of this address are open.", remedy="Try again later.", seconds=10)
        asked.at_end.append(free)
        wait = self._addresses.take(network)
        if token is not None and not wait:
            asked.known = token.hash in self._good
            if asked.known:
                wait = self._tokens.take(token.hash)
            else:
                asked.wait = self._guesses.wait(network)
                if asked.wait:  # then only one that is right is answered
                    wait = self._aimed.wait((network, token.beginning)) or self._unknown.take(network)
        return TooEarly(wait) if wait else None

    def _learn(self, asked: Asked, token: _Token, status: int) -> None:
        """Remember whether the token was right."""
        if asked.caller is not None:
            self._good[token.hash] = None
            self._good.move_to_end(token.hash)
            if len(self._good) > _GOOD:
                self._good.popitem(last=False)
        elif status in (401, 429):
            self._good.pop(token.hash, None)
            network = network_of(asked.address)
            self._guesses.take(network)
            self._aimed.take((network, token.beginning))


@dataclass(frozen=True, slots=True)
class _Token:
    """A token that was sent.

    Attributes:
        hash: what tells it from others, without being it.
        beginning: no secret; what a guesser would have to know of the token that is guessed at.
    """

    hash: bytes
    beginning: bytes


def _token_of(scope: Scope) -> _Token | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == b"bearer" and (token := token.strip()):
                return _Token(hashlib.sha256(token).digest()[:16], token[:PREFIX_LENGTH])
    return None


def _log(scope: Scope, asked: Asked, status: int, size: int, seconds: float) -> None:
    """One line, without what was searched for, written or read."""
    user = asked.caller.user.name if asked.caller else "-"
    path = quote(scope["path"], safe="/:^~@+")  # no line breaks, no control characters
    access_log.info(
        '%s %s "%s %s" %d %d %.1fms', asked.address or "-", user, scope["method"], path, status, size, seconds * 1000
    )
