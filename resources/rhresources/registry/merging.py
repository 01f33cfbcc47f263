"""Two changes of one document made one, field by field; what was changed on both sides is for a person to decide.

Lists are merged item by item.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

from rhresources.documents import Document, parse_document, plain_values, update_text
from rhresources.errors import DocumentError
from rhresources.registry.merging_lists import merge_list

_WHOLE = {"code"}
"""Fields whose parts make sense together only."""

_MISSING: Any = object()

_COMMENT = re.compile(r"(?:^|\s)(#.*)", re.MULTILINE)


def merge(base: str, mine: str, theirs: str) -> str | None:
    """The text that has both changes of `base`; None: they touch the same field, or comments of one would be lost."""
    if mine in (theirs, base):
        return theirs
    if theirs == base:
        return mine
    try:
        documents = [parse_document(text) for text in (base, mine, theirs)]
        merged = _merged_document(*documents)
        if merged is None:
            return None
        return _text(base, mine, theirs, merged)
    except DocumentError:
        return None


def _merged_document(base: Document, mine: Document, theirs: Document) -> Document | None:
    if not type(base) is type(mine) is type(theirs):
        return None
    values = _merged(plain_values(base), plain_values(mine), plain_values(theirs))
    return None if values is None else parse_document(values)


def _merged(base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for key in {**theirs, **mine}:
        before, here, there = (values.get(key, _MISSING) for values in (base, mine, theirs))
        if here == there or there == before:
            value = here
        elif here == before:
            value = there
        elif key not in _WHOLE and isinstance(here, Mapping) and isinstance(there, Mapping):
            value = _merged(before if isinstance(before, Mapping) else {}, here, there)
            if value is None:
                return None
        elif isinstance(here, list) and isinstance(there, list):
            value = merge_list(key, before if isinstance(before, list) else [], here, there)
            if value is None:
                return None
        else:
            return None
        if value is not _MISSING:
            found[key] = value
    return found


def _text(base: str, mine: str, theirs: str, merged: Document) -> str | None:
    """`merged` with the comments of both sides; None: they cannot be had."""
    lines = _merged_lines(base, mine, theirs)
    if lines is not None:
        try:
            if parse_document(lines) == merged:
                return lines
        except DocumentError:
            pass
    # where one side changed values only, nothing but these must be carried over to the other
    comments = _comments(base)
    for side, other in ((mine, theirs), (theirs, mine)):
        if not _comments(side) or _comments(side) == comments:
            text = update_text(other, merged)
            if _comments(text) == _comments(other):
                return text
    return None


def _comments(text: str) -> list[str]:
    return sorted(_COMMENT.findall(text))


def _merged_lines(base: str, mine: str, theirs: str) -> str | None:
    """Both changes by lines; None: they overlap."""
    before = base.splitlines(keepends=True)
    changes = sorted({*_changes(before, mine), *_changes(before, theirs)})
    for (_, end, _), (start, _, _) in pairwise(changes):
        if start < end:
            return None
    for start, end, lines in reversed(changes):
        before[start:end] = lines
    return "".join(before)


def _changes(before: list[str], text: str) -> list[tuple[int, int, tuple[str, ...]]]:
    after = text.splitlines(keepends=True)
    return [
        (start, end, tuple(after[first:last]))
        for kind, start, end, first, last in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
        if kind != "equal"
    ]
