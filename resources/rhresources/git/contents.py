"""Files that Git LFS keeps beside a repository: what stands in a commit for them, and their contents."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from rhresources.git.problems import GitProblem, problem_of
from rhresources.git.program import run_git
from rhresources.git.repository import Repository

POINTER_LARGEST = 1024
"""Bytes that a pointer has at most, as git-lfs has it."""

_VERSION = b"version https://git-lfs.github.com/spec/"
_POINTER = re.compile(rb"version [^\n]+\n(?:ext-[^\n]+\n)*oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>\d{1,18})\n?")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a commit holds in place of a file.

    Attributes:
        path: of the file.
        oid: SHA-256 of its content; empty: the pointer is broken.
        size: of its content, as the pointer says.
    """

    path: str
    oid: str = ""
    size: int = 0


def pointer_of(path: str, data: bytes) -> Pointer | None:
    """The pointer that is the content of a small file; None: it is none."""
    if not data.startswith(_VERSION):
        return None
    found = _POINTER.fullmatch(data)
    return Pointer(path, found["oid"].decode(), int(found["size"])) if found else Pointer(path)


async def can_fetch() -> bool:
    """Whether git-lfs is installed, and the person has not switched it off as git itself knows it."""
    if os.environ.get("GIT_LFS_SKIP_SMUDGE", "").lower() in {"1", "true", "yes", "on"}:
        return False
    return (await run_git(["lfs", "version"])).code == 0


async def fetch(repository: Repository, commit: str) -> str:
    """Have the contents of a commit's pointers in `repository`; why some of them are not there, in a few words.

    Raises:
        GitProblem: the server refuses, or cannot be reached.
    """
    try:
        done = await repository.fetch_contents(commit)
    except GitProblem as problem:
        problem.sentence = f"The files of {repository.remote.url} in Git LFS cannot be had: {problem.sentence}"
        problem.args = (problem.sentence,)
        raise
    return problem_of(repository.remote, done).sentence if done.code != 0 else ""
