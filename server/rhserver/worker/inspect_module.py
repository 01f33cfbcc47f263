"""Looks into one module: its public functions, their docstrings, and a JSON schema of their parameters.

Run as a program in the environment of the module; the question is its argument, the answer goes to a descriptor of its
own. pydantic makes the schemas; a hint it cannot express becomes an empty schema that names the hint.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import sys
import traceback
import types
import typing
from typing import Any


def look(question: dict[str, Any]) -> dict[str, Any]:
    """`{"functions": [...]}`, or `{"error": {type, message, traceback}}` where the module cannot be imported."""
    try:
        module = importlib.import_module(question["module"])
    except BaseException as error:
        frames = error.__traceback__
        while frames is not None and "importlib" in frames.tb_frame.f_code.co_filename + __file__ and (
            frames.tb_frame.f_code.co_filename in (__file__, importlib.__file__)
            or frames.tb_frame.f_code.co_filename.startswith("<frozen importlib")
        ):
            frames = frames.tb_next
        text = "".join(traceback.format_exception(type(error), error, frames))
        return {"error": {"type": type(error).__qualname__, "message": str(error), "traceback": text}}
    if question.get("name"):
        target: Any = module
        for part in question["name"].split("."):
            target = getattr(target, part, None)
        chosen = {} if target is None else {question["name"]: target}
    else:
        chosen = {name: value for name, value in vars(module).items() if _is_public(name, value, module)}
    functions = [describe(name, value) for name, value in chosen.items()]
    return {"functions": sorted(functions, key=lambda one: one["line"])}


def _is_public(name: str, value: Any, module: types.ModuleType) -> bool:
    if name.startswith("_") or inspect.isclass(value) or not callable(value):
        return False
    function = inspect.unwrap(value)
    function = getattr(function, "__rh_function__", None) or function
    return isinstance(function, types.FunctionType) and function.__module__ == module.__name__


def describe(name: str, value: Any) -> dict[str, Any]:
    """Name, docstring, schema and so on of one function."""
    value = getattr(value, "__rh_function__", None) or value
    function = inspect.unwrap(value)
    docstring = inspect.getdoc(value) or ""
    try:
        signature = inspect.signature(value)
        text = str(signature)
    except (TypeError, ValueError):
        signature, text = inspect.Signature(), "(...)"
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:
        hints = {}
    code = getattr(function, "__code__", None)
    returns = signature.return_annotation
    return {
        "name": name,
        "docstring": docstring,
        "schema": schema_of(signature, hints, parameter_help(docstring)),
        "returns": "" if returns is signature.empty else _hint_text(returns),
        "kind": _kind(function),
        "line": code.co_firstlineno if code else 0,
        "text": text,
    }


def _kind(function: Any) -> str:
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "coroutine" if inspect.iscoroutinefunction(function) else "plain"


# ------------------------------------------------------------------ schemas


def schema_of(signature: inspect.Signature, hints: dict[str, Any], help: dict[str, str]) -> dict[str, Any]:
    """A JSON schema of type object. Extensions: x-kind (var_positional), x-hint (what pydantic could not express),
    x-repr (a default that JSON cannot express)."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    definitions: dict[str, Any] = {}
    additional: Any = False
    for name, parameter in signature.parameters.items():
        found = _schema_of_hint(hints.get(name, parameter.annotation), definitions)
        if parameter.kind is parameter.VAR_KEYWORD:
            additional = found or True
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            found = {"type": "array", "items": found, "x-kind": "var_positional"}
        elif parameter.default is parameter.empty:
            required.append(name)
        else:
            _put_default(found, parameter.default)
        if name in help:
            found["description"] = help[name]
        properties[name] = found
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    schema["additionalProperties"] = additional
    if definitions:
        schema["$defs"] = definitions
    return schema


def _schema_of_hint(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint is inspect.Parameter.empty or hint is Any:
        return {}
    try:
        from pydantic import TypeAdapter

        found = dict(TypeAdapter(hint).json_schema())
        found.pop("title", None)
        definitions.update(found.pop("$defs", {}))
        json.dumps(found)
        return found
    except Exception:
        plain = {int: "integer", float: "number", str: "string", bool: "boolean", list: "array", dict: "object"}
        return {"type": plain[hint]} if hint in plain else {"x-hint": _hint_text(hint)}


def _put_default(schema: dict[str, Any], default: Any) -> None:
    if hasattr(default, "value") and hasattr(default, "name"):  # a member of an Enum
        default = default.value
    if isinstance(default, os.PathLike):
        default = os.fspath(default)
    try:
        if json.loads(json.dumps(default)) == (list(default) if isinstance(default, tuple) else default):
            schema["default"] = default
            return
    except (TypeError, ValueError):
        pass
    schema["x-repr"] = repr(default)[:200]


def _hint_text(hint: Any) -> str:
    if isinstance(hint, str):
        return hint
    if isinstance(hint, type) and not hasattr(hint, "__args__"):
        return hint.__qualname__
    return str(hint).replace("typing.", "")


# ------------------------------------------------------------------ docstrings

_GOOGLE = re.compile(r"^\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_REST = re.compile(r"^\s*:param\s+(?:[\w.\[\], |]+\s+)?\*{0,2}(\w+)\s*:\s*(.*)$")
_NUMPY = re.compile(r"^(\w+)\s*(?::\s*.*)?$")


def parameter_help(docstring: str) -> dict[str, str]:
    """What a docstring says of each parameter, in the manner of Google, NumPy or reST."""
    lines = docstring.expandtabs().splitlines()
    found: dict[str, str] = {}
    name, section, indent = "", "", 0
    for number, line in enumerate(lines):
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        rest = _REST.match(line)
        if rest:
            name, section, indent = rest[1], "rest", depth
            found[name] = rest[2].strip()
        elif text in ("Args:", "Arguments:", "Parameters:", "Keyword Args:", "Keyword Arguments:"):
            section, name, indent = "google", "", depth
        elif text in ("Parameters", "Other Parameters") and number + 1 < len(lines) and (
            set(lines[number + 1].strip()) == {"-"}
        ):
            section, name, indent = "numpy", "", depth
        elif not text or set(text) == {"-"}:
            if section != "numpy":
                name = ""
        elif (section == "google" and depth <= indent) or (section == "numpy" and number + 1 < len(lines) and set(lines[number + 1].strip()) == {"-"}):
            section = ""
        elif section == "google" and (match := _GOOGLE.match(line)) and (not name or depth <= indent + 8):
            name = match[1]
            found[name] = match[2].strip()
        elif section == "numpy" and depth == indent and (match := _NUMPY.match(text)):
            name = match[1]
            found[name] = ""
        elif name and depth > indent:
            found[name] = f"{found[name]} {text}".strip()
    return {key: value for key, value in found.items() if value}


def main() -> None:
    question = json.loads(sys.argv[1])
    sys.path[0:1] = [path for path in question["path"] if os.path.isdir(path)]
    if list(sys.version_info[:2]) == question["version"]:
        sys.path.extend(question["fallback_path"])
    sys.argv = [""]
    answer = look(question)
    with open(question["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os._exit(0)  # threads that the module started must not hold the process


if __name__ == "__main__":
    main()
