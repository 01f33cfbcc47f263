"""Environments on disk: made once however many ask, valid only when whole, never touching one another.

`HASH/venv` is built in place, because a virtual environment cannot be moved; `HASH/building` names the process group
at work and `HASH/ready.json`, written last, makes it valid. What has no `ready.json` when a server starts is a
leftover: its installer is ended and it is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import psutil

from rhresources.errors import InstallError, NotFound, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.snapshots import Snapshots
from rhserver.disk import bytes_under, disk_errors, private_directory
from rhserver.environments import build, installer
from rhserver.environments.recipe import Recipe, resolve, trees_of

log = logging.getLogger(__name__)

_AT_ONCE = 3
_KNOWN = 256
_USED_EVERY = 60.0

OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReadyEnvironment:
    """An environment that can be run in.

    Attributes:
        hash: of its content.
        python: path of its interpreter.
        sys_path: folders of local packages. They lie in the trees of `trees_of(spec)`: acquire those for as long as
            something runs there.
    """

    hash: str
    python: str
    sys_path: tuple[str, ...]


class Environments:
    """All environments of this server. Belongs to its loop.

    Args:
        directory: where they are kept.
        snapshots: the trees that packages lie in.
        uv: path of uv's program.
        in_use: whether something runs with the interpreter of this path; such an environment is not removed.
    """

    def __init__(
        self, directory: Path, snapshots: Snapshots, uv: str, *, in_use: Callable[[str], bool] = lambda python: False
    ) -> None:
        self._directory = private_directory(directory)
        self._snapshots = snapshots
        self._uv = uv
        self.in_use = in_use
        self._ready: dict[str, pb.Environment] = {}
        self._builds: dict[str, _Build] = {}
        self._failed: OrderedDict[str, pb.Environment] = OrderedDict()
        self._acquired: defaultdict[str, int] = defaultdict(int)
        self._known: OrderedDict[bytes, ReadyEnvironment] = OrderedDict()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._find()

    async def ensure(
        self, spec: pb.EnvironmentSpec, on_output: OnText = lambda line: None, on_phase: OnText = lambda phase: None
    ) -> ReadyEnvironment:
        """The environment of `spec`, made if it is not there. Both callbacks are called on the loop: `on_output` with
        each line of the installers, `on_phase` with what is done now. Cancelling the last who waits ends the work.

        Raises:
            InstallError: it could not be made; `detail` has the installer's own words.
            ServerProblem: the spec cannot be followed, its code is not here, or the disk is full.
        """
        key = spec.SerializeToString(deterministic=True)
        known = self._known.get(key)
        if known is not None and known.hash in self._ready:
            self._use(known.hash)
            return known
        trees = trees_of(spec)
        held = await asyncio.to_thread(self._hold, trees)
        try:
            recipe = await asyncio.to_thread(resolve, spec, held)
            if recipe.hash not in self._ready:
                await self._follow(recipe, trees, on_output, on_phase)
            ready = ReadyEnvironment(recipe.hash, str(self._python(recipe.hash)), recipe.sys_path)
            self._use(recipe.hash)
            self._known[key] = ready
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
            return ready
        finally:
            self._let_go(trees)

    def acquire(self, hash: str) -> None:
        """Keep an environment from being removed until `release`."""
        self._acquired[hash] += 1

    def release(self, hash: str) -> None:
        """Counterpart of `acquire`."""
        self._acquired[hash] -= 1

    def list(self) -> Sequence[pb.Environment]:
        """Those that are there, those that are being made, and those that could not be made, newest first."""
        found = []
        for hash, environment in self._ready.items():
            shown = pb.Environment()
            shown.CopyFrom(environment)
            shown.in_use = self._is_in_use(hash)
            found.append(shown)
        found += [_in_state(work.described, pb.Environment.INSTALLING) for work in self._builds.values()]
        found += [failed for hash, failed in self._failed.items() if hash not in self._builds]
        return sorted(found, key=lambda environment: -environment.created)

    async def remove(self, hash: str) -> int:
        """Remove one; bytes freed.

        Raises:
            NotFound: there is none of that hash.
            ServerProblem: something runs in it, or it is being made ("environment-in-use").
        """
        if self._failed.pop(hash, None) is not None and hash not in self._ready:
            return 0
        if hash in self._builds or (hash in self._ready and self._is_in_use(hash)):
            what = "is being installed" if hash in self._builds else "is in use"
            raise ServerProblem(
                f"The environment {hash[:8]} {what}.",
                code="environment-in-use",
                remedy="Try again when no run uses it; warm workers end after a while.",
            )
        environment = self._ready.pop(hash, None)
        if environment is None:
            raise NotFound(f"There is no environment {hash[:40]!r}.")
        with disk_errors("The environment could not be removed"):
            trash = self._directory / f".trash-{token_hex(6)}"
            os.rename(self._directory / hash, trash)
            await asyncio.to_thread(shutil.rmtree, trash, ignore_errors=True)
        return int(environment.bytes)

    async def collect(self, *, unused_seconds: float, max_bytes: int) -> int:
        """Remove those that were not used for `unused_seconds`, and the longest unused while all have more than
        `max_bytes`; bytes freed. What is in use stays."""
        freed = 0
        total = sum(environment.bytes for environment in self._ready.values())
        for hash, environment in sorted(self._ready.items(), key=lambda item: item[1].used):
            old = time.time() - environment.used > unused_seconds
            if (old or total - freed > max_bytes) and not self._is_in_use(hash):
                with contextlib.suppress(RhError):
                    freed += await self.remove(hash)
        return freed

    async def close(self) -> None:
        """End what is being installed."""
        tasks = [work.task for work in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ making one

    async def _follow(
        self, recipe: Recipe, trees: Sequence[tuple[str, str]], on_output: OnText, on_phase: OnText
    ) -> None:
        while (work := self._builds.get(recipe.hash)) is not None and work.stopping:
            await asyncio.wait({work.task})  # whoever began it gave up; begin anew when it has tidied up
        if work is None:
            self._failed.pop(recipe.hash, None)
            self._hold(trees)  # acquired already, so this does not wait; the work may outlive who began it
            work = self._builds[recipe.hash] = _Build(recipe)
            work.task = asyncio.ensure_future(self._make(work, trees))
        await work.follow(on_output, on_phase)

    async def _make(self, work: _Build, trees: Sequence[tuple[str, str]]) -> None:
        recipe = work.recipe
        folder = self._directory / recipe.hash
        try:
            with disk_errors("The environment could not be made"):
                if self._slots.locked():
                    work.phase("Waiting for other installations")
                async with self._slots:
                    private_directory(folder)
                    await build.make(recipe, folder, self._uv, work.line, work.phase)
                    work.described.bytes = await asyncio.to_thread(bytes_under, folder)
                    _write_ready(folder, work.described)
            self._ready[recipe.hash] = _in_state(work.described, pb.Environment.READY)
        except BaseException as error:
            if isinstance(error, RhError):
                self._failed[recipe.hash] = _in_state(work.described, pb.Environment.FAILED)
                while len(self._failed) > 20:
                    self._failed.popitem(last=False)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
            raise
        finally:
            del self._builds[recipe.hash]
            self._let_go(trees)

    def _hold(self, trees: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Path]:
        held: dict[tuple[str, str], Path] = {}
        try:
            for project, root in trees:
                held[project, root] = self._snapshots.acquire(project, root)
        except BaseException:
            self._let_go(tuple(held))
            raise
        return held

    def _let_go(self, trees: Sequence[tuple[str, str]]) -> None:
        for project, root in trees:
            self._snapshots.release(project, root)

    # ------------------------------------------------------------ what is there

    def _python(self, hash: str) -> Path:
        return self._directory / hash / "venv" / "bin" / "python"

    def _is_in_use(self, hash: str) -> bool:
        return self._acquired[hash] > 0 or self.in_use(str(self._python(hash)))

    def _use(self, hash: str) -> None:
        environment = self._ready[hash]
        now = time.time()
        if now - environment.used > _USED_EVERY:
            environment.used = now
            with contextlib.suppress(OSError):
                os.utime(self._directory / hash / "ready.json", (now, now))

    def _find(self) -> None:
        leftovers = []
        for folder in self._directory.iterdir():
            environment = _read_ready(folder)
            if environment is not None and self._python(folder.name).exists():
                self._ready[folder.name] = environment
            else:
                _end_installer(folder / "building")
                trash = self._directory / f".trash-{token_hex(6)}"
                os.rename(folder, trash)
                leftovers.append(trash)
        if leftovers:  # it may take a while, and the server is to answer at once
            threading.Thread(target=_remove_all, args=(leftovers,), name="leftovers", daemon=True).start()


class _Build:
    """One environment that is being made, and those who wait for it."""

    task: asyncio.Task[None]

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        now = time.time()
        self.described = pb.Environment(
            hash=recipe.hash, python=recipe.python_shown, packages=recipe.packages, created=now, used=now
        )
        self._said: list[tuple[bool, str]] = []
        self._followers: dict[object, tuple[OnText, OnText]] = {}
        self.stopping = False

    def line(self, text: str) -> None:
        self._say(False, text)

    def phase(self, text: str) -> None:
        self._say(True, text)

    async def follow(self, on_output: OnText, on_phase: OnText) -> None:
        """Hear everything from the beginning and wait for the end; raises what the work raised."""
        for is_phase, text in self._said:
            (on_phase if is_phase else on_output)(text)
        follower = object()
        self._followers[follower] = (on_output, on_phase)
        try:
            await asyncio.shield(self.task)
        except asyncio.CancelledError:
            if self.task.cancelled():
                raise InstallError("The installation was stopped.") from None
            if len(self._followers) == 1:
                self.stopping = True
                self.task.cancel()
                await asyncio.wait({self.task})
            raise
        finally:
            del self._followers[follower]

    def _say(self, is_phase: bool, text: str) -> None:
        self._said.append((is_phase, text))
        for on_output, on_phase in list(self._followers.values()):
            (on_phase if is_phase else on_output)(text)


def _in_state(environment: pb.Environment, state: pb.Environment.State) -> pb.Environment:
    """A copy in another state."""
    copied = pb.Environment()
    copied.CopyFrom(environment)
    copied.state = state
    return copied


def _write_ready(folder: Path, environment: pb.Environment) -> None:
    data = {
        "python": environment.python,
        "packages": list(environment.packages),
        "bytes": environment.bytes,
        "created": environment.created,
    }
    part = folder / "ready.part"
    part.write_text(json.dumps(data))
    os.replace(part, folder / "ready.json")
    (folder / "building").unlink(missing_ok=True)


def _read_ready(folder: Path) -> pb.Environment | None:
    file = folder / "ready.json"
    try:
        used = file.stat().st_mtime
        return pb.Environment(hash=folder.name, used=used, **json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _end_installer(marker: Path) -> None:
    try:
        process_id, started = json.loads(marker.read_text())
        if abs(psutil.Process(process_id).create_time() - started) < 1:
            installer.end_group(process_id)
    except (OSError, ValueError, TypeError, psutil.Error):
        return


def _remove_all(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
