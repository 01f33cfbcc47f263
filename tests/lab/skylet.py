"""A host as SkyPilot leaves it, as far as autostop goes: its Python, and the one function of its daemon that counts.

The real one is in the tests against emulated clouds; there a mark is a row in the daemon's own database.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rhresources.cloud.skylet import PYTHON_FILE


class Skylet:
    """SkyPilot's runtime in the home directory of a host.

    Args:
        home: the home directory there.
    """

    def __init__(self, home: Path) -> None:
        folder = home / "skypilot-runtime"
        package = folder / "sky" / "skylet"
        package.mkdir(parents=True)
        for init in (package, package.parent):
            (init / "__init__.py").touch()
        self._marks, self._fails = folder / "marks", folder / "fails"
        (package / "autostop_lib.py").write_text(
            "import os, sys\n"
            "def set_last_active_time_to_now():\n"
            f"    if os.path.exists({str(self._fails)!r}): sys.exit(3)\n"
            f"    with open({str(self._marks)!r}, 'a') as file: file.write(f'{{os.getpid()}}\\n')\n"
        )
        python = folder / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
        python.chmod(0o755)
        (home / ".sky").mkdir(exist_ok=True)
        (home / PYTHON_FILE).write_text(f"{python}\n")

    @property
    def marks(self) -> list[int]:
        """The process that made each mark."""
        return [int(line) for line in self._marks.read_text().split()] if self._marks.exists() else []

    def fails(self, fails: bool = True) -> None:
        """Let the daemon's part end with an error, or mend it."""
        self._fails.touch() if fails else self._fails.unlink()
