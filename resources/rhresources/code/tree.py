"""A tree of code on this machine: what is in it now, by content hash, without reading again what did not change.

`refresh` brings the entries up to date. With a watcher it costs microseconds when nothing changed and looks only at
the files that did; without one it asks git for the list and compares sizes and times with what it remembers.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import socket
import stat
import threading
import time
import uuid
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources import paths
from rhresources.code.listing import ignored, is_generated, is_too_wide, list_files, list_nested
from rhresources.code.manifest import LINK_PREFIX, FileEntry, content_hash, file_hash, root_hash
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.code.watcher import Watcher

MAXIMUM_FILES = 20_000
MAXIMUM_BYTES = 2 * 1024**3
_TICK = 20_000_000  # nanoseconds; a write within this time of the last look may not show in the times of the file

Stamp = tuple[int, int, int, int]
"""Size, modification time, change time (nanoseconds) and inode: equal stamps, equal content."""

Manifest = dict[str, FileEntry]


class CodeTree:
    """The files under `root`. Thread-safe.

    Args:
        root: the folder.
        only: just these files of it, relative to `root`; for a script that lives in a folder that is no project.
    """

    def __init__(self, root: Path | str, only: Iterable[str] | None = None) -> None:
        self.root = Path(root).absolute()
        self.only = None if only is None else sorted(only)
        if self.only is None:
            _refuse_too_wide(self.root)
        self.project = project_id(self.root, self.only)
        self.lock = threading.RLock()
        self.entries: Manifest = {}
        self.root_hash = ""
        self.pushed: tuple[str, Manifest] | None = None
        self.left_out: list[str] = []
        self.watcher: Watcher | None = None
        self.save_is_due = False
        self._stamps: dict[str, Stamp] = {}
        self._by_git = False
        self._ignored: set[str] = set()
        self._scanned = False
        self._load()

    def refresh(self) -> bool:
        """Look at the files; whether anything differs from the last look.

        Raises:
            RhError: the folder is gone, a file cannot be read, or there is too much in it.
        """
        with self.lock:
            changes = self.watcher.changes() if self.watcher is not None and self._scanned else None
            if changes is not None and not changes:
                return False
            before = self.root_hash
            if changes is None or not self._apply(changes):
                self._scan()
            return self.root_hash != before

    def is_settled(self) -> bool:
        """Whether it is known, in microseconds, that nothing changed since the last `refresh`."""
        if self.only is not None:
            return self._scanned and all(self._is_unchanged(name) for name in self.only)
        return self._scanned and self.watcher is not None and not self.watcher.changed()

    def _is_unchanged(self, name: str) -> bool:
        try:
            status = os.lstat(self.root / name)
        except OSError:
            return False
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return self._stamps.get(name) == stamp

    def watch(self) -> bool:
        """Let the operating system tell what changes, from the next `refresh` on; whether it can."""
        from rhresources.code.watcher import Watcher

        with self.lock:
            if self.watcher is None and self.only is None:
                self.watcher = Watcher.start(self.root)
                self._scanned = False
            return self.watcher is not None

    def close(self) -> None:
        """End the watching."""
        with self.lock:
            if self.save_is_due:
                self.save()
            if self.watcher is not None:
                self.watcher.close()
                self.watcher = None

    # ------------------------------------------------------------ looking

    def _scan(self) -> None:
        if self.watcher is None:
            self._take(*self._list())
        else:
            # a folder must be watched before it is listed, or a file made in between is never seen
            self._ignored.clear()
            self.watcher.changes()
            while True:
                names, by_git = self._list()
                try:
                    if not self.watcher.cover(names, by_git):
                        break
                except OSError:  # no watches left on this system: look at every file, every time
                    self.close()
                    break
            self._take(names, by_git)
        self._scanned = True

    def _list(self) -> tuple[list[str], bool]:
        return (self.only, False) if self.only is not None else list_files(self.root)

    def _take(self, names: list[str], by_git: bool) -> None:
        base, now = os.fspath(self.root) + os.sep, time.time_ns()
        entries: Manifest = {}
        stamps: dict[str, Stamp] = {}
        pending: list[str] = list(names)
        files: dict[str, os.stat_result] = {}
        self.left_out = []
        for name in pending:
            try:
                status = os.lstat(base + name)
            except FileNotFoundError:
                continue  # tracked by git and deleted
            except OSError as error:
                raise _unreadable(self.root, name, error) from error
            if stat.S_ISDIR(status.st_mode):
                if by_git:
                    pending.extend(list_nested(self.root, name))
                continue
            files[name] = status
        # before anything is read, which may take long
        _refuse_too_much(
            self.root, {name: status.st_size for name, status in files.items() if stat.S_ISREG(status.st_mode)}
        )
        for name, status in files.items():
            self._put(entries, self._entry(base, name, status, now, stamps), name)
        _refuse_bad_names(self.root, entries)
        self.entries, self._stamps, self._by_git = entries, stamps, by_git
        self.root_hash = root_hash(entries)

    def _apply(self, changes: set[str]) -> bool:
        """Take up changes of single files; False if only a full look can tell."""
        base, now = os.fspath(self.root) + os.sep, time.time_ns()
        entries, stamps = dict(self.entries), dict(self._stamps)
        strange = []
        for name in changes:
            if name in self._ignored:
                continue
            try:
                status = os.lstat(base + name)
            except OSError:
                entries.pop(name, None)
                stamps.pop(name, None)
                continue
            if stat.S_ISDIR(status.st_mode):
                return False
            if name not in entries:
                strange.append(name)
            else:
                stamps.pop(name, None)
                self._put(entries, self._entry(base, name, status, 0, stamps), name)
        if strange:
            if not self._by_git:
                return False
            known = ignored(self.root, strange)
            if known is None:
                return False
            known = {name for name in known if not is_generated(name)}
            self._ignored |= known
            for name in set(strange) - known:
                try:
                    status = os.lstat(base + name)
                except OSError:
                    continue
                self._put(entries, self._entry(base, name, status, now, stamps), name)
        _refuse_too_much(self.root, {name: entry.size for name, entry in entries.items()})
        _refuse_bad_names(self.root, entries)
        self.entries, self._stamps = entries, stamps
        self.root_hash = root_hash(entries)
        return True

    @staticmethod
    def _put(entries: Manifest, entry: FileEntry | None, name: str) -> None:
        if entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry

    def _entry(
        self, base: str, name: str, status: os.stat_result, now: int, stamps: dict[str, Stamp]
    ) -> FileEntry | None:
        """The entry of one file; None for what is neither file nor link (a socket), or has just gone."""
        mode = status.st_mode
        try:
            if stat.S_ISLNK(mode):
                target = os.readlink(base + name)
                if _leads_out(name, target):
                    self.left_out.append(name)
                    return None
                return FileEntry(name, LINK_PREFIX + target, 0, False)
            if not stat.S_ISREG(mode):
                return None
            stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            executable = bool(mode & stat.S_IXUSR)
            known = self.entries.get(name)
            if known is not None and self._stamps.get(name) == stamp:
                stamps[name] = stamp
                return known if known.executable == executable else FileEntry(name, known.hash, known.size, executable)
            if now - max(status.st_mtime_ns, status.st_ctime_ns) > _TICK:
                stamps[name] = stamp  # else it may change again within the same tick: hash it again next time
            return FileEntry(name, _hash_of(base + name, status.st_size), status.st_size, executable)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(self.root, name, error) from error

    # ------------------------------------------------------------ what is remembered between processes

    def _cache_file(self) -> Path:
        return paths.home() / "cache" / "trees" / f"{self.project}.json"

    def _load(self) -> None:
        try:
            kept = json.loads(self._cache_file().read_bytes())
            if kept["format"] != 1 or kept["path"] != str(self.root):
                return
            for name, (digest, size, executable, *stamp) in kept["files"].items():
                self.entries[name] = FileEntry(name, digest, size, bool(executable))
                if stamp:
                    self._stamps[name] = (size, *stamp)
            self.pushed = (kept["root"], self.entries) if kept["root"] else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.entries, self._stamps = {}, {}  # a cache: without it every file is read once more

    def save(self) -> None:
        """Remember hashes and what was pushed, for the next process. A cache that cannot be written is no error."""
        with self.lock:
            self.save_is_due = False
            stamps = self._stamps
            root, entries = self.pushed or ("", self.entries)
        files = {
            name: [entry.hash, entry.size, int(entry.executable), *stamps.get(name, ())[1:]]
            for name, entry in entries.items()
        }
        text = json.dumps({"format": 1, "path": str(self.root), "root": root, "files": files}, separators=(",", ":"))
        file = self._cache_file()
        draft = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(text.encode("utf-8", "surrogatepass"))
            draft.replace(file)
        except (OSError, ValueError):
            draft.unlink(missing_ok=True)


def _hash_of(path: str, size: int) -> str:
    if size > 1 << 20:
        return file_hash(path)
    with open(path, "rb", buffering=0) as file:  # a third of the time of the general way
        return content_hash(file.read())


def project_id(root: Path, only: Iterable[str] | None = None) -> str:
    """The name of a tree on this computer: its folder's name and a hash of where it is."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-.") or "tree"
    # the name too: computers made of one image have one id, and two people's trees of one name push out each other
    where = "\0".join([os.fspath(root), _machine_id(), socket.gethostname(), *(only or ())])
    digest = hashlib.blake2b(where.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{name[:48]}-{digest}"


@cache
def _machine_id() -> str:
    try:
        return Path("/etc/machine-id").read_text().strip() or f"{uuid.getnode():x}"
    except OSError:
        return f"{uuid.getnode():x}"


def _refuse_too_wide(root: Path) -> None:
    if is_too_wide(root):
        raise RhError(
            f"{root} is not a project: all of it would be sent to the cluster.",
            remedy="Move the code into a folder of its own, best a git repository.",
        )


def _leads_out(name: str, target: str) -> bool:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target.replace(os.sep, "/")))
    return place.startswith("/") or place == ".." or place.startswith("../")


