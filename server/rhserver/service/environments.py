"""Environments as clients see them: listed, checked, looked into, updated, removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments import Environments
from rhserver.environments.browsing import Browsing
from rhserver.environments.checking import Checking
from rhserver.environments.contents import Contents
from rhserver.problems import problem_of


class EnvironmentsService:
    """Methods of `cluster.proto` about environments."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments
        self._checking = Checking(environments)
        self._contents = Contents(environments, self._checking)
        self._browsing = Browsing(environments)

    async def ListEnvironments(self, request: pb.ListEnvironmentsRequest, context: Any) -> pb.ListEnvironmentsReply:
        return pb.ListEnvironmentsReply(environments=self._environments.list())

    async def RemoveEnvironment(self, request: pb.RemoveEnvironmentRequest, context: Any) -> pb.RemoveEnvironmentReply:
        return pb.RemoveEnvironmentReply(bytes=await self._environments.remove(request.hash))

    async def CheckEnvironment(
        self, request: pb.CheckEnvironmentRequest, context: Any
    ) -> AsyncIterator[pb.CheckEnvironmentEvent]:
        event = pb.CheckEnvironmentEvent
        said: asyncio.Queue[pb.CheckEnvironmentEvent] = asyncio.Queue()
        work = self._checking.check(
            request, lambda line: said.put_nowait(event(output=line)), lambda text: said.put_nowait(event(phase=text))
        )
        async for one in _followed(
            work, said, lambda plan: event(plan=plan), lambda error: event(problem=problem_of(error))
        ):
            yield one

    async def InspectEnvironment(
        self, request: pb.InspectEnvironmentRequest, context: Any
    ) -> pb.InspectEnvironmentReply:
        return await self._contents.inspect(request)

    async def UpdateEnvironment(
        self, request: pb.UpdateEnvironmentRequest, context: Any
    ) -> AsyncIterator[pb.PrepareEvent]:
        event = pb.PrepareEvent
        said: asyncio.Queue[pb.PrepareEvent] = asyncio.Queue()
        work = self._environments.update(
            request.hash,
            lambda line: said.put_nowait(event(output=line)),
            lambda text: said.put_nowait(event(phase=text)),
        )
        async for one in _followed(
            work, said, lambda ready: event(environment=ready.hash), lambda error: event(problem=problem_of(error))
        ):
            yield one

    async def BrowseEnvironment(self, request: pb.BrowseEnvironmentRequest, context: Any) -> pb.BrowseEnvironmentReply:
        return await self._browsing.browse(request)


async def _followed(
    work: Any, said: asyncio.Queue[Any], succeeded: Callable[[Any], Any], failed: Callable[[RhError], Any]
) -> AsyncIterator[Any]:
    """What `work` says as it comes, then what became of it; it is cancelled when nobody listens any more."""
    task: asyncio.Task[Any] = asyncio.ensure_future(work)
    try:
        while not (task.done() and said.empty()):
            waiting = asyncio.ensure_future(said.get())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                yield waiting.result()
            else:
                waiting.cancel()
        try:
            result = task.result()
        except RhError as error:
            yield failed(error)
        else:
            yield succeeded(result)
    finally:
        task.cancel()
