"""Where a function runs on one host: its interpreter, its search path and its folder there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rhresources.wire import cluster_pb2 as pb
from rhserver.code.lending import lent
from rhserver.code.search_path import search_path
from rhserver.code.snapshots import Snapshots
from rhserver.environments.builds import OnText
from rhserver.environments.environments import Environments, ReadyEnvironment
from rhserver.environments.listing import Versions
from rhserver.environments.recipe import trees_of


@dataclass(frozen=True, slots=True)
class Placed:
    """What a worker of a function needs on the host that this was made on.

    Attributes:
        environment: hash of the environment.
        python: path of its interpreter.
        path: what goes onto `sys.path`.
        folder: where the worker starts.
        trees: (project, root) of the code that it runs, then of the local packages it imports.
    """

    environment: str
    python: str
    path: tuple[str, ...]
    folder: str
    trees: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a host has to be given for workers of a function.

    Attributes:
        function: its code and environment; pickled code is not there.
        versions: what the environment holds on the head, as other hosts shall have it; None: not known.
    """

    function: pb.FunctionSpec
    versions: Versions | None = None


async def place(
    needs: Needs, environments: Environments, snapshots: Snapshots, on_output: OnText, on_phase: OnText
) -> Placed:
    """On a host that is not the head: make the environment of a function if it is not there yet, with the versions of
    the head, and check that the code is there.

    Raises:
        RhError: the code was not pushed (code "unknown-code"), or the environment cannot be made (its own words).
    """
    spec = needs.function
    environment = await environments.ensure(spec.environment, on_output, on_phase, like=needs.versions)
    return await locate(spec, environment, snapshots)


async def locate(spec: pb.FunctionSpec, environment: ReadyEnvironment, snapshots: Snapshots) -> Placed:
    """Where the code of a function is, beside its environment.

    Raises:
        RhError: the code was not pushed (code "unknown-code").
    """
    tree = spec.code
    folder = Path.home()
    path = list(environment.sys_path)
    if tree.root:
        async with lent(snapshots, [(tree.project, tree.root)]) as found:
            (folder,) = found.values()
        path = search_path(folder, spec.entry.imported.folder, path)
    own = [(tree.project, tree.root)] if tree.root else []
    return Placed(
        environment=environment.hash,
        python=str(environment.python),
        path=tuple(path),
        folder=str(folder),
        trees=tuple(dict.fromkeys([*own, *trees_of(spec.environment)])),
    )
