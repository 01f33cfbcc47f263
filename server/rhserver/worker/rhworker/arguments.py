"""JSON arguments become what a function's type hints ask for, or one message that names every wrong parameter."""

from __future__ import annotations

import difflib
import inspect
import math
import pathlib
import typing
from collections.abc import Callable
from typing import Any

from .hints import MISSING, adapter_of, parameters_of, short_repr

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_KNOWN_LIMIT = 256


class ArgumentsError(TypeError):
    """Arguments that the function cannot be called with. `problems` are (name of the parameter, message)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems,)


def convert(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Arguments as JSON gives them, converted by the hints of `function`.

    A positional-only parameter may be given by its name, and `*args` as a list under its name, where no `**kwargs`
    could be meant: a form has only names.

    Raises:
        ArgumentsError: arguments are missing, unexpected, given twice, or of the wrong type; all that are.
    """
    parameters = _known(function)
    if parameters is None:
        return args, kwargs
    return _Binding(parameters).bind(args, kwargs)


class _Parameter:
    """One parameter and how its values are converted."""

    def __init__(self, parameter: inspect.Parameter) -> None:
        self.name = parameter.name
        self.kind = parameter.kind
        self.default = parameter.default
        self.hint = parameter.annotation
        self.adapter = adapter_of(parameter.annotation)

    def convert(self, value: Any, name: str, problems: list[tuple[str, str]]) -> Any:
        if value is None and self.default is None:
            return None  # `n: int = None`, as many write it
        if self.adapter is None:
            return self._by_hand(value, name, problems)
        try:
            return self.adapter.validate_python(value)
        except Exception as error:
            problems.extend(_described(error, name, value))
            return value

    def _by_hand(self, value: Any, name: str, problems: list[tuple[str, str]]) -> Any:
        hint: Any = self.hint
        choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        if len(choices) == 1 and type(None) in typing.get_args(hint):
            if value is None:
                return None
            hint = choices[0]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if hint is float and number:
            return float(value)
        if hint is int and number and math.isfinite(value) and value == int(value):
            return int(value)
        if hint is pathlib.Path and isinstance(value, str):
            return pathlib.Path(value)
        wanted = {int: "a whole number", float: "a number", str: "text", bool: "true or false", pathlib.Path: "a path"}
        if hint in (str, bool) and isinstance(value, hint):
            return value
        if isinstance(hint, type) and hint in wanted:
            problems.append((name, f"Input should be {wanted[hint]} (got {short_repr(value, 60)})"))
        return value


class _Binding:
    """The arguments of one call on their way to the parameters."""

    def __init__(self, parameters: list[_Parameter]) -> None:
        self._parameters = parameters
        self._positional = [one for one in parameters if one.kind in _POSITIONAL]
        self._by_name = {one.name: one for one in parameters}
        self._rest = next((one for one in parameters if one.kind is inspect.Parameter.VAR_POSITIONAL), None)
        self._more = next((one for one in parameters if one.kind is inspect.Parameter.VAR_KEYWORD), None)
        self._problems: list[tuple[str, str]] = []

    def bind(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        named = dict(kwargs)
        rest = list(args[len(self._positional) :])
        if self._rest is not None and self._more is None and isinstance(named.get(self._rest.name), list):
            rest += named.pop(self._rest.name)
        first = self._by_position(args, named)
        if rest and self._rest is None:
            allowed, given = len(self._positional), len(args)
            self._problems.append(("arguments", f"{given} were given by position; {allowed} can be"))
        elif self._rest is not None:
            rest = [
                self._rest.convert(value, f"{self._rest.name}[{number}]", self._problems)
                for number, value in enumerate(rest)
            ]
        converted = self._by_names(named)
        if self._problems:
            raise ArgumentsError(self._problems)
        if rest:
            # what stands before *args must be given by position too
            for one in self._positional[len(first) :]:
                if one.name in converted:
                    first.append(converted.pop(one.name))
                elif one.default is not MISSING:
                    first.append(one.default)
        return first + rest, converted

    def _by_position(self, args: list[Any], named: dict[str, Any]) -> list[Any]:
        first = []
        for place, one in enumerate(self._positional):
            by_name = one.name in named and not (one.kind is inspect.Parameter.POSITIONAL_ONLY and self._more)
            if place < len(args):
                if by_name:
                    self._problems.append((one.name, "it was given twice, by position and by name"))
                    del named[one.name]
                first.append(one.convert(args[place], one.name, self._problems))
            elif one.kind is inspect.Parameter.POSITIONAL_ONLY:
                if by_name:
                    first.append(one.convert(named.pop(one.name), one.name, self._problems))
                elif one.default is MISSING:
                    self._problems.append((one.name, "it is missing"))
                else:
                    first.append(one.default)
            elif not by_name and one.default is MISSING:
                self._problems.append((one.name, "it is missing"))
        return first

    def _by_names(self, named: dict[str, Any]) -> dict[str, Any]:
        converted = {}
        for name, value in named.items():
            one = self._by_name.get(name)
            if one is None or one.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
                one = self._more
            if one is None:
                self._problems.append((name, self._unknown(name)))
            else:
                converted[name] = one.convert(value, name, self._problems)
        for one in self._parameters:
            if one.kind is inspect.Parameter.KEYWORD_ONLY and one.default is MISSING and one.name not in named:
                self._problems.append((one.name, "it is missing"))
        return converted

    def _unknown(self, name: str) -> str:
        names = [one.name for one in self._parameters if one not in (self._rest, self._more)]
        close = difflib.get_close_matches(name, names, 1)
        if close:
            return f"there is no such parameter; did you mean {close[0]}?"
        return f"there is no such parameter; there are {', '.join(names)}" if names else "the function takes none"


_cache: dict[int, tuple[Callable[..., Any], list[_Parameter] | None]] = {}


def _known(function: Callable[..., Any]) -> list[_Parameter] | None:
    found = _cache.get(id(function))
    if found is None or found[0] is not function:
        parameters = parameters_of(function)
        made = None if parameters is None else [_Parameter(parameter) for parameter in parameters]
        if len(_cache) >= _KNOWN_LIMIT:
            _cache.clear()
        found = _cache[id(function)] = (function, made)
    return found[1]


def _described(error: Exception, name: str, value: Any) -> list[tuple[str, str]]:
    """What pydantic says, by place inside the argument. The branches of a union are one problem."""
    try:
        details = error.errors()  # type: ignore[attr-defined]
    except Exception:
        return [(name, f"{type(error).__name__}: {error}")]
    places: dict[str, list[tuple[str, Any]]] = {}
    for detail in details:
        where = name
        for step in detail["loc"]:
            if isinstance(step, int):
                where += f"[{step}]"
            elif isinstance(step, str) and _is_inside(step, value):
                where += f".{step}"
        places.setdefault(where, []).append((detail["msg"], detail.get("input")))
    problems = []
    for where, found in places.items():
        messages = list(dict.fromkeys(message for message, _ in found))
        given = found[0][1]
        shown = "" if isinstance(given, dict) else f" (got {short_repr(given, 60)})"
        problems.append((where, ", or ".join(messages[:4]) + shown))
    return problems


def _is_inside(step: str, value: Any) -> bool:
    """Whether a step of pydantic's path is a name of the data, or of a missing field, and not of a union's branch."""
    return isinstance(value, dict) and step.isidentifier() and step not in _BRANCHES


_BRANCHES = frozenset({
    "int", "str", "float", "bool", "none", "list", "dict", "set", "tuple", "bytes", "date", "datetime", "path",
})  # fmt: skip
