"""What can be done with any resource from any page: rename, move, copy, share, history, delete with Undo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow, RegistryRow
from rhdesk.core.name_index import Node
from rhdesk.core.results import write_whole
from rhdesk.core.rows import Problem
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.name_field import (
    NameCompletion,
    address_problem,
    folder_problem,
    places_text,
    registry_of,
    whole_name,
)
from rhdesk.desktop.name_moves import tell_moved, transfer
from rhdesk.desktop.widgets.base import Label
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhdesk.desktop.widgets.list_panel import MenuEntry
from rhresources.errors import AlreadyExists, RhError
from rhresources.names import Address, parse_folder

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.resource_names import ResourceNames
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

_NO_KEYS: Mapping[str, str] = {}
NO_HISTORY = "Only what is in a registry has a history."


class ResourceActs:
    """The acts of one page; `parent` is what its dialogs belong to."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        self._desk = desk
        self._parent = parent

    def menu(
        self, row: EntryRow, *, opened: Callable[[str], object], keys: Mapping[str, str] = _NO_KEYS
    ) -> list[MenuEntry | None]:
        """The entries that every resource has in its menu.

        Args:
            opened: given the address that an act leads to.
            keys: which key does the same where the menu is opened: of "copy to", "rename", "delete".
        """

        def titled(title: str, act: str) -> str:
            return f"{title}\t{keys[act]}" if act in keys else title

        found: list[MenuEntry | None] = [
            ("copy", "Copy the address", lambda: self.copy_address(row), ""),
            ("clipboard", titled("Copy to…", "copy to"), lambda: self.duplicate(row, opened), ""),
            ("pencil", titled("Rename or move…", "rename"), lambda: self.rename(row, opened), row.why_fixed),
            None,
        ]
        if registry_of(self._desk) is not None:
            found += [
                ("share-2", "Share…", lambda: self.share(row.address), row.why_not_shared),
                ("history", "History…", lambda: self.history(row), "" if row.in_registry else NO_HISTORY),
            ]
        if row.conflict:
            found.append(("git-merge", "Settle the conflict…", lambda: self.settle(row.address), ""))
        return [*found, None, ("trash-2", titled("Delete…", "delete"), lambda: self.delete([row]), row.why_fixed)]

    def share(self, name_or_folder: str) -> None:
        """Say who may use a name of the registry, or all that is in a folder."""
        from rhdesk.desktop.dialogs.share import ShareDialog

        ShareDialog(self._desk, self._parent.window(), name_or_folder).open()

    def history(self, row: EntryRow) -> None:
        """Go to the versions of a name."""
        self._desk.navigate("names", f"{row.address}?tab=history")

    def settle(self, address: str) -> None:
        """Put a conflict to the person."""
        from rhdesk.desktop.dialogs.conflict import ConflictDialog

        ConflictDialog(self._desk, self._parent.window(), address).open()

    def copy_address(self, row: EntryRow) -> None:
        """Put the address on the clipboard."""
        QGuiApplication.clipboard().setText(row.address)
        self._desk.notifier.info(f"Copied {row.address}")

    def delete(self, rows: Sequence[EntryRow], done: Callable[[], object] | None = None) -> None:
        """Ask, delete, and offer Undo."""
        victims = [row for row in rows if not row.why_fixed]
        if not victims:
            words = "Built-in resources cannot be deleted." if all(row.is_builtin for row in rows) else ""
            self._desk.notifier.warning(words or next((row.why_fixed for row in rows), "Nothing is chosen."))
            return
        title = (
            f"Delete {victims[0].address}?" if len(victims) == 1 else f"Delete {count_text(len(victims), 'resource')}?"
        )
        users = self._users(victims)
        one = len(victims) == 1
        what, them = ("The document is", "it") if one else ("The documents are", "them")
        text = f"{what} removed; code, environments and runs stay. Undo brings {them} back."
        if any(row.in_registry for row in victims):
            text = f"{'It goes' if one else 'They go'} for everybody who may use {them}. {text}"
        if users:
            text += f" Still named by {', '.join(users[:5])}{' …' if len(users) > 5 else ''}."
        confirm(
            self._parent,
            title,
            text,
            "Delete",
            lambda: self._delete([row.address for row in victims], done),
            victims=[f"{row.address}  ·  {row.kind or 'broken'}" for row in victims] if len(victims) > 1 else (),
        )

    def rename(self, row: EntryRow, opened: Callable[[str], object]) -> None:
        """Ask for another name or folder."""
        users = self._users([row])
        named = f"{', '.join(users[:5])}{' …' if len(users) > 5 else ''}"
        note = f"Named by {named}; you can have the new name written there afterwards." if users else ""
        self._ask(f"Rename or move {row.address}", note, row.address, "Rename", "rename", row.address, opened)

    def duplicate(self, row: EntryRow, opened: Callable[[str], object]) -> None:
        """Ask for the name of a copy, in any place."""
        start = f"~/{row.name}" if row.is_builtin else f"{row.folder}/{row.name}-copy"
        if start in self._desk.store.names:
            start += "-copy"
        self._ask(f"Copy {row.address}", "", start, "Copy", "copy", row.address, opened)

    def _ask(
        self, title: str, note: str, start: str, act_text: str, method: str, old: str, opened: Callable[[str], object]
    ) -> None:
        async def act(workspace: Workspace, new: str) -> Entry:
            from rhresources.shared_code import hand_over

            entry: Entry = await asyncio.to_thread(getattr(workspace.names, method), old, new)
            return await hand_over(workspace, entry)

        def done(entry: Entry) -> None:
            verb = "Copied" if method == "copy" else "Moved"
            if entry.name != old:
                tell_moved(self._desk, f"{verb} {old} to {entry.name}", [(old, entry)], copied=method == "copy")
            if entry.caution:
                self._desk.notifier.warning(f"{entry.name}: {entry.caution}")
            opened(entry.name)

        AskAddress(self._desk, self._parent, title, note, start, act_text, act, done).open()

    def rename_folder(self, node: Node, opened: Callable[[str], object]) -> None:
        """Ask for another name of a folder; all that is in it goes along."""
        rows = self._desk.store.index.inside(node)

        def move(folder: str) -> None:
            pairs = [(row.address, folder + row.address[len(node.address) :]) for row in rows]
            transfer(self._desk, pairs, copied=False, done=lambda first: opened(f"{folder}/"))

        AskFolder(self._desk, self._parent, node.address, count_text(len(rows), "name"), move).open()

    def _delete(self, addresses: list[str], done: Callable[[], object] | None) -> None:
        async def act(workspace: Workspace, progress: Progress) -> tuple[list[Entry], RhError | None]:
            kept: list[Entry] = []
            try:
                for address in addresses:
                    entry = await asyncio.to_thread(workspace.names.load, address)
                    await asyncio.to_thread(workspace.names.delete, address)
                    kept.append(entry)
            except RhError as error:
                return kept, error
            return kept, None

        def deleted(found: tuple[list[Entry], RhError | None]) -> None:
            kept, error = found
            if kept:
                what = kept[0].name if len(kept) == 1 else count_text(len(kept), "resource")
                self._desk.undoing.tell(f"Deleted {what}", lambda: self._restore(kept))
            if error is not None:
                self._desk.notifier.error(error, act=f"Delete {addresses[len(kept)]}")
            elif done is not None:
                done()

        self._desk.act(f"names.delete:{addresses[0]}", act, on_done=deleted)

    def _restore(self, kept: list[Entry]) -> None:
        async def act(workspace: Workspace, progress: Progress) -> None:
            for entry in kept:
                await asyncio.to_thread(_bring_back, workspace.names, entry)

        def done(nothing: None) -> None:
            self._desk.notifier.success(f"Brought back {', '.join(entry.name for entry in kept)}")

        self._desk.act(f"names.restore:{kept[0].name}", act, on_done=done)

    def _users(self, rows: Sequence[EntryRow]) -> list[str]:
        """Who names these resources."""
        names = {row.address for row in rows}
        registry = registry_of(self._desk)
        return [
            other.address
            for other in self._desk.store.functions.rows()
            if other.address not in names and other.document is not None and names & named_by(other, registry)
        ]


