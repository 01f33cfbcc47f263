"""The parameters of a function as fields of a form, read from the JSON schema that pydantic makes of them. No Qt.

The schema of `train(lr: float = 2e-5, mode: Literal["a", "b"] = "a", out: Path | None = None)` becomes three fields:
a number, a choice and a path that may be None. What no simple field can hold (dictionaries, models, nested lists)
becomes a JSON field, checked against its part of the schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, TypeGuard


class _Nothing(Enum):
    NOTHING = "nothing"


NOTHING: Final = _Nothing.NOTHING
"""Stands for "no value": an argument that is not given, a parameter without a default."""

Schema = Mapping[str, Any]

OTHERS: Final = "other arguments"
"""The name of the field for `**kwargs`; no parameter can have it."""


class Kind(Enum):
    """What a field holds, and so which control edits it."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"  # a number whose digits all count; travels as text
    BOOLEAN = "boolean"
    CHOICE = "choice"
    PATH = "path"
    LIST = "list"  # of scalars, one row each
    ANY = "any"  # no type hint, or several types: JSON if it reads as JSON, else text
    JSON = "json"


class Place(Enum):
    """How an argument is handed over."""

    KEYWORD = "keyword"
    POSITIONAL = "positional"  # has no name for the caller
    REST = "rest"  # *args
    OTHERS = "others"  # **kwargs


_PLACES = {
    "positional-only": Place.POSITIONAL,
    "positional": Place.POSITIONAL,
    "var-positional": Place.REST,
    "var-keyword": Place.OTHERS,
}

_PATH_FORMATS = {"path", "file-path", "directory-path"}
_SCALARS = {Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL, Kind.BOOLEAN, Kind.CHOICE, Kind.PATH, Kind.ANY}
_DEPTH_LIMIT = 40
"""How many references are followed; a schema that refers to itself ends here as JSON."""


@dataclass(frozen=True)
class Field:
    """One parameter.

    Attributes:
        name: of the parameter.
        kind: what it holds.
        hint: its type as a person reads it: "float", "list of int".
        help: from the docstring.
        default: its default as a JSON value, None included; NOTHING where there is none or JSON cannot hold it.
        default_text: the default as it is shown; empty where there is none.
        required: whether it must be given.
        nullable: whether None may be given.
        choices: the values of a choice.
        item: what a list holds.
        schema: its own part of the schema, references resolved one level deep.
        definitions: the `$defs` that `schema` may refer to.
        place: how it is handed over.
    """

    name: str
    kind: Kind
    hint: str = ""
    help: str = ""
    default: Any = NOTHING
    default_text: str = ""
    required: bool = False
    nullable: bool = False
    choices: tuple[Any, ...] = ()
    item: Field | None = None
    schema: Schema = field(default_factory=dict)
    definitions: Schema = field(default_factory=dict)
    place: Place = Place.KEYWORD

    @property
    def format(self) -> str:
        """The `format` of the schema: "date", "directory-path", ... or empty."""
        return str(self.schema.get("format", ""))


def fields_of(schema: str | Schema) -> tuple[Field, ...]:
    """The fields for the parameters that a JSON schema describes, in their order.

    Raises:
        ValueError: it is not a JSON schema of an object.
    """
    if isinstance(schema, str):
        schema = json.loads(schema) if schema.strip() else {}
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties", {}), Mapping):
        raise ValueError("the schema of the parameters is not an object")
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    fields = [
        _field(name, part if isinstance(part, Mapping) else {}, name in required, definitions)
        for name, part in schema.get("properties", {}).items()
    ]
    if others := schema.get("additionalProperties", False):
        part = {"type": "object", "additionalProperties": others, "x-kind": "var-keyword"}
        fields.append(_field(OTHERS, part, False, definitions))
    return tuple(fields)


