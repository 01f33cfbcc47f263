"""The window, and the tour that drives it headless."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

import click

from rhdesk.cli.options import RhCommand
from rhresources.errors import RhError


def open_window() -> int:
    """Open the window and stay until it is closed; the exit code.

    Raises:
        RhError: there is no display, or no Qt that works.
    """
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise RhError(
            "There is no display here: neither DISPLAY nor WAYLAND_DISPLAY is set.",
            remedy="`rhdesk tour` drives the window without one; `rhdesk --help` lists the commands.",
        )
    require_qt()
    from rhdesk.desktop.app import run_window

    return int(run_window(sys.argv[:1]))


def require_qt() -> None:
    """Refuse to start with a Qt that is missing or known to abort.

    Raises:
        RhError: what is wrong and how to mend it.
    """
    try:
        version = metadata.version("PySide6-Essentials")
    except metadata.PackageNotFoundError:
        raise RhError("The window needs Qt, which is not installed.", remedy="pip install 'rhdesk[desktop]'") from None
    if sys.version_info < (3, 12) and tuple(int(part) for part in version.split(".")[:2]) >= (6, 12):
        raise RhError(
            f"PySide6 {version} aborts on Python {sys.version_info.major}.{sys.version_info.minor} "
            "after some hundred signals.",
            remedy="pip install 'PySide6-Essentials<6.12', or use Python 3.12 or newer.",
        )


@click.command("tour", cls=RhCommand)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("tour"), help="For the pictures.")
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", show_default=True)
def tour_command(out: Path, theme: str) -> int:
    """Drive the real window headless through its main job.

    Starts a cluster on this computer, runs a function of a small git project there, writes pictures of the window and
    prints the result. Exits 0 only if the result truly came back.
    """
    require_qt()
    from rhdesk.tour import run_tour

    return int(run_tour(out, theme))
