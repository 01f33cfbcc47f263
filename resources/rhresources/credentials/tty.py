"""Lines typed at the controlling terminal, whatever standard input and output are; reading them can be given up."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Iterator

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

_PATH = "/dev/tty"
_LONGEST = 1 << 16


class GivenUp(Exception):
    """Nobody waits for the line any more."""


def is_there() -> bool:
    """Whether somebody sits at a terminal and sees what this program says."""
    if not any(stream is not None and _is_terminal(stream) for stream in (sys.stdin, sys.stderr)):
        return False
    if termios is None:
        return sys.stdin is not None and _is_terminal(sys.stdin)
    try:
        os.close(os.open(_PATH, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):  # closed, or no file
        return False


class Line:
    """One line to be typed. `read` blocks in a thread; `give_up` ends it from another, the terminal as it was.

    Args:
        prompt: what is shown before it; may have several lines.
        hidden: what is typed is not shown.
    """

    def __init__(self, prompt: str, *, hidden: bool) -> None:
        self._prompt, self._hidden = prompt, hidden
        self._given_up = False
        self._done = threading.Event()
        self._wake: int | None = None
        self._guard = threading.Lock()

    def read(self) -> str | None:
        """What was typed, without the line end; None: the end of input (Ctrl-D).

        Raises:
            GivenUp: `give_up` was called.
            OSError: the terminal is gone.
        """
        try:
            return self._from_console() if termios is None else self._from_terminal()
        finally:
            self._done.set()

    def give_up(self) -> None:
        """End `read`; returns when the terminal shows again what is typed."""
        with self._guard:
            self._given_up = True
            if self._wake is None:
                return
            os.write(self._wake, b"x")
        self._done.wait(2.0)

    def _from_console(self) -> str | None:
        import getpass

        try:
            return getpass.getpass(self._prompt) if self._hidden else input(self._prompt)
        except EOFError:
            return None

    def _from_terminal(self) -> str | None:
        terminal = os.open(_PATH, os.O_RDWR | os.O_NOCTTY)
        try:
            with self._waking() as woken, self._quiet(terminal):
                os.write(terminal, self._prompt.encode(errors="replace"))
                typed = b""
                while not typed.endswith(b"\n"):
                    ready, _, _ = select.select([terminal, woken], [], [])
                    if woken in ready:
                        os.write(terminal, b"\n")
                        raise GivenUp
                    part = os.read(terminal, 4096)
                    if not part:  # Ctrl-D
                        os.write(terminal, b"\n")
                        return None
                    typed = (typed + part)[:_LONGEST]
                if self._hidden:
                    os.write(terminal, b"\n")
                return typed.rstrip(b"\r\n").decode(errors="replace")
        finally:
            os.close(terminal)

    @contextlib.contextmanager
    def _waking(self) -> Iterator[int]:
        woken, wake = os.pipe()
        try:
            with self._guard:
                if self._given_up:
                    raise GivenUp
                self._wake = wake
            yield woken
        finally:
            with self._guard:
                self._wake = None
            os.close(wake)
            os.close(woken)

    @contextlib.contextmanager
    def _quiet(self, terminal: int) -> Iterator[None]:
        """What is typed is not shown in here, and what was typed before does not count."""
        before = termios.tcgetattr(terminal)
        quiet = list(before)
        if self._hidden:
            quiet[3] &= ~(termios.ECHO | termios.ECHONL)
        quiet[3] |= termios.ICANON | termios.ISIG
        termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
        try:
            yield
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
