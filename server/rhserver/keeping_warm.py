"""A run keeps its cluster alive: while there is work, SkyPilot's daemon on this host is told that it is not idle.

Work is what somebody waits for: runs from the moment they are queued, calls, environments that are made, and every
piece of code or data that comes or goes. A window, a tunnel or a transfer that is only open is none, or a forgotten one
would burn money. Nothing is done on hosts without SkyPilot.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from rhresources.cloud.skylet import MARK_SECONDS, PROGRAM, PYTHON_FILE, directory_on_host

LOOK_SECONDS = 1.0
KEPT_SECONDS = 600.0
"""How long the program that marks is kept after the last work."""

log = logging.getLogger(__name__)


class KeepingWarm:
    """Marks activity while there is work.

    Args:
        works: whether there is work now.
        begun: how much work was begun, and how many pieces were moved, since the server started; so that what is over
            before anybody looks counts, and a transfer that stands still does not.
    """

    def __init__(self, works: Callable[[], bool], begun: Callable[[], int]) -> None:
        self._works = works
        self._begun = begun
        self._process: asyncio.subprocess.Process | None = None
        self._problem = ""

    async def keep(self) -> None:
        """Look and mark as long as the server runs. A failure is logged and tried again."""
        seen, marked = self._begun(), float("-inf")
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                begun, now = self._begun(), time.monotonic()
                if not self._works() and begun == seen:
                    if now - marked > KEPT_SECONDS:
                        await self._end()
                elif now - marked >= MARK_SECONDS:  # what is begun sooner is marked then, too
                    seen, marked = begun, now
                    if python := await asyncio.to_thread(sky_python):
                        await self._try_to_mark(python)
        finally:
            await self._end()

    async def _try_to_mark(self, python: str) -> None:
        try:
            await self._mark(python)
        except OSError as error:
            process = self._process
            await self._end()
            code = process.returncode if process is not None else None
            self._say_once(f"{python} ended with exit code {code}" if code is not None else f"{python}: {error}")

    def _say_once(self, problem: str) -> None:
        if problem != self._problem:
            log.error("SkyPilot cannot be told that this cluster works: %s", problem)
        self._problem = problem

    async def _mark(self, python: str) -> None:
        if self._process is not None and self._process.returncode is not None:
            self._say_once(f"{python} ended with exit code {self._process.returncode}")
            self._process = None
        if self._process is None:
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            environment["SKY_RUNTIME_DIR"] = str(directory_on_host())
            self._process = await asyncio.create_subprocess_exec(
                python, "-c", PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                cwd=Path.home(), env=environment, start_new_session=True,
            )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except (TimeoutError, asyncio.CancelledError):
            with contextlib.suppress(ProcessLookupError):
                process.kill()


def sky_python() -> str:
    """The Python of SkyPilot's runtime on this host; empty where there is none."""
    try:
        return (directory_on_host() / PYTHON_FILE).read_text().strip()
    except OSError:
        return ""
