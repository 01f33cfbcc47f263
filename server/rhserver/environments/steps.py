"""One call of the installer, and the arguments that uv gets for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Project:
    """One whose dependencies are wanted.

    Attributes:
        path: its pyproject.toml or setup.py; its folder where a uv.lock says what is wanted.
        extras: wanted of it.
        settings: a uv.toml with what its settings choose.
    """

    path: Path
    extras: tuple[str, ...] = ()
    settings: str = ""


@dataclass
class Step:
    """One call of the installer.

    Attributes:
        options: of the installer, checked.
        targets: requirements, and absolute paths of folders and archives, to install.
        lines: lines of a requirements file, paths absolute.
        constraints: lines of a constraints file.
        limits: (option, lines of the file that it names).
        projects: those whose dependencies are wanted.
        locks: those whose uv.lock says what is wanted.
        settings: a uv.toml, of the projects and locks.
        written: {target: the package as the user wrote it}, where that says more.
    """

    options: tuple[str, ...] = ()
    targets: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    limits: tuple[tuple[str, tuple[str, ...]], ...] = ()
    projects: list[Project] = field(default_factory=list)
    locks: list[Project] = field(default_factory=list)
    settings: str = ""
    written: dict[str, str] = field(default_factory=dict)

    def add(self, other: Step) -> bool:
        """Take in `other`, so that both are resolved together; False: it needs a call of its own.

        The installer has one set of options, settings and extras for all it gets in a call.
        """
        mine, others = ([project.extras for project in step.projects] for step in (self, other))
        if (self.options, self.limits, self.settings) != (other.options, other.limits, other.settings):
            return False
        if mine and others and mine[0] != others[0]:
            return False
        _add_new(self.targets, other.targets)
        _add_new(self.lines, other.lines)
        _add_new(self.constraints, other.constraints)
        _add_new(self.projects, other.projects)
        _add_new(self.locks, other.locks)
        self.written |= other.written
        return True

    def arguments(self, folder: Path, number: int, *, targets_in_file: bool = False) -> list[str]:
        """What follows `uv pip install` or, with `targets_in_file`, `uv pip compile`; files of it are in `folder`."""
        arguments = [] if targets_in_file else list(self.options)
        lines = [*self.lines, *map(_as_line, self.targets)] if targets_in_file else self.lines
        for name, flag, content in (("requirements", "-r", lines), ("constraints", "-c", self.constraints)):
            if content:
                file = folder / f"{name}-{number}.txt"
                file.write_text("\n".join(content) + "\n")
                # `uv pip compile` takes its sources without a flag
                arguments += [str(file)] if targets_in_file and name == "requirements" else [flag, str(file)]
        for index, (option, limit) in enumerate(self.limits):
            file = folder / f"limits-{number}-{index}.txt"
            file.write_text("\n".join(limit) + "\n")
            arguments += [option, str(file)]
        for index in range(len(self.locks)):
            file = lock_file(folder, number, index)
            arguments += [str(file)] if targets_in_file else ["-r", str(file)]
        for project in self.projects:
            arguments += [str(project.path)] if targets_in_file else ["-r", str(project.path)]
        for extra in self.projects[0].extras if self.projects else ():
            arguments += ["--extra", extra]
        if self.targets and not targets_in_file:
            arguments += ["--", *self.targets]
        return arguments

    def runs_in(self, folder: Path, number: int) -> Path:
        """Where the installer runs, which takes settings from there: a folder with those of the step and no others."""
        place = folder / f"step-{number}"
        place.mkdir(exist_ok=True)
        (place / "uv.toml").write_text(self.settings, "utf-8")
        return place

    def in_users_words(self, lines: Iterable[str]) -> list[str]:
        """`lines` of the installer with what the user wrote in place of folders of the server."""
        said = "\n".join(lines)
        for target, written in self.written.items():
            said = said.replace(f"file://{target}", written).replace(target, written)
        return said.splitlines()

    @property
    def counted(self) -> str:
        """What it installs, for people."""
        requirements = [line for line in self.lines if not line.startswith("-")]
        if self.locks:
            return "what uv.lock says"
        if self.projects:
            return "what the project needs"
        if len(self.targets) + len(requirements) == 1:
            only = (self.targets or requirements)[0]
            return self.written.get(only, only)
        return f"{len(self.targets) + len(requirements)} packages"


def lock_file(folder: Path, number: int, index: int) -> Path:
    """Where the requirements of a step's lock are written."""
    return folder / f"locked-{number}-{index}.txt"


def _as_line(target: str) -> str:
    return Path(target).as_uri() if target.startswith("/") else target


def _add_new(held: list[_Item], more: Iterable[_Item]) -> None:
    held += [one for one in more if one not in held]
