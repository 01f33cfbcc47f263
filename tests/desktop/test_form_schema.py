"""The parameters of real functions, by pydantic's own schema, as fields; and what people type into them."""

from __future__ import annotations

import datetime
import decimal
import enum
import inspect
import json
import math
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from pydantic import BaseModel, TypeAdapter, create_model

from rhdesk.desktop.forms.schema import NOTHING, OTHERS, Field, Kind, Place, fields_of
from rhdesk.desktop.forms.values import (
    FieldError,
    arguments_of,
    flat,
    nested,
    read_json,
    same_value,
    text_of,
    value_of,
    values_of,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Optimiser(BaseModel):
    name: str
    momentum: float = 0.9


def fields_for(function: Any) -> dict[str, Field]:
    """The fields of a function, by the schema that pydantic makes of its type hints."""
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        hint = Any if parameter.annotation is parameter.empty else parameter.annotation
        given[name] = (hint, ... if parameter.default is parameter.empty else parameter.default)
    schema = create_model("Parameters", **given).model_json_schema()
    return {field.name: field for field in fields_of(json.dumps(schema))}


def one(hint: Any, **more: Any) -> Field:
    schema = TypeAdapter(hint).json_schema()
    definitions = schema.pop("$defs", {})
    required = [] if "default" in more else ["x"]
    return fields_of({"properties": {"x": {**schema, **more}}, "required": required, "$defs": definitions})[0]


def train(
    data: Path,
    epochs: int = 3,
    lr: float = 2e-5,
    mode: Literal["fast", "exact"] = "fast",
    colour: Colour = Colour.RED,
    shuffle: bool = True,
    seeds: list[int] = [1, 2],  # noqa: B006
    limit: Optional[int] = None,  # noqa: UP045
    extra: dict[str, float] = {},  # noqa: B006
    optimiser: Optimiser | None = None,
    anything=5,
) -> None: ...


def test_every_common_type_hint_gets_the_field_that_fits_it() -> None:
    kinds = {name: field.kind for name, field in fields_for(train).items()}
    assert kinds == {
        "data": Kind.PATH,
        "epochs": Kind.INTEGER,
        "lr": Kind.NUMBER,
        "mode": Kind.CHOICE,
        "colour": Kind.CHOICE,
        "shuffle": Kind.BOOLEAN,
        "seeds": Kind.LIST,
        "limit": Kind.INTEGER,
        "extra": Kind.JSON,
        "optimiser": Kind.JSON,
        "anything": Kind.ANY,
    }


def test_defaults_choices_and_hints_are_read_from_the_schema() -> None:
    fields = fields_for(train)
    assert fields["data"].required
    assert not fields["epochs"].required
    assert fields["epochs"].default_text == "3"
    assert fields["mode"].choices == ("fast", "exact")
    assert fields["colour"].choices == ("red", "blue")
    assert fields["limit"].nullable
    assert fields["limit"].hint == "int or None"
    assert fields["seeds"].hint == "list of int"
    assert fields["seeds"].item is not None
    assert fields["seeds"].item.kind is Kind.INTEGER


@pytest.mark.parametrize(
    ("text", "value"),
    [("2e-5", 2e-05), ("0.1", 0.1), ("1_0.5", 10.5), ("-3", -3), ("inf", math.inf), ("9007199254740993", 2**53 + 1)],
)
def test_a_number_keeps_its_value(text: str, value: float) -> None:
    found = value_of(one(float), text)
    assert same_value(found, value)
    assert same_value(json.loads(json.dumps(found)), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12345678901234567890123", 12345678901234567890123),
        ("1_000_000", 1_000_000),
        ("1e6", 1_000_000),
        ("0xff", 255),
        (" 7 ", 7),
    ],
)
def test_an_integer_of_any_size_keeps_its_value(text: str, value: int) -> None:
    assert same_value(value_of(one(int), text), value)


