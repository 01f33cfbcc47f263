"""The tree of names: lines that open and close, are chosen, dragged and dropped, by mouse and keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView

from rhdesk.core.entry_row import EntryRow, RegistryRow
from rhdesk.core.name_index import Node
from rhdesk.desktop.models.name_delegate import LINE_HEIGHT, NameDelegate, arrow_box
from rhdesk.desktop.models.name_lines import NameLines, addresses_in, mime_of
from rhdesk.desktop.widgets.hovered_table import HoveredTable

_KIND, _CHANGED = 92, 136
_NAME_AT_LEAST = 190
_LOOK = 1000


class NameOutline(HoveredTable):
    """Shows lines; what is open is for its page to keep. Selection is kept by the keys of the lines.

    Signals:
        switched: a folder is to be opened or closed.
        chosen: the line under the cursor is another.
        opened: Enter or double click on a resource.
        dropped: addresses, the folder they fell on, and whether they are to be copied.
        pasted: a folder, and whether what was cut or copied is there.
    """

    switched = Signal(object, bool)
    chosen = Signal(object)
    opened = Signal(object)
    menu_asked = Signal(object, QPoint)
    delete_pressed = Signal()
    rename_pressed = Signal()
    undo_pressed = Signal()
    dropped = Signal(list, object, object)  # addresses, node, True: copy, False: move, None: as is usual there
    pasted = Signal(list, object, bool)  # addresses, node, whether they were cut

    def __init__(self) -> None:
        super().__init__()
        self.lines = NameLines()
        self._delegate: NameDelegate = NameDelegate(self)
        self._cut: list[str] = []
        self.setModel(self.lines)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Resource names")
        self.setObjectName("names-tree")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setMouseTracking(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDragDropOverwriteMode(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(LINE_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(LINE_HEIGHT)
        header = self.horizontalHeader()
        header.setFixedHeight(30)
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.customContextMenuRequested.connect(self._menu_at)
        self.selectionModel().currentChanged.connect(self._current_changed)
        self._look = QTimer(self, interval=_LOOK)
        self._look.timeout.connect(self._tick)
        self._seconds = 0
        self._filling = False
        self._hidden = ""  # the key of what is chosen and was not found

    # ------------------------------------------------------------ lines

    def show_lines(
        self, lines: Sequence[Node], opened: Collection[str], registry: RegistryRow | None, *, some: bool = False
    ) -> None:
        """Show other lines; what was chosen stays chosen where it is still there.

        Args:
            some: only those that were searched for: where what was chosen is not among them, nothing is chosen until
                it is there again, else an act would be on what nobody chose.
        """
        keys = [self.lines.key_at(index.row()) for index in self.selectionModel().selectedRows()]
        row, scroll = self.currentIndex().row(), self.verticalScrollBar().value()
        current, before = self.lines.key_at(row), self.lines.node_at(row)
        around = before.above if before is not None else []
        in_sight = self._is_in_sight(self.viewport().height())
        self._filling = True
        self.lines.show(lines, opened, registry)
        flag = QItemSelectionModel.SelectionFlag
        model = self.selectionModel()
        current, self._hidden = current or self._hidden, ""
        place = self.lines.place_of(current)
        if some and place < 0:
            self._hidden = current
        elif not self.currentIndex().isValid() and current and (place >= 0 or row >= 0):
            keys = keys or [current]
            if gone := place < 0:
                place = self._instead_of(around, row)
            model.setCurrentIndex(self.lines.index(place, 0), flag.NoUpdate)
            for key in [self.lines.key_at(place)] if gone else keys:
                if (place := self.lines.place_of(key)) >= 0:
                    model.select(self.lines.index(place, 0), flag.Select | flag.Rows)
            self.verticalScrollBar().setValue(scroll)
            if in_sight or row < 0:
                self.scrollTo(self.currentIndex())
        self._filling = False

    def _instead_of(self, around: Sequence[Node], row: int) -> int:
        """The line from which keys go on: of the folder that was closed, or what stands now where a line was."""
        folder = next((node for node in reversed(around) if self.lines.place_of(node.key) >= 0), None)
        if folder is not None and not self.lines.is_open(folder):
            return self.lines.place_of(folder.key)
        place = min(row, self.lines.rowCount() - 1)
        there = self.lines.node_at(place)
        others = there is None or there.parent is None or folder is None or there.parent.key != folder.key
        return max(0, row - 1) if others else place  # rather the one before it than one of another folder

    def mark(self, addresses: Collection[str]) -> None:
        """Mark these for a moment: they changed just now."""
        if addresses:
            self.lines.mark(addresses)
            self._look.start()
            self.viewport().update()

    def choose(self, key: str) -> bool:
        """Choose the line with this key alone and bring it into sight; False: it is not in sight."""
        place = self.lines.place_of(key)
        if place < 0:
            return False
        flag = QItemSelectionModel.SelectionFlag
        index = self.lines.index(place, 0)
        self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
        self.scrollTo(index)
        return True

    def current(self) -> Node | None:
        """The line under the cursor."""
        return self.lines.node_at(self.currentIndex().row())

    def selected(self) -> list[EntryRow]:
        """The resources that are selected, top to bottom; the one under the cursor where none is."""
        places = sorted(index.row() for index in self.selectionModel().selectedRows())
        nodes = [self.lines.node_at(place) for place in places] or [self.current()]
        return [node.row for node in nodes if node is not None and node.row is not None]

    def _current_changed(self, now: QModelIndex, before: QModelIndex) -> None:
        node = self.lines.node_at(now.row())
        if node is not None and not self._filling:
            self.chosen.emit(node)

    def _tick(self) -> None:
        """Marks go after a while; ages grow all the time."""
        self._seconds += 1
        if not self.lines.has_marks:
            self._look.stop()
        self.viewport().update()

    # ------------------------------------------------------------ room

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._is_in_sight(event.oldSize().height()):
            self.scrollTo(self.currentIndex())
        width = self.viewport().width()
        room = width - _KIND - _CHANGED >= _NAME_AT_LEAST
        self.setColumnHidden(2, not room)
        self.setColumnWidth(1, _KIND)
        self.setColumnWidth(2, _CHANGED)
        self.setColumnWidth(0, width - _KIND - (_CHANGED if room else 0))

    def _is_in_sight(self, height: int) -> bool:
        """Whether the line under the cursor is wholly in sight where that much is."""
        line = self.visualRect(self.currentIndex())
        return line.isValid() and line.top() >= 0 and line.bottom() < height

    # ------------------------------------------------------------ keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        node, key = self.current(), event.key()
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if plain and node is not None and key in (Qt.Key.Key_Right, Qt.Key.Key_Left):
            self._sideways(node, inwards=key == Qt.Key.Key_Right)
        elif plain and node is not None and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if node.is_folder:
                self.switched.emit(node, not self.lines.is_open(node))
            elif key != Qt.Key.Key_Space:
                self.opened.emit(node)
        elif key == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        elif key == Qt.Key.Key_F2:
            self.rename_pressed.emit()
        elif plain and key in (Qt.Key.Key_Home, Qt.Key.Key_End) and self.lines.rowCount():
            self.choose(self.lines.key_at(0 if key == Qt.Key.Key_Home else self.lines.rowCount() - 1))
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_pressed.emit()
        elif key == Qt.Key.Key_Menu or (
            key == Qt.Key.Key_F10 and event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            self._menu_at(self.visualRect(self.currentIndex()).bottomLeft() + QPoint(24, 0))
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.Cut):
            self.copy(cut=True)
        elif event.matches(QKeySequence.StandardKey.Paste):
            self.paste()
        else:
            super().keyPressEvent(event)

    def _sideways(self, node: Node, *, inwards: bool) -> None:
        if node.is_folder and self.lines.is_open(node) is not inwards and (node.folders or node.resources):
            self.switched.emit(node, inwards)
        elif inwards and node.is_folder and (node.folders or node.resources):
            self.choose((node.folders or node.resources)[0].key)
        elif not inwards and node.parent is not None:
            self.choose(node.parent.key)

    def copy(self, *, cut: bool = False) -> None:
        """Put the selected resources on the clipboard."""
        addresses = [row.address for row in self.selected()]
        if addresses:
            QGuiApplication.clipboard().setMimeData(mime_of(addresses))
            self._cut = addresses if cut else []

    @property
    def why_not_paste(self) -> str:
        """Why there is nothing to paste; "" when there is."""
        held = addresses_in(QGuiApplication.clipboard().mimeData())
        return "" if held else "Copy or cut a name first."

    def paste(self) -> None:
        """Put what was copied or cut to where the cursor is."""
        found, node = addresses_in(QGuiApplication.clipboard().mimeData()), self.current()
        if found and node is not None:
            self.pasted.emit(found, node, found == self._cut)
            self._cut = []

    # ------------------------------------------------------------ mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        where = event.position().toPoint()
        node = self.lines.node_at(self.indexAt(where).row())
        if node is not None and node.is_folder and event.button() == Qt.MouseButton.LeftButton:
            row = QRectF(self.visualRect(self.indexAt(where).siblingAtColumn(0)))
            if arrow_box(node, row).contains(event.position()):
                self.switched.emit(node, not self.lines.is_open(node))
                return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        node = self.lines.node_at(self.indexAt(event.position().toPoint()).row())
        if node is None:
            return
        if node.is_folder:
            self.switched.emit(node, not self.lines.is_open(node))
        else:
            self.opened.emit(node)

    def _menu_at(self, where: QPoint) -> None:
        index = self.indexAt(where)
        node = self.lines.node_at(index.row())
        if node is None:
            return
        if not self.selectionModel().isRowSelected(index.row(), QModelIndex()):
            self.choose(node.key)
        self.menu_asked.emit(node, self.viewport().mapToGlobal(where))

    # ------------------------------------------------------------ drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if addresses_in(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)  # it scrolls at the edges
        found = addresses_in(event.mimeData())
        node = self._folder_at(event.position().toPoint())
        self._drop_on(self.lines.place_of(node.key) if found and node is not None else -1)
        if found and node is not None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_on(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        node = self._folder_at(event.position().toPoint())
        self._drop_on(-1)
        found = addresses_in(event.mimeData())
        if node is None or not found:
            return
        held = event.modifiers()
        way = (
            True
            if held & Qt.KeyboardModifier.ControlModifier
            else False
            if held & Qt.KeyboardModifier.ShiftModifier
            else None
        )
        event.setDropAction(Qt.DropAction.CopyAction)  # the page moves them; the view must take nothing out
        event.accept()
        self.dropped.emit(found, node, way)

    def _folder_at(self, where: QPoint) -> Node | None:
        node = self.lines.node_at(self.indexAt(where).row())
        return node.parent if node is not None and not node.is_folder else node

    def _drop_on(self, row: int) -> None:
        if row != self._delegate.drop_row:
            self._delegate.drop_row = row
            self.viewport().update()

    def retheme(self) -> None:
        self.viewport().update()
