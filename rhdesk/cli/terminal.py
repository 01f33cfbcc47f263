"""What people see: tables, ages, sizes, and one line of progress that turns into plain lines where nobody watches."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from weakref import WeakSet

import click

from rhresources.ages import ago
from rhresources.tables import table_lines

_SECONDS = re.compile(r" \(\d+ s\)$")
"""How long something takes already; the spinner counts itself, and one line a second is no plain line."""

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Progress:
    """Says what is being done: a spinner line on a terminal, else one line for every new text. Use as a context."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._text = ""
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._held = False
        _all.add(self)

    @property
    def moving(self) -> bool:
        """Whether somebody watches a terminal."""
        return self._moving

    def __call__(self, text: str) -> None:
        """Say that `text` goes on now; of several lines a terminal shows the last."""
        for line in text.splitlines():
            line = _SECONDS.sub("", line.strip())
            if not line or line == self._text:
                continue
            self._text = line
            if not self._moving:
                click.echo(line, err=True)
        if self._moving and self._text and self._thread is None and not self._held:
            self._start()

    def stands(self, text: str) -> bool:
        """Whether `text` was the last to be said, in a line that stays."""
        return not self._moving and text == self._text

    def passing(self, text: str) -> None:
        """Say what is worth a look, and no line that stays."""
        if self._moving:
            self(text)

    def clear(self) -> None:
        """Take the line away; the next text brings it back."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            self._text = ""
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Nothing moves in here, because a question stands on the terminal; the line comes back after it."""
        text = self._text
        self._held = True
        self.clear()
        self._text = text
        try:
            yield
        finally:
            self._held = False
            if self._moving and self._text:
                self._start()

    def _start(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._spin, name="progress", daemon=True)
        self._thread.start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def _spin(self) -> None:
        turn = 0
        while True:
            seconds = time.monotonic() - self._started
            width = shutil.get_terminal_size().columns - 12
            text = self._text if len(self._text) <= width else f"{self._text[: max(width - 1, 0)]}…"
            sys.stderr.write(f"\r\x1b[K{_FRAMES[turn % len(_FRAMES)]} {text} ({seconds:.0f} s)")
            sys.stderr.flush()
            turn += 1
            if self._stop.wait(0.1):
                return


_all: WeakSet[Progress] = WeakSet()


@contextmanager
def held_progress() -> Iterator[None]:
    """No line of progress moves in here."""
    with ExitStack() as stack:
        for progress in list(_all):
            stack.enter_context(progress.hold())
        yield


def note(text: str) -> None:
    """A line for the person, not for the pipe."""
    click.echo(text, err=True)


def printable(text: str) -> str:
    """`text` without what would move the cursor or change colours: it may hold words of another computer."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under titles, columns as wide as they need; the last column is cut at the edge of a terminal."""
    edge = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in table_lines(titles, rows, edge):
        click.echo(line)


def unified_diff(before: str, after: str, old: str, new: str) -> str:
    """What changed from one text to another, called `old` and `new`; empty: nothing."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), old, new)
    return "".join(lines)


def age(seconds: float | None, now: float | None = None) -> str:
    """How long ago a time was, in seconds since the epoch, as `ago` says it; "-" for never."""
    return ago(seconds, now) if seconds else "-"


def duration(seconds: float) -> str:
    """A length of time in at most two units: "0.2 s", "42 s", "3 min 5 s", "2 h 10 min", "3 d 4 h"."""
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, smaller, smaller_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {smaller_name}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def size(count: float) -> str:
    """Bytes for people: "812 B", "1.5 MB", "23 GB"."""
    units = iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while count >= 999.5 and unit != "TB":
        count /= 1000
        unit = next(units)
    return f"{count:.1f} {unit}" if count < 9.95 and unit != "B" else f"{count:.0f} {unit}"


def moment(seconds: float) -> str | None:
    """ISO 8601 in UTC for JSON; None for 0, which means not yet."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Seconds since the epoch of what `moment` wrote."""
    return datetime.fromisoformat(text).timestamp()
