"""From a function as this machine knows it to the specification that a cluster prepares.

On the way code is pushed, and folders among the packages too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rhresources.code.pointer import NOT_HERE, Pointer, pointer_at_checkout
from rhresources.code.tree import CodeTree
from rhresources.errors import UsageError
from rhresources.git.checkouts import Checkouts
from rhresources.packages import PackageSpec
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient

Progress = Callable[[str], None]

_METHODS = {
    "pip": pb.PackageSpec.PIP,
    "reqs": pb.PackageSpec.REQS,
    "local": pb.PackageSpec.LOCAL,
    "conda": pb.PackageSpec.CONDA,
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a function needs beside its code.

    Attributes:
        packages: in the order in which they are installed; paths in them start from the root of the code.
        setup_commands: shell commands after the packages.
        python: "3.11"; empty: the cluster's own.
        variables: of the process environment.
        cpus, gpus, memory: what one run takes; memory in bytes, 0 shares.
    """

    packages: tuple[PackageSpec, ...] = ()
    setup_commands: tuple[str, ...] = ()
    python: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    cpus: float = 0
    gpus: float = 0
    memory: int = 0


class Trees:
    """The trees of code that this process works with, each looked at and watched once.

    Args:
        watch: let the operating system tell what changes.
        checkouts: of the git repositories among them.
    """

    def __init__(self, watch: bool = True, checkouts: Checkouts | None = None) -> None:
        self.checkouts = checkouts or Checkouts()
        self._watch = watch
        self._trees: dict[tuple[Path, tuple[str, ...] | None], CodeTree] = {}

    def get(self, root: Path, only: Sequence[str] | None = None) -> CodeTree:
        """The tree at `root`, or the one that holds just the files `only` of it.

        Raises:
            RhError: `root` is the home directory or above it.
        """
        key = (root, None if only is None else tuple(only))
        tree = self._trees.get(key)
        if tree is None:
            tree = self._trees[key] = CodeTree(root, only)
            if self._watch:
                tree.watch()
        return tree

    def are_settled(self) -> bool:
        """Whether it is known, in microseconds, that nothing changed in any of them."""
        return all(tree.is_settled() for tree in self._trees.values())

    def forget_pushes(self) -> None:
        """Some server lost what it had: tell it everything next time."""
        for tree in self._trees.values():
            tree.pushed = None

    def close(self) -> None:
        """End all watching."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()


async def make_spec(
    client: ClusterClient, trees: Trees, pointer: Pointer, needs: Needs, progress: Progress | None = None
) -> pb.FunctionSpec:
    """Push what `pointer` and `needs` name, and say how a cluster runs it.

    Raises:
        RhError: code cannot be read or sent, or a package names a path that is not there.
    """
    code, environment = await asyncio.gather(
        push_code(client, trees, pointer, progress), make_environment(client, trees, pointer, needs, progress)
    )
    return pb.FunctionSpec(
        name=pointer.title,
        code=code,
        entry=await _entry(client, pointer),
        environment=environment,
        resources=pb.Resources(cpus=needs.cpus, gpus=needs.gpus, memory=needs.memory),
        variables=dict(needs.variables),
    )


async def make_environment(
    client: ClusterClient, trees: Trees, pointer: Pointer, needs: Needs, progress: Progress | None = None
) -> pb.EnvironmentSpec:
    """The environment that `needs` describe, with the folders among its packages pushed.

    Without a package that is the root of the code, the root is added: its requirements belong to the function.
    """
    packages = [await _package(client, trees, pointer, spec, progress) for spec in needs.packages]
    if pointer.only is None and not any(_is_root(pointer, spec) for spec in needs.packages):
        code = await push_code(client, trees, pointer, progress)
        packages.append(pb.PackageSpec(method=pb.PackageSpec.REQS, tree=code, spec="./"))
    python = needs.python
    if not python and pointer.pickled is not None:
        # a pickled function holds byte code of this version of Python
        ours = f"{sys.version_info.major}.{sys.version_info.minor}"
        python = "" if client.hello.python.startswith(ours + ".") else ours
    return pb.EnvironmentSpec(python=python, packages=packages, setup_commands=needs.setup_commands, conda=client.conda)


async def make_builtin_environment(
    client: ClusterClient, trees: Trees, packages: Sequence[PackageSpec], progress: Progress | None = None
) -> pb.EnvironmentSpec:
    """An environment for what needs no code; paths in `packages` start from the current directory."""
    nowhere = Pointer("", Path.cwd(), "", "", "", only=())
    specs = [await _package(client, trees, nowhere, spec, progress) for spec in packages]
    return pb.EnvironmentSpec(packages=specs, conda=client.conda)


def sent_as(client: ClusterClient, trees: Trees, pointer: Pointer) -> Pointer:
    """The pointer with what was last pushed of its folder, so that others can call that; as it is, if nothing was."""
    if pointer.git_url or pointer.pickled is not None or pointer.only is not None or not pointer.file:
        return pointer
    project = trees.get(pointer.root).project
    pushed = client.pushed.get(project)
    return replace(pointer, sent=(project, pushed[0])) if pushed is not None else pointer


def import_of(pointer: Pointer, name: str | None = None) -> pb.Import:
    """Where a module's function is found; with an empty `name`, the module."""
    return pb.Import(folder=pointer.folder, module=pointer.module, name=pointer.name if name is None else name)


