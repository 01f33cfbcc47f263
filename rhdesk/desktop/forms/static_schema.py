"""A schema of parameters read from the source of a function, without running it. No Qt.

The form is there at once, with the cluster down and nothing installed. What the source alone does not tell (an enum
of another module, a model) takes any value; the cluster's own inspection, which runs pydantic over the real type
hints, replaces this as soon as it is known.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

Schema = dict[str, Any]

_SIMPLE: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "bytes": {"type": "string", "format": "binary"},
    "Path": {"type": "string", "format": "path"},
    "PathLike": {"type": "string", "format": "path"},
    "FilePath": {"type": "string", "format": "file-path"},
    "DirectoryPath": {"type": "string", "format": "directory-path"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "timedelta": {"anyOf": [{"type": "number"}, {"type": "string", "format": "duration"}]},
    "UUID": {"type": "string", "format": "uuid"},
    "SecretStr": {"type": "string", "format": "password"},
    "Decimal": {"anyOf": [{"type": "number"}, {"type": "string"}], "x-hint": "Decimal"},
    "list": {"type": "array"},
    "List": {"type": "array"},
    "tuple": {"type": "array"},
    "Tuple": {"type": "array"},
    "set": {"type": "array", "uniqueItems": True},
    "dict": {"type": "object"},
    "Dict": {"type": "object"},
    "Mapping": {"type": "object"},
    "Any": {},
    "object": {},
}
_SECTION = re.compile(
    r"^\s*(?:(?:Args|Arguments|Parameters|Keyword Args|Returns?|Raises|Yields|Examples?|Notes?)\s*:?\s*$|:\w+)",
    re.MULTILINE,
)
_LISTS = {"list", "List", "Sequence", "Iterable", "Collection", "MutableSequence"}
_SETS = {"set", "Set", "frozenset", "FrozenSet"}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping"}


def static_schema(signature: str, docstring: str = "") -> Schema:
    """The JSON schema for `(epochs: int = 3, lr: float = 2e-5) -> dict`, in the form that the cluster's takes.

    Raises:
        ValueError: it is not a signature.
    """
    try:
        function = ast.parse(f"def function{signature}: ...").body[0]
    except (SyntaxError, IndexError) as error:
        raise ValueError(f"{signature!r} is not a signature") from error
    if not isinstance(function, ast.FunctionDef):
        raise ValueError(f"{signature!r} is not a signature")
    arguments, helps = function.args, parameter_help(docstring)
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    properties: dict[str, Schema] = {}
    required: list[str] = []

    def add(argument: ast.arg, default: ast.expr | None, kind: str) -> None:
        part = _schema(argument.annotation)
        if argument.annotation is not None:
            part.setdefault("x-hint", _hint(argument.annotation))
        if default is not None:
            part.update(_default(default))
        elif kind != "var-positional":
            required.append(argument.arg)
        if kind == "var-positional":
            part = {"type": "array", "items": {key: value for key, value in part.items() if key != "x-hint"}} | {
                key: part[key] for key in ("x-hint",) if key in part
            }
        if kind:
            part["x-kind"] = kind
        if argument.arg in helps:
            part["description"] = helps[argument.arg]
        properties[argument.arg] = part

    for place, (argument, default) in enumerate(zip(positional, defaults, strict=True)):
        add(argument, default, "positional-only" if place < len(arguments.posonlyargs) else "")
    if arguments.vararg is not None:
        add(arguments.vararg, None, "var-positional")
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        add(argument, keyword_default, "")
    schema: Schema = {"type": "object", "properties": properties, "required": required}
    schema["additionalProperties"] = False
    if arguments.kwarg is not None:
        schema["additionalProperties"] = _schema(arguments.kwarg.annotation) or True
    return schema


def parameter_help(docstring: str) -> dict[str, str]:
    """What a docstring says of each parameter: Google's, NumPy's and reStructuredText's ways of writing."""
    found: dict[str, str] = {
        name: " ".join(text.split())
        for name, text in re.findall(
            r"^\s*:param\s+(?:[\w.\[\], ]+\s)?(\w+)\s*:\s*(.*?)(?=^\s*:|\Z)", docstring, re.MULTILINE | re.DOTALL
        )
    }
    lines = docstring.splitlines()
    for index, line in enumerate(lines):
        if re.fullmatch(r"\s*(Args|Arguments|Parameters|Params|Keyword Args)\s*:\s*", line):
            found |= _google(lines[index + 1 :])
        elif line.strip() in ("Parameters", "Other Parameters") and _is_underline(lines[index + 1 : index + 2]):
            found |= _numpy(lines[index + 2 :])
    return found


