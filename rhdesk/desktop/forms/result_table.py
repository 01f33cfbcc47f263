"""A data frame or a list of records as a table: sorted by a click, copied as CSV or for a spreadsheet."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from rhdesk.core.results import TableData, cell_text, delimited, sorted_rows
from rhdesk.desktop import theme
from rhdesk.desktop.widgets.list_panel import MenuEntry, popup_menu

Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_MEASURED = 60
"""Rows that the widths of columns are made from."""
_WIDEST = 320
_SHOWN_TEXT = 300


class TableModel(QAbstractTableModel):
    """The rows of a preview, sorted on the plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.table = TableData((), (), 0)
        self._rows: list[tuple[Any, ...]] = []
        self._numbers: list[bool] = []
        self.sorted_by = -1
        self.descending = False

    def show_table(self, table: TableData) -> None:
        """Show another table, in its own order."""
        self.beginResetModel()
        self.table, self._rows = table, list(table.rows)
        self.sorted_by, self.descending = -1, False
        self._numbers = [
            any(is_number(row[place]) for row in table.rows)
            and all(row[place] is None or is_number(row[place]) for row in table.rows)
            for place in range(len(table.columns))
        ]
        self.endResetModel()

    def sort_by(self, column: int) -> None:
        """Up, down, and as it was, by one column."""
        self.layoutAboutToBeChanged.emit()
        if self.sorted_by != column:
            self.sorted_by, self.descending = column, False
        elif not self.descending:
            self.descending = True
        else:
            self.sorted_by = -1
        rows = self.table.rows
        self._rows = list(rows) if self.sorted_by < 0 else sorted_rows(rows, self.sorted_by, self.descending)
        self.layoutChanged.emit()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.table.columns) - 1)

    def rows(self) -> list[tuple[Any, ...]]:
        """The rows in the order they are shown."""
        return self._rows

    def is_number(self, column: int) -> bool:
        """Whether a column holds nothing but numbers."""
        return self._numbers[column]

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.table.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.table.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            arrow = f" {'↓' if self.descending else '↑'}" if section == self.sorted_by else ""
            return self.table.columns[section] + arrow
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._side(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        value = self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return "None" if value is None else cell_text(value).replace("\n", " ")[:_SHOWN_TEXT]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._side(index.column())
        if role == Qt.ItemDataRole.ForegroundRole and value is None:
            return theme.colour("text_faint")
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(value, str) and len(value) > 30:
            return value[:2000]
        return None

    def _side(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if self._numbers[column] else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


class TableView(QTableView):
    """Shows a TableData."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = TableModel()
        self.setModel(self.rows)
        self.setAccessibleName("Result as a table")
        self.setProperty("kind", "data")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        header = self.horizontalHeader()
        header.setFixedHeight(30)
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.sectionClicked.connect(self.rows.sort_by)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)

    def show_table(self, table: TableData) -> None:
        """Show another table, its columns as wide as what they hold."""
        self.rows.show_table(table)
        metrics = QFontMetrics(theme.ui_font(13))
        for place, name in enumerate(table.columns):
            longest = max((cell_text(row[place])[:60] for row in table.rows[:_MEASURED]), key=len, default="")
            width = max(metrics.horizontalAdvance(longest), metrics.horizontalAdvance(name) + 8)
            self.setColumnWidth(place, max(72, min(width + 40, _WIDEST)))

    def copy(self, delimiter: str = "\t", *, names: bool = False) -> None:
        """The selected cells, or the whole table with its column names."""
        chosen = self.selectionModel().selectedIndexes()
        table = self.rows.table
        if len(chosen) < 2 and names:
            text = delimited(table.columns, self.rows.rows(), delimiter)
        elif chosen:
            lines = sorted({index.row() for index in chosen})
            places = sorted({index.column() for index in chosen})
            head = [table.columns[place] for place in places] if names else []
            cells = [[self.rows.rows()[line][place] for place in places] for line in lines]
            text = delimited(head, cells, delimiter).removesuffix("\n")
        else:
            text = delimited(table.columns, self.rows.rows(), delimiter)
        QGuiApplication.clipboard().setText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def _menu(self, where: QPoint) -> None:
        several = len(self.selectionModel().selectedIndexes()) > 1
        what = "the selection" if several else "the table"
        entries: list[MenuEntry | None] = [
            (
                "copy",
                "Copy the cells",
                self.copy,
                "" if self.selectionModel().hasSelection() else "Select cells first.",
            ),
            ("table", f"Copy {what} for a spreadsheet", lambda: self.copy("\t", names=True), ""),
            ("file-text", f"Copy {what} as CSV", lambda: self.copy(",", names=True), ""),
        ]
        popup_menu(self, entries, self.viewport().mapToGlobal(where))


def is_number(value: Any) -> bool:
    """Whether a cell holds a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
