"""How the library says what takes long."""

from __future__ import annotations

import sys


def progress(line: str) -> None:
    """A step that takes long, said on standard error."""
    print(f"rhdesk: {line}", file=sys.stderr, flush=True)
