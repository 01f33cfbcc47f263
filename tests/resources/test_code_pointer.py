"""From text and callables to what a worker imports or unpickles, and the functions that files offer."""

from __future__ import annotations

import functools
import importlib
import math
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import cloudpickle
import pytest

from rhresources.code.find import find_functions, require_name
from rhresources.code.pointer import kind_of, pointer_of_callable, pointer_of_text
from rhresources.errors import NotFound, RhError, UsageError

SOURCE = '''
import os
from pkg.helper import shared

def train(epochs: int = 3, lr: float = 2e-5, *, name: str = "a") -> dict:
    """Train it.

    Args:
        epochs: how often.
    """
    return {}

async def fetch(url): ...

def items(n):
    yield from range(n)

async def feed():
    yield 1

def outer():
    def inner():
        yield 1
    return inner

def _private(): ...

class Trainer:
    @staticmethod
    def fit(): ...

try:
    def guarded(): ...
except ImportError:
    pass

if __name__ == "__main__":
    def script_only(): ...
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "pointers"
    for name in ("src/pkg/__init__.py", "src/pkg/helper.py", "scripts/run.py", "train.py", "pyproject.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    (root / "train.py").write_text(SOURCE)
    (root / "src/pkg/helper.py").write_text("def shared(x):\n    return x\n")
    (root / "scripts/run.py").write_text("def go():\n    return 1\n")
    monkeypatch.chdir(root)
    yield root
    for module in ("pkg", "pkg.helper", "run", "train"):
        sys.modules.pop(module, None)


def test_functions_of_a_file_are_found_without_running_it(project: Path) -> None:
    found = {function.name: function for function in find_functions(project / "train.py")}
    assert list(found) == ["train", "fetch", "items", "feed", "outer", "guarded"]
    assert found["train"].signature == "(epochs: int=3, lr: float=2e-05, *, name: str='a') -> dict"
    assert found["train"].docstring.startswith("Train it.")
    assert found["train"].line == 5
    assert [found[name].kind for name in ("train", "fetch", "items", "feed", "outer")] == [
        "plain", "coroutine", "generator", "async generator", "plain",
    ]  # fmt: skip


def test_functions_of_a_tree_and_files_that_are_not_python(project: Path) -> None:
    (project / "broken.py").write_text("def (:\n")
    assert {(one.file, one.name) for one in find_functions(project)} >= {
        ("scripts/run.py", "go"),
        ("train.py", "items"),
    }
    with pytest.raises(RhError, match="line 1"):
        find_functions(project / "broken.py")
    with pytest.raises(NotFound):
        find_functions(project / "nothing.py")


def test_pointers_to_files(project: Path) -> None:
    pointer = pointer_of_text("src/pkg/helper.py:shared")
    assert (pointer.root, pointer.folder, pointer.module, pointer.name) == (project, "src", "pkg.helper", "shared")
    assert pointer.title == "src/pkg/helper.py:shared"
    pointer = pointer_of_text("scripts/run.py:go")
    assert (pointer.folder, pointer.module, pointer.file) == ("scripts", "run", "scripts/run.py")
    assert pointer_of_text("train.py:items").kind == "generator"
    assert pointer_of_text("train.py:Trainer.fit").name == "Trainer.fit"
    assert pointer_of_text("train.py:shared").name == "shared"  # imported names count


def test_pointers_to_modules(project: Path) -> None:
    pointer = pointer_of_text("pkg.helper:shared")
    assert (pointer.folder, pointer.module, pointer.file) == ("src", "pkg.helper", "src/pkg/helper.py")
    pointer = pointer_of_text("numpy.linalg:norm")  # of the environment
    assert (pointer.root, pointer.folder, pointer.module) == (project, "", "numpy.linalg")


@pytest.mark.parametrize(
    ("text", "sentence", "remedy"),
    [
        ("train.py:mian", "train.py has no function 'mian'.", "It has train, fetch"),
        ("nowhere.py:main", "There is no file", "Check the path"),
        ("train.py", "does not point to a function", 'Write "path/to/file.py:function"'),
        ("train.py:1x", "does not point to a function", "Write"),
    ],
)
def test_bad_pointers_say_what_to_do(project: Path, text: str, sentence: str, remedy: str) -> None:
    with pytest.raises(UsageError) as bad:
        pointer_of_text(text)
    assert sentence in bad.value.sentence
    assert remedy in bad.value.remedy


def test_a_name_with_a_dot_cannot_be_imported(project: Path) -> None:
    (project / "train.v2.py").write_text("def main(): ...")
    with pytest.raises(UsageError, match="has a dot"):
        pointer_of_text("train.v2.py:main")


def test_functions_of_modules_are_imported(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(project / "src"))
    shared = importlib.import_module("pkg.helper").shared
    pointer = pointer_of_callable(shared)
    assert (pointer.root, pointer.folder, pointer.module, pointer.name, pointer.pickled) == (
        project, "src", "pkg.helper", "shared", None,
    )  # fmt: skip


def test_what_no_module_holds_is_pickled(project: Path) -> None:
    three = 3
    for function in (lambda x: x + three, functools.partial(int, base=2)):
        pointer = pointer_of_callable(function, "mine")
        assert pointer.title == "mine"
        assert pointer.root == project
        assert pointer.pickled is not None
        assert callable(cloudpickle.loads(pointer.pickled))
    installed = pointer_of_callable(math.sqrt)
    assert (installed.module, installed.name, installed.pickled) == ("math", "sqrt", None)


def test_what_cannot_be_sent_says_why(project: Path) -> None:
    lock = threading.Lock()
    with pytest.raises(UsageError, match="cannot be sent"):
        pointer_of_callable(lambda: lock.locked())
    with pytest.raises(UsageError, match="not callable"):
        pointer_of_callable(3)  # type: ignore[arg-type]


def test_kinds_of_callables() -> None:
    def plain() -> None: ...
    def items() -> Iterator[int]:
        yield 1

    async def fetch() -> None: ...
    async def feed() -> AsyncIterator[int]:
        yield 1

    class Callable:
        def __call__(self) -> Iterator[int]:
            yield 1

    assert [kind_of(one) for one in (plain, items, fetch, feed, Callable(), functools.partial(items), dict)] == [
        "plain", "generator", "coroutine", "async generator", "generator", "generator", "plain",
    ]  # fmt: skip


def test_a_star_import_may_bring_the_name(project: Path) -> None:
    (project / "star.py").write_text("from pkg.helper import *\n")
    assert require_name(project / "star.py", "shared") == "plain"
