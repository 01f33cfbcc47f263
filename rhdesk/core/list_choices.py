"""A list that two people changed at the same time: which items differ, and what both changes together would make it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from rhresources.registry.merging_lists import FIRST_COUNTS, item_name

_MOST = 200
"""Items that differ. Where there are more, nobody goes through them one by one."""


@dataclass(frozen=True)
class ListItem:
    """One item of either side.

    Attributes:
        value: as it stands in the list.
        before: it was there before either of them changed the list.
        mine, theirs: who has it now.
        rivals: the places of what the other side has instead of it: another version, or another place in the list.
    """

    value: Any
    before: bool
    mine: bool
    theirs: bool
    rivals: frozenset[int] = frozenset()

    @property
    def is_shared(self) -> bool:
        return self.mine and self.theirs


@dataclass(frozen=True)
class ListChoice:
    """The items of both sides in one order, in which each side has its own.

    Attributes:
        joined: the places of what both changes together leave; None where that makes no sense. Of rivals that both
            were put in, it has none: a person says which.
    """

    items: tuple[ListItem, ...]
    joined: frozenset[int] | None

    def values(self, kept: Collection[int]) -> list[Any]:
        """The list that has what both have and, of the rest, what is kept."""
        return [item.value for place, item in enumerate(self.items) if item.is_shared or place in kept]

    def of_side(self, side: str) -> frozenset[int]:
        """The places of what a side has, and the other has not."""
        return frozenset(
            place for place, item in enumerate(self.items) if not item.is_shared and getattr(item, side)
        )  # fmt: skip

    def open_rivals(self, kept: Collection[int]) -> list[Any]:
        """The first versions of one thing of which none is kept, though both sides put one in."""
        for place, item in enumerate(self.items):
            around = {place, *item.rivals}
            if self.is_version(place) and not around & set(kept):
                return [self.items[each].value for each in sorted(around)]
        return []

    def is_version(self, place: int) -> bool:
        """Whether each side put in one of its own of the same thing."""
        item = self.items[place]
        return bool(item.rivals) and not item.before and not any(self.items[each].before for each in item.rivals)


def list_choice(
    field: str, base: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any], merged: list[Any] | None
) -> ListChoice | None:
    """What to choose from; None where it is not told item by item: too many differ, or some stand in another order.

    `merged` is what `merge_list` makes of the three.
    """
    items = _items(field, base, mine, theirs)
    if sum(not item.is_shared for item in items) > _MOST:
        return None
    if merged is None and any(items[rival].value == item.value for item in items for rival in item.rivals):
        return None
    joined = frozenset(
        place
        for place, item in enumerate(items)
        if not item.is_shared and not item.before and all(items[each].before for each in item.rivals)
    )
    found = ListChoice(tuple(items), joined)
    if merged is not None:
        return found if found.values(joined) == merged else None
    if field == FIRST_COUNTS and mine[:1] != theirs[:1]:
        return ListChoice(found.items, None)
    return found


def _items(field: str, base: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any]) -> list[ListItem]:
    found: list[ListItem] = []
    ours, others = ([repr(item) for item in items] for items in (mine, theirs))
    for kind, start, end, first, last in SequenceMatcher(a=others, b=ours, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [ListItem(item, item in base, True, True) for item in theirs[start:end]]
        else:
            found += [ListItem(item, item in base, False, True) for item in theirs[start:end]]
            found += [ListItem(item, item in base, True, False) for item in mine[first:last]]
    names = [None if item.is_shared else item_name(field, item.value) for item in found]
    return [
        item
        if item.is_shared
        else ListItem(item.value, item.before, item.mine, item.theirs, _rivals(place, item, found, names))
        for place, item in enumerate(found)
    ]


def _rivals(place: int, item: ListItem, items: Sequence[ListItem], names: Sequence[Any]) -> frozenset[int]:
    return frozenset(
        other
        for other, rival in enumerate(items)
        if not rival.is_shared and rival.mine != item.mine and names[other] == names[place]
    )
