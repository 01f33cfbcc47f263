"""What the rooms that keep files share: one sentence for a full disk, private directories, sizes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rhresources.errors import ServerProblem

_T = TypeVar("_T")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_USUAL_MASK = "RHDESK_USUAL_UMASK"


@contextlib.contextmanager
def disk_errors(failed: str) -> Iterator[None]:
    """Turn an `OSError` of the block into a problem for people. `failed` says what did not work, without a full stop.

    Raises:
        ServerProblem: code "disk-full" or "disk".
    """
    try:
        yield
    except OSError as error:
        raise disk_problem(error, failed) from error


def disk_problem(error: OSError, failed: str) -> ServerProblem:
    """What to tell about `error`."""
    if error.errno in _FULL:
        return ServerProblem(
            f"{failed}: the disk of the cluster is full.",
            code="disk-full",
            remedy="Free some space there, or delete old runs and environments, and try again.",
            detail=str(error),
        )
    return ServerProblem(f"{failed}: {error.strerror or error}.", code="disk", detail=str(error))


def be_private() -> None:
    """From now on, only the user can read what this process and those that it starts write."""
    os.environ[_USUAL_MASK] = f"{os.umask(0o077):03o}"


def with_usual_rights(command: Sequence[str]) -> Sequence[str]:
    """`command` as the user would start it: what it writes has the rights that the user's files have elsewhere.

    Installers keep caches, which several users may share.
    """
    mask = os.environ.get(_USUAL_MASK, "")
    return ("sh", "-c", 'umask "$0" && exec "$@"', mask, *command) if mask not in ("", "077") else command


def private_directory(path: Path) -> Path:
    """`path`, made with mode 0700 where it is not there yet."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def bytes_under(path: str | os.PathLike[str]) -> int:
    """The bytes of all files under `path`; what vanishes meanwhile is not counted, and links are not followed."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += bytes_under(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


async def finish_in_thread(function: Callable[[], _T]) -> _T:
    """As `asyncio.to_thread`, but a thread cannot be stopped: who cancels gets back control when it is done."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    stopped: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            stopped = error
    if stopped is not None:
        work.exception()
        raise stopped
    return work.result()
