"""One host while something is done to it: runs the scripts beside this file there, and keeps time.

A script goes to `sh -s` on standard input, so that no login shell (fish, csh) has to understand it, and its answers
carry a mark, so that nothing a talkative ~/.bashrc prints is taken for one.
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.reach.bring_up import problems
from rhresources.reach.ssh.problems import SshProblem

if TYPE_CHECKING:
    from rhresources.reach.ssh.connection import SshConnection
    from rhresources.reach.ssh.running import Write

SERVER_ROOM = "server"
"""The folder of the cluster server inside the rhdesk directory of a host."""

_SCRIPTS = Path(__file__).parent / "scripts"
_TERMINAL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Timed:
    """How long one step took on one host."""

    host: str
    step: str
    seconds: float


@dataclass(slots=True)
class Answer:
    """What a script said.

    Attributes:
        values: its own lines by their first word.
        output: all other lines, from what it started.
    """

    values: dict[str, list[str]] = field(default_factory=dict, repr=False)  # tokens are among them
    output: list[str] = field(default_factory=list)

    def one(self, name: str) -> str:
        """The first value of this name; empty without one."""
        return self.values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """All values of this name."""
        return self.values.get(name, [])

    @property
    def problem(self) -> tuple[str, str] | None:
        """(code, words) of why the script ended early."""
        if "problem" not in self.values:
            return None
        code, _, words = self.one("problem").partition(" ")
        return code, words


class Host:
    """One host of a cluster, with a live connection to it.

    Args:
        name: as the cluster's document names it.
        connection: the SSH connection.
        progress: gets a line for every step.
        room: the folder of the server's state, inside the rhdesk directory there.
    """

    def __init__(
        self,
        name: str,
        connection: SshConnection,
        progress: Callable[[str], None],
        *,
        room: str = SERVER_ROOM,
        timings: list[Timed] | None = None,
    ) -> None:
        self.name = name
        self.connection = connection
        self.say = progress
        self.room = room
        self.timings: list[Timed] = timings if timings is not None else []
        self.directory = ""
        """The rhdesk directory there; known after the first script that asks for it."""

    @property
    def home(self) -> str:
        """Where the server's state is."""
        return f"{self.directory}/{self.room}"

    @contextmanager
    def step(self, name: str, done: str, begins: str = "") -> Iterator[None]:
        """Time a step and tell of it, when it is done and, where it may take long, when it begins."""
        if begins:
            self.say(f"{begins} …")
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.timings.append(Timed(self.name, name, took))
        if done:
            self.say(f"{done} ({took:.1f} s)")

    async def run(
        self,
        script: str,
        variables: Mapping[str, str | int] | None = None,
        *,
        timeout: float | None = 60.0,
        on_line: Callable[[str], None] | None = None,
        on_value: Callable[[str, str], None] | None = None,
    ) -> Answer:
        """Run one of the scripts.

        Args:
            script: its name without ".sh".
            variables: what it needs to know.
            timeout: seconds until it is given up.
            on_line: gets the lines of what it starts, as they come.
            on_value: gets its own lines as (name, value), as they come.

        Raises:
            RhError: the host does not run it, or it could not write where it must.
            SshProblem: the connection broke.
        """
        mark = f"@@{secrets.token_hex(6)}"
        answer = Answer()
        lines = _Lines(mark, answer, on_line, on_value)
        text = _text_of(script, mark, {"room": self.room, **(variables or {})})
        try:
            completed = await self.connection.run("sh -s", input=text.encode(), timeout=timeout, on_output=lines.feed)
        except SshProblem as error:
            if error.code == "timeout":
                raise problems.too_slow(self.name, script, timeout or 0.0, answer.output) from None
            raise
        lines.end()
        if not lines.begun:
            raise problems.no_commands(self.name, completed.code, lines.before())
        if answer.problem is not None and answer.problem[0] == "write":
            raise problems.not_writable(self.name, answer.problem[1])
        if answer.problem is None and "end" not in answer.values:
            raise problems.broke_off(self.name, script, answer.output)
        if directory := answer.one("rh"):
            self.directory = directory
        return answer

    async def put(self, path: str, content: bytes | Callable[[Write], None]) -> None:
        """Write a file as a whole, as the user's own; with a function that writes: what that writes.

        Not by SFTP: hosts may lack it, and a login shell that talks breaks it.

        Raises:
            RhError: it cannot be written.
            SshProblem: the connection broke.
        """
        whole, part = shlex.quote(path), shlex.quote(f"{path}.part-{secrets.token_hex(4)}")
        await self.feed(f"umask 077; cat >{part} && mv {part} {whole}", content)

    async def feed(self, command: str, content: bytes | Callable[[Write], None]) -> None:
        """Run a command that eats `content`.

        Raises:
            RhError: it failed; it is taken for something that writes.
            SshProblem: the connection broke.
        """
        completed = await self.connection.run(command, input=content)
        if completed.code:
            said = (completed.stderr + completed.stdout).decode(errors="replace").strip()
            raise problems.not_writable(self.name, said or f"exit code {completed.code}")


class _Lines:
    """Cuts output into lines and tells ours from others'."""

    def __init__(
        self,
        mark: str,
        answer: Answer,
        on_line: Callable[[str], None] | None,
        on_value: Callable[[str, str], None] | None,
    ) -> None:
        self._mark = f"{mark} "
        self._answer = answer
        self._on_line, self._on_value = on_line, on_value
        self._rest = b""
        self._noise: list[str] = []
        self.begun = False

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)

    def end(self) -> None:
        if self._rest:
            self._take(self._rest)
        self._rest = b""

    def before(self) -> list[str]:
        """What was said instead of an answer."""
        return self._noise

    def _take(self, raw: bytes) -> None:
        line = _TERMINAL.sub(b"", raw).decode(errors="replace").rstrip("\r")
        _, found, said = line.partition(self._mark)
        if found:  # a shell that prints without a line end may stand in front of it
            name, _, value = said.partition(" ")
            if name == "begin":
                self.begun = True
            self._answer.values.setdefault(name, []).append(value)
            if self._on_value is not None:
                self._on_value(name, value)
        elif not self.begun:
            self._noise.append(line)
        else:
            output = self._answer.output
            output.append(line)
            if len(output) > _MOST_LINES:
                del output[: _MOST_LINES // 2]
            if self._on_line is not None:
                self._on_line(line)


@cache
def _script(name: str) -> str:
    return (_SCRIPTS / f"{name}.sh").read_text()


def _text_of(script: str, mark: str, variables: Mapping[str, str | int]) -> str:
    given = "\n".join(f"{name}={shlex.quote(str(value))}" for name, value in {"mark": mark, **variables}.items())
    # a function is read to its end before it runs, so nothing in it can eat the rest of the script
    ending = "say begin\n(main && say end) </dev/null 2>&1\nexit 0\n"
    return f"{given}\n{_script('common')}\n{_script(script)}\n{ending}"
