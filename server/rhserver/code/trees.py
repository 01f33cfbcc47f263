"""Trees of files on disk: made from contents, moved on from one manifest to the next, and looked over after use.

Nothing here follows a symbolic link that user code may have left in a tree.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rhresources.code.manifest import FileEntry

CACHES = frozenset({"__pycache__"})
"""Directories of user code that only speed things up: kept where a tree moves on, never set aside."""

_SMALL = 1 << 20

Contents = Callable[[str], str]
"""Where the content of a hash lies."""


@dataclass(slots=True)
class Survey:
    """How a tree differs from its manifest after user code ran in it."""

    touched: set[str] = field(default_factory=set)  # files of the manifest that are changed or gone
    extras: list[str] = field(default_factory=list)  # what is there besides, each as its topmost path


def build(directory: str, entries: Mapping[str, FileEntry], contents: Contents) -> None:
    """Fill the new `directory` with all files of a manifest.

    Raises:
        OSError: a content is missing, or the disk is full; the directory is then to be removed.
    """
    os.makedirs(directory, mode=0o700)
    for folder in sorted(folders_of(entries)):
        os.mkdir(f"{directory}/{folder}", 0o700)
    for path, entry in entries.items():
        target = entry.link_target
        if target is not None:
            os.symlink(target, f"{directory}/{path}")
        else:
            copy(contents(entry.hash), f"{directory}/{path}", executable=entry.executable)


def stage(directory: str, entries: Iterable[FileEntry], contents: Contents) -> dict[str, str]:
    """Copies of files in the new `directory`, to be put in place by `apply`; path in the tree to path of the copy.

    All that can fail for want of space happens here, before the tree is touched.
    """
    os.makedirs(directory, mode=0o700)
    staged = {}
    for number, entry in enumerate(entries):
        copied = f"{directory}/{number}"
        target = entry.link_target
        if target is not None:
            os.symlink(target, copied)
        else:
            copy(contents(entry.hash), copied, executable=entry.executable)
        staged[entry.path] = copied
    return staged


def apply(directory: str, staged: Mapping[str, str], removed: Iterable[str]) -> None:
    """Remove files of a tree, then move staged ones in. Byte code of what changed goes too: two versions of a module
    that are made within one second and have one size would be mistaken for each other."""
    emptied = set()
    for path in removed:
        _drop_byte_code(directory, path)
        if _parent_is_real(directory, path):
            with contextlib.suppress(FileNotFoundError):
                _remove(f"{directory}/{path}")
            emptied.add(os.path.dirname(path))
    for folder in sorted(emptied, key=len, reverse=True):
        _prune(directory, folder)
    for path, copied in staged.items():
        _drop_byte_code(directory, path)
        target = f"{directory}/{path}"
        if not _parent_is_real(directory, path):
            _make_parents(directory, path)
        try:
            os.rename(copied, target)
        except IsADirectoryError:
            shutil.rmtree(target)
            os.rename(copied, target)


def survey(directory: str, entries: Mapping[str, FileEntry], made_at: int) -> Survey:
    """Compare a tree with its manifest. `made_at`: when it was finished, in nanoseconds; a file whose inode changed
    after that was touched by somebody else, and no program can set that time back."""
    found = Survey()
    folders = folders_of(entries)
    seen: set[str] = set()

    def walk(folder: str) -> None:
        with os.scandir(f"{directory}/{folder}" if folder else directory) as children:
            for child in children:
                path = f"{folder}/{child.name}" if folder else child.name
                entry = entries.get(path)
                if entry is not None:
                    seen.add(path)
                    if not _as_made(child, entry, made_at):
                        found.touched.add(path)
                elif child.is_dir(follow_symlinks=False):
                    if path in folders:
                        walk(path)
                    elif child.name not in CACHES:
                        found.extras.append(path)
                else:
                    found.extras.append(path)

    walk("")
    found.touched.update(path for path in entries if path not in seen)
    return found


def set_aside(directory: str, extras: Iterable[str], keep: Path) -> None:
    """Move what user code wrote beside its files to `keep`, which is made if there is anything."""
    for path in extras:
        target = keep / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{directory}/{path}", target)


def folders_of(paths: Iterable[str]) -> set[str]:
    """Every folder that has a file of the manifest somewhere under it, without the root."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def copy(source: str, target: str, *, executable: bool) -> None:
    """A private copy of one content; `target` must not exist. Shares blocks where the file system can."""
    reading = os.open(source, os.O_RDONLY)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o700 if executable else 0o600)
        try:
            size = os.fstat(reading).st_size
            if size <= _SMALL:
                data = memoryview(os.read(reading, size))
                while data:
                    data = data[os.write(writing, data) :]
            else:
                _copy_range(reading, writing, size)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def remove_tree(directory: str | os.PathLike[str]) -> None:
    """Remove a tree, also where user code took away its own permissions."""

    def unlock(function: Callable[[str], object], path: str, _error: object) -> None:
        if not os.path.lexists(path):
            return
        for locked in (os.path.dirname(path), path):
            if not os.path.islink(locked):
                os.chmod(locked, 0o700)
        if function in (os.rmdir, os.unlink):
            function(path)
        else:
            shutil.rmtree(path, ignore_errors=True)

    shutil.rmtree(directory, onerror=unlock)


def _copy_range(reading: int, writing: int, size: int) -> None:
    copied = 0
    try:
        while copied < size:
            step = os.copy_file_range(reading, writing, min(size - copied, 1 << 30), copied, copied)
            if step == 0:
                break
            copied += step
    except (OSError, AttributeError):
        if copied:
            raise
    os.lseek(reading, copied, os.SEEK_SET)
    os.lseek(writing, copied, os.SEEK_SET)
    while data := os.read(reading, _SMALL):
        view = memoryview(data)
        while view:
            view = view[os.write(writing, view) :]


def _as_made(child: os.DirEntry[str], entry: FileEntry, made_at: int) -> bool:
    target = entry.link_target
    if target is not None:
        return child.is_symlink() and os.readlink(child.path) == target
    found = child.stat(follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_ctime_ns <= made_at


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(path)


def _parent_is_real(directory: str, path: str) -> bool:
    """Whether every folder on the way to `path` is there and is no link."""
    place = directory
    for part in path.split("/")[:-1]:
        place = f"{place}/{part}"
        try:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                return False
        except FileNotFoundError:
            return False
    return True


def _make_parents(directory: str, path: str) -> None:
    place = directory
    for part in path.split("/")[:-1]:
        place = f"{place}/{part}"
        try:
            if stat.S_ISDIR(os.lstat(place).st_mode):
                continue
            os.unlink(place)
        except FileNotFoundError:
            pass
        os.mkdir(place, 0o700)


def _prune(directory: str, folder: str) -> None:
    """Remove `folder` and those above it as long as nothing but caches is in them."""
    while folder:
        place = f"{directory}/{folder}"
        try:
            left = os.listdir(place)
        except (FileNotFoundError, NotADirectoryError):
            left = []
        if any(name not in CACHES for name in left):
            return
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        folder = folder.rpartition("/")[0]


def _drop_byte_code(directory: str, path: str) -> None:
    if not path.endswith(".py"):
        return
    folder, _, name = f"{directory}/{path}".rpartition("/")
    prefix = name[:-2]  # with the dot
    try:
        cached = os.listdir(f"{folder}/__pycache__")
    except (FileNotFoundError, NotADirectoryError):
        return
    for item in cached:
        if item.startswith(prefix):
            with contextlib.suppress(OSError):
                os.unlink(f"{folder}/__pycache__/{item}")
