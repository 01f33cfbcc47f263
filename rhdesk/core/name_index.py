"""All resource names as a tree of places and folders, and the lines of it that a list shows.

Made on any thread, which takes a moment for ten thousands of names; picking lines out of it is quick.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from weakref import ref

from rhdesk.core.entry_row import EntryRow, RegistryRow

LOCAL, BUILTIN, MINE, SHARED = "~", "^", "@", "/"
"""Places. `MINE` is one only where nobody is logged in; else it is the user's folder, `/alice`. Under `SHARED` are the
folders of other owners."""


_LIKELY = 200
_NOTHING: list[Node] = []


@dataclass(slots=True, eq=False, weakref_slot=True)
class Node:
    """A place or folder (`row` is None) or a resource.

    Attributes:
        depth: how far it is to the right; places have 0.
        inside: the folder that it is in, not held by it: ten thousands of names that are read anew with every change
            would otherwise wait for the collector.
        count: how many resources are inside.
    """

    address: str
    name: str
    depth: int = 0
    row: EntryRow | None = None
    inside: ref[Node] | None = None
    folders: list[Node] = field(default_factory=list)
    resources: list[Node] = field(default_factory=list)
    count: int = 0
    text: str = ""

    @property
    def is_folder(self) -> bool:
        return self.row is None

    @property
    def is_place(self) -> bool:
        return self.depth == 0

    @property
    def key(self) -> str:
        """The id of its line: a folder and a resource may have the same address."""
        return self.address if self.row is not None else f"{self.address}/"

    @property
    def parent(self) -> Node | None:
        """The folder or place that it is in."""
        return self.inside() if self.inside is not None else None

    @property
    def above(self) -> list[Node]:
        """The folders around it, from the place inwards."""
        found: list[Node] = []
        node = self.parent
        while node is not None:
            found.insert(0, node)
            node = node.parent
        return found


class NameIndex:
    """The tree of these resources and folders."""

    def __init__(
        self, rows: Iterable[EntryRow] = (), folders: Iterable[str] = (), registry: RegistryRow | None = None
    ) -> None:
        self.registry = registry
        self._nodes: dict[str, Node] = {}
        self._resources: list[Node] = []
        self.places = [self._add(Node(address, title)) for address, title in _places(registry)]
        for address in sorted(folders):
            self._folder(address)
        for row in sorted(rows, key=_by_name):
            folder = self._folder(row.folder)
            # thousands of lists of nothing would be work for the collector
            node = Node(row.address, row.name, folder.depth + 1, row, ref(folder), _NOTHING, _NOTHING)
            node.text = f"{row.address} {row.kind} {row.description} {row.modified_by}".casefold()
            folder.resources.append(self._add(node))
            self._resources.append(node)
            around: Node | None = folder
            while around is not None:
                around.count += 1
                around = around.parent
        for node in self._nodes.values():
            node.folders.sort(key=lambda each: each.name.casefold())

    def __len__(self) -> int:
        return sum(place.count for place in self.places)

    def find(self, target: str) -> Node | None:
        """The resource or folder that an address or the key of a line names; `@/x` is the user's own."""
        if target[:1] == MINE and self.registry is not None:
            target = self.registry.mine + target[1:]
        return self._nodes.get(target) or self._nodes.get(f"{target}/")

    def lines(self, opened: Collection[str]) -> list[Node]:
        """What is in sight while the folders with these keys are open."""
        found: list[Node] = []
        for place in self.places:
            _show(place, opened, found)
        return found

    def search(self, words: str, closed: Collection[str] = ()) -> tuple[list[Node], int]:
        """The resources and folders that have all these words, and the folders around them; how many they are."""
        wanted = words.casefold().split()
        found: list[Node] = []
        matches = sum(_look(place, wanted, closed, found) for place in self.places)
        return found, matches

    def likely(self, query: str, verbs: str, *, kind: str = "", also: Collection[str] = ()) -> list[EntryRow]:
        """The resources that somebody may mean who types `query`, at most `_LIKELY`, those of `also` first.

        Args:
            verbs: words that go with every one of them.
            kind: only of that kind.
        """
        wanted = [word for word in query.casefold().split() if word not in verbs]
        nodes = [node for node in self._resources if not kind or (node.row is not None and node.row.kind == kind)]
        if len(nodes) > _LIKELY:  # else whoever asks tells them apart, by single letters too
            nodes = [node for node in nodes if _matches(node.text, wanted)]
            if wanted:
                nodes.sort(key=lambda node: (wanted[-1] not in node.name.casefold(), len(node.address)))
        first = [self._nodes[address] for address in also if address in self._nodes]
        rows = [node.row for node in dict.fromkeys((*first, *nodes[:_LIKELY]))]
        return [row for row in rows if row is not None and (not kind or row.kind == kind)]

    def inside(self, node: Node) -> list[EntryRow]:
        """All resources inside a folder, those of folders in it too."""
        rows = [each.row for each in node.resources if each.row is not None]
        for folder in node.folders:
            rows += self.inside(folder)
        return rows

    def _add(self, node: Node) -> Node:
        self._nodes[node.key] = node
        return node

    def _folder(self, address: str) -> Node:
        known = self._nodes.get(f"{address}/")
        if known is not None:
            return known
        above, _, name = address.rpartition("/")
        parent = self._folder(above or SHARED)
        node = Node(address, name, parent.depth + 1, inside=ref(parent))
        parent.folders.append(self._add(node))
        return node


def _show(node: Node, opened: Collection[str], found: list[Node]) -> None:
    """Add a line and what is open below it."""
    found.append(node)
    if node.key in opened:
        for folder in node.folders:
            _show(folder, opened, found)
        found.extend(node.resources)


def _look(node: Node, wanted: list[str], closed: Collection[str], found: list[Node]) -> int:
    """Add a folder and what is found in it, if there is something; how many resources that are."""
    here = len(found)
    found.append(node)
    matches = sum(_look(folder, wanted, closed, found) for folder in node.folders)
    hits = [each for each in node.resources if _matches(each.text, wanted)]
    found.extend(hits)
    matches += len(hits)
    if not matches and (node.is_place or not _matches(node.address.casefold(), wanted)):
        del found[here:]
    elif node.key in closed:
        del found[here + 1 :]
    return matches


def place_titles(registry: RegistryRow | None) -> Mapping[str, str]:
    """What each place is called."""
    return dict(_places(registry))


def _places(registry: RegistryRow | None) -> list[tuple[str, str]]:
    if registry is None:
        theirs = [(MINE, "Registry")]
    else:
        groups = sorted(registry.groups, key=str.casefold)
        theirs = [(registry.mine, "Mine"), *((f"/{group}", group) for group in groups), (SHARED, "Shared with me")]
    return [(LOCAL, "This computer"), *theirs, (BUILTIN, "Built in")]


def _by_name(row: EntryRow) -> str:
    return row.name.casefold()


def _matches(text: str, wanted: list[str]) -> bool:
    return all(word in text for word in wanted)
