"""Two versions of a document that began as one: which fields differ, and a text made of what is chosen of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rhresources.documents import parse_document, plain_values, update_text, yaml
from rhresources.errors import DocumentError

Side = Literal["mine", "theirs"]
SIDES: tuple[Side, ...] = ("mine", "theirs")
_MISSING = object()


@dataclass(frozen=True)
class FieldChoice:
    """One field that is not the same on both sides.

    Attributes:
        path: its keys, outermost first.
        mine, theirs: the values as one would write them; "" where the field is not there.
        usual: the side that alone changed it; None where both did.
    """

    path: tuple[str, ...]
    mine: str
    theirs: str
    usual: Side | None

    @property
    def name(self) -> str:
        return ".".join(self.path)


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
                compare((*path, key), old.get(key, _MISSING), one.get(key, _MISSING), other.get(key, _MISSING))
            return
        usual: Side | None = "theirs" if _same(one, was) else "mine" if _same(other, was) else None
        found.append(FieldChoice(path, _shown(one), _shown(other), usual))

    compare((), before, ours, others)
    return found


def chosen_text(text: str, mine: str, theirs: str, path: tuple[str, ...], side: Side) -> str:
    """`text` with one field as it is on a side; its comments and everything else stay.

    Raises:
        DocumentError: one of the texts cannot be read.
    """
    values = _values(text)
    source = _values(mine if side == "mine" else theirs)
    top = path[0]
    whole = dict(values)
    _put(whole, path, _get(source, path))
    try:
        return update_text(text, parse_document(whole))
    except DocumentError:  # the two do not fit together; the editor says why
        return yaml.edit(text, {top: whole[top]}) if top in whole else yaml.edit(text, {}, frozenset({top}))


def _values(text: str) -> dict[str, Any]:
    return plain_values(parse_document(text)) if text.strip() else {}


def _get(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return _MISSING
        values = values[key]
    return values


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *around, last = path
    for key in around:
        inner = values.get(key)
        values[key] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[key]
    if value is _MISSING:
        values.pop(last, None)
    else:
        values[last] = value


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and one == other)


def _shown(value: Any) -> str:
    if value is _MISSING:
        return ""
    if isinstance(value, str):
        return value
    return yaml.dump({"x": value}).partition(":")[2].strip() if not isinstance(value, list | Mapping) else _block(value)


def _block(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {item}" for item in value)
    return "\n".join(f"{key}: {item}" for key, item in value.items())
