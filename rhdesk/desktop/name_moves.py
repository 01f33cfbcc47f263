"""Moving and copying names from one folder or place to another, each with Undo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.name_index import BUILTIN, MINE, SHARED
from rhdesk.core.rows import Problem
from rhdesk.core.words import count_text
from rhdesk.desktop.new_names import tell_who_names
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.resource_names import ResourceNames
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace


@dataclass
class Outcome:
    """What was done of many moves: (old, new) of each, and why it ended early."""

    done: list[tuple[str, Entry]] = field(default_factory=list)
    error: RhError | None = None

    @property
    def cautions(self) -> str:
        """What others cannot reach of it."""
        return cautions_of([entry for _, entry in self.done])


def cautions_of(entries: Sequence[Entry]) -> str:
    """What others cannot reach of what was saved, said of the first, and how many more there are."""
    found = [entry for entry in entries if entry.caution]
    if not found:
        return ""
    more = f" The same holds for {count_text(len(found) - 1, 'other')}." if len(found) > 1 else ""
    return f"{found[0].name}: {found[0].caution}{more}"


def root_of(address: str) -> str:
    """The place that an address is in: "~", "^" or "/owner"."""
    return "/".join(address.split("/")[:2]) if address.startswith("/") else address[:1]


def why_not_into(folder: str) -> str:
    """Why nothing can be put into a folder, as a sentence; "" when it can be tried."""
    reasons = {
        BUILTIN: "What is built in stays as it is.",
        SHARED: "Choose the folder of an owner.",
        MINE: "Log in to a registry first.",
    }
    return reasons.get(folder, "")


def transfer(
    desk: Desk,
    pairs: Sequence[tuple[str, str]],
    *,
    copied: bool,
    done: Callable[[str], object] = lambda address: None,
) -> None:
    """Move or copy each (old, new), one after the other; `done` is given the first new address."""
    pairs = [(old, new) for old, new in pairs if old != new]
    if not pairs:
        return

    async def act(workspace: Workspace, progress: Progress) -> Outcome:
        from rhresources.shared_code import hand_over

        outcome = Outcome()
        for old, new in pairs:
            try:
                entry = await asyncio.to_thread(_one, workspace.names, old, new, copied)
                outcome.done.append((old, await hand_over(workspace, entry, progress)))
            except RhError as error:
                outcome.error = error
                break
        return outcome

    def ended(outcome: Outcome) -> None:
        verb = "Copied" if copied else "Moved"
        if outcome.done:
            first, entry = outcome.done[0]
            what = f"{first} to {entry.name}"
            if len(outcome.done) > 1:
                what = f"{count_text(len(outcome.done), 'name')} to {entry.address.folder}"
            tell_moved(desk, f"{verb} {what}", outcome.done, copied=copied)
            if outcome.cautions:
                desk.notifier.warning(outcome.cautions)
            done(entry.name)
        if outcome.error is not None:
            left = pairs[len(outcome.done)][0]
            problem = Problem.of(outcome.error)
            sentence = f"{left} was not {verb.lower()}: {problem.sentence}"
            desk.notifier.error(Problem(sentence, problem.remedy, problem.detail))
        desk.read_names()

    desk.act(f"names.transfer:{pairs[0][0]}", act, title="" if len(pairs) < 5 else f"Moving {len(pairs)} names",
             on_done=ended)  # fmt: skip


def into_folder(
    desk: Desk,
    addresses: Sequence[str],
    folder: str,
    *,
    copy: bool | None = None,
    done: Callable[[str], object] = lambda address: None,
) -> None:
    """Put names into a folder. Where nobody said which, they move inside a place, and are copied to another."""
    if reason := why_not_into(folder):
        desk.notifier.warning(reason)
        return
    rows = [row for address in addresses if (row := desk.store.names.get(address)) is not None]
    copied = copy if copy is not None else any(root_of(row.address) != root_of(folder) for row in rows)
    if not copied and (fixed := next((row for row in rows if row.why_fixed), None)) is not None:
        if copy is None:
            copied = True
        else:
            desk.notifier.warning(f"{fixed.address} cannot be moved: {fixed.why_fixed}", "Copy it instead.")
            return
    pairs = [(row.address, _free(desk, folder, row, copied)) for row in rows]
    transfer(desk, pairs, copied=copied, done=done)


def _free(desk: Desk, folder: str, row: EntryRow, copied: bool) -> str:
    """The new address; a copy beside itself gets a name of its own."""
    new = f"{folder}/{row.name}"
    if not copied or new != row.address:
        return new
    number = 1
    while f"{new}-copy{'' if number == 1 else number}" in desk.store.names:
        number += 1
    return f"{new}-copy{'' if number == 1 else number}"


def _one(names: ResourceNames, old: str, new: str, copied: bool) -> Entry:
    return names.copy(old, new) if copied else names.rename(old, new)


def tell_moved(desk: Desk, sentence: str, moved: Sequence[tuple[str, Entry]], *, copied: bool) -> None:
    """Say that names were moved or copied, with Undo, and who still names the old ones; (old, new) of each."""
    desk.undoing.tell(sentence, lambda: _undo(desk, moved, copied))
    if not copied:
        tell_who_names(desk, [(old, entry.name) for old, entry in moved])


def _undo(desk: Desk, moved: Sequence[tuple[str, Entry]], copied: bool) -> None:
    async def act(workspace: Workspace, progress: Progress) -> list[str]:
        kept = []
        for old, entry in reversed(moved):
            if not copied:
                await asyncio.to_thread(workspace.names.rename, entry.name, old)
            elif (await asyncio.to_thread(workspace.names.load, entry.name)).text != entry.text:
                kept.append(entry.name)
            else:
                await asyncio.to_thread(workspace.names.delete, entry.name)
        return kept

    def done(kept: list[str]) -> None:
        if kept:
            desk.notifier.warning(f"{kept[0]} was changed since and stays.", "Delete it if you do not want it.")
        else:
            what = moved[0][0] if len(moved) == 1 else count_text(len(moved), "name")
            desk.notifier.success(f"{'Took back the copy of' if copied else 'Moved back'} {what}")
        if not copied:
            tell_who_names(desk, [(entry.name, old) for old, entry in moved])
        desk.read_names()

    desk.act(f"names.undo:{moved[0][0]}", act, on_done=done)
