"""What a filter looks for words in: made before somebody types, a little at a time, where rows are many."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, QTimer

from rhdesk.desktop.models.columns import Column

Row = TypeVar("Row")

_MANY = 500  # rows; the texts of fewer are made when they are asked for
_SLICE = 0.003  # seconds for which the interface is held at a time


class SearchTexts(QObject, Generic[Row]):
    """The texts of rows of one type, kept for as long as they are the same rows.

    What columns say that vary with something else is looked up each time.
    """

    def __init__(self, columns: Sequence[Column[Row]], key: Callable[[Row], str], parent: QObject) -> None:
        super().__init__(parent)
        searched = [column for column in columns if not column.ages]
        self._lasting = [column for column in searched if not column.varies]
        self._varying = [column for column in searched if column.varies]
        self._key = key
        self._kept: dict[str, tuple[Row, str]] = {}
        self._waiting: Iterator[Row] = iter(())
        self._slices = QTimer(self, interval=0)
        self._slices.timeout.connect(self._make_some)

    def expect(self, rows: Collection[Row]) -> None:
        """Make ready for words to be looked for in these, while nothing else is to be done."""
        if len(self._kept) > 2 * len(rows):
            self._kept.clear()
        self._slices.stop()
        self._waiting = iter(rows if len(rows) > _MANY else ())
        if len(rows) > _MANY:
            self._slices.start()

    def has(self, row: Row, words: Sequence[str]) -> bool:
        """Whether every one of the words, which are case folded, is in some searched column of the row."""
        text = self._text(row)
        missing = [word for word in words if word not in text]
        return not missing or (bool(self._varying) and _all_in(missing, row_text(row, self._varying)))

    def _make_some(self) -> None:
        end = time.perf_counter() + _SLICE
        for row in self._waiting:
            self._text(row)
            if time.perf_counter() > end:
                return
        self._slices.stop()

    def _text(self, row: Row) -> str:
        kept = self._kept.get(key := self._key(row))
        if kept is not None and kept[0] is row:
            return kept[1]
        text = row_text(row, self._lasting)
        self._kept[key] = (row, text)
        return text


def row_text(row: Row, columns: Sequence[Column[Row]]) -> str:
    """What these columns say of a row, case folded."""
    parts = [column.text(row) for column in columns]
    parts += [column.second(row) for column in columns if column.second is not None]
    return "\n".join(parts).casefold()


def _all_in(words: Sequence[str], text: str) -> bool:
    return all(word in text for word in words)
