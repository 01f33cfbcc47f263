"""The table that every list of the window uses: rows of one type, typed columns, keys, and a menu per row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from rhdesk.desktop import theme
from rhdesk.desktop.models.columns import Column
from rhdesk.desktop.models.row_delegate import RowDelegate
from rhdesk.desktop.models.row_model import RowModel
from rhdesk.desktop.widgets.hovered_table import HoveredTable


class ResourceTable(HoveredTable):
    """Selection is kept by the rows' keys over every change. Enter or double click opens, Delete asks to delete."""

    opened = Signal(object)  # a row: Enter or double click
    chosen = Signal(list)  # the selected rows, whenever that changes
    delete_asked = Signal(list)  # the selected rows
    menu_asked = Signal(object, QPoint)  # the row and a global position

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        key: Callable[[Any], str],
        name: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.rows: RowModel[Any] = RowModel(columns, key)
        self._wanted: list[str] = []
        self._current = ""
        self._left_out: frozenset[str] = frozenset()
        self._delegate = RowDelegate(self)
        self.setModel(self.rows)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(theme.ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setFixedHeight(30)
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(48)
        header.sectionClicked.connect(self._sort_by)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu_at)
        self.doubleClicked.connect(lambda index: self._open(index.row()))
        self.selectionModel().selectionChanged.connect(self._selection_changed)
        self.rows.modelAboutToBeReset.connect(self._remember)
        self.rows.modelReset.connect(self._restore)
        self._clock = QTimer(self, interval=5000)
        self._clock.timeout.connect(self.rows.ages)
        if any(column.ages for column in columns):
            self._clock.start()
        self._lay_out()

    # ------------------------------------------------------------ rows and selection

    def set_rows(self, rows: Iterable[Any]) -> None:
        self.rows.set_rows(rows)

    def selected(self) -> list[Any]:
        """The selected rows, top to bottom."""
        places = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [row for place in places if (row := self.rows.row_at(place)) is not None]

    def current(self) -> Any | None:
        """The one row that an act means: the selected one under the focus, else the first selected."""
        chosen = self.selectionModel().selectedRows()
        focus = self.currentIndex().row()
        if any(index.row() == focus for index in chosen):
            return self.rows.row_at(focus)
        return self.rows.row_at(chosen[0].row()) if chosen else None

    def select(self, key: str) -> bool:
        """Select the row with this key and bring it into sight. False: it is not shown (yet)."""
        place = self.rows.place_of(key)
        if place < 0:
            return False
        # not by the view's own methods: those toggle while Ctrl is held, as it is after Ctrl+Enter
        flag = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(self.rows.index(place, 0), flag.ClearAndSelect | flag.Rows)
        self.scrollTo(self.rows.index(place, 0))
        return True

    def _selection_changed(self) -> None:
        self.chosen.emit(self.selected())

    def _remember(self) -> None:
        self._wanted = [self.rows.key_at(index.row()) for index in self.selectionModel().selectedRows()]
        place = self.currentIndex().row()
        self._current = self.rows.key_at(place) if 0 <= place < self.rows.rowCount() else ""
        self._scroll = self.verticalScrollBar().value()

    def _restore(self) -> None:
        model = self.selectionModel()
        flag = QItemSelectionModel.SelectionFlag
        place = self.rows.place_of(self._current)
        if place >= 0:
            model.setCurrentIndex(self.rows.index(place, 0), flag.NoUpdate)
        for key in self._wanted:
            place = self.rows.place_of(key)
            if place >= 0:
                model.select(self.rows.index(place, 0), flag.Select | flag.Rows)
        self.verticalScrollBar().setValue(self._scroll)
        if self._wanted and not model.hasSelection():
            self.chosen.emit([])
        self._wanted = []

    # ------------------------------------------------------------ columns

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def leave_out(self, keys: Iterable[str]) -> None:
        """Hide these columns and no others: they say nothing about the rows that there are."""
        if (wanted := frozenset(keys)) != self._left_out:
            self._left_out = wanted
            self._lay_out()

    def _lay_out(self) -> None:
        width = self.viewport().width()
        columns = self.rows.columns
        shown = [column.key not in self._left_out for column in columns]
        # the columns that matter least go first, until the rest fits
        droppable = [place for place, column in enumerate(columns) if column.drop_below]
        for place in sorted(droppable, key=lambda place: -columns[place].drop_below):
            if sum(column.width for column, stays in zip(columns, shown, strict=True) if stays) <= width:
                break
            shown[place] = False
        fixed = sum(c.width for c, s in zip(columns, shown, strict=True) if s and not c.stretch)
        weights = sum(c.width for c, s in zip(columns, shown, strict=True) if s and c.stretch)
        left = max(weights, width - fixed)
        for place, column in enumerate(columns):
            self.setColumnHidden(place, not shown[place])
            share = left * column.width // weights if column.stretch and weights else column.width
            self.setColumnWidth(place, share)

    def _sort_by(self, place: int) -> None:
        by, descending = self.rows.order
        if by != place:
            first = (
                Qt.SortOrder.DescendingOrder if self.rows.columns[place].to_the_right else Qt.SortOrder.AscendingOrder
            )
            self.rows.sort(place, first)
        else:
            self.rows.sort(place, Qt.SortOrder.AscendingOrder if descending else Qt.SortOrder.DescendingOrder)
        self.rows.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.rows.columns) - 1)

    # ------------------------------------------------------------ keys and mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(self.currentIndex().row())
        elif event.key() == Qt.Key.Key_Delete and self.selected():
            self.delete_asked.emit(self.selected())
        elif event.key() == Qt.Key.Key_Menu or (
            event.key() == Qt.Key.Key_F10 and event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            box = self.visualRect(self.currentIndex())
            self._menu_at(box.bottomLeft() + QPoint(24, 0))
        elif event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        else:
            super().keyPressEvent(event)

    def _open(self, place: int) -> None:
        row = self.rows.row_at(place)
        if row is not None:
            self.opened.emit(row)

    def _menu_at(self, where: QPoint) -> None:
        index: QModelIndex = self.indexAt(where)
        place = index.row() if index.isValid() else self.currentIndex().row()
        row = self.rows.row_at(place)
        if row is None:
            return
        if row not in self.selected():
            self.selectRow(place)
        self.menu_asked.emit(row, self.viewport().mapToGlobal(where))

    def _copy(self) -> None:
        lines = ["\t".join(column.text(row) for column in self.rows.columns) for row in self.selected()]
        QGuiApplication.clipboard().setText("\n".join(lines))
