"""Calls that a coroutine waits for, one or many at once; the exceptions come back as values or `RemoteError`s."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from rhresources.errors import RemoteError
from rhresources.library import calls
from rhresources.library.portal import Portal
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import Pieces

MAP_CONCURRENCY = 64
"""Calls of one `map` that are under way at a time."""

Answer = tuple[pb.Value, list[pb.Value]]


async def call_one(client: ClusterClient, key: str, data: bytes | Pieces) -> Answer | RemoteError:
    items: deque[pb.Value] = deque()
    try:
        return await client.call(key, data, items=items), list(items)
    except RemoteError as error:
        return error  # the exception is rebuilt in the thread of the caller, where its class may be


async def call_many(client: ClusterClient, key: str, data: list[bytes | Pieces]) -> list[Answer]:
    room = asyncio.Semaphore(MAP_CONCURRENCY)

    async def one(arguments: bytes | Pieces) -> Answer:
        async with room:
            answer = await call_one(client, key, arguments)
        if isinstance(answer, RemoteError):
            raise answer
        return answer

    tasks = [asyncio.ensure_future(one(arguments)) for arguments in data]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()  # after the first failure the others are not wanted


def outcome_of(there: Portal, client: ClusterClient, answer: Answer | RemoteError) -> Any:
    if isinstance(answer, RemoteError):
        calls.raise_remote(answer)
    return decoded(there, client, answer)


def decoded(there: Portal, client: ClusterClient, answer: Answer) -> Any:
    value, items = answer
    if items:
        return [calls.decode(there, client, item) for item in items]
    return calls.decode(there, client, value)
