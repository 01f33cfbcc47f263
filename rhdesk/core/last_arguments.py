"""The arguments that each function was run with last, so that its form opens with them. No Qt."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhdesk.core.results import write_whole

log = logging.getLogger(__name__)
_KEPT = 200
_LARGEST = 64 * 1024
"""Longest arguments of one function that are kept, in bytes of JSON."""


class LastArguments:
    """Values by the names of parameters, kept in one file. What cannot be read or written is forgotten, not fatal."""

    def __init__(self, home: Path) -> None:
        self._path = home / "cache" / "last-arguments.json"
        self._known: dict[str, dict[str, Any]] | None = None

    def get(self, function: str) -> dict[str, Any]:
        """What the function of this address was run with last; empty if it never was."""
        return dict(self._all().get(function, {}))

    def set(self, function: str, values: Mapping[str, Any]) -> None:
        """Remember the values of a run."""
        known = self._all()
        known.pop(function, None)
        if len(json.dumps(dict(values))) <= _LARGEST:
            known[function] = dict(values)  # newest last
        while len(known) > _KEPT:
            del known[next(iter(known))]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(known, ensure_ascii=False).encode())
        except OSError as error:
            log.info("the last arguments were not kept: %s", error)

    def _all(self) -> dict[str, dict[str, Any]]:
        if self._known is None:
            try:
                read = json.loads(self._path.read_bytes())
            except (OSError, ValueError):
                read = {}
            pairs = read.items() if isinstance(read, dict) else ()
            self._known = {name: values for name, values in pairs if isinstance(values, dict)}
        return self._known


def parse_arguments(text: str) -> tuple[list[Any], dict[str, Any]] | None:
    """Positional and named arguments from a run's record; None where it holds no JSON, or only a part of it."""
    try:
        read = json.loads(text)
    except ValueError:
        return None
    if not isinstance(read, dict) or not isinstance(read.get("args", []), list):
        return None
    kwargs = read.get("kwargs", {})
    return (list(read.get("args", [])), dict(kwargs)) if isinstance(kwargs, dict) else None


def short_arguments(text: str, limit: int = 0) -> str:
    """The arguments of a run in one line, as they were given: `epochs=3, lr=2e-05`; anything but their JSON as it is.

    Args:
        limit: characters, beyond which it is cut; 0: it is not.
    """
    read = parse_arguments(text)
    words = text
    if read is not None:
        args, kwargs = read
        named = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in kwargs.items())
        words = ", ".join([*(json.dumps(value, ensure_ascii=False) for value in args), *named])
    return f"{words[: limit - 1]}…" if 0 < limit < len(words) else words
