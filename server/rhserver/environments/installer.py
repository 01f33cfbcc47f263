"""Runs uv and set-up commands: output line by line as it comes, the whole process group ended on cancel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rhserver.disk import with_usual_rights

_KEPT_LINES = 400
_LONGEST_LINE = 64 * 1024
_TAKEN_LIMIT = 4 * 1024 * 1024
_NOT_HANDED_ON = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "VIRTUAL_ENV", "UV_SYSTEM_PYTHON",
    "UV_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_TARGET", "CONDA_PREFIX",
)  # fmt: skip
_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems list whom they trust."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BREAK = re.compile(rb"\r\n|\n|\r")
_LAST_WORDS_SECONDS = 1.0

OnLine = Callable[[str], None]


class Installer:
    """Commands that make one environment. `on_line` gets each line of output, without its end."""

    def __init__(self, environment: Path, on_line: OnLine, on_process: Callable[[int], None]) -> None:
        self._environment = environment
        self._on_line = on_line
        self._on_process = on_process
        self.output: deque[str] = deque(maxlen=_KEPT_LINES)
        self._silent = False

    async def run(
        self, *command: str, folder: Path, silent: bool = False, output: Path | bytearray | None = None
    ) -> int:
        """The exit code. Cancelling ends the process with everything it started.

        Args:
            command: the program and its arguments.
            folder: where it runs.
            silent: what it says is kept and not handed on.
            output: a file, or memory, for its standard output; what it says is its standard error alone then.
        """
        self.output.clear()
        self._silent = silent
        reading, writing = os.pipe()
        lines = _Lines(self._say)
        loop = asyncio.get_running_loop()
        # a pipe of our own: asyncio's would also wait for daemons that a command leaves behind
        transport, _ = await loop.connect_read_pipe(lambda: lines, os.fdopen(reading, "rb", 0))
        taking: _Taking | None = None
        answers: asyncio.ReadTransport | None = None
        try:
            answer = -1
            try:
                if isinstance(output, bytearray):
                    reading, answer = os.pipe()
                    taking = taking_into = _Taking(output)
                    answers, _ = await loop.connect_read_pipe(lambda: taking_into, os.fdopen(reading, "rb", 0))
                elif output is not None:
                    answer = await asyncio.to_thread(os.open, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                process = await asyncio.create_subprocess_exec(
                    *with_usual_rights(command),
                    cwd=folder,
                    env=self._variables(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=writing if output is None else answer,
                    stderr=writing,
                    start_new_session=True,
                )
            finally:
                os.close(writing)
                if answer >= 0:
                    os.close(answer)
            try:
                self._on_process(process.pid)
                code = await process.wait()
                ends = {lines.ended} if taking is None else {lines.ended, taking.ended}
                await asyncio.wait(ends, timeout=_LAST_WORDS_SECONDS)
                return code
            except BaseException:
                end_group(process.pid)
                with contextlib.suppress(asyncio.CancelledError):
                    await process.wait()
                raise
        finally:
            transport.close()
            lines.finish()
            if answers is not None:
                answers.close()

    def _say(self, line: bytes) -> None:
        text = _ANSI.sub("", line.decode(errors="replace")).rstrip()
        if text:
            self.output.append(text)
            if not self._silent:
                self._on_line(text)

    def _variables(self) -> dict[str, str]:
        variables = {key: value for key, value in os.environ.items() if key not in _NOT_HANDED_ON}
        conda = (self._environment / "conda-meta").is_dir()
        variables["CONDA_PREFIX" if conda else "VIRTUAL_ENV"] = str(self._environment)
        variables["PATH"] = f"{self._environment / 'bin'}{os.pathsep}{variables.get('PATH', os.defpath)}"
        variables |= {"NO_COLOR": "1", "UV_NO_PROGRESS": "1", "PIP_NO_INPUT": "1", "GIT_TERMINAL_PROMPT": "0"}
        if any(map(os.path.exists, _AUTHORITIES)):
            variables.setdefault("UV_SYSTEM_CERTS", "1")  # as the host itself: a company's own authority included
        return variables


class _Taking(asyncio.Protocol):
    """Keeps what comes through a pipe, up to a limit."""

    def __init__(self, taken: bytearray) -> None:
        self._taken = taken
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._taken += data[: max(0, _TAKEN_LIMIT - len(self._taken))]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class _Lines(asyncio.Protocol):
    """Cuts what comes through a pipe into lines; a carriage return ends one too, as of a progress bar."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = _BREAK.split(self._rest + data)
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._on_line(line)

    def connection_lost(self, error: Exception | None) -> None:
        self.finish()

    def finish(self) -> None:
        """Nothing more is wanted."""
        if not self.ended.done():
            self.ended.set_result(None)
            self._on_line(self._rest)


def end_group(process_id: int) -> None:
    """SIGKILL to a process group that was started for an installation."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)
