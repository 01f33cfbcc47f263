"""Reads the log file of a run while it grows, in blocks of whole lines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

BLOCK = 512 * 1024
"""Largest block, in bytes. A longer line is cut."""

POLL = 0.02


def read_range(path: Path, offset: int, length: int) -> tuple[int, bytes, int]:
    """`(offset, data, size of the log)`; a negative offset counts from the end."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            file.seek(start)
            return start, file.read(min(length, 1 << 20)), size
    except FileNotFoundError:
        return 0, b"", 0


async def follow(path: Path, offset: int, ended: Callable[[], bool]) -> AsyncIterator[tuple[int, bytes]]:
    """Blocks of whole lines from `offset` on, until `ended()` and all was read. The last may lack its newline.

    Within a second a line without an end (a prompt, a progress bar) is sent as it stands.
    """
    position = offset
    descriptor = -1
    waited = 0.0
    try:
        while True:
            over = ended()  # asked before reading, so that nothing written before the end is missed
            if descriptor < 0:
                try:
                    descriptor = os.open(path, os.O_RDONLY)
                except FileNotFoundError:
                    if over:
                        return
                    await asyncio.sleep(POLL)
                    continue
            data = os.pread(descriptor, BLOCK, position)
            cut = data.rfind(b"\n") + 1
            if data and (cut == 0 and (over or len(data) == BLOCK or waited > 1)):
                cut = len(data)
            if over and len(data) < BLOCK:
                cut = len(data)
            if cut:
                yield position, data[:cut]
                position += cut
                waited = 0.0
                await asyncio.sleep(0)
            elif over:
                return
            else:
                waited = waited + POLL if data else 0.0
                await asyncio.sleep(POLL)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
