"""Resource names as a tree of folders, for any tree view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QSize, Qt

from rhdesk.core.rows import EntryRow
from rhdesk.core.words import age_text
from rhdesk.desktop import theme

Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()

ICONS = {"cluster": "server", "function": "square-function", "package": "package", "": "triangle-alert"}
"""The icon of each kind of resource."""

PLACES = {"~": "This computer", "@": "Registry", "^": "Built in"}
"""The places at the top of the tree, and what they are called."""

_PLACE_ICONS = {"~": "monitor", "^": "box", "@": "cloud-off"}


@dataclass
class TreeNode:
    """A folder (`row` is None) or a resource."""

    address: str
    name: str
    parent: TreeNode | None = None
    row: EntryRow | None = None
    place: int = 0
    children: list[TreeNode] = field(default_factory=list)

    @property
    def is_folder(self) -> bool:
        return self.row is None

    def add(self, child: TreeNode) -> None:
        """Put a child at the end."""
        child.parent, child.place = self, len(self.children)
        self.children.append(child)


def build(rows: Iterable[EntryRow], folders: Iterable[str], words: str = "") -> TreeNode:
    """The tree of these resources and folders; with `words` only what has all of them, and the folders around it."""
    root = TreeNode("", "")
    known: dict[str, TreeNode] = {}
    for place, title in PLACES.items():
        known[place] = TreeNode(place, title)
        root.add(known[place])

    def folder(address: str) -> TreeNode:
        if address not in known:
            above, _, name = address.rpartition("/")
            parent = folder(above) if above else root
            known[address] = TreeNode(address, name)
            parent.add(known[address])
        return known[address]

    wanted = words.casefold().split()
    entries = sorted(rows, key=lambda row: row.name.casefold())
    if not wanted:
        for address in sorted(folders):
            folder(address)
    matching = [row for row in entries if _matches(row, wanted)]
    for address in sorted({row.folder for row in matching}):
        folder(address)  # folders stand before the resources of their folder
    for row in matching:
        folder(row.folder).add(TreeNode(row.address, row.name, row=row))
    if wanted:
        kept, root.children = [node for node in root.children if node.children], []
        for node in kept:
            root.add(node)
    return root


def _matches(row: EntryRow, wanted: list[str]) -> bool:
    text = f"{row.address} {row.kind} {row.description}".casefold()
    return all(word in text for word in wanted)


class NameTree(QAbstractItemModel):
    """Columns: name, kind, when it was changed."""

    def __init__(self) -> None:
        super().__init__()
        self.root = TreeNode("", "")
        self._by_address: dict[str, TreeNode] = {}

    def show_tree(self, root: TreeNode) -> None:
        """Show another tree."""
        self.beginResetModel()
        self.root, self._by_address = root, {}
        pending = [root]
        while pending:
            node = pending.pop()
            self._by_address[node.address] = node
            pending += node.children
        self.endResetModel()

    def node(self, index: Index) -> TreeNode:
        """The node of an index; the root for none."""
        found = index.internalPointer() if index.isValid() else self.root
        assert isinstance(found, TreeNode)
        return found

    def find(self, address: str) -> QModelIndex:
        """Where an address is shown; invalid if it is not."""
        node = self._by_address.get(address)
        return self.createIndex(node.place, 0, node) if node is not None and node is not self.root else QModelIndex()

    def index(self, row: int, column: int, parent: Index = _NO_INDEX) -> QModelIndex:
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self.node(parent).children[row])

    def parent(self, index: Index = _NO_INDEX) -> QModelIndex:  # type: ignore[override]
        above = self.node(index).parent if index.isValid() else None
        if above is None or above is self.root:
            return QModelIndex()
        return self.createIndex(above.place, 0, above)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.column() > 0 else len(self.node(parent).children)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Name", "Kind", "Changed")[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        node, column = self.node(index), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return (node.name, self._kind(node), self._changed(node))[column]
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return theme.icons.icon(*self._icon(node))
        if role == Qt.ItemDataRole.ForegroundRole:
            broken = node.row is not None and node.row.document is None
            return theme.colour("error" if broken and column == 1 else "text" if column == 0 else "text_muted")
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(0, 32)
        if role == Qt.ItemDataRole.ToolTipRole:
            return node.row.problem or node.row.description or node.address if node.row is not None else node.address
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{node.name}, {self._kind(node)}" if column == 0 else self.data(index)
        return None

    def _kind(self, node: TreeNode) -> str:
        if node.row is None:
            return {"~": "~", "^": "^, read only", "@": "not connected"}.get(node.address, "")
        return "broken" if node.row.document is None else node.row.kind

    def _changed(self, node: TreeNode) -> str:
        return age_text(node.row.modified) if node.row is not None and node.row.modified else ""

    def _icon(self, node: TreeNode) -> tuple[str, str]:
        if node.row is None:
            return _PLACE_ICONS.get(node.address, "folder"), "text_muted"
        if node.row.document is None:
            return "triangle-alert", "error"
        return ICONS.get(node.row.kind, "file"), "accent_text"
