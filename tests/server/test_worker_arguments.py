"""JSON arguments converted by type hints, as in a worker."""

from __future__ import annotations

import datetime
import enum
import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional

import pytest

WORKER = Path(__file__).parents[2] / "server/rhserver/worker"
sys.path.append(str(WORKER))  # as a worker does

from rhworker.arguments import ArgumentsError, convert  # noqa: E402


class Color(enum.Enum):
    RED = "red"


@dataclass
class Options:
    depth: int
    names: tuple[str, ...] = ()


def train(
    epochs: int,
    lr: float = 2e-5,
    data: Path = Path("x"),
    color: Color = Color.RED,
    mode: Literal["fast", "slow"] = "fast",
    tags: Optional[list[str]] = None,  # noqa: UP045
    options: Optional[Options] = None,  # noqa: UP045
    count: int = None,  # type: ignore[assignment]  # noqa: RUF013
    day: datetime.date = datetime.date(2020, 1, 1),
) -> None: ...


def problems(function: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
    with pytest.raises(ArgumentsError) as caught:
        convert(function, list(args), kwargs)
    return dict(caught.value.problems)


def test_values_become_what_the_hints_say() -> None:
    args, kwargs = convert(
        train,
        [3],
        {
            "lr": 1, "data": "a/b", "color": "red", "mode": "slow", "tags": ["a"], "count": None,
            "options": {"depth": "4", "names": ["x"]}, "day": "2026-02-03",
        },
    )  # fmt: skip
    assert args == [3]
    assert type(kwargs["lr"]) is float
    assert kwargs["data"] == Path("a/b")
    assert kwargs["color"] is Color.RED
    assert kwargs["options"] == Options(4, ("x",))
    assert kwargs["day"] == datetime.date(2026, 2, 3)
    assert kwargs["count"] is None


def test_numbers_keep_their_value() -> None:
    assert convert(train, [10**30], {"lr": 2e-5}) == ([10**30], {"lr": 2e-5})


def test_all_wrong_arguments_are_named_at_once() -> None:
    found = problems(train, "many", lr="fast", mode="medium", options={"names": [1]}, data=3)
    assert found["epochs"].startswith(
        "Input should be a valid integer, unable to parse string as an integer (got 'many')"
    )
    assert found["lr"].startswith("Input should be a valid number")
    assert found["mode"].startswith("Input should be 'fast' or 'slow' (got 'medium')")
    assert found["options.depth"] == "Field required"
    assert "data" in found
    with pytest.raises(ArgumentsError, match=r"^epochs: Input should be a valid integer, .*; lr: ") as caught:
        convert(train, ["x"], {"lr": "y"})
    assert isinstance(caught.value, TypeError)


def test_missing_unexpected_and_double_arguments() -> None:
    assert problems(train) == {"epochs": "it is missing"}
    assert problems(train, 1, epohcs=2)["epohcs"] == "there is no such parameter; did you mean epochs?"
    assert "given twice" in problems(train, 1, epochs=2)["epochs"]
    assert problems(train, *range(12))["arguments"] == "12 were given by position; 9 can be"

    def only(*, key: int) -> None: ...

    assert problems(only) == {"key": "it is missing"}
    assert problems(lambda: None, x=1) == {"x": "the function takes none"}


def test_places_inside_arguments_are_named() -> None:
    def f(items: list[int], table: dict[str, list[float]]) -> None: ...

    assert set(problems(f, [1, "x", 3, []], {"a": [1, "y"]})) == {"items[1]", "items[3]", "table.a[1]"}


def test_the_branches_of_a_union_are_one_problem() -> None:
    def f(x: int | list[int]) -> None: ...

    found = problems(f, "no")
    assert list(found) == ["x"]
    assert "valid integer" in found["x"]
    assert "valid list" in found["x"]


def test_stars() -> None:
    def f(a: int, b: int = 2, *rest: float, key: str = "k") -> None: ...

    assert convert(f, [1, 2, 3], {}) == ([1, 2, 3.0], {})
    assert convert(f, [], {"a": "1", "rest": [3, 4]}) == ([1, 2, 3.0, 4.0], {}), "a form has only names"
    assert convert(f, [], {"a": 1, "key": "x"}) == ([], {"a": 1, "key": "x"})
    assert problems(f, 1, 2, "x") == {"rest[0]": problems(f, 1, 2, "x")["rest[0]"]}

    def g(a: int, /, **more: float) -> None: ...

    assert convert(g, [1], {"a": 2, "b": "3"}) == ([1], {"a": 2.0, "b": 3.0})

    def h(a: int, b: int = 5, /) -> None: ...

    assert convert(h, [], {"a": "1"}) == ([1, 5], {})


def test_numbers_may_stand_for_text() -> None:
    def f(name: str) -> None: ...

    assert convert(f, [], {"name": 5}) == ([], {"name": "5"})


def test_odd_hints_pass_values_through() -> None:
    class Matrix: ...

    def f(x: Matrix, y: "Nowhere", z: int) -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037

    assert convert(f, [[1], [2]], {"z": "3"}) == ([[1], [2]], {"z": 3})


def test_other_callables() -> None:
    class Model:
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def __call__(self, x: int) -> int:
            return x

        def fit(self, steps: int) -> None: ...

    assert convert(Model, ["1"], {}) == ([1], {})
    assert convert(Model(1), ["1"], {}) == ([1], {})
    assert convert(Model(1).fit, ["1"], {}) == ([1], {})
    assert convert(functools.partial(train, 1), [], {"lr": "1"}) == ([], {"lr": 1.0})
    assert convert(print, ["a"], {}) == (["a"], {})

    @functools.wraps(train)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    assert convert(wrapper, ["7"], {}) == ([7], {})


def test_without_pydantic_plain_types_are_checked() -> None:
    program = """
import sys; sys.modules['pydantic'] = None; sys.path.append(sys.argv[1])
import pathlib, typing
from rhworker.arguments import ArgumentsError, convert
def f(a: int, b: float = 1.0, c: str = '', d: bool = False, e: pathlib.Path = None,
      g: typing.Optional[int] = None, h: list = None): ...
assert convert(f, [1, 2], {'e': 'x', 'g': None, 'h': 3}) == ([1, 2.0], {'e': pathlib.Path('x'), 'g': None, 'h': 3})
try:
    convert(f, ['x', 'y'], {'c': 1, 'd': 1, 'e': 2, 'g': 1.5, 'zz': 1})
except ArgumentsError as error:
    print(sorted(name for name, _ in error.problems))
"""
    done = subprocess.run([sys.executable, "-c", program, str(WORKER)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['a', 'b', 'c', 'd', 'e', 'g', 'zz']"
