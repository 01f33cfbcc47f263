"""Checkouts: a repository at a commit as a folder of this computer, made once and kept."""

from __future__ import annotations

import asyncio
import posixpath
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from rhresources import paths
from rhresources.errors import RhError
from rhresources.file_locks import only_one
from rhresources.git import contents
from rhresources.git.address import Remote, remote_of, submodule_of
from rhresources.git.contents import Pointer
from rhresources.git.kept import (
    LOCK,
    Checkout,
    find,
    put,
    remember,
    remembered,
    remove,
    remove_old_checkouts,
    remove_old_repositories,
)
from rhresources.git.logins import Logins
from rhresources.git.problems import GitProblem, disk_problem
from rhresources.git.repository import COMMIT, Repository, TreeEntry
from rhresources.git.versions import PROJECT_FILES, wants_version, write_version
from rhresources.git.writing import SUBMODULE, add_tree, check_amount, write_contents, write_tree
from rhresources.packages import checked_revision

Progress = Callable[[str], None]

_SAME_FOR = 60.0
"""Seconds for which a branch is not asked for again: one click makes several requests."""

_DEEPEST = 8
_DEEPEST_PROJECT = 3


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
        self._incomplete: set[tuple[str, str]] = set()  # Git LFS was asked for them, and need not be again

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
            async with only_one(folder / LOCK):
                commit = await Repository(remote, folder, self._logins, progress).resolve(revision)
                await asyncio.to_thread(remember, folder, revision, commit)
        except GitProblem as problem:
            if problem.code == "unreachable":
                problem.remedy = f"{problem.remedy} {await asyncio.to_thread(_offline_hint, folder)}".strip()
            raise
        except OSError as error:
            raise disk_problem(folder, error) from error
        self._resolved[remote.url, revision] = commit, time.monotonic()
        return commit

    # ------------------------------------------------------------ one checkout

    async def _checkout(
        self, remote: Remote, revision: str, commit: str, progress: Progress | None, above: tuple[str, ...]
    ) -> Checkout:
        found = await self._find(remote, commit)
        if found is None:
            try:
                found = await self._make(remote, revision, commit, progress or _silent, above)
            except OSError as error:
                raise disk_problem(self.folder / remote.key, error) from error
        return replace(found, revision=revision)

    async def _find(self, remote: Remote, commit: str) -> Checkout | None:
        """What is here, unless it lacks contents of Git LFS that can be had by now."""
        found = await asyncio.to_thread(find, self.folder, remote, commit)
        if found is None or not found.pointers or (remote.url, commit) in self._incomplete:
            return found
        return None if await contents.can_fetch() else found

    async def _make(
        self, remote: Remote, revision: str, commit: str, tell: Progress, above: tuple[str, ...]
    ) -> Checkout:
        home = self.folder / remote.key
        repository = Repository(remote, home, self._logins, tell)
        async with only_one(home / LOCK):
            # another process may have made it meanwhile
            if (found := await self._find(remote, commit)) is not None:
                return found
            tell(f"Fetching {remote.url} at {revision or 'its default branch'} ({commit[:7]})")
            await repository.fetch(commit, revision)
            entries = await repository.entries(commit)
            addresses = await repository.submodules(commit)
            named = [one for one in entries if one.mode == SUBMODULE and one.path in addresses]
            if not named:
                return await self._write(repository, commit, entries, {}, tell)
        # nobody waits for others while holding a lock: two repositories may name each other
        files, size = len(entries), sum(entry.size for entry in entries)
        parts: dict[str, Checkout] = {}
        for entry in named:
            child = submodule_of(remote, addresses[entry.path], entry.path)
            part = await self._submodule(child, entry.path, entry.object, tell, (*above, remote.url))
            files, size = files + part.files, size + part.size
            check_amount(f"{remote.url} with its submodules", files, size)
            parts[entry.path] = part
        async with only_one(home / LOCK):
            if (found := await self._find(remote, commit)) is not None:
                return found
            await repository.fetch(commit, revision)
            return await self._write(repository, commit, entries, parts, tell)

    async def _write(
        self,
        repository: Repository,
        commit: str,
        entries: list[TreeEntry],
        parts: Mapping[str, Checkout],
        tell: Progress,
    ) -> Checkout:
        """The checkout out of what was fetched. The lock is held."""
        remote, home = repository.remote, repository.folder
        draft = home / "trees" / f".{uuid.uuid4().hex}"
        files = len(entries) + sum(part.files for part in parts.values())
        size = sum(entry.size for entry in entries) + sum(part.size for part in parts.values())
        try:
            tree = draft / remote.name
            lacking = await write_tree(repository, entries, tree)
            if lacking:
                lacking, more = await self._write_contents(repository, commit, lacking, tree, files, size, tell)
                size += more
            pointers = [pointer.path for pointer in lacking]
            for path, part in parts.items():
                await add_tree(part.folder, tree / path)
                pointers += [f"{path}/{name}" for name in part.pointers]
            await self._write_versions(repository, commit, tree, entries, tell)
            if pointers and await contents.can_fetch():
                self._incomplete.add((remote.url, commit))
            made = Checkout(remote.url, "", commit, tree, tuple(pointers), files, size)
            made = await asyncio.to_thread(put, draft, home / "trees" / commit, made)
        finally:
            await asyncio.to_thread(remove, draft)
        await asyncio.to_thread(remove_old_checkouts, home, commit)
        await asyncio.to_thread(remove_old_repositories, self.folder)
        return made

    async def _write_contents(
        self,
        repository: Repository,
        commit: str,
        pointers: list[Pointer],
        tree: Path,
        files: int,
        size: int,
        tell: Progress,
    ) -> tuple[list[Pointer], int]:
        """Put what Git LFS keeps in place of its pointers; those that are left, and how many bytes came."""
        remote, left = repository.remote, pointers
        why = "their contents are fetched where git-lfs is installed"
        if await contents.can_fetch():
            more = sum(pointer.size for pointer in pointers)
            check_amount(f"{remote.url} with its files in Git LFS", files, size + more)
            tell(f"Fetching {len(pointers)} files of {remote.url} out of Git LFS")
            why = await contents.fetch(repository, commit)
            left = await write_contents(repository.objects, pointers, tree)
        if left:
            shown = ", ".join(pointer.path for pointer in left[:3]) + (" …" if len(left) > 3 else "")
            because = f" ({why.rstrip('.')})" if why else ""
            tell(
                f"{len(left)} files of {remote.url} are kept in Git LFS and are sent as pointers only: {shown}{because}"
            )
        return left, sum(pointer.size for pointer in pointers) - sum(pointer.size for pointer in left)

    async def _submodule(
        self, remote: Remote, path: str, commit: str, tell: Progress, above: tuple[str, ...]
    ) -> Checkout:
        if remote.url in above or len(above) > _DEEPEST:
            raise RhError(
                f"The submodule {path} of {above[-1]} leads back to itself, or too deep.",
                remedy="Ask the owner of the repository to remove it.",
            )
        try:
            return await self._checkout(remote, "", commit, tell, above)
        except GitProblem as problem:
            problem.sentence = f"The submodule {path} of {above[-1]} cannot be had: {problem.sentence}"
            problem.args = (problem.sentence,)
            raise

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
        commit = revision if COMMIT.fullmatch(revision) else remembered(base / remote.key).get(revision, "")
    except RhError:
        return None
    return find(base, remote, commit) if COMMIT.fullmatch(commit) else None


def _offline_hint(folder: Path) -> str:
    kept = sorted(folder.glob("trees/*.json"), key=lambda file: file.stat().st_mtime)
    return f"What was fetched before works without a network: write @{kept[-1].stem}." if kept else ""


def _silent(line: str) -> None:
    pass
