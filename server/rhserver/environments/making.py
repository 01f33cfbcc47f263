"""Makes environments: each once however many ask, a few at a time; what fails or is given up leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from packaging.version import InvalidVersion, Version

from rhresources.errors import InstallError, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.lending import Trees, hold, let_go
from rhserver.code.snapshots import Snapshots
from rhserver.disk import bytes_under, disk_errors, finish_in_thread, private_directory
from rhserver.environments import build
from rhserver.environments.builds import Build, OnText, in_state
from rhserver.environments.listing import PIP, Versions, installed
from rhserver.environments.recipe import Recipe, trees_of
from rhserver.environments.records import Record, digest, throw_away, write_record
from rhserver.environments.wanted import wanted_of

_AT_ONCE = 3
_FAILED = 20
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

log = logging.getLogger(__name__)


class Making:
    """What is being made, and what could not be made. Belongs to the server's loop.

    Args:
        directory: where environments are kept.
        snapshots: the trees that packages lie in.
        uv: path of uv's program.
        on_made: called with the record of each that is there from now on.
    """

    def __init__(self, directory: Path, snapshots: Snapshots, uv: str, on_made: Callable[[Record], None]) -> None:
        self._directory, self._snapshots, self._uv, self._on_made = directory, snapshots, uv, on_made
        self._builds: dict[str, Build] = {}
        self._failed: OrderedDict[str, tuple[pb.Environment, RhError]] = OrderedDict()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def follow(
        self, recipe: Recipe, spec: pb.EnvironmentSpec, like: Versions | None, on_output: OnText, on_phase: OnText
    ) -> None:
        """Have an environment made, or wait for whoever makes it. Cancelling the last who waits ends the work.

        Args:
            recipe: of what is wanted; its trees are held by the caller.
            spec: the same as it was asked for.
            like: versions that it is to have; None: whatever fits.
            on_output, on_phase: hear what is done, from the beginning.

        Raises:
            InstallError, ServerProblem: see `Environments.ensure`.
        """
        while (work := self._builds.get(recipe.hash)) is not None and work.stopping:
            await asyncio.wait({work.task})  # whoever began it gave up; begin anew when it has tidied up
        if work is None:
            self._failed.pop(recipe.hash, None)
            trees = trees_of(spec)
            hold(self._snapshots, trees)  # acquired already, so this does not wait; the work may outlive who began it
            work = self._builds[recipe.hash] = Build(recipe, spec)
            work.task = asyncio.ensure_future(self._make(work, trees, like))
        await work.follow(on_output, on_phase)

    @property
    def busy(self) -> bool:
        """Whether anything is being made."""
        return bool(self._builds)

    def is_made(self, hash: str) -> bool:
        """Whether it is being made now."""
        return hash in self._builds

    def why_not_there(self, hash: str) -> RhError | None:
        """What to tell about one that is being made or could not be made; None: it is neither."""
        if hash in self._builds:
            return ServerProblem(
                f"The environment {hash[:8]} is being installed.",
                code="environment-in-use",
                remedy="Try again when it is there.",
            )
        if hash not in self._failed:
            return None
        _, error = self._failed[hash]
        said = f"The environment {hash[:8]} is not there. {error.sentence}"
        return InstallError(said, remedy=error.remedy, detail=error.detail)

    def forget(self, hash: str) -> bool:
        """Whether it could not be made, which is not shown any more."""
        return self._failed.pop(hash, None) is not None

    def list(self) -> list[pb.Environment]:
        """Those that are being made, and those that could not be made."""
        making = [in_state(work.described, pb.Environment.INSTALLING) for work in self._builds.values()]
        return making + [failed for hash, (failed, _) in self._failed.items() if hash not in self._builds]

    async def close(self) -> None:
        """End what is being made."""
        tasks = [work.task for work in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, work: Build, trees: Trees, like: Versions | None) -> None:
        recipe = work.recipe
        folder = self._directory / recipe.hash
        try:
            with disk_errors("The environment could not be made"):
                if self._slots.locked():
                    work.phase("Waiting for other installations")
                async with self._slots:
                    await throw_away(folder)  # of an attempt that could not be tidied up
                    private_directory(folder)
                    if like is not None:
                        _pin(recipe, like)
                    await build.make(recipe, folder, self._uv, work.line, work.phase)
                    record = await finish_in_thread(lambda: _recorded(recipe, folder, work.described, like))
            self._on_made(record)
        except BaseException as error:
            if isinstance(error, RhError):
                self._failed[recipe.hash] = in_state(work.described, pb.Environment.FAILED), error
                while len(self._failed) > _FAILED:
                    self._failed.popitem(last=False)
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await throw_away(folder)
            except OSError as problem:
                log.info("what is left of environment %s stays for now: %s", recipe.hash, problem)
            raise
        finally:
            del self._builds[recipe.hash]
            let_go(self._snapshots, trees)


def _pin(recipe: Recipe, like: Versions) -> None:
    """Let the installer choose no other version where it has a choice."""
    pins = [f"{name}=={version}" for name, (kind, version) in like.items() if kind == PIP and _can_pin(name, version)]
    for step in recipe.steps:
        if not step.locks and "--require-hashes" not in step.options:  # there is no choice
            step.constraints.extend(pins)


def _can_pin(name: str, version: str) -> bool:
    try:
        Version(version)
    except InvalidVersion:
        return False
    return _NAME.fullmatch(name) is not None


def _recorded(recipe: Recipe, folder: Path, described: pb.Environment, like: Versions | None) -> Record:
    """Make the environment in `folder` valid."""
    environment = in_state(described, pb.Environment.READY)
    environment.bytes = bytes_under(folder)
    versions, wanted = installed(folder / "venv"), wanted_of(recipe, folder / "venv")
    record = Record(
        environment, recipe.base, versions, wanted, compiled=False, like="" if like is None else digest(like)
    )
    write_record(folder, record)
    return record
