"""Taking an old folder of Runhouse over: which documents it becomes, and saving them under their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from rhresources.documents import Document, dump_document
from rhresources.errors import BadName, DocumentError, RhError
from rhresources.names import PART_LIMIT, Address, parse_folder
from rhresources.resource_names import ResourceNames
from rhresources.runhouse import Surroundings, to_document
from rhresources.runhouse.folders import OldFolder, OldResource

Outcome = Literal["made", "replaced", "unchanged", "taken", "failed"]

_ORDER = {"cluster": 0, "package": 1}


@dataclass(frozen=True, slots=True)
class Import:
    """One resource of Runhouse and what becomes of it.

    Attributes:
        path: the old file.
        name: what it is called here.
        document: what it says here; None where it cannot be carried over.
        left: sentences about what was not carried over.
        outcome: "taken": something else has that name and stays; "failed": see `problem`.
        problem: why there is no document, or why it was not saved.
    """

    path: Path
    name: str
    document: Document | None
    left: list[str] = field(default_factory=list)
    outcome: Outcome = "made"
    problem: str = ""


def plan(old: OldFolder, names_here: ResourceNames, into: str = "~") -> list[Import]:
    """What an import would make in the folder `into`: clusters first, then what names them. Nothing is written.

    Raises:
        BadName: `into` is not a folder.
    """
    # `@` is made whole, as the documents will be that name each other
    folder = names_here.resolve(f"{parse_folder(into, names_here.current_folder)}/x").folder
    names = {resource.name: _name_here(resource.name, folder) for resource in old.resources}
    surroundings = Surroundings(old.project, {f"~/{name}": here for name, here in names.items() if here})
    planned = [_planned(resource, names[resource.name], surroundings) for resource in old.resources]
    return sorted(planned, key=lambda each: _ORDER.get(each.document.kind, 2) if each.document else 3)


def carry_out(
    planned: list[Import],
    names: ResourceNames,
    *,
    may_replace: Callable[[Import], bool] = lambda each: False,
    dry_run: bool = False,
) -> Iterator[Import]:
    """Save what was planned, one after the other; what fails stops nothing.

    Args:
        planned: of `plan`.
        names: where they are saved.
        may_replace: asked where something else has a name already.
        dry_run: find out what would happen, and write nothing.
    """
    for each in planned:
        if each.document is None:
            yield each
            continue
        try:
            yield _saved(each, each.document, names, may_replace, dry_run)
        except RhError as error:
            yield replace(each, outcome="failed", problem=f"{each.name}: {error}")


def _planned(resource: OldResource, here: str, surroundings: Surroundings) -> Import:
    if resource.problem:
        return Import(resource.path, here, None, outcome="failed", problem=resource.problem)
    try:
        document, left = to_document(resource.config, surroundings)
    except DocumentError as error:
        return Import(resource.path, here, None, outcome="failed", problem=f"{resource.path}: {error}")
    if not here:
        problem = f"{resource.path}: {resource.name[:60]!r} is too long for a name here."
        return Import(resource.path, here, None, outcome="failed", problem=problem)
    if not here.endswith(f"/{resource.name}"):
        left.insert(0, f"It was called {resource.name!r}, which cannot be a name here.")
    return Import(resource.path, here, document, left)


def _saved(
    each: Import, document: Document, names: ResourceNames, may_replace: Callable[[Import], bool], dry_run: bool
) -> Import:
    exists = names.exists(each.name)
    if exists:
        there = names.load(each.name)
        if there.document == document.in_folder(there.address.folder):
            return replace(each, outcome="unchanged")
        if not may_replace(each):
            return replace(each, outcome="taken", problem=f"There is another {each.name} already; it stays as it is.")
    if not dry_run:
        remarks = "".join(f"# {sentence}\n" for sentence in each.left)
        names.save_text(each.name, f"# Imported from Runhouse.\n{remarks}{dump_document(document)}")
    return replace(each, outcome="replaced" if exists else "made")


def _name_here(name: str, folder: str) -> str:
    """The name in `folder` of what Runhouse called `name`, which could be anything; empty if there is no way."""
    parts = [re.sub(r"[^A-Za-z0-9_.-]", "-", part).strip(".-")[:PART_LIMIT].rstrip(".") for part in name.split("/")]
    parts = [re.sub(r"\.(ya?ml)$", r"-\1", part, flags=re.IGNORECASE) or "unnamed" for part in parts]
    try:
        return str(Address.parse("/".join((folder, *parts))))
    except BadName:
        return ""
