"""A ProxyCommand: a program whose input and output are the connection to a host."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from typing import Any

_WORDS_KEPT = 4000


class ProxyCommand:
    """Runs the command; to paramiko it is a socket.

    Its input and its output are two channels, as with `ssh`: a program that looks whether its output is still read,
    as those do that are written with asyncio, would take what is sent to it for the end of one that is both.

    Args:
        command: a line for the shell.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: str) -> None:
        self._closed = False  # paramiko looks at it
        self._there, its_input = socket.socketpair()
        self._back, its_output = socket.socketpair()
        line = command if sys.platform == "win32" else f"exec {command}"
        try:
            with its_input, its_output:
                self.process: subprocess.Popen[bytes] = subprocess.Popen(
                    line, shell=True, stdin=its_input.fileno(), stdout=its_output.fileno(), stderr=subprocess.PIPE
                )
        except OSError:
            self.close()
            raise
        self._words = b""
        self._listening = threading.Thread(target=self._listen, name="proxy-command", daemon=True)
        self._listening.start()

    @property
    def last_words(self) -> str:
        """What it said of itself last."""
        if self.process.poll() is not None:
            self._listening.join(1)
        return self._words.decode(errors="replace").strip()

    def end(self, seconds: float) -> None:
        """End it, and wait so long for that."""
        with contextlib.suppress(OSError):
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    # ---------------------------------------------------------------- what paramiko asks of a socket

    def send(self, data: Any) -> int:
        """Send some of it; how much."""
        return self._there.send(data)

    def recv(self, size: int) -> bytes:
        """What came; empty at the end."""
        return self._back.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """How long either may take."""
        for each in (self._there, self._back):
            each.settimeout(seconds)

    def close(self) -> None:
        """End the connection, also for a thread that waits in it."""
        self._closed = True
        for each in (self._there, self._back):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    # ---------------------------------------------------------------- inside

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as errors:
            while data := errors.read1(4096):  # type: ignore[attr-defined]
                self._words = (self._words + data)[-_WORDS_KEPT:]
