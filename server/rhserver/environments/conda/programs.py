"""Which program of the conda family a host has."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from rhresources.errors import ServerProblem

KINDS = ("micromamba", "mamba", "conda")
"""In the order of preference: the faster first."""

OWN = "rattler"
"""What asks for our own solver although the host has a program."""

_FOLDERS = (
    "~/.local/bin", "~/bin", "~/micromamba/bin", "~/miniforge3/bin", "~/mambaforge/bin", "~/miniconda3/bin",
    "~/anaconda3/bin", "/opt/conda/bin", "/opt/miniforge3/bin", "/opt/miniconda3/bin", "/opt/anaconda3/bin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the conda family: its absolute path, and which of `KINDS` it is."""

    path: str
    kind: str


def find_program(asked: str = "") -> Program | None:
    """The program to use; None: our own.

    Args:
        asked: a name or an absolute path; "rattler" for our own; empty: whatever is there.

    Raises:
        ServerProblem: what is asked for is not there.
    """
    if asked == OWN:
        return None
    if asked:
        path = os.path.expanduser(asked)
        if os.path.isabs(path):
            found = path if _runs(Path(path)) else None
        else:
            found = None if "/" in asked or asked.startswith("-") else _find(asked)
        if found is None:
            raise ServerProblem(
                f"The cluster has no program {asked!r} for conda packages.",
                code="no-conda",
                remedy="Install it there, or take it out of the cluster: rhdesk installs conda packages by itself.",
            )
        return Program(found, _kind(found))
    for kind in KINDS:
        if found := _find(kind):
            return Program(found, kind)
    return None


def _find(name: str) -> str | None:
    if found := shutil.which(name):
        return os.path.abspath(found)
    named = os.environ.get({"conda": "CONDA_EXE", "micromamba": "MAMBA_EXE", "mamba": "MAMBA_EXE"}.get(name, ""), "")
    candidates = [Path(named)] if named and Path(named).name == name else []
    candidates += [Path(folder).expanduser() / name for folder in _FOLDERS]
    return next((str(candidate) for candidate in candidates if candidate.is_absolute() and _runs(candidate)), None)


def _runs(file: Path) -> bool:
    return file.is_file() and os.access(file, os.X_OK)


def _kind(path: str) -> str:
    name = Path(path).name
    return next((kind for kind in KINDS if name.startswith(kind)), "conda")
