"""Compiles the modules of new environments when nothing waits for it any more.

To compile takes ten times as long as to install from the cache, and a worker compiles what it imports by itself. So an
environment can be used at once, and the rest follows at the lowest priority.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from rhserver.environments.installer import end_group
from rhserver.environments.listing import site_packages

log = logging.getLogger(__name__)

_BEGIN_SECONDS = 3.0  # the first worker's imports go first
_PROGRAM = """
import compileall, os, sys, threading

def end_with_server():
    os.read(0, 1)
    os._exit(1)

threading.Thread(target=end_with_server, daemon=True).start()
os.nice(19)
for folder in sys.argv[1:]:
    compileall.compile_dir(folder, quiet=2)
os._exit(0)
"""


class Compiler:
    """Compiles one environment after the other. Belongs to the server's loop.

    Args:
        on_compiled: called with the hash of each that is done.
    """

    def __init__(self, on_compiled: Callable[[str], Awaitable[None]]) -> None:
        self._on_compiled = on_compiled
        self._waiting: deque[tuple[str, Path]] = deque()
        self._now = ""
        self._compiling: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, hash: str, prefix: Path) -> None:
        """Have the environment at `prefix` compiled some time; asking twice is asking once."""
        if hash == self._now or any(hash == other for other, _ in self._waiting):
            return
        self._waiting.append((hash, prefix))
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())

    async def forget(self, hash: str) -> None:
        """It is going to be removed; when this returns nothing writes into it any more."""
        self._waiting = deque(one for one in self._waiting if one[0] != hash)
        if self._now == hash and self._compiling is not None:
            self._compiling.cancel()
            await asyncio.wait({self._compiling})

    async def close(self) -> None:
        """End what is at work."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _work(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_BEGIN_SECONDS)
                if self._waiting:
                    await self._next(*self._waiting.popleft())
        finally:
            self._task = None

    async def _next(self, hash: str, prefix: Path) -> None:
        compiling = asyncio.ensure_future(self._compile(hash, prefix))
        self._now, self._compiling = hash, compiling
        try:
            await asyncio.wait({compiling})
        except asyncio.CancelledError:
            compiling.cancel()
            await asyncio.wait({compiling})
            raise
        finally:
            self._now, self._compiling = "", None
        if not compiling.cancelled() and (error := compiling.exception()) is not None:
            log.info("environment %s is not compiled: %s", hash, error)

    async def _compile(self, hash: str, prefix: Path) -> None:
        folders = await asyncio.to_thread(site_packages, prefix)
        if not folders:
            return
        # without site: packages may have put code there that every start runs
        process = await asyncio.create_subprocess_exec(
            str(prefix / "bin" / "python"), "-I", "-S", "-c", _PROGRAM, *map(str, folders),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = await process.wait()
        except BaseException:
            end_group(process.pid)
            with contextlib.suppress(asyncio.CancelledError):
                await process.wait()
            raise
        if code == 0:
            await self._on_compiled(hash)
