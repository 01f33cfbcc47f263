"""Which files of a tree changed since it was last asked, told by inotify: exact, and in microseconds.

The kernel queues an event inside the call that changes a file, so after a save the next `changes` knows of it. Two
kinds of change it cannot tell: through a memory map, and by another host on a network file system.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rhresources.code.listing import SKIPPED_DIRECTORIES, ignored

_RULES = frozenset({".gitignore", ".gitmodules", ".gitattributes"})


class Watcher:
    """Watches the folders of a tree; `cover` says which. Made with `start`."""

    def __init__(self, root: Path, notify: Any) -> None:
        self._root = os.fspath(root)
        self._notify = notify
        self._by_descriptor: dict[int, str] = {}
        self._by_folder: dict[str, int] = {}
        self._git_descriptors: set[int] = set()
        self._all = True

    @classmethod
    def start(cls, root: Path) -> Watcher | None:
        """A watcher that covers nothing yet; None where the system has no inotify, or none to spare."""
        if not sys.platform.startswith("linux"):
            return None
        try:
            from inotify_simple import INotify

            return cls(root, INotify(nonblocking=True))
        except (ImportError, OSError):
            return None

    def changed(self) -> bool:
        """Whether anything changed since the last `changes`; costs a microsecond and forgets nothing."""
        from fcntl import ioctl
        from termios import FIONREAD

        waiting = bytearray(4)
        return self._all or (ioctl(self._notify.fileno(), FIONREAD, waiting) == 0 and any(waiting))

    def changes(self) -> set[str] | None:
        """Files that changed since the last time, relative to the root; None: anything may have."""
        from inotify_simple import flags

        everything, self._all = self._all, False
        names: set[str] = set()
        for event in self._notify.read(timeout=0):
            mask, name = event.mask, event.name
            if mask & flags.Q_OVERFLOW:
                everything = True
            elif event.wd in self._git_descriptors:
                everything = everything or name in ("index", "exclude", "HEAD")
            elif event.wd not in self._by_descriptor:
                continue
            elif mask & flags.IGNORED:
                self._by_folder.pop(self._by_descriptor.pop(event.wd), None)
                everything = True
            elif mask & (flags.ISDIR | flags.DELETE_SELF | flags.MOVE_SELF) or name in _RULES:
                everything = everything or name not in SKIPPED_DIRECTORIES
                if mask & (flags.MOVED_FROM | flags.MOVE_SELF):
                    self._forget_moved(event.wd, name)
            else:
                folder = self._by_descriptor[event.wd]
                names.add(f"{folder}/{name}" if folder else name)
        return None if everything else names

    def cover(self, names: list[str], by_git: bool) -> bool:
        """Watch the folders of `names` and the empty ones beside them; whether any of them was new.

        Raises:
            OSError: the system has no watches left.
        """
        folders = {""}
        for name in names:
            folder = name.rpartition("/")[0] if not name.endswith("/") else name.rstrip("/")
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        if by_git and not self._git_descriptors:
            self._watch_git()
        missing = [folder for folder in folders if folder not in self._by_folder]
        missing += self._unlisted_folders(folders, by_git)
        return any([self._watch(folder) for folder in missing])

    def close(self) -> None:
        """Give the watches back."""
        self._notify.close()

    def _watch(self, folder: str) -> bool:
        from inotify_simple import flags

        mask = (
            (flags.CREATE | flags.MODIFY | flags.ATTRIB | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO)
            | flags.DELETE_SELF
            | flags.MOVE_SELF
            | flags.ONLYDIR
            | flags.EXCL_UNLINK
        )
        try:
            descriptor = self._notify.add_watch(os.path.join(self._root, folder), mask)
        except (FileNotFoundError, NotADirectoryError):
            return False  # git lists deleted files too
        self._by_descriptor[descriptor] = folder
        self._by_folder[folder] = descriptor
        return True

    def _watch_git(self) -> None:
        from inotify_simple import flags

        for folder in (".git", ".git/info"):
            try:
                descriptor = self._notify.add_watch(
                    os.path.join(self._root, folder), flags.MOVED_TO | flags.CLOSE_WRITE | flags.ONLYDIR
                )
            except (FileNotFoundError, NotADirectoryError):
                continue  # a work tree whose repository is elsewhere, or a folder inside of one
            self._git_descriptors.add(descriptor)

    def _unlisted_folders(self, folders: set[str], by_git: bool) -> list[str]:
        """Folders without a listed file that may get one: neither ignored nor of a kind that never holds source."""
        found: list[str] = []
        level = [folder for folder in folders]
        while level:
            beside = []
            for folder in level:
                try:
                    with os.scandir(os.path.join(self._root, folder)) as entries:
                        for entry in entries:
                            if entry.name in SKIPPED_DIRECTORIES or not entry.is_dir(follow_symlinks=False):
                                continue
                            path = f"{folder}/{entry.name}" if folder else entry.name
                            if path not in folders and path not in self._by_folder:
                                beside.append(path)
                except OSError:
                    continue
            if by_git and beside:
                beside = sorted(set(beside) - (ignored(Path(self._root), beside) or set()))
            found += beside
            level = beside
        return found

    def _forget_moved(self, descriptor: int, name: str) -> None:
        """A folder that moved away keeps its watches under names that are wrong now."""
        parent = self._by_descriptor.get(descriptor, "")
        moved = f"{parent}/{name}" if parent and name else name or parent
        for folder in [one for one in self._by_folder if one == moved or one.startswith(moved + "/")]:
            try:
                self._notify.rm_watch(self._by_folder[folder])
            except OSError:
                pass
            self._by_descriptor.pop(self._by_folder.pop(folder), None)
