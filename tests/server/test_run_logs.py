"""Following the log of a run while it grows: every byte once, in order, in whole lines."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rhserver.runs.logs import BLOCK, follow, read_range


async def collect(path: Path, offset: int, ended: asyncio.Event) -> list[tuple[int, bytes]]:
    return [block async for block in follow(path, offset, ended.is_set)]


async def test_what_is_written_while_it_is_followed_arrives_once_and_in_order(tmp_path: Path) -> None:
    path, ended = tmp_path / "log", asyncio.Event()
    reading = asyncio.ensure_future(collect(path, 0, ended))
    await asyncio.sleep(0.03)  # it waits for a file that is not there yet
    with open(path, "ab", buffering=0) as file:  # noqa: ASYNC230
        for number in range(3000):
            file.write(f"line {number}".encode())
            if number % 100 == 0:
                await asyncio.sleep(0)
            file.write(b"\n")
    ended.set()
    blocks = await reading
    position = 0
    for offset, data in blocks:
        assert offset == position
        assert data.endswith(b"\n")
        position += len(data)
    assert b"".join(data for _, data in blocks) == path.read_bytes()


async def test_following_again_from_an_offset_gives_the_rest(tmp_path: Path) -> None:
    path, ended = tmp_path / "log", asyncio.Event()
    path.write_bytes(b"one\ntwo\nthree\n")
    ended.set()
    assert await collect(path, 4, ended) == [(4, b"two\nthree\n")]


async def test_a_last_line_without_its_end_is_not_lost(tmp_path: Path) -> None:
    path, ended = tmp_path / "log", asyncio.Event()
    path.write_bytes(b"one\nhalf a li")
    ended.set()
    assert b"".join(data for _, data in await collect(path, 0, ended)) == b"one\nhalf a li"


async def test_a_line_longer_than_a_block_is_cut_and_not_held_back(tmp_path: Path) -> None:
    path, ended = tmp_path / "log", asyncio.Event()
    path.write_bytes(b"x" * (3 * BLOCK + 17))
    ended.set()
    blocks = await collect(path, 0, ended)
    assert sum(len(data) for _, data in blocks) == 3 * BLOCK + 17
    assert max(len(data) for _, data in blocks) <= BLOCK


async def test_a_run_that_printed_nothing_has_an_empty_log(tmp_path: Path) -> None:
    ended = asyncio.Event()
    ended.set()
    assert await collect(tmp_path / "log", 0, ended) == []


def test_reading_a_range_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"0123456789")
    assert read_range(path, -3, 100) == (7, b"789", 10)
    assert read_range(path, 20, 100) == (10, b"", 10)
    assert read_range(tmp_path / "none", 0, 100) == (0, b"", 0)
