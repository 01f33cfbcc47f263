"""What is wrong with a document, in words: from pydantic's findings to a field, a line and a sentence."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rhresources.documents import yaml as documents_yaml
from rhresources.documents.yaml import FieldPath, Loaded
from rhresources.errors import DocumentError

Model = TypeVar("Model", bound=BaseModel)

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping of fields",
    "finite": "a finite number",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "above"),
}


def validate(model: type[Model], loaded: Loaded, *, source: str | None = None) -> Model:
    """`loaded` as a `model`.

    Raises:
        DocumentError: one problem a field, each with its path, message and line; the sentence tells the first.
    """
    if not isinstance(loaded.value, Mapping):
        found = "empty" if loaded.value is None else f"{_article(loaded.value)}, not a mapping of fields"
        raise documents_yaml.problem(f"the document is {found}", source=source, line=None if found == "empty" else 1)
    try:
        return model.model_validate(loaded.value)
    except ValidationError as error:
        problems = [_translated(model, details, loaded) for details in error.errors(include_url=False)]
        raise document_error(problems, source) from None


def document_error(problems: list[tuple[str, str, int | None]], source: str | None) -> DocumentError:
    """All problems in one error; the sentence tells the first, the detail lists them when there are more."""
    problems = sorted(dict.fromkeys(problems), key=lambda each: each[2] if each[2] is not None else 0)
    path, message, line = problems[0]
    first = documents_yaml.problem(message, source=source, line=line, path=path)
    others = len(problems) - 1
    more = f" ({others} more problem{'s' if others > 1 else ''}.)" if others else ""
    detail = "\n".join(
        f"{'' if line is None else f'line {line}: '}{path}{': ' if path else ''}{message}"
        for path, message, line in problems
    )
    return DocumentError(first.sentence + more, problems=problems, detail=detail if more else "")


def shown_path(path: FieldPath) -> str:
    """`("packages", 2, "revision")` as `packages[2].revision`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def suggest(name: str, known: Iterable[str]) -> str:
    """The known name that `name` was probably meant to be, or nothing."""
    found = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def _model_at(model: type[BaseModel], path: FieldPath) -> type[BaseModel]:
    """The model that holds the fields under `path`."""
    for part in path:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        options = [field.annotation, *typing.get_args(field.annotation)] if field else []
        options.append(getattr(model, "inline", {}).get(part))
        for option in options:
            if isinstance(option, type) and issubclass(option, BaseModel):
                model = option
                break
    return model


def _translated(model: type[BaseModel], details: ErrorDetails, loaded: Loaded) -> tuple[str, str, int | None]:
    path: FieldPath = tuple(details["loc"])
    context = details.get("ctx", {})
    if details["type"] == "field":
        path += tuple(context["path"])
        message = str(context["message"])
    else:
        # the marker that pydantic adds for a key of a mapping is no part of the document
        path = path[:-1] if path and path[-1] == "[key]" else path
        message = _message(model, path, details)
    return shown_path(path), message, loaded.line(path) if loaded.lines else None


def _message(model: type[BaseModel], path: FieldPath, details: ErrorDetails) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(model, path)
    if kind == "missing":
        field = _model_at(model, path[:-1]).model_fields.get(str(path[-1]))
        about = f" ({field.description.rstrip('.').lower()})" if field and field.description else ""
        return f"this field is missing{about}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "refused":
        return str(context["message"])
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        meant = suggest(str(given), choices)
        hint = f" (did you mean {meant}?)" if meant else ""
        return f"it is {_shown(given)}; allowed are {', '.join(choices)}{hint}"
    wanted = _WANTED.get(kind.split("_")[0])
    if wanted and kind.endswith(("_type", "_parsing", "_from_float", "_number", "_parsing_size")):
        return f"it must be {wanted}, but is {_article(given)}"
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return f"it must be {words} {_number(context[key])}, but is {_shown(given)}"
    if kind == "string_too_long":
        return f"it is {len(str(given)):,} characters long; {context['max_length']:,} are allowed"
    if kind in {"string_too_short", "too_short"}:
        return "it may not be empty"
    return details["msg"][0].lower() + details["msg"][1:]


def _unknown(model: type[BaseModel], path: FieldPath) -> str:
    holder, name = _model_at(model, path[:-1]), str(path[-1])
    renamed: Mapping[str, str] = getattr(holder, "renamed", {})
    refused: Mapping[str, str] = getattr(holder, "refused", {})
    if name in refused:
        return refused[name]
    known = sorted(holder.model_fields)
    meant = renamed.get(name) or suggest(name, known)
    return f"there is no such field; {f'did you mean {meant}?' if meant else 'there are ' + ', '.join(known)}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def _article(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"the text {_shown(value)}" if isinstance(value, str) else _shown(value)


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
