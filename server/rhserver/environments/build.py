"""Makes one environment in its folder: the virtual environment, its packages, cloudpickle, set-up commands."""

from __future__ import annotations

import asyncio
import importlib.metadata
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rhresources.errors import InstallError
from rhserver.environments.conda import commands as conda
from rhserver.environments.conda.activation import note_variables
from rhserver.environments.failures import failure
from rhserver.environments.installer import Installer
from rhserver.environments.listing import site_packages
from rhserver.environments.locked import export_locks
from rhserver.environments.recipe import Recipe
from rhserver.environments.records import note_installer

OnText = Callable[[str], None]


async def make(recipe: Recipe, folder: Path, uv: str, on_line: OnText, on_phase: OnText) -> None:
    """Fill the new `folder`.

    Raises:
        InstallError: the installer or a set-up command failed.
        OSError: the disk is full, for one.
    """
    environment = folder / "venv"
    python = str(environment / "bin" / "python")
    installer = Installer(environment, _for_a_cluster(on_line), partial(note_installer, folder))
    options = ["--python", python]
    if recipe.conda is not None:
        await conda.create(recipe.conda, environment, folder, installer, on_phase, newest=recipe.renewed > 0)
        options.append("--break-system-packages")  # it is nobody's system; some builds of Python say they are
    else:
        await _create(recipe, environment, folder, uv, installer, on_phase)
    if recipe.renewed:
        options.append("--refresh")
    for number, step in enumerate(recipe.steps):
        on_phase(f"Installing {step.counted}")
        await export_locks(step, folder, number, uv, installer)
        arguments = await asyncio.to_thread(step.arguments, folder, number)
        place = await asyncio.to_thread(step.runs_in, folder, number)
        if await installer.run(uv, "pip", "install", *options, *arguments, folder=place):
            raise failure(step.in_users_words(installer.output), "The packages could not be installed")
    if recipe.conda is not None:
        await note_variables(environment, recipe.conda.variables, folder, installer)
    await asyncio.to_thread(_add_cloudpickle, environment)
    for number, setup_command in enumerate(recipe.setup_commands, 1):
        of = f" {number} of {len(recipe.setup_commands)}" if len(recipe.setup_commands) > 1 else ""
        on_phase(f"Running set-up command{of}: {_short(setup_command)}")
        code = await installer.run("sh", "-c", setup_command, folder=recipe.folder or folder)
        if code:
            ended = f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}"
            raise InstallError(
                f"The set-up command `{_short(setup_command)}` {ended}.",
                remedy="Its output says why; correct the command and run again.",
                detail="\n".join(installer.output),
            )


def _for_a_cluster(on_line: OnText) -> OnText:
    """Leaves out how to use an environment in a shell."""

    def say(line: str) -> None:
        if not line.startswith("Activate with: "):
            on_line(line)

    return say


async def _create(
    recipe: Recipe, environment: Path, folder: Path, uv: str, installer: Installer, on_phase: OnText
) -> None:
    on_phase(f"Creating a Python {recipe.python_shown} environment")
    creating = (uv, "venv", "--no-project", "--python", recipe.python, "--", str(environment))
    if await installer.run(*creating, folder=folder):
        raise failure(
            list(installer.output),
            f"A Python {recipe.python_shown} environment could not be made",
            'Ask for another version of Python, such as "3.12".',
        )


def _add_cloudpickle(environment: Path) -> None:
    """Workers need it. Where nothing brought it along, the server's own is copied: pure Python, and no network."""
    folders = site_packages(environment)
    if not folders:
        raise InstallError("The new environment does not work: it has no folder for packages.")
    if not any((folder / "cloudpickle").is_dir() for folder in folders):
        _copy_distribution("cloudpickle", folders[0])


def _copy_distribution(name: str, target: Path) -> None:
    for file in importlib.metadata.files(name) or []:
        if file.suffix != ".pyc" and ".." not in file.parts:
            copied = target / file
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), copied)


def _short(command: str) -> str:
    first = " ".join(command.split())
    return first if len(first) <= 80 else f"{first[:79]}…"
