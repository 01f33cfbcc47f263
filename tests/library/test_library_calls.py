"""The library on a real cluster server: calls, runs, objects, and the faults of the old system that must not return."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import rhdesk as rh
from rhresources.errors import NotFound, RunCancelled, UsageError
from rhresources.library import portal

pytestmark = pytest.mark.ray

SOURCE = """
import asyncio, os, sys, time

CALLS = []

def add(a, b=1):
    return a + b

def same(value):
    return value

def path_length():
    CALLS.append(1)
    return len(sys.path), len(CALLS)

def doze(seconds):
    time.sleep(seconds)
    return os.getpid()

def say(text):
    print(text)
    print("aside", file=sys.stderr)
    os.system("echo from a child")
    return len(text)

def squares(n):
    for i in range(n):
        yield i * i

def slow_squares(n):
    for i in range(n):
        yield i, time.time()
        time.sleep(0.2)

def lazily(n):
    return (i for i in range(n))

async def fetch(n):
    await asyncio.sleep(0.01)
    return n

async def feed(n):
    for i in range(n):
        yield i

class Odd(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")

class Plain(Exception):
    pass

def raise_odd():
    raise Odd(7, "seven")

def raise_plain():
    raise Plain("as it was")

def raise_builtin():
    return {}["missing"]
"""


@pytest.fixture(scope="module", autouse=True)
def _portal_ends() -> Iterator[None]:
    yield
    portal.close()


@pytest.fixture
def project(
    at_server: object, make_project: Callable[[Mapping[str, str]], Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    root = make_project({"jobs.py": SOURCE})
    monkeypatch.chdir(root)
    monkeypatch.syspath_prepend(str(root))
    return root


@pytest.fixture
def jobs(project: Path) -> Iterator[ModuleType]:
    """The module of the user, imported as a user's program would."""
    sys.modules.pop("jobs", None)
    yield importlib.import_module("jobs")
    sys.modules.pop("jobs", None)


# ---------------------------------------------------------------- calls


def test_calls_give_what_the_function_gives(jobs: ModuleType) -> None:
    add = rh.function(jobs.add, system="^local", reqs=["./"])
    assert add(1, 2) == 3
    assert add(1, b=4) == 5
    assert add("a", "b") == "ab"
    assert add.map([1, 2, 3]) == [2, 3, 4]
    assert add.starmap([(1, 2), (3, 4)], **{}) == [3, 7]
    assert add.repeat(3, 5) == [6, 6, 6]
    assert add.map([]) == []
    assert add.enqueue(2, 2) == 4


def test_pointers_lambdas_and_closures(project: Path) -> None:
    assert rh.function("jobs.py:add")(1, 2) == 3
    assert rh.function("jobs:add")(1, 2) == 3
    ten = 10
    assert rh.function(lambda x: x + ten)(5) == 15
    assert rh.function(len)([1, 2]) == 2


def test_a_script_runs_its_own_functions(project: Path) -> None:
    import subprocess

    (project / "helper.py").write_text("FACTOR = 3\n")
    (project / "script.py").write_text(
        "import rhdesk as rh\n"
        "from helper import FACTOR\n"
        "import helper\n"
        "def triple(x):\n    return x * helper.FACTOR * FACTOR\n"
        "if __name__ == '__main__':\n    print(rh.function(triple)(2))\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=project, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("18\n", 0), done.stderr


def test_coroutines_and_generators(jobs: ModuleType) -> None:
    assert rh.function(jobs.fetch)(4) == 4
    assert list(rh.function(jobs.squares)(5)) == [0, 1, 4, 9, 16]
    assert list(rh.function(jobs.feed)(3)) == [0, 1, 2]
    assert list(rh.function(jobs.lazily)(3)) == [0, 1, 2]
    assert list(rh.function("jobs.py:squares")(3)) == [0, 1, 4]
    assert list(rh.function(jobs.squares)(0)) == []


def test_items_stream_while_the_generator_runs(jobs: ModuleType) -> None:
    rh.function(jobs.add)(1)  # the environment is made
    came = [(time.time(), made) for _, made in rh.function(jobs.slow_squares)(5)]
    assert came[0][0] < came[-1][1], "the first one came after the last one was made"


def test_calls_from_coroutines_do_not_block_the_loop(jobs: ModuleType) -> None:
    doze = rh.function(jobs.doze)
    doze(0)

    async def main() -> list[Any]:
        return await asyncio.gather(*[doze.acall(0.3) for _ in range(4)])

    began = time.perf_counter()
    assert len(asyncio.run(main())) == 4
    assert time.perf_counter() - began < 10


def test_output_is_printed_here(jobs: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    say = rh.function(jobs.say)
    say("")
    capsys.readouterr()
    assert say("hello") == 5
    assert sorted(capsys.readouterr().out.split("\n")) == ["", "aside", "from a child", "hello"]
    assert say("hello", stream_logs=False) == 5
    assert capsys.readouterr().out == ""


def test_large_values_go_there_and_come_back(jobs: ModuleType) -> None:
    data = os.urandom(3_000_000)
    assert rh.function(jobs.same)(data) == data
    assert rh.function(jobs.same).map([data, data]) == [data, data]


def test_an_edited_function_runs_its_new_code(jobs: ModuleType, project: Path) -> None:
    add = rh.function(jobs.add)
    assert add(1, 2) == 3
    for extra in (10, 20):
        (project / "jobs.py").write_text(SOURCE + f"\ndef add(a, b):\n    return a + b + {extra}\n")
        assert add(1, 2) == 3 + extra


def test_setup_commands_and_variables(project: Path) -> None:
    told = rh.function(lambda: os.environ["GREETING"], env={"GREETING": "hello"})
    assert told() == "hello"


def test_two_threads_call_at_once(jobs: ModuleType) -> None:
    add, answers = rh.function(jobs.add), []
    add(0)
    threads = [threading.Thread(target=lambda n=n: answers.append(add(n) == n + 1)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8


# ---------------------------------------------------------------- runs


def test_runs_started_in_one_moment_have_ids_of_their_own(jobs: ModuleType) -> None:
    same = rh.function(jobs.same)
    runs = [same.remote(number) for number in range(6)]
    assert len(set(runs)) == 6
    assert same.get(runs) == list(range(6))
    assert rh.get(runs[3]) == 3
    assert {run.state for run in rh.cluster("^local").runs() if run.id in runs} == {"succeeded"}


def test_results_logs_and_items_of_runs(jobs: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    say, squares = rh.function(jobs.say), rh.function(jobs.squares)
    run = say.remote("kept")
    assert say.get(run, stream_logs=True) == 4
    assert "kept\n" in capsys.readouterr().out
    assert "kept\n" in "".join(rh.cluster("^local").logs(run))
    assert squares.get(squares.remote(4)) == [0, 1, 4, 9]


def test_cancelling_a_list_cancels_every_one(jobs: ModuleType) -> None:
    doze, local = rh.function(jobs.doze), rh.cluster("^local")
    runs = [doze.remote(60) for _ in range(2)]
    time.sleep(0.5)
    local.cancel(runs)
    for run in runs:
        with pytest.raises(RunCancelled):
            doze.get(run)
    with pytest.raises(NotFound):
        local.cancel(["01ARZ3NDEKTSV4RRFFQ69G5FAV"])


# ---------------------------------------------------------------- faults of the old system


def test_exceptions_keep_type_message_and_traceback(jobs: ModuleType) -> None:
    with pytest.raises(jobs.Plain, match="as it was") as plain:
        rh.function(jobs.raise_plain)()
    assert "raise_plain" in str(plain.value.__cause__)
    with pytest.raises(KeyError, match="missing"):
        rh.function(jobs.raise_builtin)()
    with pytest.raises(rh.RemoteError) as odd:  # an __init__ of two parameters cannot be rebuilt
        rh.function(jobs.raise_odd)()
    assert (odd.value.type, odd.value.message) == ("jobs.Odd", "7: seven")
    assert 'raise Odd(7, "seven")' in odd.value.traceback
    run = rh.function(jobs.raise_plain).remote()
    with pytest.raises(jobs.Plain, match="as it was"):
        rh.get(run)
    with pytest.raises(jobs.Plain):
        rh.function(jobs.raise_plain).repeat(2)


def test_stored_values_that_are_false_are_values(at_server: object) -> None:
    local = rh.cluster("^local")
    local.put("zero", 0)
    local.put("none", None)
    assert local.get("zero", "DEFAULT") == 0
    assert local.get("none", "DEFAULT") is None
    assert local.get("absent", "DEFAULT") == "DEFAULT"
    with pytest.raises(NotFound, match="absent"):
        local.get("absent")
    assert set(local.keys()) >= {"zero", "none"}
    assert local.clear_pins(["zero"]) == ["zero"]
    assert "zero" not in local.keys()  # noqa: SIM118 - a method of the cluster


def test_text_equal_to_a_key_stays_text(jobs: ModuleType) -> None:
    rh.cluster("^local").put("model", {"weights": 1})
    assert rh.function(jobs.same)("model") == "model"


def test_sys_path_does_not_grow_and_modules_keep_their_state(jobs: ModuleType) -> None:
    path_length = rh.function(jobs.path_length)
    seen = [path_length() for _ in range(20)]
    assert len({length for length, _ in seen}) == 1
    assert [count for _, count in seen] == list(range(seen[0][1], seen[0][1] + 20))


def test_slow_calls_do_not_hold_up_a_fast_one(jobs: ModuleType) -> None:
    doze, add = rh.function(jobs.doze), rh.function(jobs.add)
    add(1)
    threads = [threading.Thread(target=doze, args=(8,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    time.sleep(4)  # their workers start, on few processors
    assert add(1, 1) == 2
    assert any(thread.is_alive() for thread in threads), "it waited for the slow ones"
    for thread in threads:
        thread.join()


# ---------------------------------------------------------------- clusters


def test_commands_and_their_outcomes(at_server: object, capsys: pytest.CaptureFixture[str]) -> None:
    local = rh.cluster("^local")
    assert local.run(["echo out; echo err >&2; exit 3", "true"]) == [(3, "out\n", "err\n"), (0, "", "")]
    assert "out\n" in capsys.readouterr().out
    ((code, out, _),) = local.run_python(["import sys", "print(sys.version_info[0])"], stream_logs=False)
    assert (code, out) == (0, "3\n")
    with pytest.raises(UsageError, match="forwarded"):
        local.run("true", port_forward=8888)  # type: ignore[arg-type]


def test_status(at_server: object) -> None:
    local = rh.cluster("^local")
    assert local.is_up()
    assert local.up_if_not() is local
    status = local.status()
    assert status["state"] == "up"
    assert status["hosts"][0]["head"] is True
