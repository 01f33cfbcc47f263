"""A JSON value as a tree that opens level by level; any value and the way to it can be copied."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QPoint, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

from rhdesk.core.results import cell_text, python_path
from rhdesk.core.words import count_text
from rhdesk.desktop import theme
from rhdesk.desktop.widgets.list_panel import MenuEntry, popup_menu

Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_SHOWN_TEXT = 500
"""Longest text that a line of the tree shows; Copy takes all of it."""


class Node:
    """One value with its place. Children are made when they are first asked for."""

    __slots__ = ("_children", "key", "parent", "row", "value")

    def __init__(self, key: str | int, value: Any, parent: Node | None, row: int) -> None:
        self.key, self.value, self.parent, self.row = key, value, parent, row
        self._children: list[Node] | None = None

    @property
    def count(self) -> int:
        return len(self.value) if isinstance(self.value, dict | list) else 0

    @property
    def children(self) -> list[Node]:
        if self._children is None:
            pairs = self.value.items() if isinstance(self.value, dict) else enumerate(self.value)
            self._children = [Node(key, value, self, row) for row, (key, value) in enumerate(pairs)]
        return self._children

    @property
    def path(self) -> list[str | int]:
        """The keys from the root to here."""
        keys: list[str | int] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            keys.append(node.key)
            node = node.parent
        return keys[::-1]

    @property
    def summary(self) -> str:
        """The value in one line; of a list or an object, what it holds."""
        if isinstance(self.value, dict):
            return count_text(len(self.value), "key")
        if isinstance(self.value, list):
            return count_text(len(self.value), "item")
        if self.value is None:
            return "None"
        text = repr(self.value) if isinstance(self.value, str) else cell_text(self.value)
        return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}…"

    @property
    def role(self) -> str:
        """The role of the colour that its type is shown in."""
        if isinstance(self.value, dict | list) or self.value is None:
            return "text_faint"
        if isinstance(self.value, str):
            return "ok"
        return "accent_text" if isinstance(self.value, bool) else "info"


class JsonModel(QAbstractItemModel):
    """Two columns, key and value, over any JSON value."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        # a value without parts is shown as the only line
        whole = value if isinstance(value, dict | list) else [value]
        self.root = Node("", whole, None, 0)

    def node(self, index: Index) -> Node:
        return index.internalPointer() if index.isValid() else self.root

    def index(self, row: int, column: int, parent: Index = _NO_INDEX) -> QModelIndex:
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self.node(parent).children[row])

    def parent(self, index: Index = _NO_INDEX) -> QModelIndex:  # type: ignore[override]
        above = self.node(index).parent if index.isValid() else None
        if above is None or above is self.root:
            return QModelIndex()
        return self.createIndex(above.row, 0, above)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.column() > 0 else self.node(parent).count

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 2

    def hasChildren(self, parent: Index = _NO_INDEX) -> bool:
        return self.rowCount(parent) > 0

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Key", "Value")[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        node = self.node(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return str(node.key) if index.column() == 0 else node.summary
        if role == Qt.ItemDataRole.ForegroundRole:
            if index.column() == 1:
                return theme.colour(node.role)
            return theme.colour("text_faint" if isinstance(node.key, int) else "text")
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(0, 26)
        if role == Qt.ItemDataRole.FontRole:
            return theme.mono_font()
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 1 and isinstance(node.value, str):
            return node.value[:2000]
        return None


class TreeView(QTreeView):
    """Shows a JSON value; the first level is open."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Result as a tree")
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self._model = JsonModel({})

    def show_value(self, value: Any) -> None:
        """Show another value."""
        self._model = JsonModel(value)
        self.setModel(self._model)
        header = self.header()
        header.setFixedHeight(30)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        if self._model.root.count <= 200:
            for row in range(self._model.root.count):
                index = self._model.index(row, 0)
                if self._model.node(index).count <= 50:
                    self.expand(index)
        self.resizeColumnToContents(0)
        self.setColumnWidth(0, max(160, min(self.columnWidth(0) + 24, 360)))

    def current_node(self) -> Node | None:
        """The value under the cursor."""
        index = self.currentIndex()
        return self._model.node(index) if index.isValid() else None

    def copy_value(self) -> None:
        """The selected value as JSON (a text without its quotes), else the whole."""
        node = self.current_node() or self._model.root
        value = node.value
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        QGuiApplication.clipboard().setText(text)

    def copy_path(self) -> None:
        """How Python reaches the selected value."""
        node = self.current_node()
        if node is not None:
            QGuiApplication.clipboard().setText(python_path(node.path))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_value()
        else:
            super().keyPressEvent(event)

    def _menu(self, where: QPoint) -> None:
        node = self.current_node()
        if node is None:
            return
        index = self.currentIndex()
        opened: Callable[[], object] = lambda: self.expandRecursively(index, 3)  # noqa: E731
        entries: list[MenuEntry | None] = [
            ("copy", "Copy the value", self.copy_value, ""),
            ("braces", "Copy the path", self.copy_path, ""),
            None,
            ("list-tree", "Open all below", opened, "" if node.count else "There is nothing below."),
        ]
        popup_menu(self, entries, self.viewport().mapToGlobal(where))
