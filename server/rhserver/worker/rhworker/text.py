"""`repr` of any value in bounded memory: a list of a billion items costs no more than what is shown of it."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from typing import Any

_DEPTH = 100
_CUT = "..."
_BRACKETS: dict[type[Any], str] = {list: "[]", tuple: "()", set: "{}"}


class _Full(Exception):
    """As much as is wanted was written."""


def bounded_repr(value: Any, limit: int) -> tuple[str, bool]:
    """The text and whether it was cut. Never raises; a `__repr__` of the value's own is called and then cut."""
    writer = _Writer(limit)
    try:
        writer.value(value, 0)
    except _Full:
        return "".join(writer.pieces)[:limit] + _CUT, True
    except Exception as error:  # a container that changes or lies about itself
        writer.pieces.append(f"<{type(error).__name__}>")
    return "".join(writer.pieces), False


class _Writer:
    def __init__(self, limit: int) -> None:
        self.pieces: list[str] = []
        self._left = limit

    def value(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind in (str, bytes, bytearray):
            self._write(repr(value[: self._left + 1]))
        elif depth > _DEPTH:
            self._write(_CUT)
        elif isinstance(value, dict):
            self._items(value, kind is not dict, depth)
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            self._sequence(value, depth)
        elif _is_plain_dataclass(value):
            self._write(f"{kind.__qualname__}(")
            shown = [field.name for field in dataclasses.fields(value) if field.repr]
            self._named(((name, getattr(value, name)) for name in shown), depth)
            self._write(")")
        else:
            self._write(_own_repr(value))

    def _items(self, value: Any, named: bool, depth: int) -> None:
        self._write(f"{type(value).__qualname__}({{" if named else "{")
        for number, (key, item) in enumerate(value.items()):
            if number:
                self._write(", ")
            self.value(key, depth + 1)
            self._write(": ")
            self.value(item, depth + 1)
        self._write("})" if named else "}")

    def _sequence(self, value: Any, depth: int) -> None:
        kind = type(value)
        names = getattr(kind, "_fields", None)
        if isinstance(value, tuple) and isinstance(names, tuple) and len(names) == len(value):
            self._write(f"{kind.__qualname__}(")
            self._named(zip(names, value), depth)  # noqa: B905
            self._write(")")
            return
        if kind not in _BRACKETS or (kind is set and not value):
            self._write(f"{kind.__qualname__}(")
            if value:
                self._row("{}" if isinstance(value, (set, frozenset)) else "[]", value, depth)
            self._write(")")
            return
        self._row(_BRACKETS[kind], value, depth)

    def _row(self, brackets: str, value: Any, depth: int) -> None:
        self._write(brackets[0])
        for number, item in enumerate(value):
            if number:
                self._write(", ")
            self.value(item, depth + 1)
        self._write(",)" if brackets == "()" and len(value) == 1 else brackets[1])

    def _named(self, items: Iterable[tuple[str, Any]], depth: int) -> None:
        for number, (name, item) in enumerate(items):
            self._write(f"{', ' if number else ''}{name}=")
            self.value(item, depth + 1)

    def _write(self, text: str) -> None:
        self.pieces.append(text)
        self._left -= len(text)
        if self._left < 0:
            raise _Full


def _is_plain_dataclass(value: Any) -> bool:
    made = getattr(type(value), "__dataclass_params__", None)
    if made is None or not made.repr:
        return False
    return getattr(type(value).__repr__, "__qualname__", "").endswith("__repr__") and hasattr(
        type(value).__repr__, "__wrapped__"
    )  # the one that dataclasses make, not one of the user


def _own_repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # also integers of more digits than Python prints
        if isinstance(value, int):
            return f"<int of {value.bit_length()} bits>"
        return f"<{type(value).__qualname__}, whose repr raised {type(error).__name__}>"
