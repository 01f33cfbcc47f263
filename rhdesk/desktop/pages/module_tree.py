"""The modules of a package as a tree that is read as it is opened."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QFrame, QTreeWidget, QTreeWidgetItem

from rhdesk.core.package_modules import ModuleRow
from rhdesk.desktop import theme

_ROW = int(Qt.ItemDataRole.UserRole)


class ModuleTree(QTreeWidget):
    """`asked` wants the modules inside one, to be given by `add`; `chosen` is the module under the cursor."""

    asked = Signal(str)
    chosen = Signal(object)  # a ModuleRow, or None

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[str, QTreeWidgetItem] = {}
        self._words: list[str] = []
        self.setAccessibleName("Modules")
        self.setObjectName("module-tree")
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setIndentation(18)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setColumnCount(1)
        self.setMinimumHeight(90)
        self.itemExpanded.connect(self._expanded)
        self.currentItemChanged.connect(lambda now, before: self.chosen.emit(_row(now)))

    def show_top(self, rows: Sequence[ModuleRow]) -> None:
        """Show these at the top and nothing else; the only one is opened."""
        self.clear()
        self._items = {}
        self.add("", rows)
        if len(rows) == 1 and rows[0].inside:
            self._items[rows[0].name].setExpanded(True)

    def add(self, inside: str, rows: Sequence[ModuleRow]) -> None:
        """Put in what is inside a module; "" is the top."""
        parent = self._items.get(inside) if inside else self.invisibleRootItem()
        if parent is None:
            return
        parent.takeChildren()
        for row in rows:
            item = QTreeWidgetItem(parent, [row.title])
            item.setData(0, _ROW, row)
            item.setIcon(0, _icon(row))
            item.setToolTip(0, " · ".join(part for part in (row.name, row.distribution) if part))
            if row.inside:
                item.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.ShowIndicator)
            self._items[row.name] = item
        if not rows and inside:
            parent.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.DontShowIndicator)
        self._filter()

    def choose(self, name: str) -> bool:
        """Put the cursor on a module. False: it is not shown (yet)."""
        item = self._items.get(name)
        if item is not None:
            self.setCurrentItem(item)
        return item is not None

    def open_module(self, name: str) -> None:
        """Show what is inside a module."""
        if name in self._items:
            self._items[name].setExpanded(True)

    def set_filter(self, text: str) -> None:
        """Keep what has these words in its name, and what it is inside of."""
        self._words = text.casefold().split()
        self._filter()

    @property
    def names(self) -> list[str]:
        """The modules that were read so far."""
        return list(self._items)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and item is not None:
            item.setExpanded(not item.isExpanded())
        else:
            super().keyPressEvent(event)

    def retheme(self) -> None:
        for item in self._items.values():
            row = _row(item)
            if row is not None:
                item.setIcon(0, _icon(row))

    def _expanded(self, item: QTreeWidgetItem) -> None:
        row = _row(item)
        if row is not None and row.inside and not item.childCount():
            self.asked.emit(row.name)

    def _filter(self) -> None:
        shown: set[str] = set()
        for name, item in self._items.items():
            if all(word in name.casefold() for word in self._words):
                shown.add(name)
                above = item.parent()
                while above is not None:
                    row = _row(above)
                    if row is not None:
                        shown.add(row.name)
                    above = above.parent()
        for name, item in self._items.items():
            item.setHidden(name not in shown)


def _row(item: QTreeWidgetItem | None) -> ModuleRow | None:
    found = item.data(0, _ROW) if item is not None else None
    return found if isinstance(found, ModuleRow) else None


def _icon(row: ModuleRow) -> QIcon:
    if row.inside:
        return theme.icons.icon("package" if row.has_functions else "folder", "text_muted")
    return theme.icons.icon("file-code", "accent_text")
