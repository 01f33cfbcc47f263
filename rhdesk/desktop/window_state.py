"""What the window remembers between two starts: geometry, page, theme. A small JSON file, so that it reads at once."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass
class WindowState:
    """`geometry` is Qt's own, in base 64. `theme` is the setting as it was last seen, before settings are read."""

    geometry: str = ""
    page: str = "overview"
    theme: str = "system"
    welcomed: bool = False

    @classmethod
    def load(cls, home: Path) -> WindowState:
        """What was remembered; defaults where nothing was, or what was cannot be read."""
        try:
            found = json.loads(_file(home).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        state = cls()
        if isinstance(found, dict):
            for field in fields(cls):
                value = found.get(field.name)
                if isinstance(value, type(getattr(state, field.name))):
                    setattr(state, field.name, value)
        return state

    def save(self, home: Path) -> None:
        """Remember. A disk that refuses costs only the memory of where the window was."""
        path = _file(home)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
            partial.replace(path)
        except OSError:
            pass


def _file(home: Path) -> Path:
    return home / "cache" / "window.json"
