"""Checkouts: a repository at a commit as a folder of this computer, made once and kept."""

from __future__ import annotations

import asyncio
import json
import os
import posixpath
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from rhresources import paths
from rhresources.errors import RhError
from rhresources.git.address import Remote, remote_of, submodule_of
from rhresources.git.locks import only_one
from rhresources.git.logins import Logins
from rhresources.git.problems import GitProblem, disk_problem
from rhresources.git.repository import COMMIT, Repository, TreeEntry
from rhresources.git.versions import PROJECT_FILES, wants_version, write_version
from rhresources.git.writing import SUBMODULE, write_tree
from rhresources.packages import checked_revision

Progress = Callable[[str], None]

KEPT_DAYS = 30
"""For how long a checkout that nobody asks for is kept."""

_SAME_FOR = 60.0
"""Seconds for which a branch is not asked for again: one click makes several requests."""

_DEEPEST = 8
_DEEPEST_PROJECT = 3
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository at a commit, as files of this computer that nobody changes.

    Attributes:
        url: of the repository, as git gets it.
        revision: what was asked for: a branch, tag or commit; empty: the default branch.
        commit: the whole name of the commit that it was.
        folder: where its files are.
        pointers: files that Git LFS keeps elsewhere; what is here are pointers to their content.
    """

    url: str
    revision: str
    commit: str
    folder: Path
    pointers: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """For people: `https://host/o/r.git@main (3f2a9c1)`."""
        short = self.commit[:7]
        if not self.revision:
            return f"{self.url} ({short})"
        same = self.commit.startswith(self.revision)
        return f"{self.url}@{short if same else self.revision}" + ("" if same else f" ({short})")


class Checkouts:
    """The checkouts of this user. Use it on one event loop; other processes may use the same folder.

    Args:
        folder: where they are kept; default: in the cache of the rhdesk directory.
        logins: the tokens that may be used; default: none.
    """

    def __init__(self, folder: Path | None = None, logins: Logins | None = None) -> None:
        self.folder = folder or paths.home() / "cache" / "git"
        self._logins = logins or Logins()
        self._resolved: dict[tuple[str, str], tuple[str, float]] = {}
        self._known: dict[tuple[str, str], Checkout] = {}

    async def get(
        self, url: str, revision: str = "", progress: Progress | None = None, *, anew: bool = False
    ) -> Checkout:
        """The repository at `url`, at a revision. A commit that is here already needs no network.

        Args:
            url: https://, ssh://, user@host:path, or an absolute path.
            revision: branch, tag or commit; empty: the default branch.
            progress: gets a line for every step that takes long.
            anew: ask the server what a branch is now, even if it was asked a moment ago.

        Raises:
            UsageError: the address or the revision is not one.
            GitProblem: the repository cannot be had; `code` says why.
            RhError: there is no git, the disk is full, or the repository holds what cannot be written.
        """
        remote = remote_of(url)
        revision = checked_revision(revision)
        commit = await self._resolve(remote, revision, progress, anew)
        return await self._checkout(remote, revision, commit, progress, ())

    async def _resolve(self, remote: Remote, revision: str, progress: Progress | None, anew: bool) -> str:
        if COMMIT.fullmatch(revision):
            return revision
        known = self._resolved.get((remote.url, revision))
        if known is not None and not anew and time.monotonic() - known[1] < _SAME_FOR:
            return known[0]
        folder = self.folder / remote.key
        try:
            await asyncio.to_thread(_make_private, folder)
            async with only_one(folder / "lock"):
                commit = await Repository(remote, folder, self._logins, progress).resolve(revision)
        except GitProblem as problem:
            if problem.code == "unreachable":
                problem.remedy = f"{problem.remedy} {await asyncio.to_thread(self._offline_hint, folder)}".strip()
            raise
        except OSError as error:
            raise disk_problem(folder, error) from error
        self._resolved[remote.url, revision] = commit, time.monotonic()
        await asyncio.to_thread(_remember, folder, revision, commit)
        return commit

    def _offline_hint(self, folder: Path) -> str:
        kept = sorted(folder.glob("trees/*.json"), key=lambda file: file.stat().st_mtime)
        return f"What was fetched before works without a network: write @{kept[-1].stem}." if kept else ""

    # ------------------------------------------------------------ one checkout

    async def _checkout(
        self, remote: Remote, revision: str, commit: str, progress: Progress | None, above: tuple[str, ...]
    ) -> Checkout:
        found = self._known.get((remote.url, commit)) or await asyncio.to_thread(_find, self.folder, remote, commit)
        if found is None:
            folder = self.folder / remote.key
            try:
                await asyncio.to_thread(_make_private, folder / "trees")
                async with only_one(folder / "lock"):
                    # another process may have made it meanwhile
                    found = await asyncio.to_thread(_find, self.folder, remote, commit)
                    if found is None:
                        found = await self._make(remote, revision, commit, progress, above)
            except OSError as error:
                raise disk_problem(folder, error) from error
        elif not found.folder.is_dir():
            self._known.pop((remote.url, commit), None)
            return await self._checkout(remote, revision, commit, progress, above)
        self._known[remote.url, commit] = found
        return Checkout(remote.url, revision, commit, found.folder, found.pointers)

    async def _make(
        self, remote: Remote, revision: str, commit: str, progress: Progress | None, above: tuple[str, ...]
    ) -> Checkout:
        home = self.folder / remote.key
        repository = Repository(remote, home, self._logins, progress)
        tell = progress or _silent
        tell(f"Fetching {remote.url} at {revision or 'its default branch'} ({commit[:7]})")
        await repository.fetch(commit, revision)
        place = home / "trees" / commit
        draft = home / "trees" / f".{uuid.uuid4().hex}"
        try:
            tree = draft / remote.name
            entries = await repository.entries(commit)
            pointers = await write_tree(repository, entries, tree)
            addresses = await repository.submodules(commit)
            for entry in entries:
                if entry.mode == SUBMODULE and entry.path in addresses:
                    child = submodule_of(remote, addresses[entry.path], entry.path)
                    pointers += await self._submodule(
                        child, entry.path, entry.object, tree, progress, (*above, remote.url)
                    )
            await self._write_versions(repository, commit, tree, entries, tell)
            about = {"format": _FORMAT, **asdict(Checkout(remote.url, revision, commit, place, tuple(pointers)))}
            await asyncio.to_thread(_put, draft, place, {**about, "folder": str(place)})
        finally:
            await asyncio.to_thread(_remove, draft)
        if pointers:
            shown = ", ".join(pointers[:3]) + (" …" if len(pointers) > 3 else "")
            tell(f"{len(pointers)} files of {remote.url} are kept in Git LFS and are sent as pointers only: {shown}")
        await asyncio.to_thread(_remove_old, home, commit)
        return Checkout(remote.url, revision, commit, place / remote.name, tuple(pointers))

    async def _submodule(
        self, remote: Remote, path: str, commit: str, tree: Path, progress: Progress | None, above: tuple[str, ...]
    ) -> list[str]:
        """Put a submodule where it belongs; its pointers, relative to the tree."""
        if remote.url in above or len(above) > _DEEPEST:
            raise RhError(
                f"The submodule {path} of {above[-1]} leads back to itself, or too deep.",
                remedy="Ask the owner of the repository to remove it.",
            )
        try:
            found = await self._checkout(remote, "", commit, progress, above)
        except GitProblem as problem:
            problem.sentence = f"The submodule {path} of {above[-1]} cannot be had: {problem.sentence}"
            problem.args = (problem.sentence,)
            raise
        await asyncio.to_thread(shutil.copytree, found.folder, tree / path, symlinks=True, dirs_exist_ok=True)
        return [f"{path}/{name}" for name in found.pointers]

    async def _write_versions(
        self, repository: Repository, commit: str, tree: Path, entries: list[TreeEntry], tell: Progress
    ) -> None:
        """For the projects in it that take their version from git."""
        names = [entry.path for entry in entries if posixpath.basename(entry.path) in PROJECT_FILES]
        folders = sorted({posixpath.dirname(name) for name in names if name.count("/") <= _DEEPEST_PROJECT})
        wanting = await asyncio.to_thread(lambda: [tree / one for one in folders if wants_version(tree / one)])
        if not wanting:
            return
        tell(f"Looking for the version of {repository.remote.name} among its tags")
        described = await repository.describe(commit)
        for folder in wanting:
            await asyncio.to_thread(write_version, folder, commit, described)


def _find(base: Path, remote: Remote, commit: str) -> Checkout | None:
    about = base / remote.key / "trees" / f"{commit}.json"
    folder = about.with_suffix("") / remote.name
    try:
        said = json.loads(about.read_bytes())
        if said["format"] != _FORMAT or said["url"] != remote.url or not folder.is_dir():
            return None
        os.utime(about)  # in use
        return Checkout(remote.url, "", commit, folder, tuple(said["pointers"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def kept_checkout(url: str, revision: str, folder: Path | None = None) -> Checkout | None:
    """The newest checkout that is on this computer, without asking anybody; None: there is none. Reads files.

    Args:
        url: of the repository, as a document has it.
        revision: branch, tag or commit; empty: the default branch.
        folder: where checkouts are kept, as for `Checkouts`.
    """
    base = folder or paths.home() / "cache" / "git"
    try:
        remote = remote_of(url)
        commit = revision if COMMIT.fullmatch(revision) else _remembered(base / remote.key).get(revision, "")
    except RhError:
        return None
    return _find(base, remote, commit) if COMMIT.fullmatch(commit) else None


def _remembered(folder: Path) -> dict[str, str]:
    try:
        said = json.loads((folder / "revisions.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}


def _remember(folder: Path, revision: str, commit: str) -> None:
    """What a branch was when it was last asked for. Of no use to anybody if it cannot be written."""
    known = _remembered(folder)
    if known.get(revision) == commit:
        return
    half = folder / f".revisions.{os.getpid()}"
    with suppress(OSError):
        half.write_text(json.dumps(known | {revision: commit}))
        half.replace(folder / "revisions.json")


def _silent(line: str) -> None:
    pass


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _put(draft: Path, place: Path, about: dict[str, object]) -> None:
    _remove(place)
    draft.rename(place)
    # written last: a checkout without it was not finished
    note = place.with_name(f"{place.name}.json")
    half = note.with_name(f".{note.name}.{os.getpid()}")
    half.write_text(json.dumps(about))
    half.replace(note)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _remove_old(home: Path, but: str) -> None:
    """Checkouts that nobody asked for in a while, and drafts of processes that died."""
    oldest = time.time() - KEPT_DAYS * 86_400
    for note in home.glob("trees/*.json"):
        if note.stem != but and note.stat().st_mtime < oldest:
            note.unlink(missing_ok=True)
            _remove(note.with_suffix(""))
    for draft in home.glob("trees/.*"):
        if draft.is_dir() and draft.stat().st_mtime < time.time() - 86_400:
            _remove(draft)
