"""Where rhdesk keeps things on a machine.

`$RH_HOME` (default `~/.rh`) holds everything that must survive; the runtime directory holds sockets, whose paths must
be short (108 bytes on Linux) and whose directory nobody else may enter.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from rhresources.errors import RhError

SOCKET_PATH_LIMIT = 107 if sys.platform.startswith("linux") else 103


def home() -> Path:
    """The user's rhdesk directory: `$RH_HOME`, else `~/.rh`. Not created here."""
    given = os.environ.get("RH_HOME")
    return Path(given).expanduser().absolute() if given else Path.home() / ".rh"


def server_home() -> Path:
    """Where the cluster server of this machine keeps its state: runs, environments, code, objects."""
    return home() / "server"


def runtime_directory(of: Path | None = None) -> Path:
    """A short private directory for the sockets that belong to the rhdesk directory `of` (default: `home()`).

    Created with mode 0700.

    Raises:
        RhError: another user owns it, or others may enter it.
    """
    digest = hashlib.blake2b(os.fsencode(of or home()), digest_size=5).hexdigest()
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.access(base, os.W_OK) and len(base) <= 20:
        parent = Path(base) / "rhdesk"
    else:
        parent = Path(tempfile.gettempdir()) / f"rhdesk-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
        if len(str(parent)) > 27:  # Ray puts 68 more characters in front of its own sockets
            parent = Path("/tmp") / parent.name
    for directory in (parent, parent / digest):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_private(directory)
    return parent / digest


def socket_path(directory: Path, name: str) -> Path:
    """`directory/name`, refused where the operating system could not bind it.

    Raises:
        RhError: the path is too long for a unix socket.
    """
    path = directory / name
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise RhError(
            f"The socket path {path} is {len(os.fsencode(path))} bytes long; this system allows {SOCKET_PATH_LIMIT}.",
            remedy="Set XDG_RUNTIME_DIR (or TMPDIR) to a shorter directory.",
        )
    return path


def _require_private(directory: Path) -> None:
    if not hasattr(os, "getuid"):
        return
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RhError(
            f"{directory} is not a private directory of yours.",
            remedy=f"Remove it, or make it yours with mode 0700 (it belongs to user {found.st_uid}, "
            f"mode {stat.S_IMODE(found.st_mode):o}).",
        )
