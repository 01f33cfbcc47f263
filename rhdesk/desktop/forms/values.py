"""From the text of a field to a JSON value and back, without losing a digit. No Qt.

`2e-5` typed is the float 2e-05, `12345678901234567890` stays that integer, `1e400` is refused instead of becoming
infinity. An empty field means "not given": the function's default applies.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from rhdesk.desktop.forms.schema import NOTHING, Field, Kind, Place, show
from rhdesk.desktop.forms.validation import problem_of


class FieldError(ValueError):
    """What a person typed cannot be the value of its field; the text stands under the field."""


_EMPTY_TEXT = ('""', "''")
_INTEGER = re.compile(r"[+-]?\d+(_\d+)*")
_HEX = re.compile(r"[+-]?0[xob][0-9a-f_]+", re.IGNORECASE)
_FLOAT_WORDS = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)
_DIGIT_LIMIT = 4000
"""Longest integer in digits; Python itself refuses to read more than 4300."""


def value_of(field: Field, text: str) -> Any:
    """The JSON value that `text` means in `field`; NOTHING for an empty field that need not be given.

    Raises:
        FieldError: it means none.
    """
    if field.kind is Kind.BOOLEAN:
        return _boolean(text)
    if not (text if field.kind is Kind.TEXT else text.strip()):
        if field.required and field.kind is not Kind.LIST:
            hint = ' (write "" for the empty text)' if field.kind in (Kind.TEXT, Kind.ANY) else ""
            raise FieldError(f"needs a value{hint}")
        return NOTHING
    if field.nullable and text.strip() == "None" and field.kind is not Kind.CHOICE:
        return None
    value = _READERS[field.kind](field, text)
    check(field, value)
    return value


def check(field: Field, value: Any) -> None:
    """Check a JSON value against the schema of its field.

    Raises:
        FieldError: it does not fit.
    """
    if value is NOTHING:
        if field.required:
            raise FieldError("needs a value")
        return
    if value is None and field.nullable:
        return
    if field.place is Place.OTHERS and not isinstance(value, Mapping):
        raise FieldError("must be an object {...} of names and values")
    if field.kind is Kind.DECIMAL:
        return  # its two alternatives are one number to a person
    if problem := problem_of(value, field.schema, field.definitions):
        raise FieldError(problem)
    if isinstance(value, str) and (problem := _format_problem(field.format, value)):
        raise FieldError(problem)


def text_of(field: Field, value: Any) -> str:
    """The text that `value_of` turns into `value`."""
    if value is NOTHING:
        return ""
    if value is None:
        return "None"
    if field.kind in (Kind.TEXT, Kind.PATH) and isinstance(value, str):
        return value or json.dumps(value)
    if field.kind is Kind.ANY and isinstance(value, str):
        # text that would read as something else needs its quotes
        return value if value.strip() and _reads_as_text(value) else json.dumps(value, ensure_ascii=False)
    if field.kind is Kind.DECIMAL:
        return str(value)
    if field.kind is Kind.JSON:
        return dump_json(value, wide=len(json.dumps(value)) > 60)
    return show(value)


def same_value(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same to a function: 1, 1.0 and True are not."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_value(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same_value, left, right))
    return bool(left == right) or (left != left and right != right)


def read_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        FieldError: it is not JSON; says where.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if "\n" in text else f"character {error.colno}"
        raise FieldError(f"is not JSON: {_plain(error.msg, text, error.pos)} ({where})") from None
    except RecursionError:
        raise FieldError("is not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:
        raise FieldError(f"is not JSON: {error}") from None


def dump_json(value: Any, *, wide: bool = True) -> str:
    """A JSON value as text; `wide` spreads it over lines."""
    return json.dumps(value, ensure_ascii=False, indent=2 if wide else None)


def arguments_of(fields: Sequence[Field], values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments for a call with `values`, by the names of the fields; absent ones are defaults.

    Raises:
        FieldError: an argument that has no name is left out before one that is given.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    positional = [one for one in fields if one.place is Place.POSITIONAL]
    rest = next((one for one in fields if one.place is Place.REST), None)
    extra = values.get(rest.name) if rest else None
    if rest is not None and extra:
        # what stands before *args in the signature has to be handed over by position too
        positional = list(fields[: list(fields).index(rest)])
    given = max((index for index, one in enumerate(positional) if one.name in values), default=-1)
    needed = len(positional) if extra else given + 1
    for one in positional[:needed]:
        value = values.get(one.name, one.default)
        if value is NOTHING:
            raise FieldError(f"{one.name!r} must be given, because an argument after it is given by position")
        args.append(value)
    taken = {one.name for one in positional}
    for one in fields:
        if one.name not in values or one.name in taken:
            continue
        if one.place is Place.REST:
            args.extend(values[one.name])
        elif one.place is Place.OTHERS:
            kwargs.update(values[one.name])
        else:
            kwargs[one.name] = values[one.name]
    return args, kwargs


def values_of(fields: Sequence[Field], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite of `arguments_of`: which field got what in an earlier call. What no field takes is left out."""
    values: dict[str, Any] = {}
    left = list(args)
    for one in fields:
        if one.place in (Place.POSITIONAL, Place.KEYWORD) and left:
            values[one.name] = left.pop(0)
        elif one.place is Place.REST and left:
            values[one.name], left = left, []
    names = {one.name for one in fields if one.place in (Place.KEYWORD, Place.POSITIONAL)}
    values.update({name: value for name, value in kwargs.items() if name in names})
    others = next((one for one in fields if one.place is Place.OTHERS), None)
    extra = {name: value for name, value in kwargs.items() if name not in names}
    if others is not None and extra:
        values[others.name] = extra
    return values


