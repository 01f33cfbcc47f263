"""Modules looked into with the Python of a real environment, in a process of their own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import uv
from lab.environment_parts import push

from rhresources.code.manifest import content_hash
from rhresources.errors import ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.code import BlobStore, Snapshots
from rhserver.environments import Environments
from rhserver.inspection.inspection import Inspection

TRAIN = '''
"""A module."""
from __future__ import annotations
import contextlib, enum, functools, json, os, sys
from dataclasses import dataclass, field
from os.path import join
from pathlib import Path
from typing import Any, Callable, Literal, Optional, TYPE_CHECKING

if TYPE_CHECKING:
    from nowhere import Thing

print("noise on stdout {}")
os.write(1, b"more noise")
sys.stderr.write("and here")


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Options:
    depth: int = 3
    names: list[str] = field(default_factory=list)


class Odd:
    def __repr__(self):
        raise RuntimeError("no")


def train(
    epochs: int,
    lr: float = 2e-5,
    *rest: int,
    data: Path = Path("data") / "x.csv",
    color: Color = Color.RED,
    mode: Literal["fast", "slow"] = "fast",
    tags: list[str] = ["a"],
    limit: Optional[int] = None,
    count: int = None,
    options: Options = Options(),
    many: list[Options] = [],
    big: float = 1e300,
    infinite: float = float("inf"),
    hook: Callable[[int], int] = print,
    thing: Thing = None,
    odd=Odd(),
    plain=0.1,
    flag=True,
    **more: float,
) -> dict[str, float]:
    """Train a model.

    Args:
        epochs (int): How often
            the data is seen.
        lr: Learning rate: small.
        *rest: Other numbers.

    Returns:
        Losses.
    """


def positional(a: int, b: str = "x", /, c: bool = False):
    """One.

    Parameters
    ----------
    a : int
        The first.
    b, c : str
        The others.

    Returns
    -------
    int
    """


def rest(a, b=None):
    """Two.

    :param int a: The first
        one.
    :param b: The second.
    :returns: nothing
    """


async def wait(seconds: float = 1): ...
def count(n: int):
    yield n
async def acount(n: int):
    yield n


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@logged
def decorated(x: int) -> int:
    """Decorated."""
    return x


@functools.lru_cache(maxsize=None)
def cached(x: int = 1): ...


class Handle:
    def __init__(self, function): self.__rh_function__ = function
    def __call__(self): raise RuntimeError


@Handle
def handled(y: str): ...


alias = train
_private = train
sorted_one = sorted
loads = json.loads


class Group:
    def method(self, z: int): ...
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inspection")


@pytest.fixture
async def rooms(home: Path) -> AsyncIterator[tuple[Snapshots, Environments]]:
    snapshots = Snapshots(home / "code", BlobStore(home / "blobs"))
    environments = Environments(home / "environments", snapshots, uv.find_uv_bin())
    yield snapshots, environments
    await environments.close()
    snapshots.close()


async def look(
    rooms: tuple[Snapshots, Environments],
    files: dict[str, str],
    module: str,
    *,
    name: str = "",
    folder: str = "",
    timeout: float = 60,
) -> pb.Inspected:
    snapshots, environments = rooms
    request = pb.InspectRequest(
        code=push(snapshots, files), modules=[pb.Import(folder=folder, module=module, name=name)]
    )
    reply = await Inspection(snapshots, environments, timeout=timeout).inspect(request)
    assert not reply.HasField("problem"), reply.problem
    assert snapshots.in_use() == []
    return reply.modules[0]


@pytest.fixture
async def functions(rooms: tuple[Snapshots, Environments]) -> dict[str, pb.Signature]:
    found = await look(rooms, {"pkg/__init__.py": "", "pkg/train.py": TRAIN}, "pkg.train")
    assert not found.HasField("error"), found.error
    return {function.name: function for function in found.functions}


def schema(function: pb.Signature) -> dict[str, Any]:
    return dict(json.loads(function.schema))


async def test_public_functions_of_the_module_itself_in_their_order(functions: dict[str, pb.Signature]) -> None:
    assert list(functions) == [
        "train", "positional", "rest", "wait", "count", "acount", "logged", "decorated", "cached", "handled",
    ]  # fmt: skip
    kinds = {name: pb.Signature.Kind.Name(function.kind) for name, function in functions.items()}
    assert kinds["wait"] == "COROUTINE"
    assert kinds["count"] == "GENERATOR"
    assert kinds["acount"] == "ASYNC_GENERATOR"
    assert kinds["train"] == "PLAIN"


async def test_the_schema_of_parameters(functions: dict[str, pb.Signature]) -> None:
    found = schema(functions["train"])
    properties = found["properties"]
    assert found["required"] == ["epochs"]
    assert found["additionalProperties"] == {"type": "number"}
    assert properties["epochs"] == {"type": "integer", "description": "How often the data is seen."}
    assert properties["lr"] == {"type": "number", "default": 2e-5, "description": "Learning rate: small."}
    assert '"default": 2e-05' in functions["train"].schema
    assert properties["rest"] == {
        "type": "array", "items": {"type": "integer"}, "x-kind": "var_positional", "description": "Other numbers.",
    }  # fmt: skip
    assert properties["data"] == {"type": "string", "format": "path", "default": "data/x.csv"}
    assert properties["color"] == {"enum": ["red", "green"], "type": "string", "default": "red"}
    assert properties["mode"] == {"enum": ["fast", "slow"], "type": "string", "default": "fast"}
    assert properties["tags"] == {"type": "array", "items": {"type": "string"}, "default": ["a"]}
    assert properties["limit"] == {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    assert properties["count"] == properties["limit"]
    assert properties["options"]["default"] == {"depth": 3, "names": []}
    depth = {"default": 3, "title": "Depth", "type": "integer"}
    assert properties["options"]["properties"]["depth"] == depth
    assert properties["many"]["items"] == {"$ref": "#/$defs/Options"}
    assert found["$defs"]["Options"]["properties"]["depth"] == depth
    assert properties["big"]["default"] == 1e300
    assert properties["infinite"] == {"type": "number", "x-repr": "inf"}
    assert properties["hook"]["x-hint"] == "Callable[[int], int]"
    assert properties["hook"]["x-repr"] == "<built-in function print>"
    assert properties["thing"] == {"x-hint": "Thing", "default": None}
    assert properties["odd"] == {"x-repr": "<Odd, whose repr raised RuntimeError>"}
    assert properties["plain"] == {"type": "number", "default": 0.1}
    assert properties["flag"] == {"type": "boolean", "default": True}


async def test_what_people_read(functions: dict[str, pb.Signature]) -> None:
    train = functions["train"]
    assert train.text.startswith("(epochs: int, lr: float = 2e-05, *rest: int, data: Path = ")
    assert train.text.endswith("**more: float) -> dict[str, float]")
    assert train.returns == "dict[str, float]"
    assert train.docstring.startswith("Train a model.")
    assert TRAIN.splitlines()[train.line - 1] == "def train("
    positional = functions["positional"]
    assert positional.text == "(a: int, b: str = 'x', /, c: bool = False)"
    properties = schema(positional)["properties"]
    assert properties["a"] == {"type": "integer", "x-kind": "positional_only", "description": "The first."}
    assert properties["c"]["description"] == "The others."
    described = schema(functions["rest"])["properties"]
    assert [described[name]["description"] for name in "ab"] == ["The first one.", "The second."]
    assert functions["decorated"].docstring == "Decorated."
    assert schema(functions["decorated"])["properties"] == {"x": {"type": "integer"}}
    assert schema(functions["handled"])["properties"] == {"y": {"type": "string"}}


async def test_one_function_by_its_name(rooms: tuple[Snapshots, Environments]) -> None:
    files = {"lib/train.py": TRAIN}
    found = await look(rooms, files, "train", folder="lib", name="Group.method")
    assert [function.name for function in found.functions] == ["Group.method"]
    missing = await look(rooms, files, "lib.train", name="nothing")
    assert missing.error.type == "AttributeError"


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("import nosuchmodule\n", "ModuleNotFoundError", "nosuchmodule"),
        ("x = (\n", "SyntaxError", "never closed"),
        ("def f():\n    raise ValueError('bad')\nf()\n", "ValueError", "bad"),
        ("import sys\nsys.exit(3)\n", "SystemExit", "3"),
        ("import os\nprint('last words', flush=True)\nos._exit(7)\n", "SystemExit", "exit code 7"),
        ("import os\nos.kill(os.getpid(), 11)\n", "SystemExit", "signal 11"),
    ],
)
async def test_a_module_that_fails_to_import(
    rooms: tuple[Snapshots, Environments], source: str, kind: str, message: str
) -> None:
    found = await look(rooms, {"broken.py": source}, "broken")
    assert found.error.type == kind
    assert message in found.error.message
    assert "inspect_module" not in found.error.traceback
    if "f()" in source:
        assert 'broken.py", line 3' in found.error.traceback
    if "_exit" in source:
        assert "last words" in found.error.traceback


async def test_an_import_without_end_is_given_up_with_what_it_started(
    rooms: tuple[Snapshots, Environments], tmp_path: Path
) -> None:
    source = (
        "import subprocess, time\n"
        f"mark = open({str(tmp_path / 'pid')!r}, 'w')\n"
        "mark.write(str(subprocess.Popen(['sleep', '60']).pid))\n"
        "mark.close()\n"
        "time.sleep(60)\n"
    )
    began = time.perf_counter()
    found = await look(rooms, {"slow.py": source}, "slow", timeout=2)
    assert time.perf_counter() - began < 20
    assert found.error.type == "TimeoutError"
    sleeper = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(sleeper) or psutil.Process(sleeper).status() == psutil.STATUS_ZOMBIE


async def test_threads_of_a_module_do_not_hold_the_answer(rooms: tuple[Snapshots, Environments]) -> None:
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(30,)).start()\ndef f(): ...\n"
    began = time.perf_counter()
    assert [one.name for one in (await look(rooms, {"m.py": source}, "m")).functions] == ["f"]
    assert time.perf_counter() - began < 20


async def test_users_modules_are_not_shadowed_by_ours(rooms: tuple[Snapshots, Environments]) -> None:
    files = {
        "main.py": "import arguments, preview, frames\ndef f(x=arguments.MINE): ...\n",
        "arguments.py": "MINE = 1\n", "preview.py": "", "frames.py": "",
    }  # fmt: skip
    found = await look(rooms, files, "main")
    assert not found.HasField("error"), found.error


async def test_unknown_code_and_folders_outside_are_refused(rooms: tuple[Snapshots, Environments]) -> None:
    snapshots, environments = rooms
    inspection = Inspection(snapshots, environments)
    with pytest.raises(ServerProblem) as caught:
        await inspection.inspect(pb.InspectRequest(code=pb.CodeTree(project="p", root=content_hash(b""))))
    assert caught.value.code == "unknown-code"
    request = pb.InspectRequest(code=push(snapshots, {"a.py": ""}), modules=[pb.Import(folder="../..", module="a")])
    with pytest.raises(ServerProblem, match="leads out"):
        await inspection.inspect(request)


async def test_an_environment_that_cannot_be_made_is_a_problem(rooms: tuple[Snapshots, Environments]) -> None:
    snapshots, environments = rooms
    request = pb.InspectRequest(
        code=push(snapshots, {"a.py": ""}),
        environment=pb.EnvironmentSpec(setup_commands=["exit 4"]),
        modules=[pb.Import(module="a")],
    )
    reply = await Inspection(snapshots, environments).inspect(request)
    assert "exit code 4" in reply.problem.sentence


def test_without_pydantic_plain_types_have_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(__file__).parents[2] / "server/rhserver/worker"
    program = (
        "import sys, json; sys.modules['pydantic'] = None; sys.path.append(sys.argv[1])\n"
        "import rhworker.schema, typing, pathlib, enum\n"
        "E = enum.Enum('E', {'A': 1})\n"
        "def f(a: int, b: typing.Optional[float] = None, c: typing.List[str] = [], d: pathlib.Path = pathlib.Path('x'),"
        " e: E = E.A, g: bytes = b'x', h: typing.Literal['u'] = 'u'): ...\n"
        "print(json.dumps(rhworker.schema.schema_of(f, None)['properties']))"
    )
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", program, os.fspath(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "a": {"type": "integer"},
        "b": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
        "c": {"type": "array", "items": {"type": "string"}, "default": []},
        "d": {"type": "string", "format": "path", "default": "x"},
        "e": {"enum": [1], "default": 1},
        "g": {"x-hint": "bytes", "x-repr": "b'x'"},
        "h": {"enum": ["u"], "default": "u"},
    }