def refined(exact: Sequence[Field], source: Sequence[Field]) -> tuple[Field, ...]:
    """The cluster's reading of the parameters, with what only the source tells: the types as they were written, and
    which have no name for the caller."""
    known = {field.name: field for field in source}
    made = []
    for one in exact:
        written = known.get(one.name, one)
        place = written.place if written.place is Place.POSITIONAL else one.place
        hint = written.hint if one.kind is not Kind.CHOICE and written.hint else one.hint
        made.append(replace(one, hint=hint, help=one.help or written.help, place=place))
    return tuple(made)


def show(value: Any) -> str:
    """A JSON value in one line, as a person would write it into a field."""
    if isinstance(value, str):
        return value if value else '""'
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def resolve(schema: Schema, definitions: Schema) -> Schema:
    """`schema` with its own `$ref` and single `allOf` followed; keys beside the reference win."""
    for _ in range(_DEPTH_LIMIT):
        if isinstance(reference := schema.get("$ref"), str):
            target = definitions.get(reference.rpartition("/")[2], {})
        elif isinstance(parts := schema.get("allOf"), list) and len(parts) == 1 and isinstance(parts[0], Mapping):
            target = parts[0]
        else:
            return schema
        schema = {**target, **{key: value for key, value in schema.items() if key not in ("$ref", "allOf")}}
    return {}


def _field(name: str, part: Schema, required: bool, definitions: Schema) -> Field:
    part = resolve(part, definitions)
    place = _PLACES.get(str(part.get("x-kind", "")).lower().replace("_", "-"), Place.KEYWORD)
    core, nullable = _without_null(part, definitions)
    kind, choices, item = _kind(core, definitions)
    if kind is Kind.BOOLEAN and (nullable or required):
        kind, choices = Kind.CHOICE, (True, False)  # a switch has no third position for "not chosen yet"
    if place is Place.REST and kind is not Kind.LIST:
        kind = Kind.JSON
    if place is Place.OTHERS:
        kind = Kind.JSON
    if place in (Place.REST, Place.OTHERS):
        required = False
    default = part.get("default", NOTHING)
    shown = str(part["x-repr"]) if "x-repr" in part else "" if default is NOTHING else show(default)
    return Field(
        name=name,
        kind=kind,
        hint=_shown_hint(kind, part, _hint(core, definitions, nullable)),
        help=" ".join(str(part.get("description", "")).split()),
        default=default,
        default_text=shown,
        required=required,
        nullable=nullable or (not required and default is None),
        choices=choices,
        item=item,
        schema=core,
        definitions=definitions,
        place=place,
    )


def _shown_hint(kind: Kind, part: Schema, made: str) -> str:
    """The type as the source has it; of a choice not, because the values are offered anyway."""
    return made if kind is Kind.CHOICE and made else str(part.get("x-hint") or made)


def _without_null(part: Schema, definitions: Schema) -> tuple[Schema, bool]:
    """The schema without the alternative null, and whether there was one."""
    kinds = part.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        rest = [kind for kind in kinds if kind != "null"]
        return {**part, "type": rest[0] if len(rest) == 1 else rest}, True
    for key in ("anyOf", "oneOf"):
        alternatives = part.get(key)
        if not isinstance(alternatives, list):
            continue
        rest = [one for one in alternatives if resolve(one, definitions).get("type") != "null"]
        nullable = len(rest) < len(alternatives)
        if len(rest) == 1:
            inner, deeper = _without_null(resolve(rest[0], definitions), definitions)
            outer = {name: value for name, value in part.items() if name != key}
            return {**inner, **{k: v for k, v in outer.items() if k not in inner}}, nullable or deeper
        return {**part, key: rest}, nullable
    return part, False


