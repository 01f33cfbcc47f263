"""What all documents share: strict fields, kinds of values, and which fields want text."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from rhresources.documents.yaml import FieldPath
from rhresources.errors import RhError
from rhresources.names import Address

Model = TypeVar("Model", bound=BaseModel)

_UNITS = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGTP", start=1):
    _UNITS |= {f"{_letter}IB": 1024**_power, f"{_letter}B": 1000**_power, _letter: 1024**_power}


def parse_bytes(value: object) -> object:
    """A number of bytes from text such as "5 GiB" or "500 MB"; anything else is left as it is.

    Raises:
        ValueError: the text is not a size.
    """
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", value.strip())
    if not found or found[2].upper() not in _UNITS:
        raise ValueError(f'{value!r} is not a size; write a number of bytes, or "5 GiB"')
    return round(float(found[1]) * _UNITS[found[2].upper()])


Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
"""A whole number from 0; neither text nor yes/no passes for one."""

Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(ge=0, le=2**60)]
"""A number of bytes; "5 GiB" is understood."""


def plain_word(value: str) -> str:
    """Refuse what another program would read as an option, and control characters.

    Raises:
        ValueError: with the reason.
    """
    if value.startswith("-"):
        raise ValueError("it may not begin with '-'")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("it has a control character")
    return value


class Part(BaseModel):
    """A model whose fields are all there is: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, str_strip_whitespace=True)

    renamed: ClassVar[Mapping[str, str]] = {}
    """Fields that people write from habit, and what they are called here."""

    inline: ClassVar[Mapping[str, type[BaseModel]]] = {}
    """Fields whose text may also be written out as a document, and which one."""

    refused: ClassVar[Mapping[str, str]] = {}
    """Fields that will never be allowed, and why."""


class BaseDocument(Part):
    """What every resource says about itself."""

    description: str = Field(default="", title="Description", description="One line for lists.", max_length=2000)

    def in_folder(self, folder: str) -> Self:
        """This document with names that hang on a current folder made whole: a bare `x` becomes `<folder>/x`."""
        return self.with_names(lambda name: str(Address.parse(name, folder)))

    def with_names(self, change: Callable[[str], str]) -> Self:
        """This document with every name of another resource in it changed."""
        return self


def field_problem(path: FieldPath, message: str) -> PydanticCustomError:
    """What validators of whole models raise: the message belongs to the field `path` inside the model."""
    # the message is a parameter because braces in a template would be read as placeholders
    return PydanticCustomError("field", "{message}", {"path": path, "message": message})


def checked(function: Callable[[str], Any]) -> Callable[[str], str]:
    """A pydantic validator from a function that raises RhError; the value passes through unchanged."""

    def check(value: str) -> str:
        try:
            function(value)
        except RhError as error:
            raise PydanticCustomError("refused", "{message}", {"message": str(error).rstrip(".")}) from None
        return value

    return check


@cache
def text_paths(model: type[BaseModel]) -> frozenset[str]:
    """The fields of `model` that hold text, in the notation of `yaml.load`."""
    return frozenset(_text_paths(model, ""))


def _text_paths(annotation: Any, pattern: str) -> set[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {
            path
            for name, field in annotation.model_fields.items()
            for path in _text_paths(field.annotation, f"{pattern}.{name}" if pattern else name)
        }
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is str or (origin is Literal and all(isinstance(choice, str) for choice in arguments)):
        return {pattern}
    if origin is list:
        return _text_paths(arguments[0], f"{pattern}[]")
    if origin is dict:
        return _text_paths(arguments[1], f"{pattern}.*")
    if origin is Annotated:
        return _text_paths(arguments[0], pattern)
    if origin in {types.UnionType, typing.Union}:
        return {path for each in arguments for path in _text_paths(each, pattern)}
    return set()
