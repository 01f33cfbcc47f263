"""What is installed on a cluster: packages for its commands, its environments, and plans of what would come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rhresources.environments import ClusterEnvironments, EnvironmentRequest
from rhresources.library.package import specs
from rhresources.library.portal import Portal, portal
from rhresources.library.progress import progress
from rhresources.library.resource import ClusterPart
from rhresources.packages import PackageSpec
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient


@dataclass(frozen=True, slots=True)
class PlannedPackage:
    """One package of a plan; a version is empty where the package is not.

    Attributes:
        name: normalised.
        kind: "pip" or "conda".
        before: version in the environment that was compared with.
        after: version that would be installed.
    """

    name: str
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What an environment would hold.

    Attributes:
        environment: the hash that it has, or would have.
        ready: it is there already.
        compared_with: hash of the environment for `before`; empty: there was none.
        packages: all, by name.
    """

    environment: str
    ready: bool
    compared_with: str
    packages: tuple[PlannedPackage, ...]

    @property
    def versions(self) -> dict[str, str]:
        """Version by name of what would be there."""
        return {each.name: each.after for each in self.packages if each.after}

    @property
    def changes(self) -> tuple[PlannedPackage, ...]:
        """Those that would not stay as they are."""
        return tuple(each for each in self.packages if each.before != each.after)


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """One package of an environment.

    Attributes:
        name: normalised.
        kind: "pip" or "conda".
        version: there now; empty: missing.
        recorded: version when the environment was made; empty: it was not there.
        wanted: what was asked for, "numpy>=2"; empty: a dependency, or added by hand.
        newest: what the same packages would bring today; empty: not asked, or not known.
        fits: it is what was asked for and what was recorded.
    """

    name: str
    kind: str
    version: str
    recorded: str
    wanted: str
    newest: str
    fits: bool


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment on a cluster, as it was when it was asked for.

    Attributes:
        hash: of what it was made of.
        python: its version of Python.
        packages: as somebody wrote them.
        state: "ready", "installing" or "failed".
        bytes: what it takes on the disk.
        created, used: seconds since the epoch, 0 for never.
        in_use: something runs in it.
        host: where it is, as the cluster's document names it; empty on a cluster of one.
    """

    hash: str
    python: str
    packages: tuple[str, ...]
    state: str
    bytes: int
    created: float
    used: float
    in_use: bool
    host: str
    _client: Callable[[], ClusterClient] = field(repr=False, compare=False)

    def contents(self, newest: bool = False) -> list[InstalledPackage]:
        """What it holds beside what was asked for, by name; with `newest`, beside what the index has today too.

        Raises:
            NotFound: it is gone.
        """
        reply: pb.InspectEnvironmentReply = self._do("contents", self.hash, newest)
        return [
            InstalledPackage(each.name, each.kind, each.version, each.recorded, each.wanted, each.newest, each.fits)
            for each in reply.packages
        ]

    def modules(self, module: str = "") -> list[str]:
        """The modules in it, or those inside `module`; nothing is imported."""
        reply: pb.BrowseEnvironmentReply = self._do("browse", self.hash, module)
        return [each.name for each in reply.modules]

    def update(self) -> str:
        """Make it anew with the newest versions that its packages allow; the hash of the new one.

        Raises:
            InstallError: it could not be made; this one is as it was.
        """
        return str(self._do("update", self.hash, progress))

    def remove(self) -> int:
        """Remove it from its host; bytes freed.

        Raises:
            ServerProblem: something uses it (code "environment-in-use").
        """
        return int(self._do("remove", self.hash, self.host))

    def _do(self, what: str, *args: Any) -> Any:
        client = self._client()
        there = portal()
        return there.run(getattr(ClusterEnvironments(client, there.workspace.trees), what), *args)


class PackageAccess(ClusterPart):
    """The part of `Cluster` that is about packages and environments."""

    _packages: tuple[PackageSpec, ...] = ()

    def install_packages(self, reqs: Iterable[Any] | str) -> None:
        """Install packages: for `run`, `run_python` and the functions of this object from now on.

        Raises:
            InstallError: they cannot be installed; nothing is changed.
            UsageError: something in `reqs` is no package.
        """
        packages = (*self._packages, *(spec for spec in specs(reqs) if spec not in self._packages))
        there = portal()
        there.run(prepare_builtin, there, self.client(), "shell", list(packages))
        self._packages = packages

    @property
    def packages(self) -> list[PackageSpec]:
        """What `install_packages` installed through this object."""
        return list(self._packages)

    def check_packages(self, reqs: Iterable[Any] | str, python: str = "", against: str = "") -> Plan:
        """What installing packages would bring, resolved there without installing anything.

        Args:
            reqs: as for `install_packages`.
            python: "3.12"; default: the cluster's own.
            against: hash of an environment to compare with; default: the one for just these packages, if it is there.

        Raises:
            InstallError: they do not go together, or cannot be found.
        """
        there, client = portal(), self.client()
        request = EnvironmentRequest(tuple(specs(reqs)), python)
        plan = there.run(ClusterEnvironments(client, there.workspace.trees).check, request, against, progress)
        packages = tuple(PlannedPackage(each.name, each.kind, each.before, each.after) for each in plan.packages)
        return Plan(plan.hash, plan.ready, plan.compared_with, packages)

    def environments(self) -> list[Environment]:
        """The environments there, newest first; on a cluster of several hosts those of each."""
        there, client = portal(), self.client()
        return [
            Environment(
                each.hash, each.python, tuple(each.packages), pb.Environment.State.Name(each.state).lower(),
                each.bytes, each.created, each.used, each.in_use, each.host, self.client,
            )
            for each in there.run(client.list_environments)
        ]  # fmt: skip


async def prepare_builtin(there: Portal, client: ClusterClient, which: str, packages: list[PackageSpec]) -> str:
    """The key of what every worker can do ("shell", "python"), in an environment of `packages`."""
    return (await there.workspace.prepare_builtin(client, which, packages, progress)).key
