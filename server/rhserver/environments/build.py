"""Makes one environment in its folder: the virtual environment, its packages, cloudpickle, set-up commands."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil

from rhresources.errors import InstallError
from rhserver.environments.installer import Installer, telling_sentence
from rhserver.environments.recipe import Recipe, Step

OnText = Callable[[str], None]

_FIND_CLOUDPICKLE = (
    "import importlib.util, sysconfig\n"
    "print('found' if importlib.util.find_spec('cloudpickle') else sysconfig.get_path('purelib'))"
)


async def make(recipe: Recipe, folder: Path, uv: str, on_line: OnText, on_phase: OnText) -> None:
    """Fill the new `folder`.

    Raises:
        InstallError: the installer or a set-up command failed.
        OSError: the disk is full, for one.
    """
    environment = folder / "venv"
    python = str(environment / "bin" / "python")
    installer = Installer(environment, on_line, lambda process_id: _mark(folder, process_id))
    on_phase(f"Creating a Python {recipe.python_shown} environment")
    creating = (uv, "venv", "--no-project", "--python", recipe.python, "--", str(environment))
    if await installer.run(*creating, folder=folder):
        raise _failure(installer, f"A Python {recipe.python_shown} environment could not be made")
    for number, step in enumerate(recipe.steps):
        on_phase(f"Installing {_counted(step)}")
        installing = (uv, "pip", "install", "--compile-bytecode", "--python", python, *_arguments(step, folder, number))
        if await installer.run(*installing, folder=_where(step, folder)):
            raise _failure(installer, "The packages could not be installed")
    await _add_cloudpickle(installer, python, folder)
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


def _arguments(step: Step, folder: Path, number: int) -> list[str]:
    arguments = list(step.options)
    for name, flag, lines in (("requirements", "-r", step.lines), ("constraints", "-c", step.constraints)):
        if lines:
            file = folder / f"{name}-{number}.txt"
            file.write_text("\n".join(lines) + "\n")
            arguments += [flag, str(file)]
    for project, extras in step.projects:
        arguments += ["-r", str(project)]
        for extra in extras:
            arguments += ["--extra", extra]
    if step.targets:
        arguments += ["--", *step.targets]
    return arguments


def _where(step: Step, folder: Path) -> Path:
    """uv takes settings of a project from where it runs."""
    return step.projects[0][0].parent if step.projects else folder


async def _add_cloudpickle(installer: Installer, python: str, folder: Path) -> None:
    """Workers need it. Where nothing brought it along, the server's own is copied: pure Python, and no network."""
    if await installer.run(python, "-c", _FIND_CLOUDPICKLE, folder=folder, silent=True) or not installer.output:
        raise _failure(installer, "The new environment does not work")
    answer = installer.output[-1]
    if answer != "found":
        await asyncio.to_thread(_copy_distribution, "cloudpickle", Path(answer))


def _copy_distribution(name: str, target: Path) -> None:
    for file in importlib.metadata.files(name) or []:
        if file.suffix != ".pyc" and ".." not in file.parts:
            copied = target / file
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), copied)


def _mark(folder: Path, process_id: int) -> None:
    """Note who is at work, for a server that finds this half made."""
    try:
        started = psutil.Process(process_id).create_time()
    except psutil.Error:
        return
    (folder / "building").write_text(json.dumps([process_id, started]))


def _failure(installer: Installer, what: str) -> InstallError:
    lines = list(installer.output)
    sentence = telling_sentence(lines)
    return InstallError(
        f"{what}: {sentence}." if sentence else f"{what}.",
        remedy="" if "disk" in sentence else "Correct the packages and run again.",
        detail="\n".join(lines),
    )


def _counted(step: Step) -> str:
    count = len(step.targets) + sum(1 for line in step.lines if not line.startswith("-"))
    if step.projects:
        return "what the project needs"
    if count == 1:
        return step.targets[0] if step.targets else next(line for line in step.lines if not line.startswith("-"))
    return f"{count} packages"


def _short(command: str) -> str:
    first = " ".join(command.split())
    return first if len(first) <= 80 else f"{first[:79]}…"
