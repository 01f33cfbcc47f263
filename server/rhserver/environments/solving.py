"""What a recipe would install, worked out by the same solvers that install it, with nothing installed."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import re
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from rhresources.errors import InstallError
from rhserver.environments.conda import commands as conda
from rhserver.environments.failures import failure
from rhserver.environments.installer import Installer
from rhserver.environments.listing import CONDA, PIP, Versions, normalised
from rhserver.environments.locked import export_locks
from rhserver.environments.recipe import Recipe
from rhserver.environments.records import note_installer
from rhserver.environments.steps import Step

OnText = Callable[[str], None]

UNKNOWN = "?"
"""Version of a package whose version only its build would tell."""

_INSTALLS_ONLY = frozenset({"--reinstall", "--reinstall-package", "--require-hashes"})
_NAMES_OF_CONDA = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "python-tzdata": "tzdata",
    "pytables": "tables",
    "python-kubernetes": "kubernetes",
}
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_WHEEL = re.compile(r"[^/]+?-([^-/]+)(?:-[^-/]+){3,4}\.whl")
_SOURCE = re.compile(r"[^/]+-([^-/]+?)(?:\.tar\.gz|\.zip|\.tgz|\.tar\.bz2)")
_VERSION = re.compile(r"(?:cpython[-@]?|python)?(\d+\.\d+(?:\.\d+)?)")


async def solve(
    recipe: Recipe, folder: Path, uv: str, on_line: OnText, on_phase: OnText, *, newest: bool = False
) -> Versions:
    """The packages that an environment of `recipe` would hold.

    Args:
        recipe: what is wanted; the trees it names are held by the caller.
        folder: an empty one of the caller's, for files of the solvers; nothing in it is worth keeping.
        uv: path of uv's program.
        on_line, on_phase: what the solvers say, and what is done now; called on the loop.
        newest: ask the indexes again, whatever is remembered of them.

    Returns:
        {normalised name: (kind, version)}; the version is `UNKNOWN` for a local folder that only its build could ask.

    Raises:
        InstallError: the packages do not go together or cannot be found.
        ServerProblem: a lock file or conda's program does not work.
    """
    installer = Installer(folder / "none", on_line, partial(note_installer, folder))
    found: Versions = {}
    python = ["--python", recipe.python]
    if recipe.conda is not None:
        found = await conda.solve(recipe.conda, folder, installer, on_phase, newest=newest)
        # the Python is not there yet: any other that can read metadata of packages for it
        python = ["--python", sys.executable, "--python-version", found["python"][1]]
    elif recipe.python != sys.executable:
        python = await _asked_python(recipe, folder, uv, installer)
    if newest:
        python.append("--refresh")
    for number, step in enumerate(recipe.steps):
        on_phase("Working out what is needed")
        await export_locks(step, folder, number, uv, installer)
        solved = await _compile(step, folder, number, uv, installer, found, python)
        there = _for_pip(found)
        for name, version in solved.items():
            # the same version is there already, and a version of conda's that does not fit is put aside
            if there.get(name) != version:
                found[name] = (PIP, version)
    if "cloudpickle" not in found:
        found["cloudpickle"] = (PIP, importlib.metadata.version("cloudpickle"))
    return dict(sorted(found.items()))


async def _asked_python(recipe: Recipe, folder: Path, uv: str, installer: Installer) -> list[str]:
    """Options for the Python that is asked for, which need not be here."""
    code = await installer.run(uv, "python", "list", "--output-format", "json", "--", recipe.python,
                               folder=folder, silent=True, output=folder / "pythons.json")  # fmt: skip
    pythons: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError):
        pythons = json.loads((folder / "pythons.json").read_text())
    if code or not pythons:
        raise InstallError(
            f"There is no Python {recipe.python_shown} for the cluster.", remedy='Write "3.12", for example.'
        )
    if not any(python.get("path") for python in pythons) and (asked := _VERSION.fullmatch(recipe.python)):
        return ["--python", sys.executable, "--python-version", asked[1]]
    return ["--python", recipe.python]


async def _compile(
    step: Step, folder: Path, number: int, uv: str, installer: Installer, found: Versions, options: list[str]
) -> dict[str, str]:
    """{name: version} of one call of the installer, given what the calls before it installed."""
    plan = folder / f"pylock.step{number}.toml"
    if known := _as_lock(found):  # what is there already is kept where it fits, as the installer does
        await asyncio.to_thread(plan.write_text, known)
    arguments = [uv, "pip", "compile", "--quiet", "--no-header", "--format", "pylock.toml", "-o", str(plan)]
    arguments += [*options, *_solving_options(step.options), *step.arguments(folder, number, targets_in_file=True)]
    place = await asyncio.to_thread(step.runs_in, folder, number)
    code = await installer.run(*arguments, folder=place, output=folder / "solved.txt")
    if code:
        raise failure(step.in_users_words(installer.output), "These packages cannot be installed")
    return await asyncio.to_thread(_read_lock, plan)


def _solving_options(options: tuple[str, ...]) -> list[str]:
    """Those that say what to install, without those that say how."""
    return [option for option in options if option.partition("=")[0] not in _INSTALLS_ONLY]


def _for_pip(found: Versions) -> dict[str, str]:
    """{name: version} of what pip sees: conda calls some packages differently, and many are none of Python's."""
    seen = {}
    for name, (kind, version) in found.items():
        called = _NAMES_OF_CONDA.get(name, name) if kind == CONDA else name
        try:
            Version(version)
        except InvalidVersion:
            continue
        if _NAME.fullmatch(called):
            seen[called] = version
    return seen


def _as_lock(found: Versions) -> str:
    rows = [
        f"[[packages]]\nname = {json.dumps(name)}\nversion = {json.dumps(version)}\n"
        for name, version in _for_pip(found).items()
    ]
    return "\n".join(['lock-version = "1.0"\ncreated-by = "uv"\n', *rows]) if rows else ""


def _read_lock(file: Path) -> dict[str, str]:
    content = tomllib.loads(file.read_text("utf-8"))
    return {normalised(row["name"]): str(row.get("version") or _version_of(row)) for row in content.get("packages", [])}


def _version_of(row: dict[str, Any]) -> str:
    """Of a package that is not from an index: as its file is called, or as its project says."""
    archive = row.get("archive", {})
    name = str(archive.get("path") or archive.get("url") or "").rpartition("/")[2].partition("#")[0]
    for pattern in (_WHEEL, _SOURCE):
        if found := pattern.fullmatch(name):
            return found[1]
    if path := row.get("directory", {}).get("path"):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            project = tomllib.loads((Path(path) / "pyproject.toml").read_text("utf-8")).get("project", {})
            return str(project.get("version") or UNKNOWN)
    return UNKNOWN
