"""run, runs, logs, result, cancel, send, inspect, install, status against a real cluster server."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ray

CODE = '''\
"""Functions that tests run."""

import enum
import pathlib
import sys
import time
from dataclasses import dataclass


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


def add(a: int, b: float = 2.5) -> float:
    """Add two numbers.

    Args:
        a: the first.
        b: the second.
    """
    return a + b


def shout(text: str, mode: Mode = Mode.FAST, path: pathlib.Path = pathlib.Path("x")) -> str:
    print("out", text)
    print("err", mode.name, path.name, file=sys.stderr)
    return text.upper()


def fail(how: str = "badly") -> None:
    print("before")
    raise ValueError(f"it went {how}")


def tick(count: int = 50) -> int:
    for number in range(count):
        print("tick", number, flush=True)
        time.sleep(0.2)
    return count


def lines(count: int) -> None:
    for number in range(count):
        print("line", number)


def squares(count: int):
    for number in range(count):
        yield number * number


def steps(count: int):
    for number in range(count):
        yield number, {"loss": number / 2}


def table() -> dict:
    return {"loss": [0.5, 0.25], "name": "x", "none": None}


def thing() -> object:
    return {1, 2, 3}
'''


class Commands:
    """The command line in the home of the shared server, standing in a project."""

    def __init__(self, rhdesk: Any, project: Path, env: dict[str, str]) -> None:
        self._rhdesk, self.project, self.env = rhdesk, project, env

    def __call__(self, *arguments: str, code: int = 0, **others: Any) -> Any:
        return self._rhdesk(*arguments, cwd=self.project, env=self.env, code=code, **others)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command as a process that goes on."""
        from_here = [*_program(), *arguments]
        return subprocess.Popen(
            from_here,
            cwd=self.project,
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _program() -> list[str]:
    import sys

    return [sys.executable, "-m", "rhdesk"]


@pytest.fixture
def cli(rhdesk: Any, server: Any, make_project: Callable[..., Path]) -> Commands:
    project = make_project({"work.py": CODE, "bad.py": "import nothing_of_that_name\n\ndef f():\n    pass\n"})
    return Commands(rhdesk, project, server.environment)


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"the command ended without saying {text!r}")


# ---------------------------------------------------------------- run


def test_that_the_result_is_all_of_stdout(cli: Commands) -> None:
    assert cli("run", "work.py:add", "3").out == "5.5\n"
    assert cli("run", "work.py:add", "a=3", "b=2e-5").out == "3.00002\n"
    assert cli("run", "work.py:add", "--", "-1", "-2.5").out == "-3.5\n"
    assert cli("run", "work.py:add", "-1").out == "1.5\n"


def test_that_log_lines_go_to_stderr_and_text_is_printed_as_it_is(cli: Commands) -> None:
    answer = cli("run", "work.py:shout", "hello world", "mode=slow", "path=/tmp/file.txt")
    assert answer.out == "HELLO WORLD\n"
    assert "out hello world\n" in answer.err
    assert "err SLOW file.txt\n" in answer.err


def test_that_json_describes_the_run(cli: Commands) -> None:
    run = cli("run", "work.py:table", "--json").json()
    assert run["state"] == "succeeded"
    assert run["result"] == {"loss": [0.5, 0.25], "name": "x", "none": None}
    assert (run["name"], run["cluster"], run["error"]) == ("work.py:table", "^local", None)
    assert cli("result", run["id"], "--json").json()["result"] == run["result"]


def test_that_a_failure_exits_with_1_and_shows_the_remote_traceback(cli: Commands) -> None:
    answer = cli("run", "work.py:fail", "how=quietly", code=1)
    assert answer.out == ""
    assert "before\n" in answer.err
    assert "Traceback (most recent call last):" in answer.err
    assert "work.py" in answer.err
    assert "ValueError: it went quietly" in answer.err
    run = cli("run", "work.py:fail", "--json", code=1).json()
    assert (run["state"], run["error"]["type"], run["result"]) == ("failed", "ValueError", None)


def test_that_items_of_a_generator_are_printed_one_a_line(cli: Commands) -> None:
    assert cli("run", "work.py:squares", "4").out == "0\n1\n4\n9\n"
    assert cli("run", "work.py:squares", "3", "--json").json()["item_values"] == [0, 1, 4]
    cli("result", "last", "-o", "items.json")
    assert json.loads((cli.project / "items.json").read_text()) == [0, 1, 4]
    cli("result", "last", "-o", "items.txt")
    assert (cli.project / "items.txt").read_text() == "0\n1\n4\n"
    assert "get" in cli("result", "last", "-o", "items.pkl", code=1).err