def flat(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as one writes them in a call: what goes to `**kwargs` stands beside the others."""
    others = next((one.name for one in fields if one.place is Place.OTHERS), None)
    made = {name: value for name, value in values.items() if name != others}
    return made | dict(values[others]) if others is not None and others in values else made


def nested(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite of `flat`; a name that nothing takes stays where it is."""
    others = next((one.name for one in fields if one.place is Place.OTHERS), None)
    if others is None:
        return dict(values)
    names = {one.name for one in fields if one.name != others}
    made = {name: value for name, value in values.items() if name in names}
    extra = {name: value for name, value in values.items() if name not in names}
    return made | {others: extra} if extra else made


# ------------------------------------------------------------ readers, one a kind


def _text(field: Field, text: str) -> str:
    return "" if text.strip() in _EMPTY_TEXT else text


def _path(field: Field, text: str) -> str:
    return text.strip()


def _boolean(text: str) -> bool | Any:
    words = {"true": True, "false": False, "": NOTHING}
    try:
        return words[text.strip().lower()]
    except KeyError:
        raise FieldError("must be True or False") from None


def _integer(field: Field, text: str) -> int:
    text = text.strip()
    try:
        if _INTEGER.fullmatch(text):
            if len(text) > _DIGIT_LIMIT:
                raise FieldError(f"has {len(text):,} digits; {_DIGIT_LIMIT:,} can be read")
            return int(text)
        if _HEX.fullmatch(text):
            return int(text, 0)
        number = Decimal(text)
    except (ValueError, InvalidOperation) as error:
        if isinstance(error, FieldError):
            raise
        raise FieldError(f"must be a whole number{_comma_hint(text)}") from None
    # 1e6 and 3.0 are whole numbers too, and exact ones
    if not number.is_finite() or number.adjusted() > _DIGIT_LIMIT or number != number.to_integral_value():
        raise FieldError("must be a whole number")
    return int(number)


def _number(field: Field, text: str) -> int | float:
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return _integer(field, text)
    try:
        value = float(text)
    except ValueError:
        raise FieldError(f"must be a number{_comma_hint(text)}") from None
    if math.isinf(value) and not _FLOAT_WORDS.fullmatch(text):
        raise FieldError("is too large for a float")
    if value == 0 and re.search("[1-9]", re.split("e", text, flags=re.IGNORECASE)[0]):
        raise FieldError("is too small for a float: it would become 0")
    return value


def _decimal(field: Field, text: str) -> str:
    try:
        Decimal(text.strip())
    except InvalidOperation:
        raise FieldError(f"must be a number{_comma_hint(text)}") from None
    return text.strip()


def _choice(field: Field, text: str) -> Any:
    if field.nullable and text == "None" and "None" not in field.choices:
        return None
    for choice in field.choices:
        if show(choice) == text:
            return choice
    raise FieldError(f"must be one of {', '.join(map(show, field.choices[:12]))}")


def _any(field: Field, text: str) -> Any:
    stripped = text.strip()
    if stripped in ("True", "False"):
        stripped = stripped.lower()
    if stripped[:1] in ("{", "["):
        return read_json(stripped)
    try:
        value = json.loads(stripped)
    except ValueError:
        value = text
    if isinstance(value, float) and math.isinf(value) and "inf" not in stripped.lower():
        raise FieldError("is too large for a float")
    if not isinstance(value, str) and problem_of(value, field.schema, field.definitions):
        # the digits of a text stay a text where only text fits
        return text if problem_of(text, field.schema, field.definitions) is None else value
    return value


def _json(field: Field, text: str) -> Any:
    return read_json(text)


_READERS = {
    Kind.TEXT: _text,
    Kind.PATH: _path,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.DECIMAL: _decimal,
    Kind.CHOICE: _choice,
    Kind.ANY: _any,
    Kind.LIST: _json,
    Kind.JSON: _json,
}


# ------------------------------------------------------------ helpers


def _format_problem(format: str, text: str) -> str | None:
    readers = {
        "date": (datetime.date.fromisoformat, "must be a date such as 2027-01-31"),
        "date-time": (datetime.datetime.fromisoformat, "must be a date and time such as 2027-01-31T14:30"),
        "time": (datetime.time.fromisoformat, "must be a time such as 14:30"),
    }
    if format not in readers:
        return None
    read, message = readers[format]
    try:
        read(text)
    except ValueError:
        return message
    return None


def _reads_as_text(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return text not in ("True", "False", "None") and text[:1] not in ("{", "[")
    return False


def _comma_hint(text: str) -> str:
    return "; write a point, no comma" if re.fullmatch(r"[+-]?\d+(,\d+)+(\.\d+)?", text) else ""


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return made


def _plain(message: str, text: str, position: int) -> str:
    """The decoder's words, made useful for what people get wrong most."""
    at = text[position : position + 1]
    if at == "'":
        return "text stands between double quotes"
    if text[position : position + 4] in ("True", "None") or text[position : position + 5] == "False":
        return "write true, false or null"
    if message.startswith("Expecting ',' delimiter"):
        return "a comma or a closing bracket is missing"
    if message.startswith(("Illegal trailing comma", "Expecting property name")):
        return "a name between double quotes is expected"
    if message.startswith("Extra data"):
        return "something follows the value"
    return message[:1].lower() + message[1:]
