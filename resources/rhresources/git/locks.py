"""One at a time on this computer, whichever process asks."""

from __future__ import annotations

import asyncio
import os
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_TRY_EVERY = 0.1

_here: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakValueDictionary[str, asyncio.Lock]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def only_one(file: Path) -> AsyncIterator[None]:
    """Hold the lock `file`, whose folder exists. It is let go when the process dies, too."""
    locks = _here.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
    lock = locks.setdefault(str(file), asyncio.Lock())
    async with lock:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            while not _taken(descriptor):  # noqa: ASYNC110  other processes set no event
                await asyncio.sleep(_TRY_EVERY)
            yield
        finally:
            os.close(descriptor)


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
