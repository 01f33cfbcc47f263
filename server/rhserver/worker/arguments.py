"""JSON arguments become Python values by the type hints of the function.

pydantic does it where it can be imported; without it only the plain types are checked. All wrong arguments are named
at once.
"""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any


class ArgumentsError(TypeError):
    """Arguments that do not fit the function; `problems` are (parameter, what is wrong)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in problems))
        self.problems = problems


def convert(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments as the function wants them.

    Raises:
        ArgumentsError: some are missing, unknown, or of the wrong type.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin that tells nothing
        return args, kwargs
    problems = _misfits(signature, args, kwargs)
    if problems:
        raise ArgumentsError(problems)
    bound = signature.bind(*args, **kwargs)
    hints = _hints(function)
    for name, value in list(bound.arguments.items()):
        parameter, hint = signature.parameters[name], hints.get(name, Any)
        if parameter.kind is parameter.VAR_POSITIONAL:
            bound.arguments[name] = tuple(_value(f"{name}[{i}]", hint, item, problems) for i, item in enumerate(value))
        elif parameter.kind is parameter.VAR_KEYWORD:
            bound.arguments[name] = {key: _value(key, hint, item, problems) for key, item in value.items()}
        else:
            bound.arguments[name] = _value(name, hint, value, problems)
    if problems:
        raise ArgumentsError(problems)
    return list(bound.args), bound.kwargs


def _misfits(signature: inspect.Signature, args: list[Any], kwargs: dict[str, Any]) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    parameters = signature.parameters.values()
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    named = {one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    kinds = {one.kind for one in parameters}
    if len(args) > len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        problems.append(("arguments", f"takes {len(positional)} positional arguments, {len(args)} were given"))
    given = {one.name for one in positional[: len(args)]}
    for name in kwargs:
        if name in given:
            problems.append((name, "was given twice"))
        elif name not in named and inspect.Parameter.VAR_KEYWORD not in kinds:
            close = difflib.get_close_matches(name, named, 1)
            problems.append((name, "is not a parameter" + (f"; did you mean {close[0]!r}?" if close else "")))
    for one in parameters:
        required = one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        if required and one.name not in given and one.name not in kwargs:
            problems.append((one.name, "is missing"))
    return problems


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except Exception:  # a hint that names what is not there: leave its values alone
        return {}


def _value(name: str, hint: Any, value: Any, problems: list[tuple[str, str]]) -> Any:
    if hint is Any or hint is inspect.Parameter.empty:
        return value
    try:
        from pydantic import TypeAdapter, ValidationError
    except ImportError:
        return _plain_value(name, hint, value, problems)
    try:
        adapter = TypeAdapter(hint, config=None)
    except Exception:  # a class that pydantic knows nothing of
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            where = "".join(f"[{part!r}]" for part in found["loc"])
            problems.append((name + where, f"{found['msg']}, got {value!r:.80}"))
        return value


def _plain_value(name: str, hint: Any, value: Any, problems: list[tuple[str, str]]) -> Any:
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and type(value) is int:
        return float(value)
    if hint in (int, float, str, bool) and type(value) is not hint:
        problems.append((name, f"Input should be a valid {hint.__name__}, got {value!r:.80}"))
    return value
