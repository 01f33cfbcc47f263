"""The files of a commit on disk, written here and not by git: no filter, no hook and no attribute has a say in it."""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rhresources.code.tree import MAXIMUM_BYTES, MAXIMUM_FILES
from rhresources.errors import RhError
from rhresources.git.problems import disk_problem
from rhresources.git.repository import ObjectReader, Repository, TreeEntry

LINK, SUBMODULE = "120000", "160000"

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_LARGEST = 1024
_LINK_LARGEST = 4096
# names that some file system takes for .git
_GIT_NAME = re.compile(r"(?i)\.git[ .]*|git~\d+|\.git:.*|\.git::.*")
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_REFUSED_ON_WINDOWS = re.compile(r'[\\:*?"<>|\x00-\x1f]|[ .]$')


async def write_tree(repository: Repository, entries: Sequence[TreeEntry], folder: Path) -> list[str]:
    """Write files and links into `folder`, which is new; submodules become empty folders.

    Returns:
        paths of the files that are only pointers of Git LFS.

    Raises:
        RhError: a path or a link leads out of the folder, there is too much, or the disk is full.
    """
    _check(repository.remote.url, entries)
    stop = threading.Event()
    writing = asyncio.create_task(asyncio.to_thread(_write_all, repository, entries, folder, stop))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({writing})  # whoever removes the folder must come after it
        raise


def _write_all(repository: Repository, entries: Sequence[TreeEntry], folder: Path, stop: threading.Event) -> list[str]:
    pointers: list[str] = []
    links: list[tuple[str, str]] = []
    try:
        _make_folders(folder, entries)
        with repository.reader() as reader:
            for entry in entries:
                if stop.is_set():
                    break
                if entry.mode == SUBMODULE:
                    continue
                if entry.mode == LINK:
                    links.append((entry.path, os.fsdecode(reader.read(entry.object))))
                elif _write(folder / entry.path, entry, reader):
                    pointers.append(entry.path)
        # last, so that no file is ever written through one
        for path, target in links:
            _check_link(repository.remote.url, path, target)
            os.symlink(target, folder / path)
    except OSError as error:
        raise disk_problem(folder, error) from error
    return pointers


def _check(where: str, entries: Sequence[TreeEntry]) -> None:
    if len(entries) > MAXIMUM_FILES:
        raise RhError(
            f"{where} holds {len(entries)} files; more than {MAXIMUM_FILES} are not sent as code.",
            remedy="Install it from its own package index, or use a smaller repository.",
        )
    total = sum(entry.size for entry in entries)
    if total > MAXIMUM_BYTES:
        raise RhError(
            f"{where} holds {total / 1024**3:.1f} GB; more than {MAXIMUM_BYTES / 1024**3:.0f} GB are not sent as code.",
            remedy="Use a repository without its data.",
        )
    # git takes trees that hold a name twice, as a folder and as a link or a submodule
    ends: set[str] = set()
    for entry in entries:
        if entry.path in ends:
            raise RhError(
                f"{where} holds the path {entry.path!r} twice.",
                remedy="Nothing was written. Tell the owner of the repository.",
            )
        ends.add(entry.path)
    for entry in entries:
        parts = entry.path.split("/")
        if entry.path.startswith("/") or any(_is_bad_name(part) for part in parts):
            raise RhError(
                f"{where} holds the path {entry.path!r}, which could be written outside of the checkout.",
                remedy="Nothing was written. Tell the owner of the repository.",
            )
        if any("/".join(parts[:depth]) in ends for depth in range(1, len(parts))):
            raise RhError(
                f"{where} holds the path {entry.path!r}, which goes through a symbolic link or something else "
                "that is no folder.",
                remedy="Nothing was written. Tell the owner of the repository.",
            )
        if entry.mode == LINK and entry.size > _LINK_LARGEST:
            raise RhError(f"{where} holds the symbolic link {entry.path!r}, whose target is too long.")


def _is_bad_name(name: str) -> bool:
    plain = _IGNORED_BY_HFS.sub("", name)
    bad = name in {"", ".", ".."} or "\0" in name or bool(_GIT_NAME.fullmatch(plain))
    return bad or (os.name == "nt" and bool(_REFUSED_ON_WINDOWS.search(name)))


def _check_link(where: str, path: str, target: str) -> None:
    target = target.replace("\\", "/")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    leads_out = place == ".." or place.startswith(("../", "/"))
    # a ".." after a name goes wherever that name leads, which may be another link
    steps = [step for step in target.split("/") if step not in {"", "."}]
    winds = any(step == ".." and before != ".." for before, step in pairwise(steps))
    if not target or target.startswith("/") or leads_out or winds or "\0" in target:
        raise RhError(
            f"{where} holds the symbolic link {path!r}, which leads out of the repository.",
            remedy="Use a revision without it, or ask the owner of the repository to remove it.",
        )


def _make_folders(folder: Path, entries: Sequence[TreeEntry]) -> None:
    folder.mkdir(parents=True)
    made = {""}
    for entry in entries:
        inside = entry.path if entry.mode == SUBMODULE else posixpath.dirname(entry.path)
        if inside not in made:
            os.makedirs(folder / inside, exist_ok=True)
            made.add(inside)


def _write(path: Path, entry: TreeEntry, reader: ObjectReader) -> bool:
    """Whether it is a pointer of Git LFS."""
    is_pointer = False
    with open(path, "xb", buffering=0) as file:
        if entry.size <= _LFS_LARGEST:
            data = reader.read(entry.object)
            file.write(data)
            is_pointer = data.startswith(_LFS)
        else:
            reader.copy(entry.object, file.write)
    # a checkout is what the commit says: nobody edits it by mistake
    path.chmod(0o555 if entry.mode == "100755" else 0o444)
    return is_pointer
