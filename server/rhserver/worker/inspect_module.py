"""Looks into one module: its public functions, their docstrings, and a JSON schema of their parameters.

Run as a program with the Python of the module's environment. The question is its argument, as JSON; the answer goes
to a file descriptor of its own, because the module may print while it is imported.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":
    sys.path.append(sys.path.pop(0))  # our modules must be found, but must not shadow those of the user

from rhworker import conda
from rhworker.hints import MISSING, parameters_of, short_repr, shown_hint, target_of
from rhworker.schema import schema_of

_DOCSTRING_LIMIT = 50_000


def look(name: str, wanted: str = "") -> dict[str, Any]:
    """`{"functions": [...]}` of a module: all public ones by their lines, or the one of the qualified name `wanted`.
    `{"error": {type, message, traceback}}` where it cannot be imported or has no such function."""
    try:
        module = importlib.import_module(name)
        chosen = {wanted: _of_name(module, wanted)} if wanted else _public(module)
    except BaseException as error:  # a module may also call sys.exit()
        return {"error": _described(error)}
    functions = [describe(name, function) for name, function in chosen.items()]
    return {"functions": sorted(functions, key=lambda one: int(one["line"]))}


def describe(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Name, docstring, schema, returns, kind, line and text of one function."""
    target = target_of(function)
    code = getattr(target, "__code__", None)
    docstring = (inspect.getdoc(function) if inspect.isroutine(function) else None) or inspect.getdoc(target) or ""
    return {
        "name": name,
        "docstring": docstring[:_DOCSTRING_LIMIT],
        "schema": json.dumps(schema_of(function, docstring)),
        "returns": _returns(function, target),
        "kind": _kind(target),
        "line": code.co_firstlineno if code else 0,
        "text": _text(function, target),
    }


def _public(module: types.ModuleType) -> dict[str, Callable[..., Any]]:
    """Functions that are defined in the module, each once, under its own name where it has several."""
    found: dict[int, tuple[str, Callable[..., Any]]] = {}
    for name, value in list(vars(module).items()):
        function = _function_in(value)
        if name.startswith("_") or function is None or not _is_of(module, function):
            continue
        known = found.get(id(function))
        if known is None or getattr(function, "__name__", "") == name:
            found[id(function)] = (name, function)
    return dict(found.values())


def _function_in(value: Any) -> Callable[..., Any] | None:
    """The function that a module's attribute stands for: itself, what a decorator wrapped, or what a handle
    (`train = rh.function(train)`) was made of."""
    try:
        if inspect.getattr_static(value, "__rh_function__", None) is not None:
            value = value.__rh_function__
        if inspect.isclass(value) or not callable(value):
            return None
        if isinstance(value, types.FunctionType):
            return value
        wrapped = inspect.getattr_static(value, "__wrapped__", None) or vars(value).get("__wrapped__")
        return value if wrapped is not None else None
    except Exception:  # an object whose attributes raise
        return None


def _is_of(module: types.ModuleType, function: Callable[..., Any]) -> bool:
    names = {getattr(function, "__module__", None), getattr(target_of(function), "__module__", None)}
    return module.__name__ in names


def _of_name(module: types.ModuleType, wanted: str) -> Callable[..., Any]:
    found: Any = module
    for part in wanted.split("."):
        found = getattr(found, part)
    found = getattr(found, "__rh_function__", None) or found
    if not callable(found):
        raise TypeError(f"{module.__name__}:{wanted} is not callable")
    return found  # type: ignore[no-any-return]


def _kind(target: Any) -> str:
    if inspect.isasyncgenfunction(target):
        return "async generator"
    if inspect.isgeneratorfunction(target):
        return "generator"
    return "coroutine" if inspect.iscoroutinefunction(target) else "plain"


def _returns(function: Callable[..., Any], target: Any) -> str:
    for one in (function, target):
        annotation = getattr(one, "__annotations__", {}).get("return", MISSING)
        if annotation is not MISSING:
            return str(shown_hint(annotation))
    return ""


def _text(function: Callable[..., Any], target: Any) -> str:
    """The signature as it was written, with short defaults."""
    parameters = parameters_of(function)
    if parameters is None:
        return "(...)"
    written = getattr(target, "__annotations__", {})
    pieces: list[str] = []
    kinds = [parameter.kind for parameter in parameters]
    by_name_only = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.KEYWORD_ONLY}
    for place, parameter in enumerate(parameters):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not by_name_only & set(kinds[:place]):
            pieces.append("*")
        stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        hint = shown_hint(written.get(parameter.name, parameter.annotation))
        piece = f"{stars}{parameter.name}{': ' + hint if hint else ''}"
        if parameter.default is not MISSING:
            piece += f"{' = ' if hint else '='}{short_repr(parameter.default, 60)}"
        pieces.append(piece)
        only = inspect.Parameter.POSITIONAL_ONLY
        if parameter.kind is only and only not in kinds[place + 1 :]:
            pieces.append("/")
    returns = _returns(function, target)
    return f"({', '.join(pieces)}){' -> ' + returns if returns else ''}"


def _described(error: BaseException) -> dict[str, str]:
    """Type, message and traceback, without the frames of this file and of the import machinery."""
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        return {
            "type": name,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(kind, error, frames)),
        }
    except Exception:
        return {"type": name, "message": "", "traceback": ""}


def _is_ours(file: str) -> bool:
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def main() -> None:
    """Answer the question of the first argument: `path`, `fallback_path`, `module`, `name`, `answer`."""
    question = json.loads(sys.argv[1])
    conda.activate()
    sys.path[0:0] = question["path"]
    sys.path.extend(question["fallback_path"])
    sys.argv = [""]
    answer = json.dumps(look(question["module"], question["name"]))
    with open(question["answer"], "w", encoding="utf-8") as file:
        file.write(answer)
    os._exit(0)  # threads that the module started must not hold the process


if __name__ == "__main__":
    main()
