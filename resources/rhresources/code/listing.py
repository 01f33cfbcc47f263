"""Which files belong to a tree of code: what git lists, or outside git the folder without what is never source."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from rhresources import paths
from rhresources.errors import RhError

SKIPPED_DIRECTORIES = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".venv", "node_modules", ".tox", ".nox", ".mypy_cache", ".pytest_cache"}
    | {".ruff_cache", ".ipynb_checkpoints", ".eggs"}
)
SKIPPED_SUFFIXES = (".pyc", ".pyo")
GENERATED = ("_version.py", "version.py", "_pb2.py", "_pb2_grpc.py")
"""How files end that a build writes between the sources and that these import, though git ignores them."""
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))
_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")

_HARMLESS = ("-c", "core.fsmonitor=false")
"""A folder that came from elsewhere may name a program in its own configuration; looking at it runs nothing."""


def git(root: Path | str, *arguments: str, given: bytes | None = None) -> bytes | None:
    """The output of git in `root`; None where git is absent, refuses, or the folder is no work tree."""
    # locks would race with the user's own git; a variable of a hook would point at another repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    # a home directory may be a repository itself; checkouts that are kept in it are none of it
    environment["GIT_CEILING_DIRECTORIES"] = os.fspath(paths.home())
    try:
        done = subprocess.run(
            ["git", "-C", os.fspath(root), *_HARMLESS, *arguments],
            input=given,
            capture_output=True,
            env=environment,
            check=False,
        )
    except OSError:
        return None
    # check-ignore answers 1 when nothing is ignored
    return done.stdout if done.returncode == 0 or (arguments[0] == "check-ignore" and done.returncode == 1) else None


def find_root(path: Path | str) -> Path:
    """The root of the tree that holds `path`: its git work tree, else the nearest folder with a project file in it,
    else its own folder. The home directory, the one for temporary files and `/` are nobody's project."""
    path = Path(path).absolute()
    folder = path if path.is_dir() else path.parent
    top = git(folder, "rev-parse", "--show-toplevel")
    if top is not None and top.strip():
        root = Path(os.fsdecode(top.rstrip(b"\n")))
        if not is_too_wide(root):
            return root
    for parent in (folder, *folder.parents):
        if is_too_wide(parent):
            break
        if any((parent / mark).exists() for mark in _ROOT_MARKS):
            return parent
    return folder


def is_too_wide(root: Path) -> bool:
    """Whether `root` is the home directory, above it, one for everybody's temporary files, or the root of all."""
    home, resolved = Path.home().resolve(), root.resolve()
    return resolved in (home, *home.parents, *map(Path.resolve, _TEMPORARY)) or resolved.parent == resolved


def list_files(root: Path) -> tuple[list[str], bool]:
    """The files of a tree, relative to `root` with `/` between the parts, and whether git listed them.

    In git: tracked files, untracked ones that are not ignored, and `GENERATED` ones beside them. Among them may be
    files that git tracks and that were deleted, and folders, which are submodules or nested repositories:
    `list_nested` says what is in them.

    Raises:
        RhError: `root` is no folder.
    """
    if not root.is_dir():
        raise RhError(f"There is no folder {root}.", remedy="Name a folder that holds code.")
    names = _in_git(root)
    # a folder that git ignores as a whole is still the project that the user named
    if names is not None and (names or not git(root, "check-ignore", "-z", "--stdin", given=b".\0")):
        return names, True
    return list(_walk(root)), False


def list_nested(root: Path, folder: str) -> list[str]:
    """The files of the submodule or nested repository `folder`, relative to `root`; none if it is not checked out."""
    folder = folder.rstrip("/")
    if not (root / folder / ".git").exists():
        return []
    return [f"{folder}/{name}" for name in _in_git(root / folder) or ()]


def _in_git(root: Path) -> list[str] | None:
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    if listed is None:
        return None
    names = _split(listed)
    if not names:
        return names
    # folders that are ignored as a whole (build, .venv) come out as one name, and are not looked into
    given = ("--others", "--ignored", "--exclude-standard", "--directory", "--", *(f"*{end}" for end in GENERATED))
    return names + [name for name in _split(git(root, "ls-files", "-z", *given) or b"") if is_generated(name)]


def is_generated(name: str) -> bool:
    """Whether the file belongs to the tree though git ignores it."""
    return name.endswith(GENERATED)


def _split(listed: bytes) -> list[str]:
    return [name for name in listed.decode("utf-8", "surrogateescape").split("\0") if name]


def _walk(root: Path) -> Iterator[str]:
    base = os.fspath(root)
    for folder, folders, files in os.walk(base):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED_DIRECTORIES and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        )
        inside = os.path.relpath(folder, base)
        prefix = "" if inside == "." else inside.replace(os.sep, "/") + "/"
        linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*files, *linked):
            if not name.endswith(SKIPPED_SUFFIXES):
                yield prefix + name


def ignored(root: Path, names: Iterable[str]) -> set[str] | None:
    """Which of `names` git ignores; None where git cannot say (a nested repository, for one)."""
    given = "\0".join(names).encode("utf-8", "surrogateescape")
    said = git(root, "check-ignore", "-z", "--stdin", given=given)
    if said is None:
        return None
    return set(_split(said))
