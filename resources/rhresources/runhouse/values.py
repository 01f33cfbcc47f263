"""What the conversions share: values that may be anything, and documents that always validate."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhresources.documents import Document, parse_document
from rhresources.errors import BadName, DocumentError
from rhresources.names import Address

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known about where a config was found.

    Attributes:
        project: the folder that paths in it start from, the one with `rh` in it; None: not known.
        names: what names of there are called here: {"~/deps": "~/old/deps"}.
    """

    project: Path | None = None
    names: Mapping[str, str] = field(default_factory=dict)


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as files have it; what a server answers has most of it under `data`."""
    found = {str(key): value for key, value in config.items() if key != "data"}
    inside = config.get("data")
    if isinstance(inside, Mapping):
        found |= {str(key): value for key, value in inside.items()}
    return found


def text(value: Any) -> str:
    """`value` if it is text, without space around it; else nothing."""
    return value.strip() if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """The texts of a list; one text alone counts as a list of it."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [item.strip() for item in items if isinstance(item, str) and item.strip()]


def whole(value: Any) -> int | None:
    """`value` if it is a whole number, also one that was written as text or with a point."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value.strip()):
        return int(value)
    return value if isinstance(value, int) else None


def words(value: Any, notes: list[str], what: str) -> list[str]:
    """Options as a shell splits them."""
    if isinstance(value, (list, tuple)):
        return texts(value)
    try:
        return shlex.split(text(value))
    except ValueError:
        notes.append(f"{what} was not carried over: its quotes are not closed.")
        return []


def name_here(value: Any, around: Surroundings) -> str:
    """What the resource of that address of Runhouse is called here; nothing if it is not an address."""
    found = text(value)
    if not found:
        return ""
    known = around.names.get(found) or around.names.get(f"~/{found}")
    try:
        return known or str(Address.parse(found))
    except BadName:
        return ""


def document_of(values: Mapping[str, Any], notes: list[str], essential: Iterable[str]) -> Document:
    """The document of `values`, without the fields that cannot be: those are told in `notes`.

    Raises:
        DocumentError: an essential field cannot be.
    """
    values, needed = dict(values), frozenset(essential)
    while True:
        try:
            return parse_document(values)
        except DocumentError as error:
            path, message, _ = error.problems[0] if error.problems else ("", error.sentence, None)
            steps = [int(index) if index else name for name, index in _STEP.findall(path)]
            if not steps or steps[0] in needed or not _taken_out(values, steps):
                raise
            notes.append(f"{path} was not carried over: {message.rstrip('.')}.")


def _taken_out(holder: Any, steps: list[str | int]) -> bool:
    """Take out what is at the end of a path; what holds it is copied on the way, because it may be the caller's."""
    step, rest = steps[0], steps[1:]
    is_there = step in holder if isinstance(holder, dict) else isinstance(step, int) and step < len(holder)
    if not is_there:
        return False
    inner: Any = holder[step]
    if rest and isinstance(inner, (Mapping, list, tuple)):
        holder[step] = inner = dict(inner) if isinstance(inner, Mapping) else list(inner)
        if _taken_out(inner, rest):
            return True
    del holder[step]
    return True
