"""Who we are to SkyPilot: a short id of a rhdesk directory, made once and kept.

SkyPilot puts it into the names of instances, so that two people (or one person's own `sky`) never touch each other's,
and our label on instances carries it, so that ours are known again.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from rhresources import paths
from rhresources.stores.files import disk_error, locked, write_text

_ID = re.compile(r"[a-z][a-z0-9]{7}")


def skypilot_home(home: Path | None = None) -> Path:
    """Where everything of SkyPilot's that is ours is kept."""
    return (home if home is not None else paths.home()) / "skypilot"


def identity(home: Path | None = None) -> str:
    """The id of a rhdesk directory: eight letters and digits.

    Raises:
        RhError: the disk refused.
    """
    path = skypilot_home(home) / "identity"
    try:
        if known := _read(path):
            return known
        with locked(path.parent):
            if known := _read(path):
                return known
            made = "rh" + secrets.token_hex(3)
            write_text(path, f"{made}\n", private=True)
            return made
    except OSError as error:
        raise disk_error(f"{path} cannot be written", error) from None


def _read(path: Path) -> str:
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        return ""
    return text if _ID.fullmatch(text) else ""