class AskAddress(Dialog):
    """Asks for an address and does something with it; a refusal is shown and can be corrected."""

    def __init__(
        self,
        desk: Desk,
        parent: QWidget,
        title: str,
        text: str,
        start: str,
        act_text: str,
        act: Callable[[Workspace, str], object],
        done: Callable[[Entry], object],
    ) -> None:
        super().__init__(parent, title, text)
        self._desk, self._act, self._then = desk, act, done
        self.field = QLineEdit(start)
        self.field.setAccessibleName("Name")
        self.field.setObjectName("ask-address")
        self.field.textChanged.connect(self._check)
        self._completion = NameCompletion(desk, self.field)
        at = start.rfind("/") + 1
        self.field.setSelection(at, len(start) - at)
        self.body.addWidget(Label("Name", "strong"))
        self.body.addWidget(self.field)
        self.body.addWidget(Label(places_text(registry_of(desk)), "faint", wrap=True))
        self.add_button("Cancel")
        self._accept = self.add_button(act_text, "primary", self._go)
        self.field.returnPressed.connect(self._entered)
        self.field.setFocus()
        self.fit()

    def _check(self, text: str) -> None:
        self.show_problem(address_problem(text, self._desk) if not text.endswith("/") else None)

    def _entered(self) -> None:
        if not self._completion.list.is_chosen:
            self._go()

    def _go(self) -> None:
        text = self.field.text().strip()
        if problem := address_problem(text, self._desk):
            self.show_problem(problem)
            return
        act = self._act

        async def run(workspace: Workspace, progress: Progress) -> Entry:
            return await act(workspace, text)  # type: ignore[misc, no-any-return]

        self._accept.setEnabled(False)
        self._desk.act(f"names.ask:{id(self)}", run, on_done=self._done, on_error=self._failed, quiet=True)

    def _done(self, entry: Entry) -> None:
        self.accept()
        self._then(entry)

    def _failed(self, error: BaseException) -> None:
        if self.is_gone:
            self._desk.notifier.error(error, act=self.windowTitle())
            return
        self._accept.setEnabled(True)
        self.show_problem(Problem.of(error))


