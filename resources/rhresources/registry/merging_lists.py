"""Two changes of one list made one, item by item; what cannot be told for sure is for a person to decide."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any, NamedTuple

from rhresources.errors import UsageError
from rhresources.packages import parse_package

_ANY_ORDER = frozenset({"packages", "ips"})
"""Where it does not matter which of two new items that stand in the same place comes first. Of commands it does."""

FIRST_COUNTS = "ips"
"""The first is the head."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class _Change(NamedTuple):
    """What one side has in place of `base[start:end]`."""

    start: int
    end: int
    items: tuple[Any, ...]


def merge_list(field: str, base: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any]) -> list[Any] | None:
    """The list with what both sides added, took away and moved; the order of each side is kept.

    None where both changed the same items, or where one and the same is in a list twice, so that nobody knows which of
    them was changed.
    """
    if not all(_are_distinct(field, items) for items in (base, mine, theirs)):
        return None
    if field == FIRST_COUNTS and mine[:1] != theirs[:1] and base[:1] not in (mine[:1], theirs[:1]):
        return None
    changes = _together(field, _changes(base, mine), _changes(base, theirs))
    if changes is None:
        return None
    merged = _applied(base, changes)
    return merged if _is_good(field, merged, base, mine, theirs) else None


def _changes(base: Sequence[Any], items: Sequence[Any]) -> list[_Change]:
    before, after = [_key(item) for item in base], [_key(item) for item in items]
    return [
        _Change(start, end, tuple(items[first:last]))
        for kind, start, end, first, last in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
        if kind != "equal"
    ]


def _applied(base: Sequence[Any], changes: Sequence[_Change]) -> list[Any]:
    found = list(base)
    for change in reversed(changes):
        found[change.start : change.end] = change.items
    return found


def _together(field: str, mine: list[_Change], theirs: list[_Change]) -> list[_Change] | None:
    """The changes of both in order, of which none touches another; None: they do."""
    found: list[_Change] = []
    both = [*theirs, *(change for change in mine if change not in theirs)]
    for change in sorted(both, key=lambda change: (change.start, change.end)):
        if not found or not _touch(found[-1], change):
            found.append(change)
        elif (one := _as_one(field, found[-1], change)) is not None:
            found[-1] = one
        else:
            return None
    return found


def _touch(one: _Change, other: _Change) -> bool:
    """Whether they are about the same items, or put something into the same place."""
    if (one.start, one.end) == (other.start, other.end):
        return True
    return one.start < other.end and other.start < one.end


def _as_one(field: str, one: _Change, other: _Change) -> _Change | None:
    if not one.items and not other.items:
        return _Change(one.start, max(one.end, other.end), ())
    if not one.start == one.end == other.start == other.end or field not in _ANY_ORDER:
        return None
    both = [item for item in one.items if item in other.items]
    if not both:
        return one._replace(items=(*one.items, *other.items))
    if both != [item for item in other.items if item in one.items]:
        return None
    around = _together(field, _changes(both, other.items), _changes(both, one.items))
    return None if around is None else one._replace(items=tuple(_applied(both, around)))


def _is_good(field: str, merged: list[Any], base: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    return (
        _are_distinct(field, merged)
        and _has_all(merged, base, mine, theirs)
        and _keeps_order(merged, base, mine, theirs)
    )


def _keeps_order(merged: list[Any], base: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether any two items stand as a side has them; where the sides differ, as the one that moved them."""
    before, *sides = ({_key(item): place for place, item in enumerate(items)} for items in (base, mine, theirs))
    for one, other in combinations(map(_key, merged), 2):
        ways = {side[one] < side[other] for side in sides if one in side and other in side}
        if ways == {False}:
            return False
        if len(ways) == 2 and one in before and other in before and before[one] < before[other]:
            return False
    return True


def _has_all(merged: list[Any], base: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether all is there that a side brought, and nothing that a side took away."""
    return all(
        all(item in merged for item in side if item not in base)
        and not any(item in merged for item in base if item not in side)
        for side in (mine, theirs)
    )


def _are_distinct(field: str, items: Sequence[Any]) -> bool:
    names = [item_name(field, item) for item in items]
    return len(set(names)) == len(names)


def item_name(field: str, item: Any) -> Hashable:
    """What tells an item from others; two versions of a package are the same one."""
    if field != "packages" or not isinstance(item, str):
        return _key(item)
    try:
        spec = parse_package(item)
    except UsageError:
        return _key(item)
    if spec.method == "git":
        return spec.method, spec.git_url, spec.subdirectory
    named = _NAME.match(spec.target)
    if spec.method in ("pip", "conda") and named and not spec.is_path:
        return spec.method, re.sub(r"[-_.]+", "-", named[0]).lower()
    return spec.method, spec.target


def _key(item: Any) -> Hashable:
    return item if isinstance(item, Hashable) else repr(item)