def summary(docstring: str) -> str:
    """The part of a docstring before its sections, one paragraph a line."""
    text = _SECTION.split(docstring.strip(), maxsplit=1)[0]
    return "\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip())


def _is_underline(lines: list[str]) -> bool:
    return bool(lines) and re.fullmatch(r"\s*-{3,}\s*", lines[0]) is not None


def _google(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    name, depth = "", None
    for line in lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0 or (depth is not None and indent < depth):
            break
        start = re.match(r"\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)", line)
        if start and (depth is None or indent == depth):
            depth, name = indent, start[1]
            found[name] = start[2].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _numpy(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    base = next((len(line) - len(line.lstrip()) for line in lines if line.strip()), 0)
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == base:
            if _is_underline(lines[index + 1 : index + 2]):
                break
            names = [name.strip(" *") for name in line.split(":")[0].split(",")]
            found.update({name: "" for name in names})
        elif indent > base:
            for name in names:
                found[name] = f"{found[name]} {line.strip()}".strip()
        else:
            break
    return {name: text for name, text in found.items() if text}


def _schema(node: ast.expr | None) -> Schema:
    """The schema of an annotation; nothing for one that the source alone does not explain."""
    if node is None:
        return {}
    if isinstance(node, ast.Constant):
        if node.value is None:
            return {"type": "null"}
        if isinstance(node.value, str):  # an annotation in quotes
            try:
                return _schema(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                return {}
        return {}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right])
    if isinstance(node, ast.Name | ast.Attribute):
        return dict(_SIMPLE.get(_last(node), {}))
    if isinstance(node, ast.Subscript):
        return _generic(_last(node.value), node.slice)
    return {}


def _generic(name: str, inside: ast.expr) -> Schema:
    parts = list(inside.elts) if isinstance(inside, ast.Tuple) else [inside]
    if name == "Optional":
        return _union([parts[0], ast.Constant(None)])
    if name == "Union":
        return _union(parts)
    if name == "Literal":
        values = [part.value for part in parts if isinstance(part, ast.Constant)]
        if len(values) == len(parts) and all(isinstance(value, str | int | bool | None) for value in values):
            return {"enum": values}
        return {}
    if name in ("Annotated", "Final", "Required", "NotRequired"):
        return _schema(parts[0])
    if name in _LISTS | _SETS:
        made: Schema = {"type": "array", "items": _schema(parts[0])}
        return made | ({"uniqueItems": True} if name in _SETS else {})
    if name in ("tuple", "Tuple"):
        if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is ...:
            return {"type": "array", "items": _schema(parts[0])}
        return {
            "type": "array", "prefixItems": [_schema(part) for part in parts],
            "minItems": len(parts), "maxItems": len(parts),
        }  # fmt: skip
    if name in _MAPPINGS:
        return {"type": "object", "additionalProperties": (_schema(parts[1]) if len(parts) == 2 else {}) or True}
    return dict(_SIMPLE.get(name, {}))


def _union(parts: list[ast.expr]) -> Schema:
    alternatives: list[Schema] = []
    for part in parts:
        schema = _schema(part)
        alternatives += schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
    if not all(alternatives):
        # one that is not known makes the whole unknown, but None stays allowed
        return {"anyOf": [{}, {"type": "null"}]} if {"type": "null"} in alternatives else {}
    return {"anyOf": alternatives}


def _default(node: ast.expr) -> Schema:
    """The default as JSON where it can be, else as it stands in the source."""
    try:
        value = ast.literal_eval(node)
        value = list(value) if isinstance(value, tuple) else value
        if json.loads(json.dumps(value)) == value:
            return {"default": value}
    except (ValueError, TypeError, SyntaxError, RecursionError):
        pass
    return {"x-repr": _short(ast.unparse(node))}


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _hint(annotation: ast.expr) -> str:
    quoted = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    return _short(annotation.value if quoted else ast.unparse(annotation))  # type: ignore[attr-defined]


def _short(text: str) -> str:
    text = re.sub(r"\b(?:typing|t|collections\.abc|pathlib|datetime|decimal)\.(?=[A-Z])", "", text)
    return text if len(text) <= 60 else f"{text[:59]}…"
