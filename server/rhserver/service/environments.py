"""Environments as clients see them: listed, checked, looked into, updated, removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments import Environments
from rhserver.environments.browsing import Browsing
from rhserver.environments.checking import Checking
from rhserver.environments.contents import Contents
from rhserver.environments.progress import Followed
from rhserver.hosts.environments import EnvironmentsOnHosts
from rhserver.problems import problem_of


class EnvironmentsService:
    """Methods of `cluster.proto` about environments."""

    def __init__(self, environments: Environments, on_hosts: EnvironmentsOnHosts) -> None:
        self._environments = environments
        self._on_hosts = on_hosts
        self._checking = Checking(environments)
        self._contents = Contents(environments, self._checking)
        self._browsing = Browsing(environments)

    async def ListEnvironments(self, request: pb.ListEnvironmentsRequest, context: Any) -> pb.ListEnvironmentsReply:
        return pb.ListEnvironmentsReply(environments=await self._on_hosts.list())

    async def RemoveEnvironment(self, request: pb.RemoveEnvironmentRequest, context: Any) -> pb.RemoveEnvironmentReply:
        return pb.RemoveEnvironmentReply(bytes=await self._on_hosts.remove(request.hash, request.host))

    async def CheckEnvironment(
        self, request: pb.CheckEnvironmentRequest, context: Any
    ) -> AsyncIterator[pb.CheckEnvironmentEvent]:
        event = pb.CheckEnvironmentEvent
        async with Followed(lambda *say: self._checking.check(request, *say)) as work:
            async for batch in work.batches():
                for kind, text in batch:
                    yield event(output=text) if kind == "output" else event(phase=text)
            try:
                yield event(plan=work.result())
            except RhError as error:
                yield event(problem=problem_of(error))

    async def InspectEnvironment(
        self, request: pb.InspectEnvironmentRequest, context: Any
    ) -> pb.InspectEnvironmentReply:
        return await self._contents.inspect(request)

    async def UpdateEnvironment(
        self, request: pb.UpdateEnvironmentRequest, context: Any
    ) -> AsyncIterator[pb.PrepareEvent]:
        event = pb.PrepareEvent
        async with Followed(lambda *say: self._environments.update(request.hash, *say)) as work:
            async for batch in work.batches():
                for kind, text in batch:
                    yield event(output=text) if kind == "output" else event(phase=text)
            try:
                yield event(environment=work.result().hash)
            except RhError as error:
                yield event(problem=problem_of(error))

    async def BrowseEnvironment(self, request: pb.BrowseEnvironmentRequest, context: Any) -> pb.BrowseEnvironmentReply:
        return await self._browsing.browse(request)
