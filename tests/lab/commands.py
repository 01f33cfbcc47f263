"""The real command: a process of its own, with nobody at the terminal unless a test says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

PROGRAM = (sys.executable, "-m", "rhdesk")


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class RunCommand(Protocol):
    """The fixture `rhdesk`."""

    def __call__(
        self, *arguments: str, cwd: Path | None = None, given: str = "", env: Mapping[str, str] = ..., code: int = 0
    ) -> Answer:
        """Run `rhdesk ARGUMENTS`, expect the exit code `code`."""
        ...


def run_command(folder: Path, seconds: float = 120) -> RunCommand:
    """Runs the command line in this test's home.

    Args:
        folder: where, if a test does not say.
        seconds: how long it may take.
    """

    def run(
        *arguments: str, cwd: Path | None = None, given: str = "", env: Mapping[str, str] | None = None, code: int = 0
    ) -> Answer:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=cwd or folder,
            input=given,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            timeout=seconds,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Answer(done.returncode, done.stdout, done.stderr)

    return run
