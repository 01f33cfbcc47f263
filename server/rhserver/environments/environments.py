"""Environments on disk: made once however many ask, valid only when whole, never touching one another.

`HASH/venv` is built in place, because a virtual environment cannot be moved. An environment never changes: *update*
makes another one of the same specification, which later preparations get.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rhresources.errors import NotFound, RhError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.lending import lent
from rhserver.code.snapshots import Snapshots
from rhserver.disk import bytes_under, disk_errors, finish_in_thread, private_directory
from rhserver.environments.builds import OnText, in_state
from rhserver.environments.byte_code import Compiler
from rhserver.environments.listing import Versions
from rhserver.environments.making import Making
from rhserver.environments.recipe import Recipe, never_renewed, resolve, trees_of
from rhserver.environments.records import (
    Record,
    digest,
    find_records,
    move_away,
    note_use,
    remove_quietly,
    write_record,
)

_KNOWN = 256
_USED_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class ReadyEnvironment:
    """An environment that can be run in.

    Attributes:
        hash: of its content.
        python: path of its interpreter.
        sys_path: folders of local packages. They lie in the trees of `trees_of(spec)`: acquire those for as long as
            something runs there.
        renewed: when it was asked for anew; 0: never.
    """

    hash: str
    python: str
    sys_path: tuple[str, ...]
    renewed: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """What a specification was resolved to before, so that no file is read again."""

    base: str
    hash: str  # for the `renewed` of the specification itself
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
        self.directory = private_directory(directory)
        self.uv = uv
        self.in_use = in_use
        self._snapshots = snapshots
        self._ready = find_records(self.directory)
        self._making = Making(self.directory, snapshots, uv, self._made)
        self._removing: dict[str, asyncio.Event] = {}
        self._acquired: defaultdict[str, int] = defaultdict(int)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._updates: dict[str, list[int]] = {}  # by base: [renewed, how many wait for it]
        self._compiler = Compiler(self._compiled)

    async def ensure(
        self,
        spec: pb.EnvironmentSpec,
        on_output: OnText = lambda line: None,
        on_phase: OnText = lambda phase: None,
        *,
        newest: bool = False,
        like: Versions | None = None,
    ) -> ReadyEnvironment:
        """The environment of `spec`, made if it is not there. Both callbacks are called on the loop: `on_output` with
        each line of the installers, `on_phase` with what is done now. Cancelling the last who waits ends the work.

        Args:
            spec: what is wanted.
            on_output, on_phase: hear what is done, from the beginning.
            newest: if it was updated, the newest update that is there instead; what `spec.renewed` says is ignored.
            like: versions of the same environment on the head. One that has others is made anew, with these.

        Raises:
            InstallError: it could not be made; `detail` has the installer's own words.
            ServerProblem: the spec cannot be followed, its code is not here, the disk is full, or it would have to be
                made anew and is in use.
        """
        if newest:
            spec = never_renewed(spec)
        key = spec.SerializeToString(deterministic=True)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            hash = (self.newest_of(known.base) if newest else "") or known.hash
            if self._is_ready(hash, like):
                return self._use(hash, known.sys_path)
        async with self.recipe(spec) as recipe:
            known = self._known[key] = _Known(recipe.base, recipe.hash, recipe.sys_path)
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
            hash = (self.newest_of(recipe.base) if newest else "") or recipe.hash
            while not self._is_ready(hash, like):  # it may be removed before those who waited for it go on
                if hash in self._ready:
                    await self.remove(hash)
                hash = recipe.hash
                if (removing := self._removing.get(hash)) is not None:
                    await removing.wait()
                else:
                    await self._making.follow(recipe, spec, like, on_output, on_phase)
            return self._use(hash, recipe.sys_path)

    async def update(
        self, hash: str, on_output: OnText = lambda line: None, on_phase: OnText = lambda phase: None
    ) -> ReadyEnvironment:
        """Another environment of the same specification, with what the indexes have now; callbacks as of `ensure`.
        Whoever asks while one is being made gets that one. The old one stays as it is.

        Raises:
            NotFound: there is none of that hash.
            InstallError: it could not be made.
            ServerProblem: its code is not here any more, or what it was made of is not known.
        """
        record = self.record(hash)
        if not record.environment.HasField("spec"):
            raise ServerProblem(
                f"The environment {hash[:8]} was made by an earlier version of rhdesk, which did not note of what.",
                code="unknown-specification",
                remedy="Install its packages again.",
            )
        base, spec = record.base, pb.EnvironmentSpec()
        spec.CopyFrom(record.environment.spec)
        newest = max((other.renewed for other in self._ready.values() if other.base == base), default=0)
        update = self._updates.setdefault(base, [max(int(time.time()), newest + 1), 0])
        update[1] += 1
        try:
            spec.renewed = update[0]
            return await self.ensure(spec, on_output, on_phase)
        finally:
            update[1] -= 1
            if not update[1]:
                self._updates.pop(base, None)

    @contextlib.asynccontextmanager
    async def recipe(self, spec: pb.EnvironmentSpec) -> AsyncIterator[Recipe]:
        """What `spec` comes to; the trees it names stay while the block lasts.

        Raises:
            InstallError: a file of requirements is missing or broken.
            ServerProblem: the spec cannot be followed, or its code is not here.
        """
        async with lent(self._snapshots, trees_of(spec)) as held:
            yield await asyncio.to_thread(resolve, spec, held)

    # ------------------------------------------------------------ what is there

    def record(self, hash: str) -> Record:
        """What is known of an environment that is there.

        Raises:
            NotFound: there is none of that hash.
            InstallError: it could not be made, and why.
            ServerProblem: it is being made.
        """
        record = self._ready.get(hash)
        if record is None:
            nothing = NotFound(f"There is no environment {hash[:40]!r} on this cluster.")
            raise self._making.why_not_there(hash) or nothing
        return record

    @property
    def busy(self) -> bool:
        """Whether an environment is being made."""
        return self._making.busy

    def has(self, hash: str) -> bool:
        """Whether an environment is there, and whole."""
        return hash in self._ready

    def newest_of(self, base: str) -> str:
        """The newest environment of a specification that was never renewed itself; empty: there is none."""
        found = [record for record in self._ready.values() if record.base == base]
        return max(found, key=lambda record: record.renewed).environment.hash if found else ""

    def prefix(self, hash: str) -> Path:
        """The folder with `bin` and `lib`."""
        return self.directory / hash / "venv"

    def acquire(self, hash: str) -> None:
        """Keep an environment from being removed until `release`."""
        self._acquired[hash] += 1

    def release(self, hash: str) -> None:
        """Counterpart of `acquire`."""
        self._acquired[hash] -= 1
        if self._acquired[hash] <= 0:
            del self._acquired[hash]

    @contextlib.contextmanager
    def kept(self, hash: str) -> Iterator[Record]:
        """Its record; it is not removed while the block lasts.

        Raises:
            NotFound: there is none of that hash.
        """
        record = self.record(hash)
        self.acquire(hash)
        try:
            yield record
        finally:
            self.release(hash)

    def list(self) -> Sequence[pb.Environment]:
        """Those that are there, those that are being made, and those that could not be made, newest first."""
        found = [*(self.shown(hash) for hash in self._ready), *self._making.list()]
        return sorted(found, key=lambda environment: -environment.created)

    def shown(self, hash: str) -> pb.Environment:
        """A copy of what a record says, as of now.

        Raises:
            NotFound: there is none of that hash.
        """
        shown = in_state(self.record(hash).environment, pb.Environment.READY)
        shown.in_use = self._is_in_use(hash)
        if shown.in_use:
            shown.used = time.time()
        return shown

    # ------------------------------------------------------------ keeping them

    async def remove(self, hash: str) -> int:
        """Remove one; bytes freed.

        Raises:
            NotFound: there is none of that hash.
            ServerProblem: something runs in it, or it is being made ("environment-in-use").
        """
        failed, being_made = self._making.forget(hash), self._making.is_made(hash)
        if failed and hash not in self._ready:
            return 0
        if being_made or (hash in self._ready and self._is_in_use(hash)):
            raise ServerProblem(
                f"The environment {hash[:8]} is {'being installed' if being_made else 'in use'}.",
                code="environment-in-use",
                remedy="Try again when no run uses it; warm workers end after a while.",
            )
        record = self.record(hash)
        del self._ready[hash]  # from now on nobody gets it
        removing = self._removing[hash] = asyncio.Event()  # and nobody makes another in its place yet
        try:
            await self._compiler.forget(hash)
            with disk_errors("The environment could not be removed"):
                trash = move_away(self.directory / hash)
        except BaseException:
            self._ready[hash] = record
            raise
        finally:
            del self._removing[hash]
            removing.set()
        await asyncio.shield(asyncio.to_thread(remove_quietly, trash))
        return int(record.environment.bytes)

    async def collect(self, *, unused_seconds: float, max_bytes: int, spared_seconds: float = 0.0) -> int:
        """Remove those that were not used for `unused_seconds`, and the longest unused while all have more than
        `max_bytes`; bytes freed. What is in use stays, and what was used in the last `spared_seconds`."""
        for hash in self._ready:
            if self._is_in_use(hash):
                self._note_use(hash)
        freed, now = 0, time.time()
        total = sum(record.environment.bytes for record in self._ready.values())
        for hash, record in sorted(self._ready.items(), key=lambda item: item[1].environment.used):
            unused = now - record.environment.used
            unwanted = unused > unused_seconds or total - freed > max_bytes
            if unwanted and unused >= spared_seconds and hash in self._ready and not self._is_in_use(hash):
                with contextlib.suppress(RhError):
                    freed += await self.remove(hash)
        return freed

    async def close(self) -> None:
        """End what is being installed."""
        await asyncio.gather(self._making.close(), self._compiler.close())

    def _made(self, record: Record) -> None:
        self._ready[record.environment.hash] = record

    async def _compiled(self, hash: str) -> None:
        """All modules of an environment have byte code now."""
        record = self._ready.get(hash)
        if record is None:
            return
        folder = self.directory / hash

        def note() -> None:
            record.environment.bytes, record.compiled = bytes_under(folder), True
            write_record(folder, record)

        await finish_in_thread(note)

    # ------------------------------------------------------------ their use

    def _is_ready(self, hash: str, like: Versions | None) -> bool:
        record = self._ready.get(hash)
        if record is None:
            return False
        return like is None or record.versions == like or record.like == digest(like)

    def _is_in_use(self, hash: str) -> bool:
        return self._acquired.get(hash, 0) > 0 or self.in_use(self._python(hash))

    def _python(self, hash: str) -> str:
        return str(self.prefix(hash) / "bin" / "python")

    def _use(self, hash: str, sys_path: tuple[str, ...]) -> ReadyEnvironment:
        self._note_use(hash)
        record = self._ready[hash]
        if not record.compiled:
            self._compiler.add(hash, self.prefix(hash))
        return ReadyEnvironment(hash, self._python(hash), sys_path, record.renewed)

    def _note_use(self, hash: str) -> None:
        environment = self._ready[hash].environment
        now = time.time()
        if now - environment.used > _USED_EVERY:
            environment.used = now
            with contextlib.suppress(OSError):
                note_use(self.directory / hash, now)
