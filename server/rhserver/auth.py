"""The door of the server: a token on every method, checked before anything is decoded; errors turned into problems."""

from __future__ import annotations

import hmac
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from rhresources.people import tidy
from rhresources.wire.channel import BY_METADATA
from rhserver.problems import metadata_of, problem_of, status_of

log = logging.getLogger(__name__)


class TokenInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls without the server's token; compared in constant time."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        given = next((value for key, value in details.invocation_metadata or () if key == "authorization"), "")
        given = given if isinstance(given, bytes) else given.encode()
        handler = await continuation(details)
        if hmac.compare_digest(given, self._expected) or handler is None:
            return handler
        return _refusal(handler)


def said_by(context: Any) -> str:
    """Who asks, as their client says; empty where it does not. For people to read: nothing may be allowed by it."""
    given = next((value for key, value in context.invocation_metadata() or () if key == BY_METADATA), b"")
    return tidy(given.decode("utf-8", "replace") if isinstance(given, bytes) else given)


def _refusal(handler: Any) -> Any:
    """A handler of the same shape that never sees the request."""

    async def refuse(_request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token of this cluster server is missing or wrong.")

    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse)
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(refuse)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(refuse)
    return grpc.unary_unary_rpc_method_handler(refuse)


def with_problems(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a service method: an exception becomes a status with a `Problem` in the trailing metadata."""

    async def fail(error: Exception, context: Any) -> None:
        problem = problem_of(error)
        if problem.code == "internal":
            log.exception("%s failed", method.__name__, exc_info=error)
        await context.abort(status_of(error), problem.sentence[:500], metadata_of(problem))

    if inspect.isasyncgenfunction(method):

        async def stream(request: Any, context: Any) -> Any:
            try:
                async for reply in method(request, context):
                    yield reply
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                await fail(error, context)

        return stream

    async def unary(request: Any, context: Any) -> Any:
        try:
            return await method(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await fail(error, context)

    return unary
