"""From what a user asked for to what is done: an `EnvironmentSpec` becomes a recipe with a hash over its content."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rhresources.errors import InstallError, ServerProblem
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments.requirements import Needs, content_of, needs_of

_FORMAT = 1  # of environments on disk; another one is another hash
_PYTHON = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+@_-]{0,60}")
_OWN = ".".join(map(str, sys.version_info[:3]))
_FOREIGN = frozenset({
    "--target", "-t", "--prefix", "--root", "--python", "-p", "--system", "--user", "--break-system-packages",
    "--directory", "--project", "--editable", "-e", "--requirement", "-r", "--dry-run",
})  # fmt: skip


@dataclass
class Step:
    """One call of the installer."""

    options: tuple[str, ...] = ()
    targets: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    projects: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)


@dataclass
class Recipe:
    """How an environment is made.

    Attributes:
        hash: of everything that decides what will be in it.
        python: the interpreter or version for uv.
        python_shown: the version for people.
        packages: what was asked for, as the users wrote it.
        sys_path: folders of trees to import from; no part of the hash.
        folder: where set-up commands run; None: anywhere.
    """

    hash: str
    python: str
    python_shown: str
    packages: list[str]
    steps: list[Step]
    setup_commands: list[str]
    sys_path: tuple[str, ...]
    folder: Path | None


def trees_of(spec: pb.EnvironmentSpec) -> list[tuple[str, str]]:
    """Projects and roots of the trees that its packages lie in, each once."""
    found = ((package.tree.project, package.tree.root) for package in spec.packages if package.tree.root)
    return list(dict.fromkeys(found))


def resolve(spec: pb.EnvironmentSpec, trees: Mapping[tuple[str, str], Path]) -> Recipe:
    """Read what the packages ask for. `trees`: where those of `trees_of` are.

    Raises:
        InstallError: a file of requirements is missing or broken.
        ServerProblem: a package cannot be installed by this version, or an option is refused.
    """
    python, shown = _python(spec.python)
    content: list[object] = [_FORMAT, shown]
    steps: list[Step] = []
    folders: list[Path] = []
    for package in spec.packages:
        needs, target = _package(package, trees)
        folders += needs.folders
        options = _options(package)
        step = Step(options, [target] if target else [], needs.lines, needs.constraints, needs.projects)
        if target or needs.lines or needs.projects:
            content.append([options, "" if package.tree.root else target, needs.content])
            _append(steps, step)
    commands = [command for command in spec.setup_commands if command.strip()]
    if any("pip" in command for command in commands):
        _append(steps, Step(targets=["pip"]))  # uv's environments have none, and a pip from elsewhere would be taken
    content.append(commands)
    digest = hashlib.blake2b(json.dumps(content).encode(), digest_size=10).hexdigest()
    return Recipe(
        hash=digest,
        python=python,
        python_shown=shown,
        packages=[package.spec or package.target for package in spec.packages],
        steps=steps,
        setup_commands=commands,
        sys_path=tuple(dict.fromkeys(map(str, folders))),
        folder=next(iter(trees.values()), None),
    )


def _python(asked: str) -> tuple[str, str]:
    asked = asked.strip().removeprefix("python")
    if not asked or asked == _OWN or _OWN.startswith(f"{asked}."):
        return sys.executable, _OWN
    if not _PYTHON.fullmatch(asked):
        raise InstallError(f"{asked!r} is not a version of Python.", remedy='Write "3.12", for example.')
    return asked, asked


def _package(package: pb.PackageSpec, trees: Mapping[tuple[str, str], Path]) -> tuple[Needs, str]:
    """What a package needs, and its target for the installer if it is one."""
    written = package.spec or package.target
    if package.method == pb.PackageSpec.CONDA:
        raise ServerProblem(
            f"{written} cannot be installed: this version installs pip, reqs and local packages.",
            code="unsupported-method",
            remedy="Name a package of the index, or a folder.",
        )
    if package.target.startswith("-") or "\0" in package.target:
        raise ServerProblem(f"{package.target!r} cannot be a package: it reads like an option.", code="bad-package")
    tree = trees.get((package.tree.project, package.tree.root))
    if tree is None:
        if package.method != pb.PackageSpec.PIP or not package.target:
            raise ServerProblem(f"The package {written!r} names nothing to install.", code="bad-package")
        return Needs(), package.target
    path = (tree / package.target).resolve()
    if not path.is_relative_to(tree.resolve()):
        raise ServerProblem(f"{written} lies outside of the code that was sent.", code="bad-package")
    if package.method == pb.PackageSpec.REQS:
        return needs_of(tree / package.target, tree), ""
    if not path.exists():
        raise InstallError(f"{written} is not in the code that was sent.")
    if package.method == pb.PackageSpec.LOCAL:
        folder = tree / package.target if path.is_dir() else (tree / package.target).parent
        source = folder / "src"
        has_source = source.is_dir() and any((folder / name).is_file() for name in ("pyproject.toml", "setup.py"))
        return Needs(folders=[folder, source] if has_source else [folder]), ""
    return Needs(content=[content_of(path)]), str(path)


def _options(package: pb.PackageSpec) -> tuple[str, ...]:
    options = tuple(package.options)
    if options and not options[0].startswith("-"):
        raise ServerProblem(f"{options[0]!r} is not an option of the installer.", code="bad-package")
    for option in options:
        name = option.partition("=")[0]
        if name in _FOREIGN or option == "--" or "\0" in option:
            raise ServerProblem(
                f"The option {option} of {package.spec or package.target} cannot be used: "
                "it would install somewhere or something else.",
                code="bad-package",
            )
    return options


def _append(steps: list[Step], step: Step) -> None:
    """Packages that follow each other with the same options are resolved together."""
    if steps and steps[-1].options == step.options:
        last = steps[-1]
        last.targets += step.targets
        last.lines += step.lines
        last.constraints += step.constraints
        last.projects += step.projects
    else:
        steps.append(step)
