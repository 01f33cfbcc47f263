"""Finding words in a log: a compiled pattern, and the matches chunk by chunk in slices of time. No Qt."""

from __future__ import annotations

import re
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from rhdesk.desktop.widgets.log_view.ansi import parse_line
from rhdesk.desktop.widgets.log_view.buffer import Chunk, LogBuffer

MOST = 100_000


@dataclass(frozen=True)
class Query:
    text: str
    regex: bool = False
    case: bool = False

    def compile(self) -> re.Pattern[str]:
        """The pattern.

        Raises:
            re.error: `text` is no regular expression.
        """
        return re.compile(self.text if self.regex else re.escape(self.text), 0 if self.case else re.IGNORECASE)


class Search:
    """The matches of one query in a buffer, kept up with it by `work`."""

    def __init__(self, buffer: LogBuffer, query: Query) -> None:
        self.query = query
        self.pattern = query.compile()
        self._buffer = buffer
        self._found: dict[int, list[tuple[int, int, int]]] = {}
        self._read: dict[int, int] = {}  # chunk -> lines of it that were looked at
        self.count = 0

    @property
    def is_full(self) -> bool:
        """More matches than are worth counting."""
        return self.count >= MOST

    def work(self, budget: float = 0.006) -> bool:
        """Look on for at most `budget` seconds (a chunk at least). Returns whether some is left to do."""
        end = time.perf_counter() + budget
        chunks = self._buffer.chunks()
        for chunk in chunks:
            done = self._read.get(chunk.serial, 0)
            # the last line may still grow: it is looked at again once it is whole
            whole = chunk.lines if chunk.ends_line else chunk.lines - 1
            if done >= whole or self.is_full:
                continue
            self._look(chunk, done, whole)
            if time.perf_counter() > end:
                return True
        living = {chunk.serial for chunk in chunks}
        for gone in [serial for serial in self._read if serial not in living]:
            self.count -= len(self._found.pop(gone, ()))
            del self._read[gone]
        return False

    def matches_in(self, text: str) -> list[tuple[int, int]]:
        """Where the pattern is in one shown line."""
        return [(match.start(), match.end()) for match in self.pattern.finditer(text) if match.end() > match.start()]

    def next_after(self, line: int, column: int) -> tuple[int, int, int] | None:
        """The first match (line, start, end) after a place; from the top again after the last."""
        return self._seek(line, column, forward=True)

    def last_before(self, line: int, column: int) -> tuple[int, int, int] | None:
        return self._seek(line, column, forward=False)

    def number_of(self, line: int, column: int) -> int:
        """Which match (from 1) stands at a place; 0: none."""
        before = 0
        for place, chunk in enumerate(self._buffer.chunks()):
            found = self._found.get(chunk.serial, [])
            first = self._buffer.first_line_of(place)
            if line < first + chunk.lines:
                at = bisect_left(found, (line - first, column, -1))
                return before + at + 1 if at < len(found) and found[at][:2] == (line - first, column) else 0
            before += len(found)
        return 0

    def _seek(self, line: int, column: int, *, forward: bool) -> tuple[int, int, int] | None:
        chunks = self._buffer.chunks()
        if not self.count or not chunks:
            return None
        here = max(0, self._buffer.chunk_place(line))
        inside = line - self._buffer.first_line_of(here)
        order = range(len(chunks) + 1)
        for step in order:
            place = (here + step if forward else here - step) % len(chunks)
            found = self._found.get(chunks[place].serial)
            if not found:
                continue
            if forward:
                at = bisect_right(found, (inside, column, 1 << 60)) if step == 0 else 0
            else:
                at = bisect_left(found, (inside, column, -1)) - 1 if step == 0 else len(found) - 1
            if 0 <= at < len(found):
                where = found[at]
                return (self._buffer.first_line_of(place) + where[0], where[1], where[2])
        return None

    def _look(self, chunk: Chunk, begin: int, end: int) -> None:
        found = self._found.setdefault(chunk.serial, [])
        before = len(found)
        # most chunks hold nothing: a look at the bytes as they are saves reading line by line
        if begin or self._may_match(chunk):
            for number in range(begin, end):
                text = parse_line(chunk.line(number)).text
                for match in self.pattern.finditer(text):
                    if match.end() > match.start():
                        found.append((number, match.start(), match.end()))
                if self.count + len(found) - before >= MOST:
                    break
        self._read[chunk.serial] = end
        self.count += len(found) - before

    def _may_match(self, chunk: Chunk) -> bool:
        if b"\x1b" in chunk.data or b"\r" in chunk.data or b"\t" in chunk.data:
            return True
        if self.query.regex:
            return True
        text = chunk.data.decode("utf-8", "replace")
        return self.pattern.search(text) is not None
