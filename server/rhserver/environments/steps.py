"""One call of the installer, and the arguments that uv gets for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Step:
    """One call of the installer.

    Attributes:
        options: of the installer, checked.
        targets: requirements, and absolute paths of folders and archives, to install.
        lines: lines of a requirements file, paths absolute.
        constraints: lines of a constraints file.
        projects: (pyproject.toml or setup.py, extras) whose dependencies are wanted.
        locks: folders with a uv.lock whose packages are wanted, with the extras.
    """

    options: tuple[str, ...] = ()
    targets: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    projects: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)
    locks: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)

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
        for index in range(len(self.locks)):
            file = lock_file(folder, number, index)
            arguments += [str(file)] if targets_in_file else ["-r", str(file)]
        for project, extras in self.projects:
            arguments += [str(project)] if targets_in_file else ["-r", str(project)]
            for extra in extras:
                arguments += ["--extra", extra]
        if self.targets and not targets_in_file:
            arguments += ["--", *self.targets]
        return arguments

    def runs_in(self, folder: Path) -> Path:
        """uv takes settings of a project from where it runs."""
        if self.projects:
            return self.projects[0][0].parent
        return self.locks[0][0] if self.locks else folder

    @property
    def counted(self) -> str:
        """What it installs, for people."""
        requirements = [line for line in self.lines if not line.startswith("-")]
        if self.locks:
            return "what uv.lock says"
        if self.projects:
            return "what the project needs"
        if len(self.targets) + len(requirements) == 1:
            return (self.targets or requirements)[0]
        return f"{len(self.targets) + len(requirements)} packages"


def lock_file(folder: Path, number: int, index: int) -> Path:
    """Where the requirements of a step's lock are written."""
    return folder / f"locked-{number}-{index}.txt"


def _as_line(target: str) -> str:
    return Path(target).as_uri() if target.startswith("/") else target
