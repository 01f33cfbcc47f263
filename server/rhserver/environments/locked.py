"""Projects with a uv.lock: exactly what the lock says is installed, as requirements that uv writes from it."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rhresources.errors import InstallError
from rhserver.environments.failures import failure
from rhserver.environments.installer import Installer
from rhserver.environments.steps import Step, lock_file

LOCK = "uv.lock"


def local_folders(project: Path) -> list[tuple[Path, bool]]:
    """Folders and files that the lock of `project` takes packages from, besides the project itself; each with whether
    it is a project of the same workspace.

    Raises:
        InstallError: the lock cannot be read.
    """
    try:
        content = tomllib.loads((project / LOCK).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InstallError(
            f"{LOCK} cannot be read: {error}.", remedy="Write it anew with `uv lock`, or remove it."
        ) from error
    members = set(content.get("manifest", {}).get("members", []))
    found = {((project / path).resolve(), name in members) for name, path in _paths(content) if path not in {"", "."}}
    return sorted(found)


async def export_locks(step: Step, folder: Path, number: int, uv: str, installer: Installer) -> None:
    """Write the requirements files of the locks of `step`.

    Raises:
        InstallError: a lock does not belong to its project, or is broken.
    """
    for index, project in enumerate(step.locks):
        target = lock_file(folder, number, index)
        arguments = ["--frozen", "--no-emit-workspace", "--no-dev", "--no-editable", "--no-header", "--no-annotate"]
        for extra in project.extras:
            arguments += ["--extra", extra]
        # the lock says it all: the project's settings could only say what is none of its business
        command = [uv, "export", "--quiet", "--no-config", *arguments]
        command += ["--python", sys.executable, "--no-python-downloads", "--project", str(project.path)]
        code = await installer.run(*command, folder=folder, output=target)
        if code:
            raise failure(list(installer.output), f"The {LOCK} of {project.path.name} cannot be used")
        text = await asyncio.to_thread(target.read_text, "utf-8")
        await asyncio.to_thread(target.write_text, _absolute(text, project.path), "utf-8")


def _absolute(text: str, project: Path) -> str:
    """Paths of an export start from the project."""
    lines = []
    for line in text.splitlines():
        path, space, marker = line.partition(" ;")
        lines.append((project / path).resolve().as_uri() + space + marker if path.startswith(("./", "../")) else line)
    return "\n".join(lines) + "\n"


def _paths(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for package in content.get("package", []):
        source = package.get("source", {}) if isinstance(package, dict) else {}
        for kind in ("editable", "directory", "virtual", "path"):
            if isinstance(path := source.get(kind), str):
                yield str(package.get("name", "")), path
