"""One at a time on this computer, whichever process asks."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

_TRY_EVERY = 0.1
_TURN_EVERY = 0.02

_here: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakValueDictionary[str, asyncio.Lock]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def only_one(file: Path, on_wait: Callable[[], object] = lambda: None) -> AsyncIterator[None]:
    """Hold the lock `file`; its folder is made where there is none. It is let go when the process dies, too.

    Args:
        file: the lock.
        on_wait: called once if another process has it.

    Raises:
        OSError: the file cannot be made.
    """
    locks = _here.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
    lock = locks.setdefault(str(file), asyncio.Lock())
    async with lock:
        if (descriptor := await _tried(file)) is None:
            on_wait()
        while descriptor is None:  # other processes set no event
            await asyncio.sleep(_TRY_EVERY)
            descriptor = await _tried(file)
        try:
            yield
        finally:
            os.close(descriptor)


@contextmanager
def turn(file: Path, patience: float) -> Iterator[bool]:
    """Hold the lock `file` in a thread; False: another thread or process still had it after `patience` seconds.

    Raises:
        OSError: the file cannot be made.
    """
    until = time.monotonic() + patience
    while (descriptor := _try(file)) is None and time.monotonic() < until:
        time.sleep(_TURN_EVERY)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove_if_free(folder: Path, lock: str) -> None:
    """Remove a folder and the lock in it, unless somebody holds that."""
    with suppress(OSError):
        descriptor = _try(folder / lock)
        if descriptor is None:
            return
        try:
            for inside in folder.iterdir():
                if inside.is_dir() and not inside.is_symlink():
                    shutil.rmtree(inside, ignore_errors=True)
                elif inside.name != lock:
                    inside.unlink()
            # whoever waits for it sees that it is gone, and makes a new one
            (folder / lock).unlink()
            folder.rmdir()
        finally:
            os.close(descriptor)


async def _tried(file: Path) -> int | None:
    trying = asyncio.ensure_future(asyncio.to_thread(_try, file))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        trying.add_done_callback(_let_go)
        raise


def _let_go(trying: asyncio.Future[int | None]) -> None:
    if not trying.cancelled() and trying.exception() is None and (descriptor := trying.result()) is not None:
        os.close(descriptor)


def _try(file: Path) -> int | None:
    """The lock file, open and held; None: somebody else has it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except FileNotFoundError:
        return None  # the folder was removed at this moment
    if _taken(descriptor) and _is_still(file, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _taken(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