def test_that_items_which_are_no_plain_data_read_as_python_writes_them(cli: Commands) -> None:
    expected = "(0, {'loss': 0.0})\n(1, {'loss': 0.5})\n"
    assert cli("run", "work.py:steps", "2").out == expected
    assert cli("result", "last").out == expected
    assert "not all plain data" in cli("result", "last", "-o", "items.json", code=1).err


def test_that_arguments_of_the_wrong_type_are_one_sentence(cli: Commands) -> None:
    answer = cli("run", "work.py:add", "three", code=1)
    assert "a" in answer.err
    assert "three" in answer.err
    assert cli("run", "work.py:add", "1", "nope=2", code=1).err.count("nope") >= 1


def test_that_unknown_functions_and_files_are_one_sentence(cli: Commands) -> None:
    assert "no function 'nothing'" in cli("run", "work.py:nothing", code=2).err
    assert "There is no file" in cli("run", "gone.py:f", code=2).err
    assert "There is no resource ~/gone" in cli("run", "gone", code=1).err
    assert "is a cluster, not a function" in cli("run", "^local", code=2).err


def test_that_changed_code_is_what_runs_next(cli: Commands) -> None:
    assert cli("run", "work.py:add", "1", "1").out == "2.0\n"
    file = cli.project / "work.py"
    file.write_text(file.read_text().replace("return a + b", "return a * 100 + b"))
    assert cli("run", "work.py:add", "1", "1").out == "101.0\n"


def test_that_a_module_which_cannot_be_imported_says_why(cli: Commands) -> None:
    answer = cli("run", "bad.py:f", code=1)
    assert "nothing_of_that_name" in answer.err
    assert "nothing_of_that_name" in cli("inspect", "bad.py", code=1).err


# ---------------------------------------------------------------- detached runs


def test_that_a_detached_run_is_followed_and_cancelled(cli: Commands) -> None:
    run = cli("run", "work.py:tick", "10000", "--detach").out.strip()
    assert len(run) == 26
    follow = cli.start("logs", run, "-f")
    assert follow.stdout is not None
    assert [follow.stdout.readline() for _ in range(3)] == ["tick 0\n", "tick 1\n", "tick 2\n"]
    assert "still running" in cli("result", run, code=1).err
    cli("cancel", run)
    assert follow.wait(30) == 0
    follow.communicate()
    assert cli("result", run, "--json", code=1).json()["state"] == "cancelled"
    assert "had ended already" in cli("cancel", run).err


def test_that_following_goes_on_from_an_offset(cli: Commands) -> None:
    run = cli("run", "work.py:tick", "40", "--detach").out.strip()
    follow = cli.start("logs", run, "-f")
    assert follow.stdout is not None
    assert follow.stderr is not None
    read = follow.stdout.readline() + follow.stdout.readline()
    follow.send_signal(signal.SIGINT)
    # not communicate(): it forgets what the reading of lines has buffered
    rest, said = follow.stdout.read(), follow.stderr.read()
    assert follow.wait(timeout=30) == 1
    offset = said.partition("--offset ")[2].split("`")[0]
    more = cli("logs", run, "-f", "--offset", offset).out
    assert read + rest + more == "".join(f"tick {number}\n" for number in range(40))


def test_that_logs_print_all_or_the_tail(cli: Commands) -> None:
    run = cli("run", "work.py:lines", "100000", "--detach").out.strip()
    assert cli("result", run, "--wait").out == "None\n"
    whole = cli("logs", run).out
    assert whole == "".join(f"line {number}\n" for number in range(100_000))
    assert cli("logs", run, "--tail", "2").out == "line 99998\nline 99999\n"
    assert cli("logs", run, "--tail", "99999").out == whole.partition("\n")[2]
    assert cli("logs", run, "--tail", "0").out == ""
    assert cli("logs", "last").out == whole


def test_that_runs_are_listed_newest_first_and_found_by_part_of_their_id(cli: Commands) -> None:
    first = cli("run", "work.py:add", "1", "--json").json()["id"]
    second = cli("run", "work.py:shout", "x", "--json").json()["id"]
    listed = [each["id"] for each in cli("runs", "--limit", "2", "--json").json()]
    assert listed == [second, first]
    assert cli("result", first[-10:]).out == "3.5\n"
    assert cli("result", "last").out == "X\n"
    table = cli("runs").out.splitlines()
    assert table[0].split() == ["RUN", "STATE", "FUNCTION", "BY", "CREATED", "TOOK", "CLUSTER", "ARGUMENTS"]
    assert "There is no run" in cli("logs", "0" * 26, code=1).err
    assert "fits" in cli("logs", first[:2], code=2).err


