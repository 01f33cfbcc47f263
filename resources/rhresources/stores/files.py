"""Files that are whole or not there: atomic replacement, and one sentence where the disk says no."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from rhresources.documents.yaml import SIZE_LIMIT
from rhresources.documents.yaml import problem as yaml_problem
from rhresources.errors import RhError

try:
    import fcntl
except ImportError:  # Windows has none; there the lock holds inside one process only
    fcntl = None  # type: ignore[assignment]

_process_lock = threading.RLock()

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space and save again."),
    errno.EDQUOT: ("your disk quota is used up", "Free some space and save again."),
    errno.EROFS: ("the disk is read-only", "Point RH_HOME to a directory that you may write to."),
    errno.EACCES: ("you may not write there", "Change its permissions, or point RH_HOME somewhere else."),
    errno.EPERM: ("you may not write there", "Change its permissions, or point RH_HOME somewhere else."),
    errno.ENOTDIR: ("a file stands where a directory belongs", "Move that file away."),
    errno.EEXIST: ("a file stands where a directory belongs", "Move that file away."),
    errno.EISDIR: ("a directory stands where the file belongs", "Move that directory away."),
    errno.EFBIG: ("the file would be too large for this disk or its limits", "Free some space and save again."),
    errno.ENAMETOOLONG: ("the path is too long for this disk", "Choose a shorter name or a shorter RH_HOME."),
}


def disk_error(what: str, error: OSError) -> RhError:
    """One sentence for a failed write: `what` says what could not be done."""
    reason, remedy = _REASONS.get(error.errno or 0, (error.strerror or str(error), ""))
    return RhError(f"{what}: {reason}.", remedy=remedy, detail=str(error))


def read_text(path: Path, source: str) -> tuple[str, float]:
    """The text of a document and its modification time.

    Raises:
        DocumentError: it is no file, too long or not UTF-8.
        FileNotFoundError: there is nothing.
        OSError: it cannot be read.
    """
    # opened without blocking, because a pipe that nobody writes to would hold the caller for ever
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise yaml_problem("this is not a plain file", source=source)
        if found.st_size > SIZE_LIMIT:
            raise yaml_problem(
                f"the document is {found.st_size:,} bytes long; {SIZE_LIMIT:,} are allowed", source=source
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(SIZE_LIMIT + 1)
    finally:
        os.close(descriptor)
    try:
        return data.decode("utf-8-sig"), found.st_mtime
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise yaml_problem("this is not UTF-8 text", source=source, line=line) from None


def write_text(path: Path, text: str, *, private: bool = False) -> float:
    """Put `text` in place of the file at `path`, whole or not at all; missing directories are made.

    A link is followed, and the permissions of an old file are kept; a private one is its owner's alone, whatever the
    old one was.

    Returns:
        The new modification time.

    Raises:
        OSError: nothing was changed.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.tmp")
    try:
        mode = 0o600 if private else 0o666
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as file:
            if not private:
                with contextlib.suppress(FileNotFoundError):
                    os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
            modified = os.fstat(descriptor).st_mtime
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)
    return modified


def sync_directory(directory: Path) -> None:
    """Make renames in `directory` last through a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the write lock of `directory`: one writer at a time among all threads and processes.

    Raises:
        OSError: the directory cannot be made or written to.
    """
    with _process_lock:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
