"""Runs uv and set-up commands: output line by line as it comes, the whole process group ended on cancel, and the one
line of the output that tells most."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import Callable
from pathlib import Path

_KEPT_LINES = 400
_LONGEST_LINE = 64 * 1024
_NOT_HANDED_ON = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "VIRTUAL_ENV", "UV_SYSTEM_PYTHON",
    "UV_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_TARGET", "CONDA_PREFIX",
)  # fmt: skip
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BREAK = re.compile(rb"\r\n|\n|\r")
_NOT_FOUND = re.compile(r"Because (\S+) was not found in the (?:package registry|provided package locations)")
_FULL = "No space left on device"

OnLine = Callable[[str], None]


class Installer:
    """Commands that make one environment. `on_line` gets each line of output, without its end."""

    def __init__(self, environment: Path, on_line: OnLine, on_process: Callable[[int], None]) -> None:
        self._environment = environment
        self._on_line = on_line
        self._on_process = on_process
        self.output: deque[str] = deque(maxlen=_KEPT_LINES)

    async def run(self, *command: str, folder: Path) -> int:
        """The exit code. Cancelling ends the process with everything it started."""
        self.output.clear()
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=self._variables(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._on_process(process.pid)
        assert process.stdout is not None
        try:
            await self._pump(process.stdout, process)
            return await process.wait()
        except BaseException:
            end_group(process.pid)
            with contextlib.suppress(asyncio.CancelledError):
                await process.wait()
            raise

    async def _pump(self, stream: asyncio.StreamReader, process: asyncio.subprocess.Process) -> None:
        # a daemon that a command leaves behind keeps the pipe open: the end of the command is the end of its output
        ended = asyncio.ensure_future(process.wait())
        rest = b""
        try:
            while True:
                reading = asyncio.ensure_future(stream.read(_LONGEST_LINE))
                await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    await asyncio.wait({reading}, timeout=0.5)
                if not reading.done():
                    reading.cancel()
                    break
                data = reading.result()
                if not data:
                    break
                *lines, rest = _BREAK.split(rest + data)
                if len(rest) > _LONGEST_LINE:
                    lines.append(rest)
                    rest = b""
                for line in lines:
                    self._say(line)
        finally:
            ended.cancel()
            if rest:
                self._say(rest)

    def _say(self, line: bytes) -> None:
        text = _ANSI.sub("", line.decode(errors="replace")).rstrip()
        if text:
            self.output.append(text)
            self._on_line(text)

    def _variables(self) -> dict[str, str]:
        variables = {key: value for key, value in os.environ.items() if key not in _NOT_HANDED_ON}
        variables["VIRTUAL_ENV"] = str(self._environment)
        variables["PATH"] = f"{self._environment / 'bin'}{os.pathsep}{variables.get('PATH', os.defpath)}"
        variables |= {"NO_COLOR": "1", "UV_NO_PROGRESS": "1", "PIP_NO_INPUT": "1", "GIT_TERMINAL_PROMPT": "0"}
        return variables


def end_group(process_id: int) -> None:
    """SIGKILL to a process group that was started for an installation."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)


def telling_sentence(lines: list[str]) -> str:
    """What uv's output says went wrong, as one sentence without its end; empty if nothing stands out."""
    text = "\n".join(lines)
    if _FULL in text:
        return "the disk of the cluster is full"
    if found := _NOT_FOUND.search(text):
        return f"the package {found.group(1)} does not exist in the package index"
    error = ""
    causes: list[str] = []
    for line in lines:
        stripped = line.strip().lstrip("×╰├─▶│ ").strip()
        if line.startswith("error:") or line.lstrip().startswith("×"):
            error, causes = stripped.removeprefix("error:").strip(), []
        elif error and (stripped.startswith("cause:") or line.lstrip().startswith(("╰─▶", "├─▶"))):
            causes.append(stripped.removeprefix("cause:").strip())
        elif causes and line.startswith(" ") and stripped and not set(stripped) <= {"^", "~"}:
            causes[-1] += f" {stripped}"
    if not error:
        return ""
    if causes and error.startswith("No solution found"):
        return _reason(causes[0])
    cause = causes[-1] if causes else ""
    sentence = f"{error.rstrip(':')}: {cause}" if cause else error
    return sentence[:400].rstrip(" .")


def _reason(cause: str) -> str:
    """The resolver's proof, without the words that every proof has."""
    cause = re.sub(r",? ?(?:And )?we can conclude that your requirements are unsatisfiable\.?", "", cause)
    cause = re.sub(r",? we can conclude that", ";", cause)
    cause = re.sub(r"^Because ", "", cause).strip().rstrip(".,; ")
    return cause[:400]