async def push_code(client: ClusterClient, trees: Trees, pointer: Pointer, progress: Progress | None) -> pb.CodeTree:
    """The code of a function on a cluster, brought up to date; what is not here is taken as it was sent."""
    if pointer.sent is not None:
        project, root = pointer.sent
        return pb.CodeTree(project=project, root=root)
    return await client.push(trees.get(pointer.root, pointer.only), progress)


async def _entry(client: ClusterClient, pointer: Pointer) -> pb.Entry:
    if pointer.pickled is not None:
        return pb.Entry(pickled=await client.value(pointer.pickled), folder=pointer.folder)
    return pb.Entry(imported=import_of(pointer))


async def locate(trees: Trees, pointer: Pointer, progress: Progress | None = None) -> Pointer:
    """The pointer with its code on this computer: what is in a repository is checked out.

    Raises:
        RhError: the repository cannot be had.
        UsageError: it has no such file or function.
    """
    if not pointer.git_url or pointer.root != NOT_HERE:
        return pointer
    checkout = await trees.checkouts.get(pointer.git_url, pointer.revision, progress)
    return await asyncio.to_thread(pointer_at_checkout, pointer, checkout.folder)


def _is_root(pointer: Pointer, spec: PackageSpec) -> bool:
    if spec.method == "git":
        same = (spec.git_url, spec.revision) == (pointer.git_url, pointer.revision)
        return same and not spec.subdirectory and spec.checkout != "local"
    root = pointer.root
    return spec.is_path and _path_of(root, spec) in (root, root / "requirements.txt", root / "pyproject.toml")


def _path_of(root: Path, spec: PackageSpec) -> Path:
    return Path(root, Path(spec.target).expanduser()).resolve() if spec.target else root


async def _package(
    client: ClusterClient, trees: Trees, pointer: Pointer, spec: PackageSpec, progress: Progress | None
) -> pb.PackageSpec:
    if spec.method == "git":
        return await _git_package(client, trees, spec, progress)
    message = pb.PackageSpec(
        method=_METHODS[spec.method], target=spec.target, options=spec.options, spec=spec.text or str(spec)
    )
    if not spec.is_path:
        return message
    root = pointer.root.resolve()
    path = _path_of(root, spec)
    inside_sent = pointer.sent is not None and (path == root or root in path.parents)
    if not inside_sent and not path.exists():
        raise UsageError(
            f"The package {message.spec!r} names {path}, which does not exist.",
            remedy=f"Paths of packages start from {root}.",
        )
    if pointer.only is None and (path == root or root in path.parents):
        tree = await push_code(client, trees, pointer, progress)
        inside = "" if path == root else path.relative_to(root).as_posix()
    elif path.is_dir():
        tree, inside = await client.push(trees.get(path), progress), ""
    else:
        tree, inside = await client.push(trees.get(path.parent, [path.name]), progress), path.name
    message.tree.CopyFrom(tree)
    message.target = inside
    return message


async def _git_package(
    client: ClusterClient, trees: Trees, spec: PackageSpec, progress: Progress | None
) -> pb.PackageSpec:
    """A repository is sent like any folder: no host needs a way to it, nor a credential."""
    checkout = await trees.checkouts.get(spec.git_url, spec.revision, progress)
    inside = spec.subdirectory
    if inside and not (checkout.folder / inside).is_dir():
        raise UsageError(f"{checkout.title} has no folder {inside}.", remedy="Check the subdirectory and the revision.")
    prefix = "git" if spec.checkout == "reqs" else spec.checkout
    return pb.PackageSpec(
        method=_METHODS[spec.checkout],
        target=inside,
        options=spec.options,
        tree=await client.push(trees.get(checkout.folder), progress),
        revision=checkout.commit,
        spec=f"{prefix}:{checkout.title}" + (f" in {inside}" if inside else ""),
    )
