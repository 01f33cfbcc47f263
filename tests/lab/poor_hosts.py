"""Hosts that lack something: words before their SSH server's command, and folders for their PATH."""

from __future__ import annotations

from pathlib import Path


def in_own_mounts(script: str) -> list[str]:
    """The words before a command that sees other mounts than this machine (root only)."""
    return ["unshare", "--mount", "sh", "-c", f'set -e; mount --make-rprivate /; {script}; exec "$@"', "sh"]


def without_good_python(folder: Path) -> Path:
    """A folder for PATH with all programs of this machine, and a Python of 2020 in place of its own."""
    folder.mkdir()
    for program in Path("/usr/bin").iterdir():
        if not program.name.startswith(("python", "uv", "conda", "pyenv")):
            (folder / program.name).symlink_to(program)
    # stands in for an old interpreter: it says its version and place, as the script asks, and no more is asked of it
    old = folder / "python3"
    old.write_text(f"#!/bin/sh\necho 3.9.2 {old}\n")
    old.chmod(0o755)
    return folder


NO_PYTHON_ELSEWHERE = {
    "PYENV_ROOT": "/nowhere", "UV_PYTHON_INSTALL_DIR": "/nowhere", "UV_PYTHON_DOWNLOADS": "never",
    "UV_PYTHON_PREFERENCE": "only-managed",
}  # fmt: skip
"""Variables of a host that is to find no other Python than those in its PATH."""
EMPTY_PROGRAM_FOLDERS = "mount -t tmpfs none /usr/local/bin; mount -t tmpfs none /opt"
