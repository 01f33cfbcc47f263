"""Keeps a cluster on demand from stopping by itself while something is done there that its server does not see.

SkyPilot's daemon on the head is told over the SSH connection. Nothing is set, so nothing has to be set back where this
program ends in the middle.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rhresources.cloud.skylet import MARK_SECONDS, SHELL_COMMAND
from rhresources.errors import RhError
from rhresources.reach import Progress
from rhresources.reach.cloud_route import CloudRoute

Write = Callable[[bytes], object]


@asynccontextmanager
async def kept_awake(route: CloudRoute, progress: Progress) -> AsyncIterator[None]:
    """The cluster counts as working as long as the context lasts, and this program lives and reaches it.

    Args:
        route: the way to it.
        progress: hears when it may stop all the same, and why; that is tried again all the time.
    """
    over = threading.Event()
    marking = asyncio.create_task(_mark(route, progress, over))
    try:
        yield
    finally:
        over.set()
        marking.cancel()
        await asyncio.gather(marking, return_exceptions=True)


async def _mark(route: CloudRoute, progress: Progress, over: threading.Event) -> None:
    def beat(write: Write) -> None:
        write(b"\n")
        while not over.wait(MARK_SECONDS):
            write(b"\n")

    told = ""
    while True:
        why = ""
        try:
            done = await (await route.connection()).run(SHELL_COMMAND, input=beat)
            if done.code:
                said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
                why = f"SkyPilot's part on its head does not take it. {said}".strip()
        except RhError as error:
            why = error.sentence
        if why and why != told:
            progress(f"{route.machines.kept.address} may stop by itself in the middle: {why}")
        told = why
        await asyncio.sleep(MARK_SECONDS / 4)
