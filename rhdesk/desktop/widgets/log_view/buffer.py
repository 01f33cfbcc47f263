"""The bytes of a log, held as a window of bounded size over the whole of it. No Qt.

The log is a growing file elsewhere. `LogBuffer` holds the bytes [start, end) of it in chunks of whole lines; a chunk
only counts its lines until one of them is asked for. Beyond `limit` bytes the far side is dropped, and the owner
fetches it again when it is scrolled to.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator

_CHUNK = 256 * 1024
_LONGEST_LINE = 1024 * 1024
_NEWLINE = re.compile(rb"\n")


class Chunk:
    """Some lines. `serial` never changes and is never used twice."""

    __slots__ = ("_starts", "data", "lines", "serial")

    def __init__(self, serial: int, data: bytes) -> None:
        self.serial = serial
        self.data = bytearray(data)
        self.lines = _count_lines(data)
        self._starts: array[int] | None = None

    @property
    def ends_line(self) -> bool:
        return self.data.endswith(b"\n")

    def extend(self, data: bytes) -> None:
        joins = bool(self.data) and not self.ends_line
        self.data += data
        self.lines += _count_lines(data) - (1 if joins and data else 0)
        self._starts = None

    def line(self, place: int) -> bytes:
        """The bytes of one line, without its newline."""
        starts = self._index()
        begin = starts[place]
        end = starts[place + 1] - 1 if place + 1 < len(starts) else len(self.data)
        if end > begin and self.data[end - 1] == 10 and place + 1 == len(starts):
            end -= 1
        return bytes(self.data[begin:end])

    def forget_index(self) -> None:
        self._starts = None

    def _index(self) -> array[int]:
        if self._starts is None:
            starts = array("Q", [0])
            starts.extend(match.end() for match in _NEWLINE.finditer(self.data))
            if len(starts) > self.lines:  # the text ends with a newline: no line begins after it
                starts.pop()
            self._starts = starts
        return self._starts


def _count_lines(data: bytes | bytearray) -> int:
    return data.count(b"\n") + (0 if not data or data.endswith(b"\n") else 1)


class LogBuffer:
    """A contiguous part of a log.

    Attributes:
        start, end: offsets in the whole log, in bytes.
        size: bytes that the whole log is known to have.
    """

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self.limit = limit
        self.start = self.end = self.size = 0
        self._chunks: list[Chunk] = []
        self._firsts: list[int] = []
        self._serial = 0
        self._lines = 0

    @property
    def lines(self) -> int:
        return self._lines

    @property
    def at_live_end(self) -> bool:
        """Whether the newest bytes are held."""
        return self.end >= self.size

    @property
    def is_whole(self) -> bool:
        return self.start == 0 and self.at_live_end

    def chunks(self) -> list[Chunk]:
        return self._chunks

    def clear(self, start: int = 0) -> None:
        self._chunks, self._firsts, self._lines = [], [], 0
        self.start = self.end = start
        self.size = start

    def restart_at(self, start: int) -> None:
        """Forget what is held and go on at `start`; the known size stays."""
        size = self.size
        self.clear(start)
        self.size = max(size, start)

    def append(self, offset: int, data: bytes) -> int:
        """Take a live block. Returns how many lines were dropped at the front.

        A block that was seen already is skipped; one that does not join the held window only tells of the size.
        """
        self.size = max(self.size, offset + len(data))
        if offset < self.end:
            data = data[self.end - offset :]
            offset = self.end
        if not data or offset != self.end:
            return 0
        self._add(data)
        return self._drop_front()

    def append_older(self, offset: int, data: bytes) -> tuple[int, bool]:
        """Put a fetched piece that ends at `start` before the window.

        Returns:
            how many lines were put before, and whether newer lines were dropped at the end to make room.
        """
        if offset + len(data) != self.start or not data:
            return 0, False
        if offset > 0:  # the first line of the piece is cut: it comes whole with the next piece
            cut = data.find(b"\n") + 1
            if 0 < cut < len(data):
                data, offset = data[cut:], offset + cut
        new: list[Chunk] = []
        for piece in _split(data):
            self._serial += 1
            new.append(Chunk(self._serial, piece))
        self._chunks[:0] = new
        self.start = offset
        added = sum(chunk.lines for chunk in new)
        dropped = False
        while len(self._chunks) > 1 and self.end - self.start > self.limit:
            last = self._chunks.pop()
            self.end -= len(last.data)
            dropped = True
        self._recount()
        return added, dropped

    def append_newer(self, offset: int, data: bytes) -> int:
        """Put a fetched piece that begins at `end` after the window. Returns how many lines were dropped in front."""
        if offset != self.end:
            return 0
        self._add(data)
        return self._drop_front()

    def line(self, number: int) -> bytes:
        """The bytes of line `number` of the window, without its newline."""
        place = self.chunk_place(number)
        return self._chunks[place].line(number - self._firsts[place])

    def chunk_place(self, number: int) -> int:
        return bisect_right(self._firsts, number) - 1

    def first_line_of(self, place: int) -> int:
        return self._firsts[place]

    def pieces(self) -> Iterator[bytes]:
        """All bytes held, in order."""
        for chunk in self._chunks:
            yield bytes(chunk.data)

    def trim_indexes(self, keep: set[int]) -> None:
        """Free the line indexes of all chunks but those at the places `keep`."""
        for place, chunk in enumerate(self._chunks):
            if place not in keep:
                chunk.forget_index()

    def _add(self, data: bytes) -> None:
        self.end += len(data)
        self.size = max(self.size, self.end)
        last = self._chunks[-1] if self._chunks else None
        if last is not None and not last.ends_line and len(last.data) < _LONGEST_LINE:
            cut = data.find(b"\n") + 1 or len(data)
            self._grow_last(data[:cut])
            data = data[cut:]
        if not data:
            return
        if last is not None and len(last.data) + len(data) <= _CHUNK and last.ends_line:
            self._grow_last(data)
            return
        for piece in _split(data):
            self._serial += 1
            chunk = Chunk(self._serial, piece)
            self._chunks.append(chunk)
            self._firsts.append(self._lines)
            self._lines += chunk.lines

    def _grow_last(self, data: bytes) -> None:
        last = self._chunks[-1]
        before = last.lines
        last.extend(data)
        self._lines += last.lines - before

    def _drop_front(self) -> int:
        dropped = 0
        while len(self._chunks) > 1 and self.end - self.start > self.limit:
            first = self._chunks.pop(0)
            self.start += len(first.data)
            dropped += first.lines
        if dropped:
            self._recount()
        return dropped

    def _recount(self) -> None:
        self._firsts, total = [], 0
        for chunk in self._chunks:
            self._firsts.append(total)
            total += chunk.lines
        self._lines = total


def _split(data: bytes) -> Iterator[bytes]:
    """Pieces of about a chunk, cut after a newline where there is one."""
    at = 0
    while len(data) - at > _CHUNK:
        cut = data.rfind(b"\n", at, at + _CHUNK) + 1
        if cut <= at:
            cut = data.find(b"\n", at, at + _LONGEST_LINE) + 1 or min(len(data), at + _LONGEST_LINE)
        yield data[at:cut]
        at = cut
    if at < len(data):
        yield data[at:]
