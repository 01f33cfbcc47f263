"""Whether a JSON value is what a JSON schema asks for, said in words that stand under a field. No Qt.

Covers what pydantic writes. The worker checks again with the real types; this is so that a mistake shows while one
types. A keyword that is not known here is not checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rhdesk.desktop.forms.schema import Schema, resolve, show

_DEPTH_LIMIT = 60


def problem_of(value: Any, schema: Schema, definitions: Schema) -> str | None:
    """The first problem of `value` ("[2].name: give a number …"), or None."""
    return next(_problems(value, schema, definitions, "", 0), None)


def _problems(value: Any, schema: Schema, definitions: Schema, at: str, depth: int) -> Iterator[str]:
    schema = resolve(schema, definitions)
    if depth > _DEPTH_LIMIT:
        return
    for key in ("anyOf", "oneOf"):
        if isinstance(alternatives := schema.get(key), list):
            yield from _problems_of_union(value, alternatives, definitions, at, depth)
            return
    if "const" in schema and not _same(value, schema["const"]):
        yield _at(at, f"must be {show(schema['const'])}")
    elif isinstance(allowed := schema.get("enum"), list) and not any(_same(value, one) for one in allowed):
        yield _at(at, f"must be one of {', '.join(map(show, allowed[:12]))}")
    elif (wanted := schema.get("type")) is not None and not _is_type(value, wanted):
        yield _at(at, f"must be {_type_name(wanted)}, not {_name_of(value)}")
    elif isinstance(value, Mapping):
        yield from _problems_of_object(value, schema, definitions, at, depth)
    elif isinstance(value, list):
        yield from _problems_of_array(value, schema, definitions, at, depth)
    elif isinstance(value, str):
        yield from (_at(at, text) for text in _text_problems(value, schema))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from (_at(at, text) for text in _number_problems(value, schema))


def _problems_of_union(
    value: Any, alternatives: list[Schema], definitions: Schema, at: str, depth: int
) -> Iterator[str]:
    found = [list(_problems(value, one, definitions, at, depth + 1)) for one in alternatives]
    if not found or any(not problems for problems in found):
        return
    # a problem deeper inside belongs to the alternative that was meant
    deeper = [problems[0] for problems in found if not problems[0].startswith(_at(at, "must be "))]
    if deeper:
        yield deeper[0]
        return
    wanted = [_type_name(resolve(one, definitions).get("type", "")) for one in alternatives]
    yield _at(at, f"must be {' or '.join(dict.fromkeys(wanted))}, not {_name_of(value)}")


def _problems_of_object(
    value: Mapping[str, Any], schema: Schema, definitions: Schema, at: str, depth: int
) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield _at(at, f"{name!r} is missing")
    others = schema.get("additionalProperties", True)
    for name, inner in value.items():
        below = f"{at}.{name}" if at else str(name)
        if name in properties:
            yield from _problems(inner, properties[name], definitions, below, depth + 1)
        elif others is False:
            yield _at(at, f"{name!r} is not known here; known are {', '.join(map(repr, properties)) or 'none'}")
        elif isinstance(others, Mapping):
            yield from _problems(inner, others, definitions, below, depth + 1)


def _problems_of_array(value: list[Any], schema: Schema, definitions: Schema, at: str, depth: int) -> Iterator[str]:
    first = schema.get("prefixItems", [])
    if len(value) < (least := schema.get("minItems", 0)):
        yield _at(at, f"needs at least {least} {_items(least)}, has {len(value)}")
    if len(value) > (most := schema.get("maxItems", math.inf)):
        yield _at(at, f"may have at most {most} {_items(most)}, has {len(value)}")
    if schema.get("uniqueItems") and len({_key(item) for item in value}) < len(value):
        yield _at(at, "has an item twice")
    for index, item in enumerate(value):
        inner = first[index] if index < len(first) else schema.get("items")
        if isinstance(inner, Mapping):
            yield from _problems(item, inner, definitions, f"{at}[{index}]", depth + 1)


_LIMITS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("minimum", lambda value, limit: value >= limit, "must be at least {}"),
    ("exclusiveMinimum", lambda value, limit: value > limit, "must be more than {}"),
    ("maximum", lambda value, limit: value <= limit, "must be at most {}"),
    ("exclusiveMaximum", lambda value, limit: value < limit, "must be less than {}"),
)


def _number_problems(value: float, schema: Schema) -> Iterator[str]:
    for key, holds, text in _LIMITS:
        if key in schema and not holds(value, schema[key]):
            yield text.format(show(schema[key]))
    step = schema.get("multipleOf")
    if step and math.isfinite(value) and not math.isclose(value / step, round(value / step), abs_tol=1e-9):
        yield f"must be a multiple of {show(step)}"


def _text_problems(value: str, schema: Schema) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if len(value) < least:
        yield f"must be at least {least} characters long, is {len(value)}"
    if len(value) > most:
        yield f"may be at most {most} characters long, is {len(value)}"
    if isinstance(pattern := schema.get("pattern"), str):
        try:
            fits = re.search(pattern, value) is not None
        except re.error:
            return  # JavaScript's expressions know more than Python's; the worker will tell
        if not fits:
            yield f"must fit the pattern {pattern}"


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
}
_TYPE_NAMES = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null",
    "array": "a list [...]", "object": "an object {...}", "": "anything",
}  # fmt: skip


def _is_type(value: Any, wanted: Any) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    return any(_CHECKS.get(name, lambda _: True)(value) for name in names)


def _type_name(wanted: Any) -> str:
    names = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join(_TYPE_NAMES.get(name, str(name)) for name in names)


def _name_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind in ("null", "string", "integer", "number", "array", "object"):
        if _CHECKS[kind](value):
            text = _TYPE_NAMES[kind]
            return f"{text} ({show(value)})" if kind in ("string", "number") and len(show(value)) <= 20 else text
    return type(value).__name__


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _key(item: Any) -> tuple[str, str]:
    return type(item).__name__, show(item)


def _at(path: str, text: str) -> str:
    return f"{path}: {text}" if path else text


def _items(count: float) -> str:
    return "item" if count == 1 else "items"
