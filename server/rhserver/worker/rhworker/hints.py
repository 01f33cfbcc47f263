"""Parameters of a function with their type hints, and pydantic where it can be had. Used by `arguments` and
`inspect_module`, in any user's environment: only the standard library at the top."""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from collections.abc import Callable
from typing import Any

MISSING: Any = inspect.Parameter.empty


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters, their annotations evaluated as far as they can be; None if the function does not tell them.

    An annotation that cannot be evaluated stays a string.
    """
    try:
        found = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return None
    hints = hints_of(function)
    return [parameter.replace(annotation=hints.get(parameter.name, parameter.annotation)) for parameter in found]


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations by parameter name, evaluated one by one: one odd annotation does not spoil the others."""
    target = target_of(function)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except Exception:
        pass
    hints: dict[str, Any] = {}
    names = dict(vars(typing))
    names.update(getattr(target, "__globals__", None) or vars(sys.modules.get(target.__module__, typing)))
    for name, annotation in getattr(target, "__annotations__", {}).items():
        if isinstance(annotation, str):
            try:
                hints[name] = eval(annotation, names)
            except Exception:
                continue
        else:
            hints[name] = annotation
    return hints


def target_of(function: Callable[..., Any]) -> Any:
    """The function in the middle: without decorators, partial applications and callable objects around it."""
    target: Any = function
    for _ in range(50):
        if isinstance(target, functools.partial):
            target = target.func
        elif hasattr(target, "__wrapped__"):
            target = target.__wrapped__
        elif inspect.ismethod(target):
            target = target.__func__
        elif inspect.isclass(target):
            target = target.__init__
            break
        elif inspect.isroutine(target) or not callable(target):
            break
        else:
            target = type(target).__call__
    return target


def shown_hint(annotation: Any) -> str:
    """An annotation as people write it: without `typing.` and module names of builtins."""
    if annotation is MISSING:
        return ""
    if isinstance(annotation, str):
        return annotation
    if annotation is None or annotation is type(None):
        return "None"
    try:
        return inspect.formatannotation(annotation).replace("typing.", "").replace("NoneType", "None")
    except Exception:
        return repr(type(annotation))


@functools.lru_cache(maxsize=1)
def pydantic() -> Any:
    """pydantic 2, or None."""
    try:
        import pydantic as found

        return found if hasattr(found, "TypeAdapter") else None
    except Exception:  # not there, or halves of two versions
        return None


def adapter_of(annotation: Any) -> Any:
    """pydantic's adapter of a type; None where it has none for it, or an adapter that converts nothing."""
    module = pydantic()
    if module is None or annotation is MISSING or isinstance(annotation, str):
        return None
    for options in ({"config": module.ConfigDict(coerce_numbers_to_str=True)}, {}):
        try:
            return module.TypeAdapter(annotation, **options)
        except Exception:  # a model of its own takes no configuration; some types have no schema
            continue
    return None


def short_repr(value: Any, limit: int = 200) -> str:
    """`repr` that does not raise and is cut."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"
