"""Noticing that files changed: by inotify on Linux, by looking every second elsewhere.

Both ways compare what is there with what was there, so that a burst of events, or an editor that writes aside and
renames, comes out as one change, and directories that appear later are seen.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from inotify_simple import INotify

Signature: TypeAlias = tuple[int, int, int]
"""Modification time in ns, size and inode of a file: equal as long as it is the same."""

POLL_SECONDS = 1.0
"""How often a watch looks where the system does not tell."""

_QUIET_SECONDS = 0.05  # a burst of events ends when nothing happened for so long
_BURST_SECONDS = 0.5  # and is reported after so long at the latest

# of <sys/inotify.h>: written, renamed, made, deleted; their names cannot be imported where there is no inotify
_EVENTS = 0x0002 | 0x0004 | 0x0008 | 0x0040 | 0x0080 | 0x0100 | 0x0200 | 0x0400 | 0x0800
_APPEARING = 0x0080 | 0x0100 | 0x0400 | 0x0800

_log = logging.getLogger(__name__)


def signature(path: Path) -> Signature:
    """What tells one state of a file from another; of a dangling link that of the link.

    Raises:
        OSError: there is nothing at `path`.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        found = path.lstat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def watch_files(
    root: Path, suffix: str, callback: Callable[[list[Path]], None], *, poll: bool = False
) -> Callable[[], None]:
    """Call `callback`, in a thread of its own, with the files under `root` that were made, changed or deleted.

    Args:
        root: a directory; it may appear later.
        suffix: how the names of the files end; names that begin with a dot do not count.
        callback: what it raises is logged, and the watch goes on.
        poll: look every second even where the system would tell.

    Returns:
        What ends the watch; it returns when `callback` will not be called again.
    """
    watch = _Watch(root, suffix, callback)
    return watch.start(poll or not sys.platform.startswith("linux"))


class _Watch:
    def __init__(self, root: Path, suffix: str, callback: Callable[[list[Path]], None]) -> None:
        self._root = root
        self._suffix = suffix
        self._callback = callback
        self._stopped = threading.Event()
        self._stopping = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._known: dict[Path, Signature] = {}
        self._inotify: INotify | None = None
        self._above: Path | None = None  # what is watched until the root appears

    def start(self, poll: bool) -> Callable[[], None]:
        # before the thread, so that a change right after this call is one
        if not poll:
            self._open_inotify()
        self._known = self._scan()
        thread = threading.Thread(target=self._run, name="rhdesk-watch", daemon=True)
        thread.start()

        def stop() -> None:
            with self._stopping:
                if not self._stopped.is_set():
                    # in this order: once it is told to stop, the thread closes the pipe
                    os.write(self._wake_write, b"x")
                    self._stopped.set()
            if threading.current_thread() is not thread:
                thread.join()

        return stop

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                if self._inotify is not None:
                    self._await_burst(self._inotify)
                else:
                    self._stopped.wait(POLL_SECONDS)
                if not self._stopped.is_set():
                    self._compare()
        finally:
            self._close_inotify()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _compare(self) -> None:
        if self._inotify is not None:
            self._add_watches()
        found = self._scan()
        changed = [path for path in found.keys() | self._known.keys() if found.get(path) != self._known.get(path)]
        self._known = found
        if changed:
            try:
                self._callback(sorted(changed))
            except Exception:
                _log.exception("A callback of the watch of %s failed", self._root)

    def _await_burst(self, inotify: INotify) -> None:
        """Wait for an event, then until no more come."""
        poller = select.poll()
        poller.register(inotify.fileno(), select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        poller.poll()
        for _ in range(int(_BURST_SECONDS / _QUIET_SECONDS)):
            if self._stopped.is_set():
                return
            inotify.read(timeout=0)  # which files they were is found out by comparing
            if not poller.poll(_QUIET_SECONDS * 1000):
                return

    def _open_inotify(self) -> None:
        try:
            from inotify_simple import INotify

            self._inotify = INotify()
        except (ImportError, OSError) as error:
            _log.info("%s is looked at every second, because inotify cannot be used: %s", self._root, error)
            return
        self._add_watches()

    def _close_inotify(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _add_watches(self) -> None:
        """Watch every directory of the tree; where there is no tree yet, the nearest directory above it."""
        if self._inotify is None:
            return
        try:
            before: set[Path] = set()
            # a directory may have got another inside before it was watched, so until nothing is new
            while (directories := set(self._directories())) != before:
                for directory in directories:
                    # adding a watch again does nothing, and a directory that was replaced gets one of its own
                    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                        self._inotify.add_watch(directory, _EVENTS if directory != self._above else _APPEARING)
                before = directories
        except OSError as error:
            _log.info("%s is looked at every second, because inotify has no watches left: %s", self._root, error)
            self._close_inotify()

    def _directories(self) -> Iterator[Path]:
        self._above = None
        directory = self._root
        while not directory.is_dir() and directory != directory.parent:
            directory = directory.parent
        if directory != self._root:
            self._above = directory
            yield directory
            return
        for found, folders, _ in os.walk(self._root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield Path(found)

    def _scan(self) -> dict[Path, Signature]:
        found: dict[Path, Signature] = {}
        for directory, folders, files in os.walk(self._root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                if name.endswith(self._suffix) and not name.startswith("."):
                    path = Path(directory, name)
                    try:
                        found[path] = signature(path)
                    except OSError:
                        continue  # gone between the two looks
        return found
