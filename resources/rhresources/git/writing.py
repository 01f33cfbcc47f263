"""The files of a commit on disk, written here and not by git: no filter, no hook and no attribute has a say in it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import posixpath
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from rhresources.code.tree import MAXIMUM_BYTES, MAXIMUM_FILES
from rhresources.errors import RhError
from rhresources.git.contents import POINTER_LARGEST, Pointer, pointer_of
from rhresources.git.problems import disk_problem
from rhresources.git.repository import ObjectReader, Repository, TreeEntry

LINK, SUBMODULE = "120000", "160000"

T = TypeVar("T")

_LINK_LARGEST = 4096
_DEEPEST_FOLDER = 100
_PIECE = 1 << 20
# names that some file system takes for .git
_GIT_NAME = re.compile(r"(?i)\.git[ .]*|git~\d+|\.git:.*|\.git::.*")
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_REFUSED_ON_WINDOWS = re.compile(r'[\\:*?"<>|\x00-\x1f]|[ .]$')


async def write_tree(repository: Repository, entries: Sequence[TreeEntry], folder: Path) -> list[Pointer]:
    """Write files and links into `folder`, which is new; submodules become empty folders.

    Returns:
        the files that are only pointers of Git LFS.

    Raises:
        RhError: a path or a link leads out of the folder, there is too much, or the disk is full.
    """
    return await _until_stopped(lambda stop: _write_all(repository, entries, folder, stop))


async def write_contents(objects: Path, pointers: Sequence[Pointer], tree: Path) -> list[Pointer]:
    """Put the contents that Git LFS has in `objects` where their pointers are; the pointers that are left.

    Raises:
        OSError: a file cannot be written.
        RhError: a content is not the one that is named.
    """
    return await _until_stopped(lambda stop: _write_contents(objects, pointers, tree, stop))


async def add_tree(source: Path, target: Path) -> None:
    """Put the files of a checkout into another one's; nobody changes either, so they share the disk.

    Raises:
        OSError: a file cannot be written.
    """
    await _until_stopped(lambda stop: _add_all(source, target, stop))


async def _until_stopped(work: Callable[[threading.Event], T]) -> T:
    """`work` in a thread, which is told when nobody waits for it any more."""
    stop = threading.Event()
    working = asyncio.create_task(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({working})  # whoever removes the folder must come after it
        working.exception()
        raise


class _Stopped(Exception):
    """Nobody waits for the files any more."""


def _going_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise _Stopped


def _write_all(
    repository: Repository, entries: Sequence[TreeEntry], folder: Path, stop: threading.Event
) -> list[Pointer]:
    _check(repository.remote.url, entries)
    pointers: list[Pointer] = []
    links: list[tuple[str, str]] = []
    try:
        _make_folders(folder, entries, stop)
        with repository.reader() as reader:
            for entry in entries:
                _going_on(stop)
                if entry.mode == SUBMODULE:
                    continue
                if entry.mode == LINK:
                    links.append((entry.path, os.fsdecode(reader.read(entry.object))))
                elif pointer := _write(folder / entry.path, entry, reader, stop):
                    pointers.append(pointer)
        # last, so that no file is ever written through one
        for path, target in links:
            _check_link(repository.remote.url, path, target)
            os.symlink(target, folder / path)
    except OSError as error:
        raise disk_problem(folder, error) from error
    return pointers


def _write_contents(objects: Path, pointers: Sequence[Pointer], tree: Path, stop: threading.Event) -> list[Pointer]:
    left = []
    for pointer in pointers:
        _going_on(stop)
        content = objects / "lfs" / "objects" / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid
        if not pointer.oid or not content.is_file():
            left.append(pointer)
            continue
        if not _is_right(content, pointer, stop):
            content.unlink()
            raise RhError(f"What Git LFS keeps as {pointer.path} is not what its pointer names.", remedy="Try again.")
        path = tree / pointer.path
        mode = path.stat().st_mode & 0o777
        path.unlink()
        about = content.stat()
        if about.st_mode & 0o777 == mode or (about.st_nlink == 1 and not mode & 0o111):
            _share(content, path)
        else:  # of a repository of this computer git-lfs may have linked the person's own file
            shutil.copyfile(content, path)
        path.chmod(mode)
    return left


def _is_right(content: Path, pointer: Pointer, stop: threading.Event) -> bool:
    if content.stat().st_size != pointer.size:
        return False
    digest = hashlib.sha256()
    with content.open("rb") as stream:
        while piece := stream.read(_PIECE):
            _going_on(stop)
            digest.update(piece)
    return digest.hexdigest() == pointer.oid


def _add_all(source: Path, target: Path, stop: threading.Event) -> None:
    for where, folders, names in os.walk(source):
        place = target / Path(where).relative_to(source)
        place.mkdir(exist_ok=True)
        for name in (*folders, *names):
            _going_on(stop)
            file = Path(where, name)
            if file.is_symlink():
                os.symlink(os.readlink(file), place / name)
            elif name in names:
                _share(file, place / name)


def _share(file: Path, path: Path) -> None:
    """The same file under another name; a copy where the disk has no such thing."""
    try:
        os.link(file, path)
    except OSError:
        shutil.copy2(file, path)


def check_amount(where: str, files: int, size: int) -> None:
    """Raises:
    RhError: so many files, or so many bytes, are not sent as code.
    """
    if files > MAXIMUM_FILES:
        raise RhError(
            f"{where} holds {files} files; more than {MAXIMUM_FILES} are not sent as code.",
            remedy="Install it from its own package index, or use a smaller repository.",
        )
    if size > MAXIMUM_BYTES:
        raise RhError(
            f"{where} holds {size / 1024**3:.1f} GB; more than {MAXIMUM_BYTES / 1024**3:.0f} GB are not sent as code.",
            remedy="Use a repository without its data.",
        )


def _check(where: str, entries: Sequence[TreeEntry]) -> None:
    check_amount(where, len(entries), sum(entry.size for entry in entries))
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
        if len(parts) > _DEEPEST_FOLDER:
            raise RhError(
                f"{where} holds folders in folders, more than {_DEEPEST_FOLDER} deep.",
                remedy="Nothing was written. Use another repository.",
            )
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


def _make_folders(folder: Path, entries: Sequence[TreeEntry], stop: threading.Event) -> None:
    folder.mkdir(parents=True)
    made = {""}
    for entry in entries:
        _going_on(stop)
        inside = entry.path if entry.mode == SUBMODULE else posixpath.dirname(entry.path)
        if inside not in made:
            os.makedirs(folder / inside, exist_ok=True)
            made.add(inside)


def _write(path: Path, entry: TreeEntry, reader: ObjectReader, stop: threading.Event) -> Pointer | None:
    """What it is a pointer to, if it is one of Git LFS."""
    pointer = None
    with open(path, "xb", buffering=0) as file:
        if entry.size < POINTER_LARGEST:
            data = reader.read(entry.object)
            _write_whole(file, data)
            pointer = pointer_of(entry.path, data)
        else:

            def write(piece: bytes) -> None:
                _going_on(stop)
                _write_whole(file, piece)

            reader.copy(entry.object, write)
    # a checkout is what the commit says: nobody edits it by mistake
    path.chmod(0o555 if entry.mode == "100755" else 0o444)
    return pointer


def _write_whole(file: FileIO, piece: bytes) -> None:
    left = memoryview(piece)
    while left:  # a disk that is nearly full takes only a part
        left = left[file.write(left) :]
