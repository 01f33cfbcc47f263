"""Inspect: the functions of a module and the schema of their parameters."""

from __future__ import annotations

from typing import Any

from rhresources.wire import cluster_pb2 as pb
from rhserver.inspection.inspection import Inspection


class InspectionService:
    """Method of `cluster.proto` that looks into modules."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection

    async def Inspect(self, request: pb.InspectRequest, context: Any) -> pb.InspectReply:
        return await self._inspection.inspect(request)
