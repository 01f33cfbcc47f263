"""What the requirement files of a tree ask for: requirements.txt with what it includes, pyproject.toml, setup.py.

The files are read here, and not only by uv, because an environment is known by their content.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhresources.errors import InstallError, UsageError
from rhresources.package_options import COMMAND_OPTIONS, checked_file_option
from rhserver.environments.archives import check_archive
from rhserver.environments.conda.needs import ENVIRONMENT_FILES, EnvironmentFile, read_environment_file
from rhserver.environments.locked import LOCK, local_folders
from rhserver.environments.pythons import PythonWish, pin_of
from rhserver.environments.sent_files import content_of, content_of_links, inside, refuse_addresses, refuse_broken
from rhserver.environments.settings import settings_of, sources_of
from rhserver.environments.steps import Project

_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=|(?<=-r))(.+)")
_CONSTRAIN = re.compile(r"(?:-c|--constraint)(?:\s+|=|(?<=-c))(.+)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=|(?<=-e))(.+)")
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
        projects: those whose dependencies are wanted, by pyproject.toml or setup.py.
        folders: folders to be imported from.
        locks: projects whose uv.lock says what is wanted, by folder.
        conda: what an environment file asks of conda.
        python: what files say of it.
        options: of option lines, which uv takes on its command line only.
        installed: local folders and archives that `lines` installs.
        settings: a uv.toml for `lines`, of what the files lie beside.
        content: what the environment is known by.
    """

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    locks: list[Project] = field(default_factory=list)
    conda: EnvironmentFile | None = None
    python: list[PythonWish] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    installed: list[Path] = field(default_factory=list)
    settings: str = ""
    content: list[str] = field(default_factory=list)

    def take_settings(self, folder: Path, tree: Path) -> None:
        """Heed what uv would find in `folder`.

        Raises:
            InstallError, ServerProblem: see `settings_of`.
        """
        settings = settings_of(folder, tree, extras=False)
        self.settings = settings.text
        self.content += settings.content


def needs_of(target: Path, tree: Path, *, conda: bool = False) -> Needs:
    """What a folder, or one file of requirements, asks for.

    Args:
        target: it.
        tree: what it lies in; nothing outside is read.
        conda: it is an environment file of conda, or a folder with one.

    Raises:
        InstallError: a file is not there, or cannot be read; the sentence names it.
    """
    needs = Needs()
    if conda and target.is_dir():
        target = _environment_file(target) or target / ENVIRONMENT_FILES[0]
    if target.is_dir():
        _add_folder(target, (), tree, needs)
    elif not target.exists():
        raise InstallError(
            f"{_shown(target, tree)} is not in the code that was sent.",
            remedy="Files that git ignores are not sent; check the name too.",
        )
    elif conda or target.suffix in {".yml", ".yaml"}:
        _add_environment_file(target, tree, needs)
    elif target.name == LOCK:
        _add_lock(target.parent, (), tree, needs)
    elif target.name in _PROJECT_FILES:
        _add_project(target, (), tree, needs)
    else:
        _Reader(tree, needs).read(target, needs.lines)
    needs.python += _pin(target, tree)
    if needs.lines and needs.conda is None:
        needs.take_settings(target if target.is_dir() else target.parent, tree)
    return needs


def python_of_project(path: Path, tree: Path) -> list[PythonWish]:
    """What the project in the folder `path` says of its Python."""
    wishes = _pin(path, tree)
    file = path / "pyproject.toml"
    if file.is_file():
        project = _read_project(file, tree).get("project", {})
        if isinstance(project, dict) and isinstance(wants := project.get("requires-python"), str):
            wishes.append(PythonWish(wants, _shown(file, tree)))
    return wishes


def _pin(target: Path, tree: Path) -> list[PythonWish]:
    pin = pin_of(target if target.is_dir() else target.parent, tree)
    return [PythonWish(pin[0], _shown(pin[1], tree), is_pin=True)] if pin is not None else []


