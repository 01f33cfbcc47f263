"""An X display that nobody sees, for the prompts of other programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from types import TracebackType

PROGRAMS = ("Xvfb", "xdotool")


class Display:
    """Xvfb on a free number. Use as a context; `name` is what DISPLAY must say."""

    def __init__(self) -> None:
        read, write = os.pipe()
        # without -noreset it starts anew whenever its last client leaves, and refuses others for that moment
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=(write,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as told:
            self.name = f":{told.readline().strip()}"

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait()

    def windows(self, title: str) -> list[str]:
        """The visible windows of that title."""
        done = self._xdotool("search", "--onlyvisible", "--name", title)
        return done.stdout.split()

    def type(self, window: str, text: str) -> None:
        """Type `text` and Enter into a window."""
        self._xdotool("windowfocus", window)
        self._xdotool("type", "--delay", "20", text)
        self._xdotool("key", "Return")

    def press(self, window: str, key: str) -> None:
        """Press one key in a window."""
        self._xdotool("windowfocus", window)
        self._xdotool("key", key)

    def _xdotool(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["xdotool", *words], env={**os.environ, "DISPLAY": self.name}, capture_output=True, text=True, check=False
        )


def missing() -> list[str]:
    """What a display needs and this machine lacks."""
    return [program for program in PROGRAMS if shutil.which(program) is None]
