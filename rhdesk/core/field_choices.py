"""Two versions of a document that began as one: which fields differ, and a text made of what is chosen of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rhdesk.core.list_choices import ListChoice, list_choice
from rhresources.documents import parse_document, plain_values, update_text, yaml
from rhresources.errors import DocumentError
from rhresources.registry.merging_lists import merge_list

Side = Literal["mine", "theirs"]
SIDES: tuple[Side, ...] = ("mine", "theirs")

MISSING: Any = object()
"""The value of a field that is not there."""


@dataclass(frozen=True)
class FieldChoice:
    """One field that is not the same on both sides.

    Attributes:
        path: its keys, outermost first.
        values: what each side has; MISSING where the field is not there.
        usual: the side that alone changed it, or "both": a list that both changed, and both changes fit together. None
            where a person must say.
        joined: what both changes together make of a list; MISSING where that makes no sense.
        listed: a list item by item; None for what is no list, or cannot be told so.
    """

    path: tuple[str, ...]
    values: Mapping[Side, Any]
    usual: Side | Literal["both"] | None
    joined: Any = MISSING
    listed: ListChoice | None = None

    @property
    def name(self) -> str:
        return ".".join(self.path)

    def shown(self, side: Side) -> str:
        """The value of a side as one would write it; "" where the field is not there."""
        return _shown(self.values[side])


def differences(base: str, mine: str, theirs: str) -> list[FieldChoice]:
    """The fields in which the two differ, in the order in which they stand.

    Raises:
        DocumentError: one of the texts cannot be read.
    """
    before, ours, others = (_values(text) for text in (base, mine, theirs))
    found: list[FieldChoice] = []

    def compare(path: tuple[str, ...], was: Any, one: Any, other: Any) -> None:
        if _same(one, other):
            return
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            old = was if isinstance(was, Mapping) else {}
            for key in dict.fromkeys([*other, *one]):
                compare((*path, key), old.get(key, MISSING), one.get(key, MISSING), other.get(key, MISSING))
            return
        sides: dict[Side, Any] = {"mine": one, "theirs": other}
        usual: Side | None = "theirs" if _same(one, was) else "mine" if _same(other, was) else None
        if isinstance(one, list) and isinstance(other, list):
            found.append(_list(path, was if isinstance(was, list) else [], sides, usual))
        else:
            found.append(FieldChoice(path, sides, usual))

    compare((), before, ours, others)
    return found


def _list(path: tuple[str, ...], was: list[Any], sides: Mapping[Side, Any], usual: Side | None) -> FieldChoice:
    merged = merge_list(path[-1], was, sides["mine"], sides["theirs"])
    listed = list_choice(path[-1], was, sides["mine"], sides["theirs"], merged)
    if usual is not None:
        return FieldChoice(path, sides, usual, listed=listed)
    if merged is not None:
        return FieldChoice(path, sides, "both", merged, listed)
    joined = MISSING if listed is None or listed.joined is None else listed.values(listed.joined)
    return FieldChoice(path, sides, None, joined, listed)


def chosen_text(text: str, path: tuple[str, ...], value: Any) -> str:
    """`text` with another value of one field, MISSING takes it out; its comments and everything else stay.

    Raises:
        DocumentError: the text cannot be read.
    """
    top = path[0]
    whole = _values(text)
    _put(whole, path, value)
    try:
        return update_text(text, parse_document(whole))
    except DocumentError:  # the two do not fit together; the editor says why
        return yaml.edit(text, {top: whole[top]}) if top in whole else yaml.edit(text, {}, frozenset({top}))


def _values(text: str) -> dict[str, Any]:
    return plain_values(parse_document(text)) if text.strip() else {}


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *around, last = path
    for key in around:
        inner = values.get(key)
        values[key] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[key]
    if value is MISSING:
        values.pop(last, None)
    else:
        values[last] = value


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and one == other)


def _shown(value: Any) -> str:
    if value is MISSING:
        return ""
    if isinstance(value, str):
        return value
    return yaml.dump({"x": value}).partition(":")[2].strip() if not isinstance(value, list | Mapping) else _block(value)


def _block(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {item}" for item in value)
    return "\n".join(f"{key}: {item}" for key, item in value.items())
