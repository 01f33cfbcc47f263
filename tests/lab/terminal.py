"""A program at a terminal of its own, driven from the test: what it shows is waited for, what is typed is sent."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

SETSID = shutil.which("setsid") or "setsid"  # looked up here: a test may hide programs from the one it starts


class Terminal:
    """A program whose controlling terminal is ours. Use as a context, which ends the program.

    Args:
        command: the program and its arguments.
        env: more of its environment.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = ""
        self._seen = 0
        environment = {**os.environ, **(env or {}), "TERM": "xterm"}
        self.process = subprocess.Popen(
            [SETSID, "--ctty", *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
        )
        self._theirs = theirs

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def expect(self, text: str, seconds: float = 60.0) -> str:
        """Wait until `text` is shown; everything since the last time, up to it."""
        deadline = time.monotonic() + seconds
        while (found := self.shown.find(text, self._seen)) < 0:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} was not shown:\n{self.shown}")
        before, self._seen = self.shown[self._seen : found + len(text)], found + len(text)
        return before

    def type(self, text: str) -> None:
        """Type `text`; "\\n" is Enter, "\\x03" Ctrl-C and "\\x04" Ctrl-D."""
        os.write(self._ours, text.encode())

    def ends(self, code: int = 0, seconds: float = 60.0) -> str:
        """Wait until the program ends with this code; everything that it showed since the last time."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.05)
        while self._read(0.0):
            pass
        assert self.process.poll() == code, f"{self.process.poll()}:\n{self.shown}"
        rest, self._seen = self.shown[self._seen :], len(self.shown)
        return rest

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._theirs)[3] & termios.ECHO)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(seconds, 0.0))
        if not ready:
            return False
        self.shown += os.read(self._ours, 65536).decode(errors="replace").replace("\r\n", "\n")
        return True
