"""Forms without a cluster: what the source of a function alone tells."""

from __future__ import annotations

import pytest

from rhdesk.desktop.forms.schema import OTHERS, Kind, Place, fields_of, refined
from rhdesk.desktop.forms.static_schema import parameter_help, static_schema, summary


def test_a_signature_becomes_fields_without_running_anything() -> None:
    signature = (
        "(data: Path, /, n: int = 3, lr: float = 2e-5, mode: Literal['a', 'b'] = 'a', on: bool = True, "
        "seeds: list[int] = [1], limit: 'Optional[int]' = None, size: tuple[int, int] = (1, 2), "
        "model: Model = Model(), *rest: str, key: str, **more: float) -> dict"
    )
    fields = {field.name: field for field in fields_of(static_schema(signature))}
    kinds = {name: field.kind for name, field in fields.items()}
    assert kinds == {
        "data": Kind.PATH, "n": Kind.INTEGER, "lr": Kind.NUMBER, "mode": Kind.CHOICE, "on": Kind.BOOLEAN,
        "seeds": Kind.LIST, "limit": Kind.INTEGER, "size": Kind.JSON, "model": Kind.ANY, "rest": Kind.LIST,
        "key": Kind.TEXT, OTHERS: Kind.JSON,
    }  # fmt: skip
    assert fields["data"].place is Place.POSITIONAL
    assert fields["rest"].place is Place.REST
    assert fields["limit"].nullable
    assert fields["model"].default_text == "Model()"
    assert fields["size"].default_text == "[1, 2]"
    assert [name for name, field in fields.items() if field.required] == ["data", "key"]


@pytest.mark.parametrize(
    "docstring",
    [
        "Train.\n\nArgs:\n    lr: How fast\n        to learn.\n    n (int): How often.\n\nReturns:\n    x: y\n",
        "Train.\n\nParameters\n----------\nlr : float\n    How fast\n    to learn.\nn : int\n    How often.\n\n"
        "Returns\n-------\nx\n",
        "Train.\n\n:param lr: How fast\n    to learn.\n:param int n: How often.\n:returns: x\n",
    ],
)
def test_help_comes_from_each_common_way_of_writing_docstrings(docstring: str) -> None:
    assert parameter_help(docstring) == {"lr": "How fast to learn.", "n": "How often."}
    assert summary(docstring) == "Train."


def test_what_the_cluster_knows_better_replaces_what_the_source_tells() -> None:
    source = fields_of(static_schema("(colour: Colour = Colour.RED, n: int = 3)"))
    exact = fields_of(
        {
            "properties": {
                "colour": {"enum": ["red", "blue"], "default": "red"},
                "n": {"type": "integer", "default": 3, "minimum": 1},
            }
        }
    )
    colour, n = refined(exact, source)
    assert colour.choices == ("red", "blue")
    assert n.schema["minimum"] == 1
    assert n.hint == "int"


def test_text_that_is_no_signature_is_refused() -> None:
    with pytest.raises(ValueError, match="not a signature"):
        static_schema("(a:")
