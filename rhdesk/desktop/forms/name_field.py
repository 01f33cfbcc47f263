"""A line for the name of a resource or folder: what is wrong with it, and completion over all places."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLineEdit

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import RegistryRow
from rhdesk.core.name_index import BUILTIN, LOCAL, MINE, SHARED, Node
from rhdesk.core.package_names import Suggestion
from rhdesk.core.rows import Problem
from rhdesk.core.store import REGISTRY
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.completion import Completion
from rhresources.errors import RhError
from rhresources.names import Address, parse_folder

_MOST = 40


def registry_of(desk: Desk) -> RegistryRow | None:
    """The registry that somebody is logged in to."""
    return desk.store.registry.get(REGISTRY)


def whole_name(text: str, registry: RegistryRow | None) -> str:
    """A name or folder as the lists call it: `@/x` is the user's own, `/alice/x`."""
    if registry is not None and (text == MINE or text.startswith(f"{MINE}/")):
        return registry.mine + text[len(MINE) :]
    return text


def address_problem(text: str, desk: Desk) -> Problem | None:
    """Why a resource cannot be saved under this name, before anything is tried."""
    try:
        address = Address.parse(text)
    except RhError as error:
        return Problem.of(error)
    if address.place == "builtin":
        return Problem(f"{address} is a name for what is built in.", f"Write ~/{address.name}.")
    if address.place == "registry" and registry_of(desk) is None:
        return Problem(
            f"{address} is a name of a registry, and nobody is logged in.",
            f"Log in on the page Resource names, or write ~/{address.name}.",
        )
    return None


def folder_problem(text: str, desk: Desk) -> Problem | None:
    """Why nothing can be put into this folder."""
    try:
        folder = parse_folder(text)
    except RhError as error:
        return Problem.of(error)
    return address_problem(f"{folder}/x", desk) if folder != BUILTIN else Problem("What is built in stays as it is.")


def kept_problem(name: str) -> Problem:
    """What a dialog says whose document of a registry somebody else changed meanwhile."""
    return Problem(
        f"{name} was changed by somebody else while this dialog was open.",
        "Your change is kept: settle the two on the page Resource names.",
    )


def places_text(registry: RegistryRow | None) -> str:
    """How names are written, for the line below a field."""
    if registry is None:
        return "~/name, or ~/folder/name. Folders are made as needed."
    return "~/name on this computer, @/name in the registry, /owner/name there. Folders are made as needed."


class NameCompletion(QObject):
    """Offers folders, and the names of some kinds, under a line."""

    def __init__(self, desk: Desk, line: QLineEdit, *, kinds: tuple[str, ...] = (), folders: bool = True) -> None:
        super().__init__(line)
        self._desk, self._kinds, self._folders = desk, kinds, folders
        self.list = Completion(line)
        self.list.asked.connect(self._asked)

    def _asked(self, typed: str) -> None:
        found: list[Suggestion] = []
        for suggestion in self._suggestions(typed.strip()):
            found.append(suggestion)
            if len(found) >= _MOST:
                break
        self.list.show(typed, found)

    def _suggestions(self, typed: str) -> Iterator[Suggestion]:
        registry = registry_of(self._desk)
        wanted = whole_name(typed, registry).casefold()
        for node in self._nodes():
            address = f"{node.address}/" if node.is_folder else node.address
            if wanted in address.casefold() and address.casefold() != wanted:
                yield Suggestion(address, self._note(node))

    def _nodes(self) -> Iterator[Node]:
        def below(node: Node) -> Iterator[Node]:
            for folder in node.folders:
                if self._folders:
                    yield folder
                yield from below(folder)
            yield from (each for each in node.resources if each.row is not None and each.row.kind in self._kinds)

        for place in self._desk.store.index.places:
            if self._folders and place.address not in (BUILTIN, SHARED, MINE):
                yield place
            if self._kinds or place.address not in (BUILTIN,):
                yield from below(place)

    def _note(self, node: Node) -> str:
        if node.row is not None:
            return node.row.description or node.row.kind
        title = node.name if node.is_place and node.address != LOCAL else ""
        return " · ".join(part for part in (title, count_text(node.count, "name") if node.count else "") if part)
