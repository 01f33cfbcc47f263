"""Which rhdesk this is."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """The version of the installed distribution, `0` where it runs from a bare checkout."""
    from importlib import metadata  # costs milliseconds; only a handshake or --version needs it

    try:
        return metadata.version("rhdesk")
    except metadata.PackageNotFoundError:
        return "0"