class AskFolder(Dialog):
    """Asks for another name of a folder."""

    def __init__(self, desk: Desk, parent: QWidget, folder: str, what: str, move: Callable[[str], object]) -> None:
        super().__init__(parent, f"Rename or move {folder}", f"{what} in it will have another address.")
        self._desk, self._move, self._old = desk, move, folder
        self.field = QLineEdit(folder)
        self.field.setAccessibleName("Folder")
        self.field.setObjectName("ask-folder")
        self.field.textChanged.connect(lambda text: self.show_problem(None))
        self._completion = NameCompletion(desk, self.field)
        at = folder.rfind("/") + 1
        self.field.setSelection(at, len(folder) - at)
        self.body.addWidget(Label("Folder", "strong"))
        self.body.addWidget(self.field)
        self.add_button("Cancel")
        self.add_button("Move", "primary", self._go)
        self.field.returnPressed.connect(self._entered)
        self.field.setFocus()
        self.fit()

    def _entered(self) -> None:
        if not self._completion.list.is_chosen:
            self._go()

    def _go(self) -> None:
        text = self.field.text().strip().rstrip("/")
        if problem := folder_problem(text, self._desk):
            self.show_problem(problem)
            return
        folder = whole_name(parse_folder(text), registry_of(self._desk))
        if f"{folder}/".startswith(f"{self._old}/") and folder != self._old:
            self.show_problem(Problem(f"{folder} is inside {self._old}."))
            return
        self.accept()
        self._move(folder)


def _bring_back(names: ResourceNames, entry: Entry) -> None:
    """Undo a deletion: in the registry with its history, as long as that can be reached."""
    state = names.registry
    if entry.version and state is not None and state.online:
        names.restore(entry.name, entry.version)
    elif entry.broken:
        _write_again(entry)
    else:
        names.save_text(entry.name, entry.text, modified=0.0)


def _write_again(entry: Entry) -> None:
    """Put back a file that holds no valid document, which no store would save, unless something else is there now."""
    assert entry.path is not None
    if entry.path.exists():
        raise AlreadyExists(f"{entry.path} is there again.", remedy="Move it away first.")
    entry.path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(entry.path, entry.text.encode())


def named_by(row: EntryRow, registry: RegistryRow | None) -> set[str]:
    """The addresses that a function's document names: its cluster and its saved packages."""
    document = row.document
    found = {whole_name(str(getattr(document, "cluster", "") or ""), registry)}
    for line in getattr(document, "packages", ()):
        if str(line).startswith("rh:"):
            name = str(line)[3:].split()[0]
            try:
                found.add(whole_name(str(Address.parse(name, row.folder)), registry))
            except RhError:
                continue
    return found - {""}
