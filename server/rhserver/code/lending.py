"""Several trees of code at once, held for as long as somebody works with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from rhserver.code.snapshots import Snapshots

Trees = Sequence[tuple[str, str]]
"""Project and root hash of each."""


@contextlib.asynccontextmanager
async def lent(snapshots: Snapshots, trees: Trees) -> AsyncIterator[dict[tuple[str, str], Path]]:
    """Where `trees` are; all of them stay while the block lasts.

    Raises:
        ServerProblem: one is not here.
    """
    taking = asyncio.create_task(asyncio.to_thread(hold, snapshots, trees))
    try:
        yield await asyncio.shield(taking)
    finally:
        if taking.done():
            _give_back(snapshots, taking)
        else:  # cancelled meanwhile; a thread cannot be, and takes them yet
            taking.add_done_callback(lambda done: _give_back(snapshots, done))


def _give_back(snapshots: Snapshots, taken: asyncio.Task[dict[tuple[str, str], Path]]) -> None:
    if not taken.cancelled() and taken.exception() is None:
        let_go(snapshots, tuple(taken.result()))


def hold(snapshots: Snapshots, trees: Trees) -> dict[tuple[str, str], Path]:
    """Acquire all `trees`, each once, or none; where they are.

    Raises:
        ServerProblem: one is not here.
    """
    held: dict[tuple[str, str], Path] = {}
    try:
        for project, root in dict.fromkeys(trees):
            held[project, root] = snapshots.acquire(project, root)
    except BaseException:
        let_go(snapshots, tuple(held))
        raise
    return held


def let_go(snapshots: Snapshots, trees: Trees) -> None:
    """Counterpart of `hold`."""
    for project, root in dict.fromkeys(trees):
        snapshots.release(project, root)
