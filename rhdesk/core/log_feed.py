"""The log of one run for the log view: the last lines first, then live blocks. Coroutines for the background loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rhdesk.core.bridge import Mailbox
from rhdesk.core.convert import run_row
from rhdesk.core.rows import RunRow

if TYPE_CHECKING:
    from rhresources.wire.client import ClusterClient

PIECE = 1024 * 1024
_MOST_AT_FIRST = 48 * PIECE  # a quarter less than what the view holds


class LogSink:
    """What the followed run calls, on the interface's thread. The defaults do nothing."""

    def __init__(
        self,
        *,
        on_start: Callable[[int], object] = lambda offset: None,
        on_block: Callable[[int, bytes], object] = lambda offset, data: None,
        on_run: Callable[[RunRow], object] = lambda row: None,
        on_progress: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self.on_start = on_start
        self.on_block = on_block
        self.on_run = on_run
        self.on_progress = on_progress


async def follow_log(
    client: ClusterClient,
    cluster: str,
    run: str,
    mailbox: Mailbox,
    sink: LogSink,
    *,
    lines: int = 100_000,
    offset: int | None = None,
) -> None:
    """Give `sink` the last `lines` lines of the log and then everything that comes, until the run has ended.

    Args:
        client: of the cluster that the run is on.
        cluster: its address.
        run: the run's id.
        mailbox: the way to the interface's thread.
        sink: what is called there.
        lines: how many of a long log to begin with.
        offset: go on from here instead, in bytes: what is before it was shown already.

    Raises:
        RhError: there is no such run.
    """
    if offset is None:
        offset, pieces = await _tail(client, run, lines)
        mailbox.post(partial(sink.on_start, offset))
        for data in pieces:
            mailbox.post(partial(sink.on_block, offset, data))
            offset += len(data)
    async for event in client.watch(run, offset=offset, log=True):
        if event.HasField("log"):
            block = event.log
            mailbox.post(partial(sink.on_block, block.offset, bytes(block.data)))
        elif event.HasField("run"):
            mailbox.post(partial(sink.on_run, run_row(event.run, cluster)))
        elif event.HasField("progress"):
            mailbox.post(partial(sink.on_progress, event.progress))


async def _tail(client: ClusterClient, run: str, lines: int) -> tuple[int, list[bytes]]:
    """Where the last `lines` lines of a long log begin, and their bytes. A short log is taken whole, by the watch."""
    first = await client.read_log(run, -1, 1)
    size = first.size
    if size <= PIECE:
        return 0, []
    pieces: list[bytes] = []
    at, found, held = size, 0, 0
    while at > 0 and found < lines and held < _MOST_AT_FIRST:
        begin = max(0, at - PIECE)
        data = b""
        while len(data) < at - begin:
            reply = await client.read_log(run, begin + len(data), at - begin - len(data))
            if not reply.block.data:
                break
            data += reply.block.data
        pieces.insert(0, data)
        found += data.count(b"\n")
        held += len(data)
        at = begin
    if at > 0 and pieces:  # begin with a whole line
        cut = pieces[0].find(b"\n") + 1
        pieces[0] = pieces[0][cut:]
        at += cut
    return at, pieces


async def read_piece(client: ClusterClient, run: str, offset: int, length: int) -> tuple[int, bytes]:
    """A piece of a log; shorter than asked for only at its end."""
    data = b""
    while len(data) < length:
        reply = await client.read_log(run, offset + len(data), length - len(data))
        if not reply.block.data:
            break
        data += bytes(reply.block.data)
    return offset, data


async def save_log(client: ClusterClient, run: str, path: Path, progress: Callable[[str, float | None], None]) -> int:
    """Write the whole log to a file; it appears there whole or not at all. Returns its bytes.

    Raises:
        RhError: the log cannot be read.
        OSError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.part")
    written = 0
    file = await asyncio.to_thread(partial.open, "wb")
    try:
        while True:
            reply = await client.read_log(run, written, PIECE)
            if not reply.block.data:
                break
            await asyncio.to_thread(file.write, reply.block.data)
            written += len(reply.block.data)
            progress(f"Saving {path.name}", written / reply.size if reply.size else None)
        await asyncio.to_thread(file.close)
        await asyncio.to_thread(partial.replace, path)
    finally:
        file.close()
        partial.unlink(missing_ok=True)
    return written
