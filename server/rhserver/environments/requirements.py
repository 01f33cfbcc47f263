"""What the requirement files of a tree ask for: requirements.txt with what it includes, pyproject.toml, setup.py.

The files are read here, and not only by uv, because an environment is known by their content.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhresources.errors import InstallError

_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=|(?<=-r))(.+)")
_CONSTRAIN = re.compile(r"(?:-c|--constraint)(?:\s+|=|(?<=-c))(.+)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=|(?<=-e))(.+)")
_LINKS = re.compile(r"(-f|--find-links)(?:\s+|=)(.+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_PATH = re.compile(
    r"(?P<path>\.{0,2}/[^\[;@]*|\.{1,2}|[^\s;@\[:]+\.(?:whl|tar\.gz|zip))(?P<extras>\[[^\]]*\])?\s*(?:;.*)?"
)
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_INCLUDES_LIMIT = 100


@dataclass
class Needs:
    """What files ask for.

    Attributes:
        lines: requirements and index options, one a line, paths absolute.
        constraints: the same, of constraint files.
        projects: (pyproject.toml or setup.py, extras) whose dependencies are wanted.
        folders: folders to be imported from.
        installed: local folders and archives that `lines` installs.
        content: what the environment is known by.
    """

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    projects: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    installed: list[Path] = field(default_factory=list)
    content: list[str] = field(default_factory=list)


def needs_of(target: Path, tree: Path) -> Needs:
    """What a folder, or one file of requirements, asks for.

    Raises:
        InstallError: a file is not there, or cannot be read; the sentence names it.
    """
    needs = Needs()
    if target.is_dir():
        _add_folder(target, (), tree, needs)
    elif not target.exists():
        raise InstallError(
            f"{_shown(target, tree)} is not in the code that was sent.",
            remedy="Files that git ignores are not sent; check the name too.",
        )
    elif target.name in _PROJECT_FILES:
        _add_project(target, (), tree, needs)
    else:
        _Reader(tree, needs).read(target, needs.lines)
    return needs


def content_of(path: Path) -> str:
    """A hash over a file, or over all files of a folder."""
    digest = hashlib.blake2b(digest_size=20)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        if "__pycache__" not in file.parts:
            digest.update(str(file.relative_to(path)).encode("utf-8", "surrogateescape") + b"\0")
            digest.update(hashlib.blake2b(file.read_bytes(), digest_size=20).digest())
    return digest.hexdigest()


def _add_folder(folder: Path, extras: tuple[str, ...], tree: Path, needs: Needs, *, project: bool = False) -> None:
    """A folder to import from, with what it requires: its requirements.txt, else (or for `project`) its project."""
    needs.folders.append(folder)
    present = [name for name in _PROJECT_FILES[:2] if (folder / name).is_file()]
    if present and (folder / "src").is_dir():
        needs.folders.append(folder / "src")
    if not project and (folder / "requirements.txt").is_file():
        _Reader(tree, needs).read(folder / "requirements.txt", needs.lines)
    elif present:
        _add_project(folder / present[0], extras, tree, needs)


def _add_project(file: Path, extras: tuple[str, ...], tree: Path, needs: Needs) -> None:
    folder = file.parent
    if file.suffix == ".toml":
        try:
            content = tomllib.loads(file.read_text("utf-8"))
        except (ValueError, OSError) as error:
            raise InstallError(f"{_shown(file, tree)} cannot be read: {error}.") from error
        project: dict[str, Any] = content.get("project", {})
        tools: dict[str, Any] = content.get("tool", {})
        if not project and "build-system" not in content and "poetry" not in tools:
            if (folder / "setup.py").is_file():
                _add_project(folder / "setup.py", extras, tree, needs)
            return  # it only configures tools
        dynamic = project.get("dynamic", [])
        if project and "dependencies" not in dynamic and "optional-dependencies" not in dynamic:
            if not (project.get("dependencies") or extras):
                return
            optional = project.get("optional-dependencies", {})
            wanted = [project.get("dependencies"), project.get("requires-python"), tools.get("uv")]
            wanted += [[extra, optional.get(extra)] for extra in sorted(extras)]
            needs.content.append(json.dumps(wanted, default=str))
            needs.projects.append((file, extras))
            return
    for name in _PROJECT_FILES:  # its build says what it needs, so all that the build reads first counts
        if (folder / name).is_file():
            needs.content.append(content_of(folder / name))
    needs.content.append(",".join(extras))
    needs.projects.append((file, extras))


class _Reader:
    """Reads requirements files with what they include."""

    def __init__(self, tree: Path, needs: Needs) -> None:
        self._tree, self._needs = tree, needs
        self._read: set[tuple[Path, int]] = set()

    def read(self, file: Path, lines: list[str]) -> None:
        """Append what `file` says to `lines` (those of the needs, or their constraints)."""
        if (file, id(lines)) in self._read:
            return
        self._read.add((file, id(lines)))
        if len(self._read) > _INCLUDES_LIMIT:
            raise InstallError(f"{_shown(file, self._tree)} includes too many files.")
        try:
            text = file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InstallError(f"{_shown(file, self._tree)} cannot be read: {error}.") from error
        for number, line in _logical_lines(text):
            self._line(line, file, number, lines)

    def _line(self, line: str, file: Path, number: int, lines: list[str]) -> None:
        if found := _INCLUDE.fullmatch(line):
            self.read(self._included(found.group(1), file, number), lines)
        elif found := _CONSTRAIN.fullmatch(line):
            self.read(self._included(found.group(1), file, number), self._needs.constraints)
        elif found := _LINKS.fullmatch(line):
            place = found.group(2).strip()
            inside = file.parent / place
            self._keep(f"{found.group(1)} {inside if '://' not in place and inside.exists() else place}", line, lines)
        elif (found := _EDITABLE.fullmatch(line)) and (local := _PATH.fullmatch(found.group(1).strip())):
            folder = self._local(local, file, number)
            self._needs.content.append(f"-e {folder.relative_to(self._tree)}")
            extras = tuple(extra.strip() for extra in (local["extras"] or "[]")[1:-1].split(",") if extra.strip())
            _add_folder(folder, extras, self._tree, self._needs, project=True)
        elif not line.startswith("-") and (local := _PATH.fullmatch(line)):
            path = self._local(local, file, number)
            self._needs.installed.append(path)
            self._needs.content.append(content_of(path))
            lines.append(f"{path}{line[local.end('path') :]}")
        else:
            self._keep(line, line, lines)

    def _keep(self, line: str, content: str, lines: list[str]) -> None:
        lines.append(line)
        self._needs.content.append(("-c " if lines is self._needs.constraints else "") + content)

    def _included(self, name: str, file: Path, number: int) -> Path:
        name = name.strip().strip("\"'")
        if "://" in name:
            raise InstallError(
                f"{_shown(file, self._tree)}, line {number}: {name} cannot be included from the network."
            )
        path = (file.parent / name).resolve()
        if not path.is_relative_to(self._tree.resolve()) or not path.is_file():
            raise InstallError(
                f"{_shown(file, self._tree)}, line {number}: {name} is not in the code that was sent.",
                remedy="Files that git ignores, or that lie outside the project, are not sent.",
            )
        return path

    def _local(self, found: re.Match[str], file: Path, number: int) -> Path:
        name = found["path"].strip()
        base = file.parent
        path = (base / name).resolve()
        if not path.exists():
            path = (self._tree / name).resolve()  # pip takes such paths from where it runs
        if not path.exists() or not path.is_relative_to(self._tree.resolve()):
            raise InstallError(
                f"{_shown(file, self._tree)}, line {number}: {name} is not in the code that was sent.",
                remedy="Files that git ignores, or that lie outside the project, are not sent.",
            )
        return path


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers: continued ones joined, comments and empty ones left out."""
    result: list[tuple[int, str]] = []
    begun, number = "", 0
    for at, line in enumerate([*text.splitlines(), ""], 1):
        if not begun:
            number = at
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun += line[:-1] + " "
            continue
        whole = _COMMENT.sub("", begun + line).strip()
        begun = ""
        if whole:
            result.append((number, whole))
    return result


def _shown(path: Path, tree: Path) -> str:
    try:
        return str(path.resolve().relative_to(tree.resolve()))
    except ValueError:
        return path.name
