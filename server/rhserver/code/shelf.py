"""The trees that stand on disk: `PROJECT/ROOT` with `ROOT.ready` beside it, which is written last."""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from rhserver.code import trees
from rhserver.code.manifests import Manifests


@dataclass(eq=False, slots=True)
class Tree:
    """One tree that is whole. `users` says how many times it is lent now."""

    project: str
    root: str
    directory: str
    users: int = 0
    lendings: int = 0  # how often it was lent; a tree that never was needs no survey
    survey: Future[trees.Survey] | None = None

    @property
    def marker(self) -> str:
        return f"{self.directory}.ready"

    def touch(self) -> None:
        """Used now. The access time of the marker says so; its modification time is when the tree was made."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.marker, ns=(time.time_ns(), self.made_at))

    @property
    def made_at(self) -> int:
        return os.stat(self.marker).st_mtime_ns

    @property
    def used(self) -> float:
        return os.stat(self.marker).st_atime


def find_trees(directory: Path, work: Path, manifests: Manifests) -> dict[tuple[str, str], Tree]:
    """What an earlier server left; half-made trees are removed. Trees may have been lent, so they count as that."""
    for leftover in work.iterdir():
        trees.remove_tree(leftover)
    found = {}
    known = set(manifests.roots())
    for project in directory.iterdir():
        names = {path.name for path in project.iterdir()}
        for name in names:
            if name.endswith(".ready"):
                if name.removesuffix(".ready") not in names:
                    (project / name).unlink()
            elif f"{name}.ready" in names and name in known:
                found[project.name, name] = Tree(project.name, name, str(project / name), lendings=1)
            else:
                (project / f"{name}.ready").unlink(missing_ok=True)
                trees.remove_tree(project / name)
    return found
