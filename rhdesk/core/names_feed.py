"""What has a name, read on a thread: the rows of the tables, and which of them are new since the last look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rhdesk.core.convert import entry_row, registry_row
from rhdesk.core.entry_row import EntryRow, RegistryRow
from rhdesk.core.name_index import NameIndex
from rhdesk.core.store import REGISTRY, Store, Table

if TYPE_CHECKING:
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace


@dataclass(frozen=True)
class Rows:
    """A snapshot of one table, and how it differs from the one before."""

    rows: dict[str, EntryRow] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    def put_into(self, table: Table[EntryRow]) -> None:
        """Show it; on the interface's thread, once: the table keeps the rows."""
        table.replace_some(self.rows, self.changed, self.removed)


@dataclass(frozen=True)
class NamesSaid:
    """One look at all names.

    Attributes:
        news: what somebody changed since the look before; not what is known only now that a registry was listed.
    """

    names: Rows = Rows()
    functions: Rows = Rows()
    packages: Rows = Rows()
    clusters: Mapping[str, EntryRow] = field(default_factory=dict)
    index: NameIndex = field(default_factory=NameIndex)
    registry: RegistryRow | None = None
    news: frozenset[str] = frozenset()

    def put_into(self, store: Store) -> None:
        """Show all but the clusters; on the interface's thread."""
        store.index, store.news = self.index, self.news
        self.functions.put_into(store.functions)
        self.packages.put_into(store.packages)
        self.names.put_into(store.names)
        store.registry.replace({REGISTRY: self.registry} if self.registry is not None else {})


class NamesReader:
    """Looks again and again; what did not change is not made anew."""

    def __init__(self, workspace: Workspace) -> None:
        self._names = workspace.names
        self._known: dict[str, tuple[Entry, EntryRow]] = {}
        self._said = NamesSaid()

    def read(self) -> NamesSaid:
        """Look now. Not on the interface's thread.

        Raises:
            RhError: the disk cannot be read.
        """
        known: dict[str, tuple[Entry, EntryRow]] = {}
        state = self._names.registry  # before the names: once it is listed, they are complete
        for entry in self._names.list():
            before = self._known.get(entry.name)
            known[entry.name] = before if before is not None and before[0] is entry else (entry, entry_row(entry))
        self._known = known
        rows = {address: row for address, (_, row) in known.items()}
        registry = registry_row(state) if state is not None else None
        old = self._said
        names = _since(old.names, rows)
        self._said = NamesSaid(
            names=names,
            functions=_since(old.functions, _of_kind(rows, "function")),
            packages=_since(old.packages, _of_kind(rows, "package")),
            clusters=_of_kind(rows, "cluster"),
            index=NameIndex(rows.values(), self._names.folders(), registry),
            registry=registry,
            news=_news(names.changed, old.registry, registry),
        )
        return self._said


def _of_kind(rows: Mapping[str, EntryRow], kind: str) -> dict[str, EntryRow]:
    return {address: row for address, row in rows.items() if row.kind == kind}


def _news(changed: frozenset[str], before: RegistryRow | None, now: RegistryRow | None) -> frozenset[str]:
    if before is not None and now is not None and before.listed and (before.url, before.user) == (now.url, now.user):
        return changed
    return frozenset(address for address in changed if not address.startswith("/"))


def _since(before: Rows, rows: dict[str, EntryRow]) -> Rows:
    old = before.rows
    changed = frozenset(
        address for address, row in rows.items() if (known := old.get(address)) is not row and known != row
    )
    return Rows(rows, changed, frozenset(old.keys() - rows.keys()))
