"""What is kept of one repository: a bare copy without history, filled commit by commit."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rhresources.code.tree import MAXIMUM_BYTES
from rhresources.errors import RhError
from rhresources.git.address import Remote
from rhresources.git.logins import Logins
from rhresources.git.problems import GitProblem, disk_problem, problem_of
from rhresources.git.program import Done, Login, OnLine, open_git, run_git

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
LARGEST = 2 * MAXIMUM_BYTES
"""How much a server may send for one commit. What is in it is counted afterwards."""

_PIECE = 1 << 20
_LACKING = frozenset({"git-failed", "no-repository", "no-revision"})
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,63}")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry of a commit's tree: a file, a link or a submodule.

    Attributes:
        mode: "100644", "100755", "120000" or "160000".
        object: of the content; of a submodule, the commit.
        size: in bytes; 0 for a submodule.
        path: as the repository has it, unchecked.
    """

    mode: str
    object: str
    size: int
    path: str


class Repository:
    """The copy of `remote` in `folder`. Whoever changes it holds its lock.

    Args:
        remote: the repository.
        folder: of everything that is kept of it.
        logins: for servers that want one.
        on_line: gets its progress.
    """

    def __init__(self, remote: Remote, folder: Path, logins: Logins, on_line: OnLine | None = None) -> None:
        self.remote, self.folder = remote, folder
        self._logins, self._on_line = logins, on_line

    # ------------------------------------------------------------ what the server has

    async def resolve(self, revision: str) -> str:
        """The commit that a branch, tag or commit stands for now; empty: the default branch. Asks the server.

        Raises:
            GitProblem: there is no such revision, or the server cannot be asked.
        """
        if COMMIT.fullmatch(revision):
            return revision
        wanted = [f"refs/tags/{revision}", f"refs/heads/{revision}", revision] if revision else ["HEAD"]
        patterns = [*wanted, f"{wanted[0]}^{{}}"]
        done = await self._ask(["ls-remote", "--", self.remote.url, *patterns])
        found: dict[str, str] = {}
        for line in done.output.decode("utf-8", "replace").splitlines():
            commit, _, name = line.partition("\t")
            if COMMIT.fullmatch(commit):
                found[name] = commit
        # a tag goes before a branch, as everywhere in git; of an annotated tag, what it points to
        for name in (f"{wanted[0]}^{{}}", *wanted):
            if name in found:
                return found[name]
        if not revision:
            # git takes any page for a repository of the old kind, without commits
            is_page = self.remote.scheme in {"http", "https"}
            raise GitProblem(
                f"{self.remote.url} has no commit yet{', or is not a git repository' if is_page else ''}.",
                code="no-revision",
                remedy="Check the address; into an empty repository, push a commit." if is_page else "Commit to it.",
            )
        if _SHORT_COMMIT.fullmatch(revision):
            return await self._commit_of_short(revision)
        raise self._no_revision(revision)

    async def _commit_of_short(self, revision: str) -> str:
        # only whoever has all commits knows which one a short name means
        folder = self.folder / "history.git"
        await self._with_history(folder, "HEAD")
        done = await run_git(["rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"], repository=folder)
        commit = done.output.decode().strip()
        if done.code != 0 or not COMMIT.fullmatch(commit):
            raise self._no_revision(revision)
        return commit

    def _no_revision(self, revision: str) -> GitProblem:
        return GitProblem(
            f"{self.remote.url} has no revision {revision!r}.",
            code="no-revision",
            remedy="Check the branch, tag or commit.",
        )

    async def describe(self, commit: str) -> str:
        """What `git describe --tags` says of a commit; empty: there is no tag before it. Fetches the history.

        Raises:
            GitProblem: the history cannot be fetched.
        """
        folder = self.folder / "history.git"
        await self._with_history(folder, commit)
        done = await run_git(["describe", "--tags", "--abbrev=12", commit], repository=folder)
        return done.output.decode("utf-8", "replace").strip() if done.code == 0 else ""

    async def _with_history(self, folder: Path, commit: str) -> None:
        """Commits and tags in `folder`, without the files where the server can leave them out."""
        await self._make(folder, len(commit) == 64)
        await self._here(["config", "remote.origin.url", self.remote.url], folder)
        refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        if COMMIT.fullmatch(commit):
            refs.append(commit)
        await self._ask(
            [
                "fetch",
                "--no-write-fetch-head",
                "--progress",
                "--no-auto-maintenance",
                "--filter=tree:0",
                "origin",
                *refs,
            ],
            folder,
        )

    # ------------------------------------------------------------ what is here

    @property
    def objects(self) -> Path:
        """The bare repository with the files."""
        return self.folder / "repository.git"

    async def has(self, commit: str) -> bool:
        """Whether all of a commit is here."""
        if not (self.objects / "HEAD").exists():
            return False
        done = await run_git(
            ["rev-list", "--objects", "--no-walk", "--quiet", "--end-of-options", commit], repository=self.objects
        )
        return done.code == 0

    async def fetch(self, commit: str, revision: str = "") -> None:
        """Have all of a commit here; only what is missing is fetched.

        Args:
            commit: the whole name.
            revision: what it was asked for as, for servers that give out only what has a name.

        Raises:
            GitProblem: the server has no such commit, or cannot be asked.
        """
        await self._make(self.objects, len(commit) == 64)
        if await self.has(commit):
            return
        fetch = ["fetch", "--no-write-fetch-head", "--progress", "--no-auto-maintenance", "--no-tags"]
        try:
            # under a name, so that the next fetch says what is here and gets only what changed
            name = f"+{commit}:refs/fetched/commits/{commit}"
            await self._ask([*fetch, "--depth=1", "--", self.remote.url, name], self.objects)
        except GitProblem as problem:
            if problem.code != "no-revision" and "shallow" not in problem.detail:
                raise
            # an old or careful server: everything that has a name, and hope that the commit is among it
            refs = ["+refs/heads/*:refs/fetched/heads/*", "+refs/tags/*:refs/fetched/tags/*"]
            await self._ask([*fetch, "--", self.remote.url, *refs], self.objects)
        if not await self.has(commit):
            raise self._no_revision(revision or commit)

    async def entries(self, commit: str) -> list[TreeEntry]:
        """Everything in the tree of a commit."""
        done = await self._here(["ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", commit], self.objects)
        found = []
        for line in done.output.decode("utf-8", "surrogateescape").split("\0"):
            about, _, path = line.partition("\t")
            if path:
                mode, _, name, size = about.split()
                found.append(TreeEntry(mode, name, 0 if size == "-" else int(size), path))
        return found

    async def submodules(self, commit: str) -> dict[str, str]:
        """{path: address} of .gitmodules at a commit; empty where there is none or it cannot be read."""
        done = await run_git(
            ["config", "-z", "--blob", f"{commit}:.gitmodules", "--get-regexp", r"^submodule\..*\.(path|url)$"],
            repository=self.objects,
        )
        said: dict[str, dict[str, str]] = {}
        for item in done.output.decode("utf-8", "replace").split("\0"):
            key, _, value = item.partition("\n")
            name, _, what = key.rpartition(".")
            if name:
                said.setdefault(name, {})[what] = value
        return {each["path"]: each["url"] for each in said.values() if "path" in each and "url" in each}

    async def fetch_contents(self, commit: str) -> Done:
        """Have what Git LFS keeps of a commit in `objects`, as far as the server has it; what git-lfs said.

        Raises:
            GitProblem: the server refuses, or cannot be reached.
        """
        # HEAD of this copy leads nowhere, so that no .lfsconfig is read: only the person says where else files are
        settings = {"remote.origin.url": self.remote.url, "lfs.storage": "lfs"}
        return await self._ask(["lfs", "fetch", "origin", commit], self.objects, settings, may_lack=True)

    @contextmanager
    def reader(self) -> Iterator[ObjectReader]:
        """Reads contents, one after another, in a thread."""
        with open_git(["cat-file", "--batch"], self.objects) as process:
            yield ObjectReader(process)

    # ------------------------------------------------------------ inside

    async def _make(self, folder: Path, sha256: bool) -> None:
        if (folder / "HEAD").exists():
            # what a fetch that was interrupted left
            await asyncio.to_thread(_clean, folder)
            return
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise disk_problem(folder.parent, error) from error
        kind = ["--object-format=sha256"] if sha256 else []
        done = await run_git(["init", "--quiet", "--bare", "--template=", *kind, "--", str(folder)])
        if done.code != 0:
            raise problem_of(self.remote, done)

    async def _ask(
        self,
        arguments: list[str],
        repository: Path | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        may_lack: bool = False,
    ) -> Done:
        """git that talks to the server; with `may_lack` it need not have everything."""

        async def attempt(login: Login | None) -> Done:
            done = await run_git(
                arguments, remote=self.remote, login=login, repository=repository, on_line=self._on_line,
                most=LARGEST, settings=settings,
            )  # fmt: skip
            if done.was_too_large and repository is not None:
                await asyncio.to_thread(shutil.rmtree, repository, ignore_errors=True)
            if done.code != 0:
                problem = problem_of(self.remote, done)
                if not may_lack or problem.code not in _LACKING:
                    raise problem
            return done

        return await self._logins.attempt(self.remote, attempt)

    async def _here(self, arguments: list[str], repository: Path) -> Done:
        """git that works on what is here."""
        done = await run_git(arguments, repository=repository)
        if done.code != 0:
            raise RhError(
                f"What is kept of {self.remote.url} cannot be read.",
                remedy=f"Delete {self.folder} and try again.",
                detail=done.messages,
            )
        return done


class ObjectReader:
    """`git cat-file --batch`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._ask, self._answer = process.stdin, process.stdout

    def copy(self, name: str, write: Callable[[bytes], object]) -> None:
        """Hand the content of one object to `write`, in pieces.

        Raises:
            RhError: it is not there.
        """
        try:
            self._ask.write(f"{name}\n".encode())
            self._ask.flush()
        except BrokenPipeError:
            raise _ended() from None
        head = self._answer.readline().split()
        if len(head) != 3:
            raise RhError(f"The object {name} is missing in a git cache.", remedy="Delete the cache and try again.")
        left = int(head[2])
        while left:
            piece = self._answer.read(min(left, _PIECE))
            if not piece:
                raise _ended()
            write(piece)
            left -= len(piece)
        self._answer.read(1)

    def read(self, name: str) -> bytes:
        """The content of one small object.

        Raises:
            RhError: it is not there.
        """
        pieces: list[bytes] = []
        self.copy(name, pieces.append)
        return b"".join(pieces)


def _ended() -> RhError:
    return RhError("git ended while its objects were read.", remedy="Try again.")


def _clean(folder: Path) -> None:
    for pattern in ("objects/pack/tmp_*", "*.lock", "refs/**/*.lock", "lfs/tmp/*"):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)
