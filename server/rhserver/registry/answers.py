"""Errors as the registry answers them: always JSON of the same shape, never a traceback."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, TimeoutError
from starlette.exceptions import HTTPException

from rhresources.errors import AlreadyExists, BadName, DocumentError, NotFound, RhError
from rhserver.registry import refusals
from rhserver.registry.asked import asked_of
from rhserver.registry.problems import BadToken, CaseClash, Conflict, NoAccess, TooEarly, TooLarge, TooMany, Unfit
from rhserver.registry.redaction import redacted
from rhserver.registry.writer import plain

STATUS: dict[type[RhError], int] = {
    BadToken: 401,
    NoAccess: 403,
    NotFound: 404,
    AlreadyExists: 409,
    CaseClash: 409,
    Conflict: 409,
    TooLarge: 413,
    BadName: 422,
    DocumentError: 422,
    Unfit: 422,
    TooMany: 429,
}

log = logging.getLogger(__name__)


def error_body(error: RhError) -> dict[str, Any]:
    """What is said of an error."""
    said: dict[str, Any] = {
        "code": error.code, "sentence": redacted(error.sentence), "remedy": redacted(error.remedy),
        "detail": redacted(error.detail),
    }  # fmt: skip
    body: dict[str, Any] = {"error": said}
    if isinstance(error, DocumentError):
        said["problems"] = [
            {"field": redacted(field), "message": redacted(message), "line": line}
            for field, message, line in error.problems
        ]
    if isinstance(error, Conflict):
        body |= {"current": error.current.wire() if error.current else None, "base_text": error.base_text}
    return body


def error_answer(error: RhError) -> JSONResponse:
    """The answer to a request that failed with `error`."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    if isinstance(error, TooMany):
        headers = {"Retry-After": str(math.ceil(error.seconds))}
    return JSONResponse(error_body(error), status, headers)


def add_handlers(app: FastAPI) -> None:
    """Have every error of `app` answered that way."""
    app.add_exception_handler(RhError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(TimeoutError, _database)
    app.add_exception_handler(Exception, _unknown)


def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RhError)
    refusals.note(request, error)
    wait = asked_of(request.scope).wait
    return error_answer(TooEarly(wait) if wait and isinstance(error, BadToken) else error)


def invalid(error: RequestValidationError) -> Unfit:
    """What is wrong with a request that is not as the routes want it."""
    found = error.errors()
    first = found[0] if found else {"loc": (), "msg": "it cannot be read"}
    where = ".".join(str(part) for part in first["loc"])
    # what was sent is not repeated: it may hold anything
    lines = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in found]
    return Unfit(f"The request is not valid: {where}: {first['msg']}.", detail="\n".join(lines))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return error_answer(invalid(error))


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # as everything else that cannot be understood
        return error_answer(Unfit("The body of the request cannot be read.", detail=str(error.detail)))
    codes = {404: "not-found", 405: "bad-method"}
    said = {
        "code": codes.get(error.status_code, "bad-request"), "sentence": f"{error.detail}.", "remedy": "", "detail": "",
    }  # fmt: skip
    return JSONResponse({"error": said}, error.status_code, error.headers)


def _database(_request: Request, error: Exception) -> JSONResponse:
    log.error("the database failed: %s", plain(error))
    said = {"code": "unavailable", "sentence": "The registry's database does not answer.",
            "remedy": "Try again; if it stays so, tell whoever runs the registry.", "detail": ""}  # fmt: skip
    return JSONResponse({"error": said}, 503, {"Retry-After": "2"})


def _unknown(_request: Request, error: Exception) -> JSONResponse:
    said = {"code": "failed", "sentence": "The registry failed unexpectedly.",
            "remedy": "Tell whoever runs the registry; its log says more.", "detail": type(error).__name__}  # fmt: skip
    return JSONResponse({"error": said}, 500)
