"""Pictures of results, as a worker renders them."""

from __future__ import annotations

import collections
import dataclasses
import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

WORKER = Path(__file__).parents[2] / "server/rhserver/worker"
sys.path.append(str(WORKER))  # as a worker does

from rhworker.preview import render  # noqa: E402
from rhworker.text import bounded_repr  # noqa: E402

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None


class Model(pydantic.BaseModel):
    name: str
    points: list[int] = []


Pair = collections.namedtuple("Pair", "left right")


def structure(value: Any) -> Any:
    return json.loads(render(value)["json"])


@pytest.mark.parametrize("value", [None, 3, 2e-5, True, "text\nof lines", b"bytes", 10**30, object, len])
def test_plain_values_are_text(value: Any) -> None:
    shown = render(value)
    assert shown == {"kind": "text", "text": value if isinstance(value, str) else repr(value), "shortened": False}


@pytest.mark.parametrize(
    "value",
    [
        [], [1, [2, (3,), ()]], {"a": {1, 2}}, set(), frozenset(), frozenset({1}), {}, (1,), Point(1, [2]), Point(1),
        Pair(1, "x"), collections.deque([1]), [b"x", None, 2.5],
    ],
)  # fmt: skip
def test_the_text_is_what_repr_says(value: Any) -> None:
    assert bounded_repr(value, 1000) == (repr(value), False)


@settings(max_examples=100, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner) | st.tuples(inner),
    max_leaves=20,
))  # fmt: skip
def test_any_plain_structure_is_rendered(value: Any) -> None:
    shown = render(value)
    assert shown["text"] == (value if isinstance(value, str) else repr(value))
    if "json" in shown:
        json.loads(shown["json"], parse_constant=lambda constant: pytest.fail(constant))


def test_structures_are_trees() -> None:
    assert structure({"a": [1, {"b": (2, 3)}], "c": Point(1, Point(2))}) == {
        "a": [1, {"b": [2, 3]}], "c": {"x": 1, "y": {"x": 2, "y": None}},
    }  # fmt: skip
    assert structure(Model(name="m", points=[1])) == {"name": "m", "points": [1]}
    assert structure(Pair(1, 2)) == {"left": 1, "right": 2}
    assert structure({1: float("nan"), (2, 3): float("inf"), "big": 2**60}) == {
        "1": "nan", "(2, 3)": "inf", "big": str(2**60),
    }  # fmt: skip
    assert structure({"n": np.float32(0.5), "i": np.int64(3), "a": np.arange(3)}) == {"n": 0.5, "i": 3, "a": "[0 1 2]"}


def test_tables() -> None:
    frame = pd.DataFrame({"x": [1, 2], "y": [0.5, None], "t": pd.to_datetime(["2026-01-02", None])}, index=["a", "b"])
    assert structure(frame) == {
        "columns": ["", "x", "y", "t"],
        "rows": [["a", 1, 0.5, "2026-01-02 00:00:00"], ["b", 2, "nan", "NaT"]],
        "total": 2,
    }
    assert render(frame)["kind"] == "table"
    assert structure(pd.Series([1, 2], name="s"))["columns"] == ["", "s"]
    wide = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    assert structure(wide)["columns"] == ["", "a / b", "a / c"]
    assert structure([{"a": 1, "b": 2}, {"a": 3}]) == {"columns": ["a", "b"], "rows": [[1, 2], [3, None]], "total": 2}
    assert structure([Point(1), Point(2, [3])])["rows"] == [[1, None], [2, "[3]"]]
    assert structure(np.array([[1, 2], [3, 4]])) == {
        "columns": ["", "0", "1"],
        "rows": [[0, 1, 2], [1, 3, 4]],
        "total": 2,
    }
    assert structure(np.array([True]))["rows"] == [[0, True]]
    assert render(np.zeros((2, 2, 2)))["kind"] == "text"
    assert render([{"a": 1}, {"b": 1}, {"c": 1}])["kind"] == "tree", "records of one shape make a table, others do not"


def test_tables_are_bounded() -> None:
    shown = render(pd.DataFrame(np.zeros((50_000, 300))))
    found = json.loads(shown["json"])
    assert (len(found["rows"]), len(found["columns"]), found["total"], shown["shortened"]) == (1000, 201, 50_000, True)
    assert render([{"a": i} for i in range(5000)])["shortened"]


def test_images() -> None:
    assert render(PNG) == {"kind": "image", "image": PNG, "text": repr(PNG), "shortened": False}

    class Drawing:
        def _repr_png_(self) -> bytes:
            return PNG

    assert render(Drawing())["image"] == PNG

    class Broken:
        def _repr_png_(self) -> bytes:
            raise ValueError

    assert render(Broken())["kind"] == "text"


def test_what_is_huge_costs_little() -> None:
    huge = {"numbers": list(range(2_000_000)), "text": "x" * 10_000_000, "nested": [[1] * 1000] * 10_000}
    records = [{"blob": "y" * 1_000_000}] * 50
    tracemalloc.start()
    began = time.perf_counter()
    for value in (huge, records, Point(1, huge), collections.OrderedDict(huge)):
        shown = render(value)
        assert shown["shortened"]
        assert len(shown["text"]) <= 200_003
        assert len(shown["json"]) < 2_000_000
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 50_000_000
    assert time.perf_counter() - began < 10


def test_strange_objects_do_not_raise() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError

    class Lying(list):
        def __len__(self) -> int:
            return 5

        def __iter__(self) -> Any:
            raise OSError

    circle: list[Any] = []
    circle.append(circle)
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    for value in (Hostile(), [Hostile()], {"a": Hostile()}, Lying([1]), circle, deep, 10**5000, [10**5000]):
        shown = render(value)
        assert shown["text"]
        json.dumps(shown)


def test_nothing_is_imported() -> None:
    program = (
        "import sys; sys.path.append(sys.argv[1]); from rhworker.preview import render\n"
        "render([{'a': 1}]); render({'a': [1]}); render(b'x')\n"
        "print([name for name in ('pandas', 'numpy', 'PIL', 'matplotlib', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(WORKER)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
