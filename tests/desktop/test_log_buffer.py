"""The bytes of a log: blocks, windows, search."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhdesk.desktop.widgets.log_view.buffer import LogBuffer
from rhdesk.desktop.widgets.log_view.search import Query, Search


def lines_of(buffer: LogBuffer) -> list[bytes]:
    return [buffer.line(number) for number in range(buffer.lines)]


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %06d\n" % number for number in range(first, last))


@given(st.lists(st.text(alphabet="ab\n\r", max_size=12), max_size=20))
def test_however_blocks_are_cut_the_lines_are_those_of_the_whole(pieces: list[str]) -> None:
    buffer = LogBuffer()
    whole = "".join(pieces).encode()
    offset = 0
    for piece in pieces:
        buffer.append(offset, piece.encode())
        offset += len(piece.encode())
    expected = whole.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert lines_of(buffer) == expected
    assert b"".join(buffer.pieces()) == whole


def test_a_block_that_comes_twice_is_taken_once() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"one\ntwo\n")
    buffer.append(0, b"one\ntwo\n")
    buffer.append(4, b"two\nthree\n")
    assert lines_of(buffer) == [b"one", b"two", b"three"]


def test_a_gap_is_not_papered_over() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"one\n")
    buffer.append(100, b"later\n")
    assert lines_of(buffer) == [b"one"]
    assert not buffer.at_live_end
    assert buffer.size == 106


def test_memory_is_bounded_and_older_pieces_come_back() -> None:
    whole = numbered(0, 200_000)
    buffer = LogBuffer(limit=512 * 1024)
    for at in range(0, len(whole), 100_000):
        buffer.append(at, whole[at : at + 100_000])
    assert buffer.end - buffer.start <= 512 * 1024 + 300_000
    assert buffer.line(buffer.lines - 1) == b"line 199999"
    dropped = False
    while not dropped:
        first, begin = buffer.line(0), max(0, buffer.start - 100_000)
        added, dropped = buffer.append_older(begin, whole[begin : buffer.start])
        assert added > 0
        assert buffer.line(added) == first, "what was there stands right after what came before it"
    assert buffer.end - buffer.start <= 512 * 1024 + 300_000, "the far end makes room"
    assert not buffer.at_live_end
    assert buffer.append(len(whole), b"new\n") == 0, "live lines do not join a window that left the end"
    while not buffer.at_live_end and buffer.end < len(whole):
        buffer.append_newer(buffer.end, whole[buffer.end : buffer.end + 100_000])
    assert buffer.line(buffer.lines - 1) == b"line 199999"
    everything = lines_of(buffer)
    assert everything == [b"line %06d" % number for number in range(200_000 - len(everything), 200_000)]


def test_search_finds_every_match_and_steps_around() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"alpha\nbeta alpha\n\x1b[31mal\x1b[0mpha\ngamma\n")
    search = Search(buffer, Query("ALPHA"))
    while search.work():
        pass
    assert search.count == 3, "colours in the middle of a word do not hide it"
    assert search.next_after(0, 0) == (1, 5, 10)
    assert search.next_after(1, 5) == (2, 0, 5)
    assert search.next_after(2, 0) == (0, 0, 5), "round again"
    assert search.last_before(0, 0) == (2, 0, 5)
    assert search.number_of(1, 5) == 2


def test_search_keeps_up_with_a_growing_log() -> None:
    buffer = LogBuffer()
    search = Search(buffer, Query("x+", regex=True, case=True))
    buffer.append(0, b"one x\ntwo")
    search.work()
    assert search.count == 1
    buffer.append(9, b" xx\n")
    search.work()
    assert search.count == 2


def test_what_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(re.error):
        Search(LogBuffer(), Query("(", regex=True))
