"""The lines of the tree of names as a table model, which is reset however long it is."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication

from rhdesk.core.entry_row import RegistryRow
from rhdesk.core.name_index import BUILTIN, LOCAL, MINE, SHARED, Node
from rhdesk.core.words import age_text, count_text

Index = QModelIndex | QPersistentModelIndex
NODE_ROLE = int(Qt.ItemDataRole.UserRole) + 1
FRESH_ROLE = int(Qt.ItemDataRole.UserRole) + 2
OPEN_ROLE = int(Qt.ItemDataRole.UserRole) + 3
OLD_ROLE = int(Qt.ItemDataRole.UserRole) + 4
ADDRESSES = "application/x-rhdesk-addresses"
"""The MIME type of dragged or copied names: JSON, a list of addresses."""

ICONS = {"cluster": "server", "function": "square-function", "package": "package", "": "triangle-alert"}
"""The icon of each kind of resource."""

_TITLES = ("Name", "Kind", "Changed")
_NO_INDEX = QModelIndex()
_FRESH = 6.0
"""Seconds for which a line is marked after it changed."""


class NameLines(QAbstractTableModel):
    """Columns: name, kind, when and by whom it was changed."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Node] = []
        self._places: dict[str, int] = {}
        self._opened: Collection[str] = frozenset()
        self.registry: RegistryRow | None = None
        self._fresh: dict[str, float] = {}

    def show(self, lines: Sequence[Node], opened: Collection[str], registry: RegistryRow | None) -> None:
        """Show other lines; where they are the same but for what they say, they are only painted anew."""
        keys = [node.key for node in lines]
        if keys == list(self._places):
            self._lines, self._opened, self.registry = list(lines), opened, registry
            self.repaint()
            return
        self.beginResetModel()
        self._lines, self._opened, self.registry = list(lines), opened, registry
        self._places = dict(zip(keys, range(len(keys)), strict=True))
        self.endResetModel()

    def mark(self, addresses: Collection[str]) -> None:
        """These changed just now."""
        now = time.monotonic()
        self._fresh = {address: at for address, at in self._fresh.items() if now - at < _FRESH}
        self._fresh.update(dict.fromkeys(addresses, now))

    @property
    def has_marks(self) -> bool:
        now = time.monotonic()
        return any(now - at < _FRESH for at in self._fresh.values())

    def repaint(self) -> None:
        if self._lines:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._lines) - 1, len(_TITLES) - 1))

    def node_at(self, place: int) -> Node | None:
        return self._lines[place] if 0 <= place < len(self._lines) else None

    def key_at(self, place: int) -> str:
        return self._lines[place].key if 0 <= place < len(self._lines) else ""

    def place_of(self, key: str) -> int:
        """The line of a key, -1 where it is not in sight."""
        return self._places.get(key, -1)

    def is_open(self, node: Node) -> bool:
        return node.key in self._opened

    def shown(self) -> list[Node]:
        return self._lines

    # ------------------------------------------------------------ Qt's questions

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return len(_TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDropEnabled
        node = self.node_at(index.row())
        return flags | Qt.ItemFlag.ItemIsDragEnabled if node is not None and node.row is not None else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        node = self.node_at(index.row()) if index.isValid() else None
        if node is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (node.name, self.kind_of(node), self.changed_of(node))[index.column()]
        if role == NODE_ROLE:
            return node
        if role == FRESH_ROLE:
            at = self._fresh.get(node.address) if node.row is not None else None
            return at is not None and time.monotonic() - at < _FRESH
        if role == OPEN_ROLE:
            return None if node.row is not None else self.is_open(node)
        if role == OLD_ROLE:
            return self.is_old(node)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(node)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(node) if index.column() == 0 else self.data(index)
        return None

    def mimeTypes(self) -> list[str]:
        return [ADDRESSES, "text/plain"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        places = sorted({index.row() for index in indexes})
        return mime_of([node.address for place in places if (node := self._lines[place]).row is not None])

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.CopyAction | Qt.DropAction.MoveAction

    # ------------------------------------------------------------ words

    def kind_of(self, node: Node) -> str:
        """The second column: a resource's kind, how a place is written."""
        if node.row is not None:
            return "broken" if node.row.document is None and node.row.problem else node.row.kind or "other"
        if not node.is_place:
            return str(node.count) if node.count else ""
        if node.address == MINE:
            return ""
        mine = self.registry is not None and node.address == self.registry.mine
        return {LOCAL: "~", BUILTIN: "^", SHARED: ""}.get(node.address, "@" if mine else "group")

    def changed_of(self, node: Node) -> str:
        """The third column: how old it is, and who changed it; offline, when it was as it is shown."""
        row = node.row
        if row is None:
            return ""
        if self.is_old(node) and row.seen:
            return f"as of {age_text(row.seen)}"
        age = age_text(row.modified) if row.modified else ""
        return f"{age} · {row.modified_by}" if row.modified_by and age else age

    def is_old(self, node: Node) -> bool:
        """Whether it is shown as it was when the registry was last heard of."""
        registry = self.registry
        return registry is not None and not registry.online and node.address.startswith("/")

    def _tip(self, node: Node) -> str:
        row = node.row
        if row is None:
            return f"{node.address}: {count_text(node.count, 'name')}" if node.address != SHARED else ""
        return "\n".join(part for part in (row.address, row.problem or row.description, *marks_of(node)) if part)

    def _spoken(self, node: Node) -> str:
        words = [node.name, self.kind_of(node), f"level {node.depth + 1}"]
        if node.is_folder:
            words += ["open" if self.is_open(node) else "closed", count_text(node.count, "name")]
        return ", ".join(word for word in (*words, *marks_of(node)) if word)


def mime_of(addresses: Sequence[str]) -> QMimeData:
    """Names as they are dragged and put on the clipboard."""
    found = QMimeData()
    found.setData(ADDRESSES, json.dumps(list(addresses)).encode())
    found.setText("\n".join(addresses))
    return found


def leave_as_text() -> None:
    """Leave of copied names only their text on the clipboard: it outlives Python, and what Python made must not."""
    clipboard = QGuiApplication.clipboard()
    if addresses_in(clipboard.mimeData()):
        clipboard.setText(clipboard.text())


def addresses_in(data: QMimeData | None) -> list[str]:
    """The names that were dragged or copied in a window of rhdesk."""
    if data is None or not data.hasFormat(ADDRESSES):
        return []
    return [str(address) for address in json.loads(bytes(data.data(ADDRESSES).data()))]


def marks_of(node: Node) -> list[str]:
    """What is said of a resource beside its name, as sentences."""
    row = node.row
    if row is None:
        return []
    marks = []
    if row.conflict:
        marks.append("Your edit was not taken by the registry: settle it.")
    elif row.waiting:
        marks.append("Your edit waits until the registry can be reached.")
    if row.why_fixed and not row.is_builtin:
        marks.append(row.why_fixed)
    if row.caution:
        marks.append(row.caution)
    return marks


def icon_of(node: Node, registry: RegistryRow | None) -> tuple[str, str]:
    """The icon of a line and the role of its colour."""
    row = node.row
    if row is not None:
        if row.document is None and row.problem:
            return "triangle-alert", "error"
        return ICONS.get(row.kind, "file"), "accent_text"
    if not node.is_place:
        return ("user" if node.parent is not None and node.parent.address == SHARED else "folder"), "text_muted"
    mine = registry is not None and node.address == registry.mine
    known = {LOCAL: "monitor", BUILTIN: "box", SHARED: "share-2", MINE: "cloud-off"}
    return known.get(node.address, "user" if mine else "users"), "text_muted"


def badges_of(node: Node) -> list[tuple[str, str]]:
    """Small icons at the end of a name, each with the role of its colour."""
    row = node.row
    if row is None:
        return []
    found = []
    if row.conflict:
        found.append(("git-merge", "error"))
    elif row.waiting:
        found.append(("clock", "warn"))
    if row.caution:
        found.append(("triangle-alert", "warn"))
    if row.why_fixed and not row.is_builtin:
        found.append(("lock", "text_faint"))
    return found
