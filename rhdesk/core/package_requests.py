"""What the window asks of a cluster about a package: check it, install it, find where it is. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhdesk.core.environment_rows import EnvironmentRow, one_of_each
from rhdesk.core.package_lines import stands_for

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.documents import PackageDocument
    from rhresources.environments import EnvironmentRequest
    from rhresources.packages import PackageSpec
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace


@dataclass(frozen=True)
class PlannedRow:
    """One distribution of a plan; `before` and `after` are versions, empty where it is not there."""

    name: str
    kind: str
    before: str
    after: str
    compared: bool  # whether there was an environment to compare with

    @property
    def change(self) -> str:
        """ "added", "removed", "newer", "older", "other" or "" where nothing changes."""
        if not self.compared or self.before == self.after:
            return ""
        if not self.before:
            return "added"
        if not self.after:
            return "removed"
        old, new = _order(self.before), _order(self.after)
        return "other" if old is None or new is None or old == new else "newer" if new > old else "older"


@dataclass(frozen=True)
class Plan:
    """What a check found.

    Attributes:
        hash: of the environment that it would be.
        ready: it is there already.
        compared_with: hash of the environment that the versions "before" are of; empty: none.
    """

    hash: str
    ready: bool
    compared_with: str
    rows: tuple[PlannedRow, ...]

    @classmethod
    def of(cls, plan: pb.EnvironmentPlan) -> Plan:
        """The plan as a cluster tells it."""
        compared = bool(plan.compared_with)
        rows = (PlannedRow(each.name, each.kind, each.before, each.after, compared) for each in plan.packages)
        return cls(plan.hash, plan.ready, plan.compared_with, tuple(rows))

    @property
    def changes(self) -> int:
        """How many distributions are added, removed or get another version."""
        return sum(1 for row in self.rows if row.change)


def environments_of(address: str, document: Any, environments: Iterable[EnvironmentRow]) -> list[EnvironmentRow]:
    """Those that were made of a package alone, by its name or by what its document says; the last used one first."""
    found = [each for each in holding(address, document, environments) if len(each.packages) == 1]
    return sorted(found, key=lambda each: (each.state != "ready", -each.last_use))


def holding(address: str, document: Any, environments: Iterable[EnvironmentRow]) -> list[EnvironmentRow]:
    """Those that a package is among the packages of; the last used one first."""
    spec = document.spec() if document is not None else None
    found = (
        each
        for each in environments
        if any(line == f"rh:{address}" or (spec is not None and stands_for(line, spec)) for line in each.packages)
    )
    return one_of_each(sorted(found, key=lambda each: -each.last_use))


def request_of(document: PackageDocument, python: str = "") -> EnvironmentRequest:
    """The request for a package, saved or not; `python` "3.12", empty: the cluster's own."""
    return _request([document.spec()], python)


async def read_package(text: str) -> PackageDocument:
    """The package that YAML says.

    Raises:
        DocumentError: it is not one.
    """
    import asyncio

    from rhresources.documents import PackageDocument, parse_document
    from rhresources.errors import DocumentError

    document = await asyncio.to_thread(parse_document, text)
    if not isinstance(document, PackageDocument):
        raise DocumentError(f"The YAML is a {document.kind}, not a package.", remedy="Write kind: package.")
    return document


async def saved_request(workspace: Workspace, address: str, python: str = "") -> EnvironmentRequest:
    """The request for a saved package.

    Raises:
        RhError: there is none of that name, or it is broken.
    """
    import asyncio

    return _request(await asyncio.to_thread(workspace.names.packages, [f"rh:{address}"]), python)


async def install(workspace: Workspace, address: str, cluster: str, python: str, progress: Progress) -> str:
    """Install a saved package on a cluster, which is brought up if it is not; the hash of the environment.

    Raises:
        RhError: it cannot be reached, or the package cannot be installed.
    """
    request = await saved_request(workspace, address, python)
    environments = await workspace.environments(cluster, up=True, ask=True, progress=progress)
    return await environments.install(request, progress)


def _request(specs: Sequence[PackageSpec], python: str) -> EnvironmentRequest:
    from rhresources.environments import EnvironmentRequest

    return EnvironmentRequest(tuple(map(from_home, specs)), python)


def from_home(spec: PackageSpec) -> PackageSpec:
    """A relative path starts from the home of the user: where the window was started from is nobody's choice."""
    if not spec.is_path:
        return spec
    return replace(spec, target=str(Path.home() / Path(spec.target).expanduser()))


def path_words(method: str, target: str) -> str:
    """Where a relative path among the targets starts from; empty: `target` is none."""
    from rhresources.package_targets import is_environment_file, looks_like_path

    path = is_environment_file(target) if method == "conda" else method != "pip" or looks_like_path(target)
    if method == "git" or not path or not target or target.startswith(("/", "~")) or Path(target).is_absolute():
        return ""
    return f"In this window it is ~/{Path(target).as_posix()}; a function that names it starts from its own folder."


def _order(version: str) -> Any:
    from rhresources.package_index.versions import version_key

    try:
        return version_key(version)
    except (ValueError, TypeError):
        return None
