"""Environments as clients see them: listed and removed."""

from __future__ import annotations

from typing import Any

from rhresources.wire import cluster_pb2 as pb
from rhserver.environments import Environments


class EnvironmentsService:
    """ListEnvironments and RemoveEnvironment."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    async def ListEnvironments(self, request: pb.ListEnvironmentsRequest, context: Any) -> pb.ListEnvironmentsReply:
        return pb.ListEnvironmentsReply(environments=self._environments.list())

    async def RemoveEnvironment(self, request: pb.RemoveEnvironmentRequest, context: Any) -> pb.RemoveEnvironmentReply:
        return pb.RemoveEnvironmentReply(bytes=await self._environments.remove(request.hash))
