"""How these clients speak: JSON without a content type, names as `alice:my-byo`, answers under `data`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from rhresources.errors import RhError
from rhserver.registry.answers import error_answer, error_body, invalid
from rhserver.registry.names import Name, document_name
from rhserver.registry.problems import Unfit
from rhserver.registry.token_first import TokenFirst

_UNCHANGED = 422
"""What these clients take for "nothing has changed"; no error may be answered so."""


class OldRoute(TokenFirst):
    """A route whose errors cannot be mistaken for an answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return answer_of(error_body(invalid(error)), 400)
            except RhError as error:
                if error_answer(error).status_code != _UNCHANGED:
                    raise
                return answer_of(error_body(error), 400)

        return guarded


async def sent_bytes(request: Request) -> bytes:
    """The body as it came; for `Depends`."""
    return await request.body()


def sent_mapping(body: bytes) -> dict[str, Any]:
    """The JSON object that was sent.

    Raises:
        Unfit: it is none. What was sent is not repeated: it may hold a secret.
    """
    try:
        value = json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Unfit("The request is not JSON.") from None
    if not isinstance(value, dict):
        raise Unfit("The request is not a JSON object.")
    return value


def name_of(uri: str) -> Name:
    """The name behind `alice:folder:my-byo`.

    Raises:
        BadName: it is none that can be kept here.
    """
    return document_name(uri.strip(":").replace(":", "/"))


def answer(data: Any, message: str = "") -> Response:
    """Data as these clients read it."""
    return answer_of({"data": data} | ({"message": message} if message else {}), 200)


def unchanged() -> Response:
    """The answer to a save that changes nothing."""
    return answer_of({"data": {}, "message": "Nothing has changed."}, _UNCHANGED)


def answer_of(body: dict[str, Any], status: int) -> Response:
    """JSON in plain ASCII: what a client sent may have halves of characters, which UTF-8 does not take."""
    return Response(json.dumps(body), status, media_type="application/json")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # Infinity and NaN are no JSON; PostgreSQL does not keep them


def _finite(written: str) -> float:
    value = float(written)
    return value if math.isfinite(value) else _refuse(written)  # 1e999 is Infinity to Python
