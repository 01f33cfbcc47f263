"""The application: its routes, its errors, its limits, and what lives while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from rhresources.registry.problems import API, SERVICE
from rhresources.version import version
from rhserver.registry import answers
from rhserver.registry.body_limit import BodyLimit
from rhserver.registry.database import Database, registry_id
from rhserver.registry.door import Door
from rhserver.registry.feed import Feed
from rhserver.registry.health import why_nothing_is_saved
from rhserver.registry.limits import Limits
from rhserver.registry.old_clients import resources as old_resources
from rhserver.registry.old_clients import users as old_users
from rhserver.registry.recorder import Recorder
from rhserver.registry.room import Room, room_of
from rhserver.registry.routes import changes, deleted, history, resources, sharing, status
from rhserver.registry.routes.models import ErrorAnswer, HealthAnswer

_THREADS = 64  # most wait for the one writer
_REFUSALS = (401, 403, 404, 413, 422, 429, 503)


def make_app(database: Database, limits: Limits = Limits(), recorder: Recorder | None = None) -> FastAPI:
    """The registry of that database, for an ASGI server."""
    recorder = recorder or Recorder(database)

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        app.state.room.feed = feed = Feed(database)
        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(recorder.run())]
        yield
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    errors: dict[int | str, dict[str, Any]] = {status: {"model": ErrorAnswer} for status in _REFUSALS}
    app = FastAPI(
        title="rhdesk registry", version=version(), lifespan=life, responses=errors, redirect_slashes=False,
        docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json",
    )  # fmt: skip
    app.state.room = Room(database, limits, recorder)
    app.add_middleware(BodyLimit)
    app.add_middleware(Door, limits=limits, recorder=recorder)  # passed first
    answers.add_handlers(app)
    app.add_api_route("/v1/health", _health, methods=["GET"], response_model=HealthAnswer, tags=["health"])
    # each request is matched in this order, so what is asked for most comes first; of the paths of resources, the
    # routes of that name take all that those before them leave
    for each in (history, sharing, status, resources, changes, deleted, old_users, old_resources):
        app.include_router(each.router)
    return app


def _health(request: Request) -> Response:
    """Whether the registry works. Needs no token."""
    database = room_of(request).database
    with database.reading() as connection:
        found = registry_id(connection)
        problem = why_nothing_is_saved(database, connection)
    return JSONResponse(
        {
            "status": "read-only" if problem else "ok",
            "problem": problem,
            "service": SERVICE,
            "api": API,
            "version": version(),
            "registry": found,
        }
    )
