"""The command line while the server dies and comes back, and on a real terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CODE = """\
import time

def tick(count: int, pause: float = 0.1) -> int:
    for number in range(count):
        print("tick", number, flush=True)
        time.sleep(pause)
    return count
"""


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    return make_project({"work.py": CODE})


def start(arguments: list[str], project: Path, server: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rhdesk", *arguments],
        cwd=project,
        env={**os.environ, **server.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.ray
def test_that_run_and_logs_survive_a_killed_server(own_server: Any, project: Path) -> None:
    run = start(["run", "work.py:tick", "100"], project, own_server)
    assert run.stderr is not None
    assert run.stdout is not None
    seen = []
    for line in run.stderr:
        seen.append(line)
        if line == "tick 5\n":
            break
    follow = start(["logs", "last", "-f"], project, own_server)
    assert follow.stdout is not None
    first = follow.stdout.readline()
    record = json.loads((own_server.home / "server" / "server.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    time.sleep(1)
    asyncio.run(own_server.route.up(lambda _: None))
    seen += run.stderr.readlines()
    assert run.stdout.read() == "100\n", "".join(seen[-20:])
    assert run.wait(30) == 0
    ticks = [f"tick {number}\n" for number in range(100)]
    assert [line for line in seen if line.startswith("tick")] == ticks
    assert [first, *follow.stdout.readlines()] == ticks
    assert follow.wait(30) == 0


class Terminal:
    """A command on a pseudo terminal, read and typed at as a person does."""

    def __init__(self, arguments: list[str], project: Path, env: dict[str, str]) -> None:
        self.text = ""
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(project)
            os.execve(sys.executable, [sys.executable, "-m", "rhdesk", *arguments], {**os.environ, **env})

    def wait_for(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < deadline, f"never said {text!r}:\n{self.text}"
            if select.select([self._descriptor], [], [], 0.2)[0] and not self._read():
                raise AssertionError(f"ended without saying {text!r}:\n{self.text}")

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def end(self) -> int:
        """The exit code, when the command has ended."""
        while self._read():
            pass
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # Linux says so when the other side has ended
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def terminal(project: Path, server: Any) -> Callable[..., Terminal]:
    def open_terminal(*arguments: str) -> Terminal:
        return Terminal(list(arguments), project, {**server.environment, "TERM": "xterm", "COLUMNS": "120"})

    return open_terminal


@pytest.mark.ray
def test_that_ctrl_c_on_a_terminal_cancels_and_leaves_no_spinner(terminal: Callable[..., Terminal]) -> None:
    run = terminal("run", "work.py:tick", "600")
    run.wait_for("tick 3")
    run.type("\x03")
    assert run.end() == 1
    assert "Cancelling the run" in run.text
    assert "was cancelled" in run.text
    assert "Traceback (most recent call last)" not in run.text.partition("Cancelling the run")[0]


@pytest.mark.ray
def test_that_down_asks_and_takes_no_for_an_answer(terminal: Callable[..., Terminal], rhdesk: Any, server: Any) -> None:
    run = terminal("run", "work.py:tick", "600", "--detach")
    assert run.end() == 0
    down = terminal("down", "^local")
    down.wait_for("Take it down? [y/N]")
    assert "1 run is active on ^local and will be ended:" in down.text
    assert "work.py:tick" in down.text
    down.type("n\n")
    assert down.end() == 2
    assert rhdesk("status", "^local", "--json", env=server.environment).json()["state"] == "up"
    rhdesk("cancel", "last", "--force", env=server.environment)
