"""What can be done with any resource from any page: rename, copy, delete with Undo, copy its address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.results import write_whole
from rhdesk.core.rows import EntryRow, Problem
from rhdesk.core.words import count_text
from rhdesk.desktop.widgets.base import Label
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhdesk.desktop.widgets.list_panel import MenuEntry
from rhresources.errors import AlreadyExists, RhError
from rhresources.names import Address

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

BUILT_IN = "It is built in."


class ResourceActs:
    """The acts of one page; `parent` is what its dialogs belong to."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        self._desk = desk
        self._parent = parent

    def menu(self, row: EntryRow, *, opened: Callable[[str], object]) -> list[MenuEntry | None]:
        """The entries that every resource has in its menu; `opened` is given the address that an act leads to."""
        fixed = BUILT_IN if row.is_builtin else ""
        return [
            ("copy", "Copy the address", lambda: self.copy_address(row), ""),
            ("clipboard", "Make a copy…", lambda: self.duplicate(row, opened), ""),
            ("pencil", "Rename or move…", lambda: self.rename(row, opened), fixed),
            None,
            ("trash-2", "Delete…", lambda: self.delete([row]), fixed),
        ]

    def copy_address(self, row: EntryRow) -> None:
        """Put the address on the clipboard."""
        QGuiApplication.clipboard().setText(row.address)
        self._desk.notifier.info(f"Copied {row.address}")

    def delete(self, rows: Sequence[EntryRow], done: Callable[[], object] | None = None) -> None:
        """Ask, delete, and offer Undo."""
        victims = [row for row in rows if not row.is_builtin]
        if not victims:
            self._desk.notifier.warning("Built-in resources cannot be deleted.")
            return
        title = (
            f"Delete {victims[0].address}?" if len(victims) == 1 else f"Delete {count_text(len(victims), 'resource')}?"
        )
        users = self._users(victims)
        text = "The document is removed; code, environments and runs stay. Undo brings it back."
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

        async def act(workspace: Workspace, new: str) -> str:
            return (await asyncio.to_thread(workspace.names.rename, row.address, new)).name

        users = self._users([row])
        note = f"Documents that name it keep the old name: {', '.join(users[:5])}." if users else ""
        AskAddress(
            self._desk, self._parent, f"Rename or move {row.address}", note, row.address, "Rename", act, opened
        ).open()

    def duplicate(self, row: EntryRow, opened: Callable[[str], object]) -> None:
        """Ask for the name of a copy."""

        async def act(workspace: Workspace, new: str) -> str:
            entry = await asyncio.to_thread(workspace.names.load, row.address)
            return (await asyncio.to_thread(workspace.names.save_text, new, entry.text, modified=0.0)).name

        folder = "~" if row.is_builtin else row.folder
        AskAddress(
            self._desk, self._parent, f"Copy {row.address}", "", f"{folder}/{row.name}-copy", "Copy", act, opened
        ).open()

    def _delete(self, addresses: list[str], done: Callable[[], object] | None) -> None:
        async def act(workspace: Workspace, progress: Progress) -> list[Entry]:
            kept: list[Entry] = []
            for address in addresses:
                entry = await asyncio.to_thread(workspace.names.load, address)
                await asyncio.to_thread(workspace.names.delete, address)
                kept.append(entry)
            return kept

        def deleted(kept: list[Entry]) -> None:
            what = addresses[0] if len(addresses) == 1 else count_text(len(addresses), "resource")
            self._desk.notifier.success(f"Deleted {what}", action_text="Undo", action=lambda: self._restore(kept))
            if done is not None:
                done()

        self._desk.act(f"names.delete:{addresses[0]}", act, on_done=deleted)

    def _restore(self, kept: list[Entry]) -> None:
        async def act(workspace: Workspace, progress: Progress) -> None:
            for entry in kept:
                if entry.broken:
                    await asyncio.to_thread(_write_again, entry)
                else:
                    await asyncio.to_thread(workspace.names.save_text, entry.name, entry.text, modified=0.0)

        def done(nothing: None) -> None:
            self._desk.notifier.success(f"Brought back {', '.join(entry.name for entry in kept)}")

        self._desk.act(f"names.restore:{kept[0].name}", act, on_done=done)

    def _users(self, rows: Sequence[EntryRow]) -> list[str]:
        """Who names these resources."""
        names = {row.address for row in rows}
        return [
            other.address
            for other in self._desk.store.functions.rows()
            if other.address not in names and other.document is not None and names & named_by(other)
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
        opened: Callable[[str], object],
    ) -> None:
        super().__init__(parent, title, text)
        self._desk, self._act, self._opened = desk, act, opened
        self.field = QLineEdit(start)
        self.field.setAccessibleName("Name")
        self.field.setObjectName("ask-address")
        self.field.textChanged.connect(self._check)
        at = start.rfind("/") + 1
        self.field.setSelection(at, len(start) - at)
        self.body.addWidget(Label("Name", "strong"))
        self.body.addWidget(self.field)
        self.body.addWidget(Label("~/name, or ~/folder/name. Folders are made as needed.", "faint", wrap=True))
        self.add_button("Cancel")
        self._accept = self.add_button(act_text, "primary", self._go)
        self.field.returnPressed.connect(self._go)
        self.field.setFocus()

    def _check(self, text: str) -> None:
        self.show_problem(address_problem(text))

    def _go(self) -> None:
        text = self.field.text().strip()
        if problem := address_problem(text):
            self.show_problem(problem)
            return
        act = self._act

        async def run(workspace: Workspace, progress: Progress) -> str:
            return str(await act(workspace, text))  # type: ignore[misc]

        self._accept.setEnabled(False)
        self._desk.act(f"names.ask:{id(self)}", run, on_done=self._done, on_error=self._failed, quiet=True)

    def _done(self, address: str) -> None:
        self.accept()
        self._opened(address)

    def _failed(self, error: BaseException) -> None:
        self._accept.setEnabled(True)
        self.show_problem(Problem.of(error))


def _write_again(entry: Entry) -> None:
    """Put back a file that holds no valid document, which no store would save, unless something else is there now."""
    assert entry.path is not None
    if entry.path.exists():
        raise AlreadyExists(f"{entry.path} is there again.", remedy="Move it away first.")
    entry.path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(entry.path, entry.text.encode())


def address_problem(text: str) -> Problem | None:
    """Why a resource cannot be saved under this name, before anything is tried."""
    try:
        address = Address.parse(text)
    except RhError as error:
        return Problem.of(error)
    if address.place == "builtin":
        return Problem(f"{address} is a name for what is built in.", f"Write ~/{address.name}.")
    if address.place == "registry":
        return Problem(f"{address} is a name of a registry, and none is connected.", f"Write ~/{address.name}.")
    return None


def named_by(row: EntryRow) -> set[str]:
    """The addresses that a function's document names: its cluster and its saved packages."""
    document = row.document
    found = {str(getattr(document, "cluster", "") or "")}
    for line in getattr(document, "packages", ()):
        if str(line).startswith("rh:"):
            name = str(line)[3:].split()[0]
            try:
                found.add(str(Address.parse(name, row.folder)))
            except RhError:
                continue
    return found - {""}
