"""The plan of a push: names and paths are checked hard, and the whole manifest is composed from what changed."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from rhresources.code.manifest import (
    FileEntry,
    content_hash,
    is_content_hash,
    manifest_text,
    path_problem,
    tree_problem,
)
from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code.manifests import Entries, Manifests
from rhserver.code.trees import folders_of

_PROJECT = re.compile(r"[\w][\w.+-]{0,199}")


@dataclass(frozen=True, slots=True)
class Changes:
    """What a client said is different from its base."""

    base: str
    changed: list[str]
    removed: list[str]
    text: bytes  # of the whole manifest


def compose(request: pb.PlanPushRequest, manifests: Manifests, *, folds_case: bool) -> tuple[Entries, Changes] | None:
    """The manifest that a plan describes; None if its base is not known or not what the client takes it for."""
    entries: Entries = {}
    if request.base:
        base = manifests.get(request.base)
        if base is None:
            return None
        entries = dict(base)
    gone = [path for path in request.removed if entries.pop(path, None) is not None]
    for file in request.changed:
        if problem := path_problem(file.path):
            raise ServerProblem(f"The path {file.path!r} cannot be used: {problem}.", code="bad-path")
        entry = FileEntry(file.path, file.hash, file.size, file.executable)
        if entry.link_target is None and not is_content_hash(entry.hash):
            raise ServerProblem(f"The file {file.path} has no usable hash.", code="bad-request")
        entries[file.path] = entry
    text = manifest_text(entries)
    if content_hash(text) != request.root:
        if request.base:
            return None
        raise ServerProblem("The list of files does not have the hash it was sent under.", code="bad-request")
    changed = [file.path for file in request.changed]
    if problem := tree_problem(entries, changed if request.base else None):
        raise ServerProblem(problem, code="bad-path")
    if folds_case and (pair := _same_but_for_case(entries)):
        raise ServerProblem(
            f"{pair[0]} and {pair[1]} are one file on this cluster, which ignores case.", code="bad-path"
        )
    removed = [path for path in gone if path not in entries]  # only what the base had: this is not checked as a path
    return entries, Changes(request.base, changed, removed, text)


def checked_names(project: str, root: str) -> tuple[str, str]:
    """Raises ServerProblem where a project or a root hash cannot be one."""
    if not _PROJECT.fullmatch(project):
        raise ServerProblem(f"{project[:60]!r} cannot be the name of a project.", code="bad-request")
    if not is_content_hash(root):
        raise ServerProblem(f"{root[:60]!r} is not the hash of a tree.", code="bad-request")
    return project, root


def _same_but_for_case(entries: Entries) -> tuple[str, str] | None:
    seen: dict[str, str] = {}
    for path in (*entries, *folders_of(entries)):
        other = seen.setdefault(path.casefold(), path)
        if other != path:
            return other, path
    return None


def folds_case(directory: Path) -> bool:
    """Whether the file system takes `A` and `a` for one file."""
    probe = directory / "CaseProbe"
    probe.mkdir()
    try:
        return (directory / "caseprobe").exists()
    finally:
        shutil.rmtree(probe)