def _read_project(file: Path, tree: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise InstallError(f"{_shown(file, tree)} cannot be read: {error}.") from error


def limits_of(file: Path, tree: Path) -> tuple[list[str], list[str]]:
    """What a file of constraints or overrides says, followed like one of requirements.

    Returns:
        Its lines, paths absolute; what the environment is known by.

    Raises:
        InstallError: it cannot be read, or asks for something that only requirements can.
    """
    needs = Needs()
    _Reader(tree, needs).read(file, needs.lines)
    if needs.folders or needs.constraints or needs.options:
        raise InstallError(
            f"{_shown(file, tree)} has a line that is neither a requirement nor an index.",
            remedy="Write it into the file of requirements.",
        )
    return needs.lines, needs.content


def _add_folder(folder: Path, extras: tuple[str, ...], tree: Path, needs: Needs, *, project: bool = False) -> None:
    """A folder to import from, with what it requires: its requirements.txt, else (or for `project`) its project."""
    needs.folders.append(folder)
    present = [name for name in _PROJECT_FILES if (folder / name).is_file()]
    if present and (folder / "src").is_dir():
        needs.folders.append(folder / "src")
    if not project and (folder / "requirements.txt").is_file():
        _Reader(tree, needs).read(folder / "requirements.txt", needs.lines)
    elif present:
        _add_project(folder / present[0], extras, tree, needs)
    elif not project and (file := _environment_file(folder)) is not None:
        _add_environment_file(file, tree, needs)


def _environment_file(folder: Path) -> Path | None:
    return next((folder / name for name in ENVIRONMENT_FILES if (folder / name).is_file()), None)


def _add_environment_file(file: Path, tree: Path, needs: Needs) -> None:
    shown = _shown(file, tree)
    asked = needs.conda = read_environment_file(file, shown)
    reader = _Reader(tree, needs)
    for line in asked.pip:
        reader.read_line(line, file)


def _add_lock(folder: Path, extras: tuple[str, ...], tree: Path, needs: Needs) -> None:
    """What uv.lock says, exactly; other projects of its workspace are imported from where they are."""
    needs.locks.append(_project(folder, folder, extras, tree, needs))
    needs.content += [content_of(folder / name) for name in (LOCK, "pyproject.toml") if (folder / name).is_file()]
    needs.content.append(",".join(extras))
    for other, is_member in local_folders(folder):
        if not other.is_relative_to(tree.resolve()):
            raise InstallError(
                f"{_shown(folder / LOCK, tree)} takes a package from {other}, which is not in the code that was sent.",
                remedy="Make the folder that holds both the root of the code, or lock it from an index.",
            )
        if is_member:
            needs.folders += [source for source in (other, other / "src") if source.is_dir()]
        elif other.exists():
            needs.content.append(content_of(other))


def _add_project(file: Path, extras: tuple[str, ...], tree: Path, needs: Needs) -> None:
    folder = file.parent
    if file.name == "setup.cfg" and not any((folder / name).is_file() for name in _PROJECT_FILES[:2]):
        _add_setup_cfg(file, extras, tree, needs)
        return
    if file.suffix == ".toml":
        content = _read_project(file, tree)
        project: dict[str, Any] = content.get("project", {})
        tools: dict[str, Any] = content.get("tool", {})
        if not project and "build-system" not in content and "poetry" not in tools:
            if (folder / "setup.py").is_file():
                _add_project(folder / "setup.py", extras, tree, needs)
            elif (folder / "setup.cfg").is_file():
                _add_setup_cfg(folder / "setup.cfg", extras, tree, needs)
            return  # it only configures tools
        if isinstance(wants := project.get("requires-python"), str):
            needs.python.append(PythonWish(wants, _shown(file, tree)))
        if (folder / LOCK).is_file():
            _add_lock(folder, extras, tree, needs)
            return
        dynamic = project.get("dynamic", [])
        if project and "dependencies" not in dynamic and "optional-dependencies" not in dynamic:
            if not (project.get("dependencies") or extras):
                return
            optional = project.get("optional-dependencies", {})
            own = tools.get("uv")
            sources = own.get("sources") if isinstance(own, dict) else None
            wanted = [project.get("dependencies"), project.get("requires-python"), sources]
            wanted += [[extra, optional.get(extra)] for extra in sorted(extras)]
            needs.content.append(json.dumps(wanted, default=str))
            needs.content += sources_of(folder, tree)
            needs.projects.append(_project(file, folder, extras, tree, needs))
            return
    for name in _PROJECT_FILES:  # its build says what it needs, so all that the build reads first counts
        if (folder / name).is_file():
            needs.content.append(content_of(folder / name))
    needs.content.append(",".join(extras))
    needs.content += sources_of(folder, tree)
    needs.projects.append(_project(file, folder, extras, tree, needs))


def _project(path: Path, folder: Path, extras: tuple[str, ...], tree: Path, needs: Needs) -> Project:
    settings = settings_of(folder, tree)
    needs.content += settings.content
    return Project(path, extras, settings.text)


def _add_setup_cfg(file: Path, extras: tuple[str, ...], tree: Path, needs: Needs) -> None:
    """Alone it is no project that can be built, but it says what is required."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(file.read_text("utf-8-sig"))
    except (OSError, ValueError, configparser.Error) as error:
        raise InstallError(f"{_shown(file, tree)} cannot be read: {str(error).splitlines()[0]}.") from error
    asked = [parser.get("options", "install_requires", fallback="")]
    asked += [parser.get("options.extras_require", extra, fallback="") for extra in extras]
    if wants := parser.get("options", "python_requires", fallback=""):
        needs.python.append(PythonWish(wants, _shown(file, tree)))
    reader = _Reader(tree, needs)
    for text in asked:
        if text.strip().startswith("file:"):
            for name in text.strip().removeprefix("file:").split(","):
                reader.read_line(f"-r {name.strip()}", file)
        else:
            for line in text.replace(";\n", "\n").splitlines():
                reader.read_line(line, file)


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

    def read_line(self, text: str, file: Path) -> None:
        """Follow one line that stands elsewhere; paths in it start from where `file` is."""
        for _, line in _logical_lines(text):
            self._line(line, file, 0, self._needs.lines)

    def _line(self, line: str, file: Path, number: int, lines: list[str]) -> None:
        if found := _INCLUDE.fullmatch(line):
            self.read(self._included(found.group(1), file, number), lines)
        elif found := _CONSTRAIN.fullmatch(line):
            self.read(self._included(found.group(1), file, number), self._needs.constraints)
        elif (found := _EDITABLE.fullmatch(line)) and (local := _PATH.fullmatch(found.group(1).strip())):
            folder = self._local(local["path"], file, number)
            self._needs.content.append(f"-e {folder.relative_to(self._tree)}")
            extras = tuple(extra.strip() for extra in (local["extras"] or "[]")[1:-1].split(",") if extra.strip())
            _add_folder(folder, extras, self._tree, self._needs, project=True)
        elif found := _EDITABLE.fullmatch(line):  # of a repository: there is nothing here to edit
            refuse_addresses(found.group(1), self._where(file, number))
            self._keep(found.group(1), line, lines)
        elif line.startswith("-"):
            self._option(line, file, number, lines)
        elif local := _PATH.fullmatch(line):
            path = self._local(local["path"], file, number)
            check_archive(path, f"{self._where(file, number)}: {local['path'].strip()}")
            self._needs.installed.append(path)
            self._needs.content.append(content_of(path))
            lines.append(f"{path}{line[local.end('path') :]}")
        else:
            refuse_addresses(line, self._where(file, number))
            refuse_broken(line, self._where(file, number))
            self._keep(line, line, lines)

    def _option(self, line: str, file: Path, number: int, lines: list[str]) -> None:
        try:
            option = checked_file_option(line)
        except UsageError as error:
            raise InstallError(f"{self._where(file, number)}: {error.sentence}", remedy=error.remedy) from None
        for word in shlex.split(option):
            name, _, value = word.partition("=")
            if name == "--find-links" and "://" not in value and not value.startswith(("/", "~")):
                folder = self._local(value, file, number)
                self._needs.content.append(content_of_links(folder, f"{self._where(file, number)}: {value}"))
                self._keep(f"{name} {folder}", word, lines)
            elif name in COMMAND_OPTIONS:
                self._needs.options.append(word)
            else:
                self._keep(" ".join((name, value)).strip(), word, lines)

    def _where(self, file: Path, number: int) -> str:
        return f"{_shown(file, self._tree)}, line {number}" if number else _shown(file, self._tree)

    def _keep(self, line: str, content: str, lines: list[str]) -> None:
        lines.append(line)
        self._needs.content.append(("-c " if lines is self._needs.constraints else "") + content)

    def _included(self, name: str, file: Path, number: int) -> Path:
        name = name.strip().strip("\"'")
        if "://" in name:
            raise InstallError(f"{self._where(file, number)}: {name} cannot be included from the network.")
        path = (file.parent / name).resolve()
        if not path.is_relative_to(self._tree.resolve()) or not path.is_file():
            raise InstallError(
                f"{self._where(file, number)}: {name} is not in the code that was sent.",
                remedy="Files that git ignores, or that lie outside the project, are not sent.",
            )
        return path

    def _local(self, name: str, file: Path, number: int) -> Path:
        # pip takes such paths from where it runs
        return inside(name.strip(), self._tree, self._where(file, number), file.parent, self._tree)


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
