"""Two widgets beside each other, or one above the other where there is little room."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

_ENOUGH = 600  # pixels across


class TwoSides(QSplitter):
    """A splitter that turns by its own width; where it was dragged to is kept for each of the two ways."""

    def __init__(self, first: QWidget, second: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)
        self.setProperty("line", True)
        self.addWidget(first)
        self.addWidget(second)
        self._dragged: dict[Qt.Orientation, list[int]] = {}
        self.splitterMoved.connect(lambda place, index: self._dragged.update({self.orientation(): self.sizes()}))

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = event.size().width() >= _ENOUGH
        wanted = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if wanted is not self.orientation() or not event.oldSize().isValid():
            self.setOrientation(wanted)
            self.setSizes(self._dragged.get(wanted, [1000, 1000]))
        super().resizeEvent(event)