def _kind(core: Schema, definitions: Schema) -> tuple[Kind, tuple[Any, ...], Field | None]:
    if "const" in core:
        return Kind.CHOICE, (core["const"],), None
    if isinstance(core.get("enum"), list):
        return Kind.CHOICE, tuple(core["enum"]), None
    alternatives = core.get("anyOf") or core.get("oneOf")
    if isinstance(alternatives, list):
        resolved = [resolve(one, definitions) for one in alternatives]
        return _kind_of_union(resolved, definitions, str(core.get("x-hint", ""))), (), None
    match core.get("type"):
        case "string":
            return (Kind.PATH if core.get("format") in _PATH_FORMATS else Kind.TEXT), (), None
        case "integer":
            return Kind.INTEGER, (), None
        case "number":
            return Kind.NUMBER, (), None
        case "boolean":
            return Kind.BOOLEAN, (), None
        case "array":
            return _kind_of_array(core, definitions)
        case "object":
            return Kind.JSON, (), None
        case _:
            return (Kind.JSON if "properties" in core else Kind.ANY), (), None


def _kind_of_union(alternatives: list[Schema], definitions: Schema, hint: str) -> Kind:
    kinds = {_kind(one, definitions)[0] for one in alternatives}
    if kinds <= {Kind.INTEGER, Kind.NUMBER}:
        return Kind.NUMBER
    if kinds == {Kind.NUMBER, Kind.TEXT} and "Decimal" in hint:
        return Kind.DECIMAL  # pydantic writes it like float | str
    if kinds <= {Kind.TEXT, Kind.PATH}:
        return Kind.PATH if Kind.PATH in kinds else Kind.TEXT
    return Kind.ANY if kinds <= _SCALARS | {Kind.LIST} else Kind.JSON


def _kind_of_array(core: Schema, definitions: Schema) -> tuple[Kind, tuple[Any, ...], Field | None]:
    items = core.get("items")
    if "prefixItems" in core or not isinstance(items, Mapping):
        return Kind.JSON, (), None
    item = _field("", items, True, definitions)
    if item.kind not in _SCALARS or item.nullable:
        return Kind.JSON, (), None
    return Kind.LIST, (), item


_NAMES = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "object": "dict", "array": "list",
    "null": "None",
}  # fmt: skip
_FORMATS = {
    "path": "path", "file-path": "file", "directory-path": "folder", "date": "date", "date-time": "date and time",
    "time": "time", "duration": "duration", "binary": "bytes", "uuid": "UUID", "uri": "address", "email": "email",
}  # fmt: skip


def _hint(core: Schema, definitions: Schema, nullable: bool, depth: int = 0) -> str:
    text = _plain_hint(core, definitions, depth)
    return f"{text} or None" if nullable and text else text


def _plain_hint(core: Schema, definitions: Schema, depth: int) -> str:
    if depth > 3:
        return "…"
    if "const" in core or "enum" in core:
        values = core.get("enum", [core.get("const")])
        return "one of " + ", ".join(map(show, values[:3])) + (" …" if len(values) > 3 else "")
    alternatives = core.get("anyOf") or core.get("oneOf")
    if isinstance(alternatives, list):
        kinds = [_hint(resolve(one, definitions), definitions, False, depth + 1) for one in alternatives]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if known := _FORMATS.get(str(core.get("format", ""))):
        return known
    match core.get("type"):
        case "array":
            items = core.get("items")
            inner = _hint(resolve(items, definitions), definitions, False, depth + 1) if _is_schema(items) else ""
            name = "set" if core.get("uniqueItems") else "list"
            return f"{name} of {inner}" if inner else "tuple" if "prefixItems" in core else name
        case "object":
            values = core.get("additionalProperties")
            inner = _hint(resolve(values, definitions), definitions, False, depth + 1) if _is_schema(values) else ""
            return (
                str(core.get("title") or "object")
                if core.get("properties")
                else f"dict of {inner}".removesuffix(" of ")
            )
        case str(kind):
            return _NAMES.get(kind, kind)
        case _:
            return ""


def _is_schema(part: object) -> TypeGuard[Schema]:
    return isinstance(part, Mapping) and bool(part)
