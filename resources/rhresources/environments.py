"""The environments of one cluster, as a person deals with them: check what would be installed, install, look inside,
update, remove.

The library, the command line and the window use this; functions get their environments when they are prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rhresources.code.specs import Trees, make_builtin_environment
from rhresources.errors import NotFound, UsageError
from rhresources.packages import PackageSpec
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient

OnLine = Callable[[str], None]


def _silent(line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class EnvironmentRequest:
    """What somebody wants to have installed.

    Attributes:
        packages: in the order in which they are installed; paths in them start from the current directory.
        python: "3.12"; empty: the cluster's own.
        setup_commands: shell commands after the packages.
    """

    packages: tuple[PackageSpec, ...]
    python: str = ""
    setup_commands: tuple[str, ...] = ()


class ClusterEnvironments:
    """Environments of the cluster that `client` is connected to.

    Args:
        client: the connection.
        trees: folders among packages, as this process knows them.
    """

    def __init__(self, client: ClusterClient, trees: Trees) -> None:
        self._client, self._trees = client, trees

    async def list(self) -> Sequence[pb.Environment]:
        """Those that are there, that are being made and that could not be made, newest first; on a cluster of several
        hosts each once for every `host` that has it."""
        return await self._client.list_environments()

    async def install(self, request: EnvironmentRequest, on_line: OnLine = _silent) -> str:
        """Make an environment if it is not there; its hash. Cancelling ends the installer.

        Raises:
            InstallError: it could not be made; `detail` has the installer's words.
        """
        spec = await self._spec(request, on_line)
        function = pb.FunctionSpec(name="install", entry=pb.Entry(builtin="python"), environment=spec)
        return (await self._client.prepare(function, lambda event: on_line(event.phase or event.output))).environment

    async def check(
        self, request: EnvironmentRequest, compared_with: str = "", on_line: OnLine = _silent
    ) -> pb.EnvironmentPlan:
        """What would be installed, resolved on the cluster without installing it.

        Args:
            request: what is wanted.
            compared_with: hash of an environment for the versions "before"; empty: the one `request` has already.
            on_line: gets what is done.

        Raises:
            InstallError: the packages do not go together, or cannot be found.
        """
        spec = await self._spec(request, on_line)
        return await self._client.check_environment(
            spec, compared_with, lambda event: on_line(event.phase or event.output)
        )

    async def contents(self, hash: str, newest: bool = False) -> pb.InspectEnvironmentReply:
        """What an environment holds beside what was asked for.

        Args:
            hash: of the environment.
            newest: ask the index too what the same specification would bring today.

        Raises:
            NotFound: there is none of that hash.
        """
        return await self._client.inspect_environment(hash, newest)

    async def update(self, hash: str, on_line: OnLine = _silent) -> str:
        """Make an environment anew with the newest versions its specification allows; the hash of the new one.

        Raises:
            InstallError: it could not be made; the old one is as it was.
        """
        return await self._client.update_environment(hash, lambda event: on_line(event.phase or event.output))

    async def find(self, beginning: str) -> pb.Environment:
        """The one whose hash begins so; of several only one that is ready counts.

        Raises:
            NotFound: there is none.
            UsageError: several begin so.
        """
        listed = await self.list()
        found = [each for each in listed if beginning and each.hash.startswith(beginning)]
        found = [each for each in found if each.state == pb.Environment.READY] or found
        if not found:
            raise NotFound(
                f"There is no environment {beginning[:40]!r}.", remedy="`rhdesk environments list` lists them."
            )
        if len({each.hash for each in found}) > 1:
            raise UsageError(
                f"{len(found)} environments begin with {beginning!r}.", remedy="Write more of the hash that is meant."
            )
        return found[0]

    async def remove(self, hash: str, host: str = "") -> int:
        """Remove one from a host, or from every host that has it; bytes freed.

        Raises:
            NotFound: none of that hash is there.
            ServerProblem: something uses it (code "environment-in-use"); it stays on all of them then.
        """
        return await self._client.remove_environment(hash, host)

    async def browse(self, hash: str, module: str = "") -> pb.BrowseEnvironmentReply:
        """The modules of an environment, or inside `module`, with its source; nothing is imported."""
        return await self._client.browse_environment(hash, module)

    async def _spec(self, request: EnvironmentRequest, on_line: OnLine) -> pb.EnvironmentSpec:
        spec = await make_builtin_environment(self._client, self._trees, request.packages, on_line)
        for package in spec.packages:
            if package.revision:  # a branch is a commit from here on
                on_line(f"Using {package.spec}")
        spec.python = request.python
        spec.setup_commands.extend(request.setup_commands)
        return spec


class Kept(Protocol):
    """An environment, as the wire, the library and the window have it."""

    @property
    def bytes(self) -> int: ...
    @property
    def created(self) -> float: ...
    @property
    def used(self) -> float: ...
    @property
    def in_use(self) -> bool: ...
    @property
    def state(self) -> int | str: ...


_Kept = TypeVar("_Kept", bound=Kept)
_INSTALLING = (pb.Environment.INSTALLING, "installing")


def unused(
    environments: Iterable[_Kept], now: float, *, seconds: float | None = None, max_bytes: int | None = None
) -> list[_Kept]:
    """Those that can go, longest unused first; what is in use or being made stays.

    Args:
        environments: of one cluster.
        now: seconds since the epoch.
        seconds: those that were not used for so long go.
        max_bytes: the longest unused go until all that stay have no more.
    """
    known = sorted(environments, key=lambda each: each.used or each.created)
    total = sum(each.bytes for each in known)
    gone: list[_Kept] = []
    for each in known:
        old = seconds is not None and now - (each.used or each.created) >= seconds
        too_much = max_bytes is not None and total > max_bytes
        if each.in_use or each.state in _INSTALLING or not (old or too_much):
            continue
        gone.append(each)
        total -= each.bytes
    return gone
