"""A JSON schema of a function's parameters, through pydantic where it is there, else of the plain types by hand.

Beside JSON schema: `x-kind` ("positional_only", "var_positional"), `x-hint` (a type that cannot be expressed, as it is
written), `x-repr` (a default that JSON cannot express).
"""

from __future__ import annotations

import enum
import inspect
import json
import os
import types
import typing
from collections.abc import Callable
from typing import Any

from .docstrings import parameter_descriptions
from .hints import MISSING, adapter_of, parameters_of, pydantic, short_repr, shown_hint

Schema = dict[str, Any]

_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", list: "array", dict: "object"}
_DEFINITIONS = "#/$defs/"
_LARGEST_DEFAULT = 100_000


def schema_of(function: Callable[..., Any], docstring: str | None) -> Schema:
    """An object schema with one property a parameter. Never raises because of one odd parameter."""
    parameters = parameters_of(function)
    if parameters is None:
        return {"type": "object", "properties": {}, "required": [], "additionalProperties": True}
    described = parameter_descriptions(docstring)
    definitions: Schema = {}
    properties: Schema = {}
    required: list[str] = []
    additional: Any = False
    for parameter in parameters:
        hinted = _of_hint(parameter, definitions)
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            additional = hinted or True
            continue
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            hinted = {"type": "array", "items": hinted, "x-kind": "var_positional"}
        elif parameter.default is MISSING:
            required.append(parameter.name)
        else:
            hinted.pop("default", None)
            hinted.update(_default(parameter.default))
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            hinted["x-kind"] = "positional_only"
        if parameter.name in described:
            hinted["description"] = described[parameter.name]
        properties[parameter.name] = hinted
    schema: Schema = {"type": "object", "properties": properties, "required": required}
    schema["additionalProperties"] = additional
    if definitions:
        schema["$defs"] = definitions
    return schema


def _of_hint(parameter: inspect.Parameter, definitions: Schema) -> Schema:
    hint = parameter.annotation
    if hint is Any:
        return {}
    if hint is MISSING:
        return _of_default(parameter.default)
    found = _by_pydantic(hint, definitions) if pydantic() is not None else _by_hand(hint)
    if found is None:
        return {"x-hint": shown_hint(hint)}
    if parameter.default is None and not _takes_none(hint):
        found = {"anyOf": [found, {"type": "null"}]}  # `n: int = None`, as many write it
    return found


def _by_pydantic(hint: Any, definitions: Schema) -> Schema | None:
    adapter = adapter_of(hint)
    if adapter is None:
        return None
    try:
        found: Schema = json.loads(json.dumps(adapter.json_schema(), allow_nan=False))
    except Exception:  # callables, classes of other libraries, numbers that JSON does not have
        return None
    own: Schema = found.pop("$defs", {})
    renamed = {name: _free_name(name, schema, definitions) for name, schema in own.items()}
    definitions.update({renamed[name]: _with_names(schema, renamed) for name, schema in own.items()})
    found = _with_names(found, renamed)
    reference = found.get("$ref", "")
    if reference.startswith(_DEFINITIONS):
        target = definitions.get(reference[len(_DEFINITIONS) :], {})
        if "enum" in target or "const" in target:
            found = {**target, **{key: value for key, value in found.items() if key != "$ref"}}
    found.pop("title", None)
    return found


def _free_name(name: str, schema: Schema, definitions: Schema) -> str:
    """A name under which nothing else is defined yet; two classes of one name may meet here."""
    free, number = name, 1
    while free in definitions and definitions[free] != schema:
        number += 1
        free = f"{name}-{number}"
    return free


def _with_names(schema: Any, renamed: dict[str, str]) -> Any:
    if all(name == new for name, new in renamed.items()):
        return schema
    if isinstance(schema, dict):
        return {
            key: _DEFINITIONS + renamed.get(value[len(_DEFINITIONS) :], value[len(_DEFINITIONS) :])
            if key == "$ref" and isinstance(value, str)
            else _with_names(value, renamed)
            for key, value in schema.items()
        }
    return [_with_names(item, renamed) for item in schema] if isinstance(schema, list) else schema


def _by_hand(hint: Any) -> Schema | None:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None) or hint is None:
        return {"type": "null"}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]} if _is_json([member.value for member in hint]) else None
    if isinstance(hint, type) and issubclass(hint, os.PathLike):
        return {"type": "string", "format": "path"}
    if origin is typing.Literal:
        return {"enum": list(choices)} if _is_json(list(choices)) else None
    if origin is typing.Union or origin is getattr(types, "UnionType", None):
        options = [_by_hand(choice) for choice in choices]
        return None if None in options else {"anyOf": options}
    if origin is list and len(choices) == 1:
        items = _by_hand(choices[0])
        return None if items is None else {"type": "array", "items": items}
    plain = _PLAIN.get(origin or hint)
    return None if plain is None else {"type": plain}


def _takes_none(hint: Any) -> bool:
    return hint is None or hint is type(None) or type(None) in typing.get_args(hint)


def _of_default(default: Any) -> Schema:
    """A parameter without a hint whose default is of a plain type probably wants more of that type."""
    if isinstance(default, bool):
        return {"type": "boolean"}
    if isinstance(default, (int, float)):
        return {"type": "number"}
    return {"type": "string"} if type(default) is str else {}


def _default(default: Any) -> Schema:
    value = default
    module = pydantic()
    if isinstance(value, enum.Enum):
        value = value.value
    elif isinstance(value, os.PathLike):
        value = os.fspath(value)
    elif module is not None and not isinstance(value, (int, float, str, bool, type(None))):
        try:
            from pydantic_core import to_jsonable_python

            value = to_jsonable_python(value)
        except Exception:
            return {"x-repr": short_repr(default)}
    return {"default": value} if _is_json(value) else {"x-repr": short_repr(default)}


def _is_json(value: Any) -> bool:
    try:
        return len(json.dumps(value, allow_nan=False)) <= _LARGEST_DEFAULT
    except (TypeError, ValueError, RecursionError):
        return False