def test_that_results_are_written_by_the_ending_of_the_file(cli: Commands) -> None:
    run = cli("run", "work.py:table", "--json").json()["id"]
    expected = {"loss": [0.5, 0.25], "name": "x", "none": None}
    cli("result", run, "-o", "out/result.json")
    assert json.loads((cli.project / "out" / "result.json").read_text()) == expected
    cli("result", run, "-o", "result.pkl")
    assert pickle.loads((cli.project / "result.pkl").read_bytes()) == expected
    cli("result", run, "-o", "result.txt")
    assert (cli.project / "result.txt").read_text() == f"{expected}\n"
    assert "not a picture" in cli("result", run, "-o", "result.png", code=1).err
    run = cli("run", "work.py:thing", "--json").json()
    assert run["result"] is None
    assert "1, 2, 3" in run["preview"]["text"]
    cli("result", run["id"], "-o", "thing.pkl")
    assert pickle.loads((cli.project / "thing.pkl").read_bytes()) == {1, 2, 3}


# ---------------------------------------------------------------- Ctrl-C


def test_that_one_interrupt_cancels_the_run(cli: Commands) -> None:
    process = cli.start("run", "work.py:tick")
    wait_for_line(process, "tick 1")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert "Cancelling the run" in err
    assert "was cancelled" in err
    assert "Traceback" not in err.partition("Cancelling")[0]
    assert cli("runs", "--limit", "1", "--json").json()[0]["state"] == "cancelled"


STUBBORN = """\
import signal, time

def stay(seconds: float = 8) -> str:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = time.time() + seconds
    print("staying", flush=True)
    while time.time() < end:
        time.sleep(0.1)
    return "stayed"
"""


def test_that_a_second_interrupt_lets_go_of_the_run(cli: Commands) -> None:
    (cli.project / "stubborn.py").write_text(STUBBORN)
    process = cli.start("run", "stubborn.py:stay", "60")
    wait_for_line(process, "staying")
    process.send_signal(signal.SIGINT)
    wait_for_line(process, "Cancelling the run")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "goes on without this command" in err
    cli("cancel", "last", "--force")


# ---------------------------------------------------------------- functions and clusters


def test_that_a_sent_function_is_called_by_its_name(cli: Commands) -> None:
    sent = cli("send", "work.py:add", "--to", "^local", "--name", "sum", "--json").json()
    assert (sent["name"], sent["cluster"]) == ("~/sum", "^local")
    assert cli("run", "sum", "1", "b=2").out == "3.0\n"
    document = cli("show", "sum", "--json").json()["document"]
    assert document["code"]["file"] == "work.py"
    assert document["cluster"] == "^local"
    cli("send", "work.py:add", "--to", "^local")
    cli("rm", "sum", "add")


def test_that_send_never_replaces_something_else(cli: Commands) -> None:
    (cli.project / "desk.yaml").write_text("kind: cluster\ntype: machine\n")
    cli("save", "desk.yaml", "--as", "shout")
    assert "is a cluster already" in cli("send", "work.py:shout", "--to", "^local", code=1).err
    (cli.project / "more.py").write_text("def add():\n    pass\n")
    cli("send", "work.py:add", "--to", "^local")
    assert "another function" in cli("send", "more.py:add", "--to", "^local", code=1).err
    cli("rm", "shout", "add")


def test_that_inspect_lists_functions_with_parameters_and_help(cli: Commands) -> None:
    text = cli("inspect", "work.py").out
    assert "add(a: int, b: float = 2.5) -> float" in text
    assert "    Add two numbers." in text
    (module,) = cli("inspect", "work.py:add", "--json").json()
    (function,) = module["functions"]
    assert function["parameters"]["properties"]["b"]["default"] == 2.5
    assert "the first" in function["parameters"]["properties"]["a"]["description"]


def test_that_a_requirement_that_does_not_exist_is_named(cli: Commands) -> None:
    said = cli("install", "^local", "surely-no-such-package-of-this-name", code=1).err
    assert "surely-no-such-package-of-this-name" in said


def test_that_packages_that_are_no_packages_are_bad_usage(cli: Commands) -> None:
    assert "Error:" in cli("install", "^local", "--", "-e", code=2).err
    assert "does not exist" in cli("send", "work.py:add", "--to", "^local", "--reqs", "./gone", code=1).err


def test_that_status_tells_state_and_load(cli: Commands) -> None:
    (row,) = cli("status", "--json").json()
    assert (row["name"], row["state"]) == ("^local", "up")
    assert row["hosts"][0]["cpus"] >= 1
    assert cli("status", "^local", "--json").json()["user"]
    lines = cli("status").out.splitlines()
    assert lines[0].split()[0] == "CLUSTER"
    assert lines[1].startswith("^local   up")


def test_that_down_refuses_to_end_runs_unasked(cli: Commands) -> None:
    run = cli("run", "work.py:tick", "--detach").out.strip()
    said = cli("down", "^local", code=2).err
    assert "1 run is active on ^local" in said
    assert "--yes" in said
    assert cli("status", "^local", "--json").json()["state"] == "up"
    cli("cancel", run, "--force")
