"""From what a user asked for to what is done: an `EnvironmentSpec` becomes a recipe with a hash over its content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rhresources.errors import InstallError, ServerProblem, UsageError
from rhresources.package_options import checked_options
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments.archives import check_archive
from rhserver.environments.conda.needs import CondaNeeds
from rhserver.environments.pythons import OWN, PythonWishes
from rhserver.environments.requirements import Needs, limits_of, needs_of, python_of_project
from rhserver.environments.sent_files import content_of, refuse_addresses
from rhserver.environments.settings import sources_of
from rhserver.environments.steps import Step

_FORMAT = 1  # of environments on disk; another one is another hash
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FILE_OPTIONS = ("--constraint=", "--override=", "--build-constraint=")
_METHODS = {
    pb.PackageSpec.PIP: "pip",
    pb.PackageSpec.REQS: "reqs",
    pb.PackageSpec.LOCAL: "local",
    pb.PackageSpec.CONDA: "conda",
}


@dataclass
class Recipe:
    """How an environment is made.

    Attributes:
        hash: of everything that decides what will be in it.
        base: the same, as if it had never been asked for anew.
        python: the interpreter or version for uv.
        python_shown: the version for people.
        packages: what was asked for, as the users wrote it.
        sys_path: folders of trees to import from; no part of the hash.
        folder: where set-up commands run; None: anywhere.
        conda: what conda installs; None: nothing, uv makes the environment.
        renewed: when it was asked for anew; 0: never.
    """

    hash: str
    base: str
    python: str
    python_shown: str
    packages: list[str]
    steps: list[Step]
    setup_commands: list[str]
    sys_path: tuple[str, ...]
    folder: Path | None
    conda: CondaNeeds | None = None
    renewed: int = 0

    def renewal(self, renewed: int) -> Recipe:
        """The same, asked for anew at the time `renewed`; 0: never."""
        return replace(self, hash=_renewed_hash(self.base, renewed), renewed=renewed)


def trees_of(spec: pb.EnvironmentSpec) -> list[tuple[str, str]]:
    """Projects and roots of the trees that its packages lie in, each once."""
    found = ((package.tree.project, package.tree.root) for package in spec.packages if package.tree.root)
    return list(dict.fromkeys(found))


def never_renewed(spec: pb.EnvironmentSpec) -> pb.EnvironmentSpec:
    """`spec` as it was before it was ever asked for anew; only the server says when that was."""
    if not spec.renewed:
        return spec
    first = pb.EnvironmentSpec()
    first.CopyFrom(spec)
    first.renewed = 0
    return first


def resolve(spec: pb.EnvironmentSpec, trees: Mapping[tuple[str, str], Path]) -> Recipe:
    """Read what the packages ask for. `trees`: where those of `trees_of` are.

    Raises:
        InstallError: a file of requirements is missing or broken.
        ServerProblem: a package cannot be installed by this version, or an option is refused.
    """
    content: list[object] = []
    steps: list[Step] = []
    folders: list[Path] = []
    wishes = PythonWishes(spec.python)
    conda = CondaNeeds(program=spec.conda)
    for package in spec.packages:
        asked = _options(package)
        needs, target = _package(package, trees)
        if package.method == pb.PackageSpec.CONDA or needs.conda is not None:
            _add_conda(package, needs, asked if package.method == pb.PackageSpec.CONDA else (), conda)
        folders += needs.folders
        wishes.add(needs.python)
        step = Step()
        asked_content: list[str] = []
        if package.method != pb.PackageSpec.CONDA:
            step, asked_content = _step_of(asked, needs, package, trees)
        if target or needs.lines or needs.projects or needs.locks:
            content.append([asked_content, "" if package.tree.root else target, needs.content])
            for part in _parts(step, needs, target, package.spec):
                _append(steps, part)
    if not conda.names_python:
        wishes.choose()
    python, shown = wishes.python
    if conda.specs:
        conda.ask_python(wishes.asked, OWN)
        shown = conda.python_shown
        content.append({"conda": conda.content()})
    wishes.check(shown)
    commands = [command for command in spec.setup_commands if command.strip()]
    if any("pip" in command for command in commands):
        _append(steps, Step(targets=["pip"]))  # uv's environments have none, and a pip from elsewhere would be taken
    content = [_FORMAT, shown, *content, commands]
    base = _digest(content)
    return Recipe(
        hash=_renewed_hash(base, spec.renewed),
        base=base,
        python=python,
        python_shown=shown,
        packages=[package.spec or package.target for package in spec.packages],
        steps=steps,
        setup_commands=commands,
        sys_path=tuple(dict.fromkeys(map(str, folders))),
        folder=next(iter(trees.values()), None),
        conda=conda if conda.specs else None,
        renewed=spec.renewed,
    )


def _digest(content: list[object]) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=10).hexdigest()


def _renewed_hash(base: str, renewed: int) -> str:
    return _digest([base, renewed]) if renewed else base


def _package(package: pb.PackageSpec, trees: Mapping[tuple[str, str], Path]) -> tuple[Needs, str]:
    """What a package needs, and its target for the installer if it is one."""
    written = package.spec or package.target
    # a reader of requirement lines overlooks blanks in front
    if package.target.lstrip().startswith("-") or _CONTROL.search(package.target):
        raise ServerProblem(f"{package.target!r} cannot be a package: it reads like an option.", code="bad-package")
    tree = trees.get((package.tree.project, package.tree.root))
    if tree is None:
        if package.method not in (pb.PackageSpec.PIP, pb.PackageSpec.CONDA) or not package.target:
            raise ServerProblem(f"The package {written!r} names nothing to install.", code="bad-package")
        refuse_addresses(package.target, written)
        return Needs(), "" if package.method == pb.PackageSpec.CONDA else package.target
    path = (tree / package.target).resolve()
    if not path.is_relative_to(tree.resolve()):
        raise ServerProblem(f"{written} lies outside of the code that was sent.", code="bad-package")
    if package.method in (pb.PackageSpec.REQS, pb.PackageSpec.CONDA):
        return needs_of(tree / package.target, tree, conda=package.method == pb.PackageSpec.CONDA), ""
    if not path.exists():
        raise InstallError(f"{written} is not in the code that was sent.")
    if package.method == pb.PackageSpec.LOCAL:
        folder = tree / package.target if path.is_dir() else (tree / package.target).parent
        source = folder / "src"
        has_source = source.is_dir() and any((folder / name).is_file() for name in ("pyproject.toml", "setup.py"))
        return Needs(folders=[folder, source] if has_source else [folder]), ""
    check_archive(path, written)
    content = [content_of(path), *(sources_of(path, tree) if path.is_dir() else ())]
    needs = Needs(content=content, python=python_of_project(path, tree))
    if path.is_dir():
        needs.take_settings(path, tree)
    return needs, str(path)


def _add_conda(package: pb.PackageSpec, needs: Needs, options: tuple[str, ...], conda: CondaNeeds) -> None:
    if needs.conda is None:
        conda.add_spec(package.target)
        conda.add_options(options)
    else:
        for spec in needs.conda.conda or ["python"]:
            conda.add_spec(spec)
        conda.add_options(options, needs.conda.channels)
        conda.variables |= needs.conda.variables


def _options(package: pb.PackageSpec) -> tuple[str, ...]:
    """The options of a package, allowed ones only."""
    method = _METHODS.get(package.method)
    if method is None:
        raise ServerProblem(
            "A package of this kind is not known to the cluster's version of rhdesk.",
            code="unsupported-method",
            remedy="Bring the cluster up again, which updates it.",
        )
    try:
        return checked_options(method, package.options)
    except UsageError as error:
        raise ServerProblem(error.sentence, code="bad-package", remedy=error.remedy) from None


def _step_of(
    asked: tuple[str, ...], needs: Needs, package: pb.PackageSpec, trees: Mapping[tuple[str, str], Path]
) -> tuple[Step, list[str]]:
    """A step with the options and the files they name, and what of them the environment is known by."""
    options: list[str] = []
    limits: list[tuple[str, tuple[str, ...]]] = []
    content: list[str] = []
    tree = trees.get((package.tree.project, package.tree.root))
    for option in [*asked, *needs.options]:
        name, _, value = option.partition("=")
        content.append(option)
        if not option.startswith(_FILE_OPTIONS):
            options.append(option)
            continue
        target = tree / package.target if tree is not None else None
        if tree is None or target is None:
            raise ServerProblem(f"The option {name} needs a folder that it starts from.", code="bad-package")
        file = ((target if target.is_dir() else target.parent) / value).resolve()
        if not file.is_relative_to(tree.resolve()) or not file.is_file():
            raise InstallError(f"{value}, which {name} names, is not in the code that was sent.")
        lines, known = limits_of(file, tree)
        content += known
        limits.append((name, tuple(lines)))
    return Step(tuple(dict.fromkeys(options)), limits=tuple(dict.fromkeys(limits))), content


def _parts(step: Step, needs: Needs, target: str, written: str) -> Iterator[Step]:
    """What one package needs, each project with its own settings; option lines and constraints hold for all."""
    everywhere = [line for line in needs.lines if line.startswith("-")]

    def part(lines: list[str], settings: str = "") -> Step:
        return Step(step.options, [], [*lines], [*needs.constraints], step.limits, settings=settings)

    if target or len(everywhere) < len(needs.lines):
        own = part(needs.lines, needs.settings)
        own.targets += [target] if target else []
        own.written |= {target: written} if target and written else {}
        yield own
    for project in needs.projects:
        with_project = part(everywhere, project.settings)
        with_project.projects.append(project)
        yield with_project
    for project in needs.locks:
        with_lock = part(everywhere, project.settings)
        with_lock.locks.append(project)
        yield with_lock


def _append(steps: list[Step], step: Step) -> None:
    """Packages that follow each other with the same options are resolved together."""
    if not steps or not steps[-1].add(step):
        steps.append(step)