@pytest.mark.parametrize(
    ("hint", "text", "message"),
    [
        (int, "2.5", "must be a whole number"),
        (int, "1,000", "must be a whole number; write a point, no comma"),
        (int, "many", "must be a whole number"),
        (int, "9" * 5000, "has 5,000 digits; 4,000 can be read"),
        (float, "fast", "must be a number"),
        (float, "1e999", "is too large for a float"),
        (float, "1e-999", "is too small for a float: it would become 0"),
        (int, "", "needs a value"),
        (str, "", 'needs a value (write "" for the empty text)'),
        (datetime.date, "31.1.2027", "must be a date such as 2027-01-31"),
        (dict[str, int], '{"a": 1, "a": 2}', "is not JSON: 'a' stands twice"),
        (dict[str, int], "{'a': 1}", "is not JSON: text stands between double quotes (character 2)"),
        (dict[str, int], '{"a": "x"}', "a: must be a whole number, not text (x)"),
        (list[dict[str, int]], '[{"a": 1}, {"b": null}]', "[1].b: must be a whole number, not null"),
        (tuple[int, int], "[1]", "needs at least 2 items, has 1"),
        (Optimiser, '{"momentum": 1}', "'name' is missing"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_clear_phrase(hint: Any, text: str, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        value_of(one(hint), text)
    assert str(caught.value) == message


def test_limits_of_the_schema_are_checked() -> None:
    field = one(int, minimum=1, exclusiveMaximum=10)
    assert value_of(field, "1") == 1
    with pytest.raises(FieldError, match="must be at least 1"):
        value_of(field, "0")
    with pytest.raises(FieldError, match="must be less than 10"):
        value_of(field, "10")


def test_an_empty_field_means_the_default_and_two_quotes_the_empty_text() -> None:
    assert value_of(one(str, default="x"), "") is NOTHING
    assert value_of(one(str, default="x"), '""') == ""
    assert value_of(one(str), "  ") == "  "


def test_none_can_be_given_where_it_is_allowed_and_only_there() -> None:
    assert value_of(one(int | None), "None") is None
    assert value_of(one(str), "None") == "None"


def test_a_parameter_without_a_hint_takes_json_or_text() -> None:
    field = one(Any)
    assert value_of(field, "3") == 3
    assert value_of(field, "True") is True
    assert value_of(field, "hello there") == "hello there"
    assert value_of(field, '"3"') == "3"
    assert value_of(field, "[1, 2]") == [1, 2]
    with pytest.raises(FieldError, match="is not JSON"):
        value_of(field, "[1, 2")


def test_a_union_takes_each_of_its_types() -> None:
    field = one(int | str)
    assert value_of(field, "12") == 12
    assert value_of(field, "twelve") == "twelve"
    assert value_of(one(str | list[str]), '["a"]') == ["a"]


def test_a_decimal_keeps_every_digit() -> None:
    field = one(decimal.Decimal, **{"x-hint": "Decimal"})
    assert field.kind is Kind.DECIMAL
    assert value_of(field, "0.1000000000000000000001") == "0.1000000000000000000001"


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, "plain"), (str, ""), (float, 2e-05), (int, 10**30), (Any, "3"), (Any, "text"), (Any, {"a": [1, None]}),
        (Any, True), (int | None, None), (dict[str, Any], {"ä": "→"}), (Literal[1, "1"], 1), (list[str], ["a b", ""]),
    ],
)  # fmt: skip
def test_a_value_becomes_a_text_that_means_it_again(hint: Any, value: Any) -> None:
    field = one(hint)
    assert same_value(value_of(field, text_of(field, value)), value)


def test_arguments_are_handed_over_the_way_the_signature_wants() -> None:
    fields = fields_of(
        {
            "properties": {
                "a": {"type": "integer", "x-kind": "positional-only"},
                "b": {"type": "integer", "default": 2, "x-kind": "positional-only"},
                "rest": {"type": "array", "items": {"type": "integer"}, "x-kind": "var-positional"},
                "c": {"type": "integer", "default": 3},
            },
            "required": ["a"],
            "additionalProperties": True,
        }
    )
    assert [field.place for field in fields] == [
        Place.POSITIONAL, Place.POSITIONAL, Place.REST, Place.KEYWORD, Place.OTHERS,
    ]  # fmt: skip
    values = {"a": 1, "rest": [7, 8], "c": 5, OTHERS: {"z": 0}}
    assert flat(fields, values) == {"a": 1, "rest": [7, 8], "c": 5, "z": 0}
    assert nested(fields, flat(fields, values)) == values
    assert arguments_of(fields, values) == ([1, 2, 7, 8], {"c": 5, "z": 0})
    assert arguments_of(fields, {"a": 1}) == ([1], {})
    assert values_of(fields, [1, 2, 7, 8], {"c": 5, "z": 0}) == {**values, "b": 2}


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {
        "$defs": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}},
            "Loop": {"$ref": "#/$defs/Loop"},
        },
        "properties": {"node": {"$ref": "#/$defs/Node"}, "loop": {"$ref": "#/$defs/Loop"}},
    }
    node, loop = fields_of(schema)
    assert node.kind is Kind.JSON
    assert value_of(node, '{"next": {"next": {}}}') == {"next": {"next": {}}}
    assert loop.kind is Kind.ANY


def test_json_errors_say_where() -> None:
    with pytest.raises(FieldError, match=r"a comma or a closing bracket is missing \(line 3, column 3\)"):
        read_json('{\n  "a": 1\n  "b": 2\n}')


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not an object"):
        fields_of("[1]")
    assert fields_of("") == ()
