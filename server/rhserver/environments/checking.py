"""What an environment would hold, without making it, beside what one has that is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex

from rhresources.wire import cluster_pb2 as pb
from rhserver.disk import disk_errors, private_directory
from rhserver.environments.builds import OnText
from rhserver.environments.environments import Environments
from rhserver.environments.listing import PIP, Versions, installed
from rhserver.environments.recipe import Recipe, never_renewed
from rhserver.environments.records import throw_away
from rhserver.environments.solving import solve

_AT_ONCE = 2


class Checking:
    """Answers what would be installed. Belongs to the server's loop."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def check(
        self, request: pb.CheckEnvironmentRequest, on_output: OnText, on_phase: OnText
    ) -> pb.EnvironmentPlan:
        """The plan. Where the environment is there already, it is what is there: nothing would be installed.
        Cancelling ends the solver.

        Raises:
            InstallError: the packages do not go together, or cannot be found.
            NotFound: the environment to compare with is not there.
            ServerProblem: the specification cannot be followed, its code is not here, or the disk is full.
        """
        environments = self._environments
        spec = never_renewed(request.environment)
        before: Versions = {}
        async with environments.recipe(spec) as recipe:
            there = environments.newest_of(recipe.base)
            compared_with = request.compared_with or there
            if compared_with:
                before = await self._versions(compared_with)
            if there:
                after = before if there == compared_with else await self._versions(there)
            else:
                after = await self.solve(recipe, on_output, on_phase)
        return pb.EnvironmentPlan(
            hash=there or recipe.hash, ready=bool(there), compared_with=compared_with, packages=_planned(before, after)
        )

    async def solve(self, recipe: Recipe, on_output: OnText, on_phase: OnText, *, newest: bool = False) -> Versions:
        """`solving.solve` in a folder that is gone afterwards.

        Raises:
            InstallError, ServerProblem: see there.
        """
        if self._slots.locked():
            on_phase("Waiting for other checks")
        async with self._slots, self._folder() as folder:
            return await solve(recipe, folder, self._environments.uv, on_output, on_phase, newest=newest)

    async def _versions(self, hash: str) -> Versions:
        with self._environments.kept(hash):
            return await asyncio.to_thread(installed, self._environments.prefix(hash))

    @contextlib.asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        with disk_errors("The packages could not be checked"):
            folder = private_directory(self._environments.directory / f".check-{token_hex(6)}")
            try:
                yield folder
            finally:
                with contextlib.suppress(asyncio.CancelledError):
                    await throw_away(folder)


def _planned(before: Versions, after: Versions) -> list[pb.PlannedPackage]:
    nothing = ("", "")
    return [
        pb.PlannedPackage(
            name=name,
            kind=after.get(name, nothing)[0] or before.get(name, nothing)[0] or PIP,
            before=before.get(name, nothing)[1],
            after=after.get(name, nothing)[1],
        )
        for name in sorted(before.keys() | after.keys())
    ]