def _refuse_bad_names(root: Path, entries: Manifest) -> None:
    try:
        "".join(entries).encode()
    except UnicodeEncodeError:
        bad = next(name for name in entries if not _is_unicode(name))
        raise RhError(
            f"The name of {os.fsencode(root / bad)!r} is not UTF-8.", remedy="Rename it, or list it in .gitignore."
        ) from None


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_too_much(root: Path, sizes: dict[str, int]) -> None:
    if len(sizes) > MAXIMUM_FILES:
        raise RhError(
            f"{root} holds {len(sizes)} files; more than {MAXIMUM_FILES} are not sent as code.",
            remedy="List data and build folders in .gitignore (and make the folder a git repository), "
            "or keep data outside of it.",
        )
    total = sum(sizes.values())
    if total > MAXIMUM_BYTES:
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:3]
        raise RhError(
            f"{root} holds {total / 1024**3:.1f} GB; more than {MAXIMUM_BYTES / 1024**3:.0f} GB are not sent as code.",
            remedy="List the large files in .gitignore: "
            + ", ".join(f"{name} ({sizes[name] / 1024**2:.0f} MB)" for name in largest),
        )


def _unreadable(root: Path, name: str, error: OSError) -> RhError:
    return RhError(
        f"{root / name} cannot be read: {error.strerror or error}.",
        remedy="Make it readable, or list it in .gitignore.",
        detail=str(error),
    )
