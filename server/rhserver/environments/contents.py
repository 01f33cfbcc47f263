"""What an environment holds now, beside what it held when it was made, what was asked for, and what there is today."""

from __future__ import annotations

import asyncio

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments.checking import Checking
from rhserver.environments.environments import Environments
from rhserver.environments.listing import PIP, Versions, installed
from rhserver.environments.recipe import never_renewed
from rhserver.environments.records import Record
from rhserver.environments.solving import UNKNOWN
from rhserver.environments.wanted import fits


class Contents:
    """Looks into environments. Belongs to the server's loop."""

    def __init__(self, environments: Environments, checking: Checking) -> None:
        self._environments = environments
        self._checking = checking

    async def inspect(self, request: pb.InspectEnvironmentRequest) -> pb.InspectEnvironmentReply:
        """The packages of an environment. That the index cannot be asked is `unknown` of the reply, and no error.
        Cancelling ends the solver.

        Raises:
            NotFound: there is none of that hash.
        """
        environments = self._environments
        with environments.kept(request.hash) as record:
            now = await asyncio.to_thread(installed, environments.prefix(request.hash))
            newest: Versions = {}
            unknown = ""
            if request.newest:
                newest, unknown = await self._newest(record)
        return pb.InspectEnvironmentReply(
            environment=environments.shown(request.hash), packages=_compared(record, now, newest), unknown=unknown
        )

    async def _newest(self, record: Record) -> tuple[Versions, str]:
        """What the specification would bring today, or why that is not known."""
        if not record.environment.HasField("spec"):
            return {}, "An earlier version of rhdesk made it, which did not note of what."
        try:
            async with self._environments.recipe(never_renewed(record.environment.spec)) as recipe:
                return await self._checking.solve(recipe, lambda line: None, lambda phase: None, newest=True), ""
        except RhError as error:
            return {}, error.sentence


def _compared(record: Record, now: Versions, newest: Versions) -> list[pb.InstalledPackage]:
    nothing = ("", "")
    recorded = now if record.versions is None else record.versions
    rows = []
    for name in sorted(now.keys() | recorded.keys() | record.wanted.keys()):
        kind, version = now.get(name, nothing)
        was = recorded.get(name, nothing)
        wanted = record.wanted.get(name, "")
        latest = newest.get(name, nothing)[1]
        rows.append(
            pb.InstalledPackage(
                name=name,
                kind=kind or was[0] or PIP,
                version=version,
                recorded="" if record.versions is None else was[1],
                wanted=wanted,
                newest="" if latest == UNKNOWN else latest,
                fits=version == was[1] and fits(wanted, kind, version),
            )
        )
    return rows
