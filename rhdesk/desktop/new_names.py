"""After names were moved: which documents name the old ones. On demand the new ones are written there, with Undo."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rhdesk.core.desk import Desk
from rhdesk.core.words import count_text
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.mentions import Renaming
    from rhresources.resource_names import ResourceNames
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

Moved = Sequence[tuple[str, str]]
"""(old, new) of each."""


def tell_who_names(desk: Desk, moved: Moved) -> None:
    """Say which documents name the old names, if any do, and offer to write the new ones there."""

    async def look(workspace: Workspace, progress: Progress) -> str:
        from rhresources.mentions import naming_text, who_names

        found = await asyncio.to_thread(who_names, workspace.names, *(old for old, _ in moved))
        return naming_text(found, f"{moved[0][0]}, which is {moved[0][1]} now" if len(moved) == 1 else _what(moved))

    def told(sentence: str) -> None:
        if sentence:
            desk.notifier.warning(sentence, action_text="Write the new name", action=lambda: _write(desk, moved))

    desk.act(f"names.named:{moved[0][0]}", look, on_done=told)


def _what(moved: Moved) -> str:
    return moved[0][0] if len(moved) == 1 else "what was moved"


def _write(desk: Desk, moved: Moved) -> None:
    async def act(workspace: Workspace, progress: Progress) -> list[tuple[str, str, Renaming]]:
        return await asyncio.to_thread(_write_all, workspace.names, moved)

    def done(found: list[tuple[str, str, Renaming]]) -> None:
        changed = sorted({entry.name for *_, became in found for entry in became.updated})
        if changed:
            what = changed[0] if len(changed) == 1 else count_text(len(changed), "document")
            new = moved[0][1] if len(moved) == 1 else "the new names"
            sentence = f"{what} {'names' if len(changed) == 1 else 'name'} {new} now"
            desk.undoing.tell(sentence, lambda: _take_back(desk, found))
        for old, _, became in found:
            for entry, reason in became.left:
                desk.notifier.warning(f"{entry.name} still names {old}: {reason}.")
        if not any(became.updated or became.left for *_, became in found):
            desk.notifier.info(f"There is no new name to be written any more for {_what(moved)}.")
        desk.read_names()

    desk.act(f"names.write:{moved[0][0]}", act, on_done=done)


def _write_all(names: ResourceNames, moved: Moved) -> list[tuple[str, str, Renaming]]:
    from rhresources.mentions import give_new_name, who_names

    return [
        (old, new, give_new_name(names, old, new, who_names(names, old)))
        for old, new in moved
        if names.exists(new) and not names.exists(old)  # a notice is there for long: it may have been taken back since
    ]


def _take_back(desk: Desk, written: Sequence[tuple[str, str, Renaming]]) -> None:
    async def act(workspace: Workspace, progress: Progress) -> list[tuple[Entry, str]]:
        from rhresources.mentions import give_new_name

        def back() -> list[tuple[Entry, str]]:
            left: list[tuple[Entry, str]] = []
            for old, new, became in reversed(written):
                there: list[Entry] = []
                for entry in became.updated:
                    try:
                        there.append(workspace.names.load(entry.name))
                    except RhError as error:
                        left.append((entry, error.sentence.rstrip(".")))
                left += give_new_name(workspace.names, new, old, there).left
            return left

        return await asyncio.to_thread(back)

    def done(left: list[tuple[Entry, str]]) -> None:
        if left:
            desk.notifier.warning(f"The old name was not written back into {left[0][0].name}: {left[0][1]}.")
        else:
            desk.notifier.success("Wrote the old name back")
        desk.read_names()

    desk.act(f"names.unwrite:{written[0][0]}", act, on_done=done)
