"""An item model over a plain list: it filters and sorts the list itself and resets, which is fast at any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from rhdesk.desktop.models.columns import Column
from rhdesk.desktop.models.prepared_rows import PreparedRows
from rhdesk.desktop.models.search_texts import SearchTexts

Row = TypeVar("Row")
ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
COLUMN_ROLE = int(Qt.ItemDataRole.UserRole) + 2
OLD_ROLE = int(Qt.ItemDataRole.UserRole) + 3
Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


class RowModel(QAbstractTableModel, Generic[Row]):
    """Rows of one type under typed columns. Where only values changed, single rows are repainted.

    Attributes:
        is_old: tells which rows are drawn faint, because nobody knows whether they still are so.
    """

    def __init__(self, columns: Sequence[Column[Row]], key: Callable[[Row], str]) -> None:
        super().__init__()
        self.columns = list(columns)
        self._key = key
        self._all: list[Row] = []
        self._prepared: PreparedRows[Row] | None = None
        self._keep_of: Callable[[list[Row]], list[Row]] = list
        self._usual = ""
        self._shown: list[Row] = []
        self._places: dict[str, int] = {}
        self._words: list[str] = []
        self._texts = SearchTexts(self.columns, key, self)
        self._keep: Callable[[Row], bool] | None = None
        self.is_old: Callable[[Row], bool] = lambda row: False
        self._sorted_by = -1
        self._descending = False

    # ------------------------------------------------------------ what is shown

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these rows, through the present filter and order."""
        self._all, self._prepared = list(rows), None
        self._texts.expect(self._all)
        self._arrange()

    def set_prepared(
        self, rows: PreparedRows[Row], keep: Callable[[list[Row]], list[Row]] = list, usual: str = ""
    ) -> None:
        """Show many rows, made by `PreparedRows` of these columns.

        Args:
            keep: gives back those that chips stand for, in their order.
            usual: key of the column that they are sorted by where nobody chose one; "": as given.
        """
        self._all, self._prepared, self._keep_of, self._usual = rows.rows, rows, keep, usual
        self._arrange()

    def set_filter(self, text: str) -> None:
        """Keep the rows in which every word of `text` is found in some column."""
        words = text.casefold().split()
        if words != self._words:
            self._words = words
            self._arrange()

    def set_keep(self, keep: Callable[[Row], bool] | None) -> None:
        """Keep the rows that a chip stands for; None: all."""
        self._keep = keep
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sorted_by, self._descending = column, order is Qt.SortOrder.DescendingOrder
        self._arrange()

    @property
    def order(self) -> tuple[int, bool]:
        """The column that rows are sorted by (-1: as given) and whether descending."""
        return self._sorted_by, self._descending

    @property
    def total(self) -> int:
        return len(self._all)

    def all_rows(self) -> list[Row]:
        return self._all

    def shown_rows(self) -> list[Row]:
        return self._shown

    def row_at(self, place: int) -> Row | None:
        return self._shown[place] if 0 <= place < len(self._shown) else None

    def key_at(self, place: int) -> str:
        return self._key(self._shown[place])

    def place_of(self, key: str) -> int:
        """The line that a row is on, -1 when it is not shown."""
        return self._places.get(key, -1)

    def ages(self) -> None:
        """Repaint the columns whose text depends on the clock."""
        if not self._shown:
            return
        for place, column in enumerate(self.columns):
            if column.ages:
                self.dataChanged.emit(self.index(0, place), self.index(len(self._shown) - 1, place))

    def repaint(self) -> None:
        """Paint all rows again, where something beside the rows changed what they look like."""
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, len(self.columns) - 1))

    def _arrange(self) -> None:
        rows = self._picked()
        keys = list(map(self._key, rows))
        if keys == list(self._places):
            old, self._shown = self._shown, rows
            self._repaint(old)
            return
        self.beginResetModel()
        self._shown = rows
        self._places = dict(zip(keys, range(len(keys)), strict=True))
        self.endResetModel()

    def _picked(self) -> list[Row]:
        """The rows to show, in order; a list of its own."""
        if self._prepared is not None:
            column, descending = self._sorted_by, self._descending
            if column < 0 and self._usual:
                column, descending = next(n for n, each in enumerate(self.columns) if each.key == self._usual), False
            return self._prepared.pick(self._words, self._keep_of, column, descending)
        rows = list(self._all)
        if self._keep is not None:
            rows = [row for row in rows if self._keep(row)]
        if self._words:
            rows = [row for row in rows if self._texts.has(row, self._words)]
        if 0 <= self._sorted_by < len(self.columns):
            sort_by = self.columns[self._sorted_by]
            keyed = [(sort_by.sort_key(row), row) for row in rows]
            known = [(key[1], row) for key, row in keyed if not key[0]]
            known.sort(key=itemgetter(0), reverse=self._descending)
            rows = [row for _, row in known] + [row for key, row in keyed if key[0]]
        return rows

    def _repaint(self, old: list[Row]) -> None:
        last = len(self.columns) - 1
        for place, (before, after) in enumerate(zip(old, self._shown, strict=True)):
            if before is not after and before != after:
                self.dataChanged.emit(self.index(place, 0), self.index(place, last))

    # ------------------------------------------------------------ Qt's questions

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            if section == self._sorted_by:
                return f"{column.title} {'↓' if self._descending else '↑'}"
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.to_the_right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        row, column = self._shown[index.row()], self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == ROW_ROLE:
            return row
        if role == COLUMN_ROLE:
            return column
        if role == OLD_ROLE:
            return self.is_old(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title}: {column.text(row)}"
        if role == Qt.ItemDataRole.ToolTipRole and column.tip is not None:
            return column.tip(row) or None
        return None
