"""Whether clouds are used from here at all; who does not use them loads nothing else for them."""

from __future__ import annotations

from pathlib import Path

from rhresources import paths
from rhresources.settings import Settings


def cloud_used(home: Path | None = None) -> bool:
    """Whether clusters on demand were ever used from here, or a SkyPilot server is named in the settings.

    Where not, nothing runs, and nobody needs SkyPilot to know that.
    """
    return folder_of(home).is_dir() or bool(Settings.load(home).skypilot_server)


def folder_of(home: Path | None = None) -> Path:
    """Where all of it is."""
    return (home if home is not None else paths.home()) / "clouds"
