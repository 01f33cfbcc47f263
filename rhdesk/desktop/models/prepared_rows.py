"""Many rows with all that filtering and sorting them takes, so that the interface's thread only has to pick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from rhdesk.desktop.models.columns import Column
from rhdesk.desktop.models.search_texts import row_text

Row = TypeVar("Row")


class PreparedRows(Generic[Row]):
    """Made on any thread, which takes a moment for ten thousands of rows; afterwards it is for the interface's thread.

    The rows stay as they are: what a column says or is sorted by must not change. Columns that age or vary are not
    filtered on.
    """

    def __init__(self, rows: Iterable[Row], columns: Sequence[Column[Row]]) -> None:
        self.rows = list(rows)
        searched = [column for column in columns if not (column.ages or column.varies)]
        self._texts = [row_text(row, searched) for row in self.rows]
        self._ranks = [_ranks([column.sort_key(row) for row in self.rows]) for column in columns]
        self._places = {column.key: place for place, column in enumerate(columns)}
        self._orders: dict[tuple[int, bool], list[int]] = {}

    def pick(
        self, words: Sequence[str], keep: Callable[[list[Row]], list[Row]], column: int, descending: bool
    ) -> list[Row]:
        """The rows with all these words, sorted by a column (-1: as given), as far as `keep` gives them back."""
        order: Iterable[int] = self._order(column, descending) if column >= 0 else range(len(self.rows))
        texts, rows = self._texts, self.rows
        for word in words:
            order = [place for place in order if word in texts[place]]
        return keep([rows[place] for place in order])

    def sorted_by(self, key: str) -> list[Row]:
        """All rows in ascending order of the column with this key."""
        return [self.rows[place] for place in self._order(self._places[key], False)]

    def _order(self, column: int, descending: bool) -> list[int]:
        found = self._orders.get((column, descending))
        if found is None:
            ranks, unknown = self._ranks[column]
            known = [place for place in range(len(ranks)) if ranks[place] >= 0]
            known.sort(key=ranks.__getitem__, reverse=descending)
            found = self._orders[column, descending] = known + unknown
        return found


def _ranks(keys: Sequence[tuple[bool, Any]]) -> tuple[list[int], list[int]]:
    """The place of each key among all that there are (-1: unknown), and the places of those that are unknown."""
    values = sorted({value for unknown, value in keys if not unknown})
    rank = {value: number for number, value in enumerate(values)}
    return (
        [-1 if unknown else rank[value] for unknown, value in keys],
        [place for place, (unknown, _) in enumerate(keys) if unknown],
    )
