"""Requests about environments: list, check, look inside, update, remove."""

from __future__ import annotations

from collections.abc import Callable

from rhresources.errors import ConnectionLost, InstallError, RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import error_of_problem
from rhresources.wire.requests import Requests


class EnvironmentRequests(Requests):
    """What a client asks of a cluster's environments."""

    async def list_environments(self) -> list[pb.Environment]:
        """The environments on the cluster, each once for every host that has it."""
        reply = await self._unary(pb.ListEnvironmentsReply, "ListEnvironments", pb.ListEnvironmentsRequest())
        return list(reply.environments)

    async def remove_environment(self, hash: str, host: str = "") -> int:
        """Delete an environment from one host, or from all; the bytes that came free."""
        request = pb.RemoveEnvironmentRequest(hash=hash, host=host)
        return int((await self._unary(pb.RemoveEnvironmentReply, "RemoveEnvironment", request)).bytes)

    async def check_environment(
        self,
        environment: pb.EnvironmentSpec,
        compared_with: str = "",
        on_event: Callable[[pb.CheckEnvironmentEvent], None] | None = None,
    ) -> pb.EnvironmentPlan:
        """What an environment would hold, resolved and not installed; ending the wait ends the work.

        Raises:
            InstallError: the packages do not go together, or cannot be found.
        """
        request = pb.CheckEnvironmentRequest(environment=environment, compared_with=compared_with)
        async for event in self._stream("CheckEnvironment", request):
            match event.WhichOneof("what"):
                case "plan":
                    plan: pb.EnvironmentPlan = event.plan
                    return plan
                case "problem":
                    raise install_error(event.problem)
            if on_event is not None:
                on_event(event)
        raise ConnectionLost("The cluster server ended the check without an answer.")

    async def inspect_environment(self, hash: str, newest: bool = False) -> pb.InspectEnvironmentReply:
        """What an environment holds beside what was asked for; with `newest`, beside what the index has too."""
        request = pb.InspectEnvironmentRequest(hash=hash, newest=newest)
        return await self._unary(pb.InspectEnvironmentReply, "InspectEnvironment", request)

    async def update_environment(self, hash: str, on_event: Callable[[pb.PrepareEvent], None] | None = None) -> str:
        """Make an environment anew with the newest versions that its specification allows; the hash of the new one.

        Raises:
            InstallError: it could not be made; the old one is as it was.
        """
        async for event in self._stream("UpdateEnvironment", pb.UpdateEnvironmentRequest(hash=hash)):
            if event.HasField("problem"):
                raise install_error(event.problem)
            if event.environment:
                return str(event.environment)
            if on_event is not None:
                on_event(event)
        raise ConnectionLost("The cluster server ended the update without an answer.")

    async def browse_environment(self, hash: str, module: str = "") -> pb.BrowseEnvironmentReply:
        """The modules of an environment, or inside one of them, with its source; nothing is imported."""
        request = pb.BrowseEnvironmentRequest(hash=hash, module=module)
        return await self._unary(pb.BrowseEnvironmentReply, "BrowseEnvironment", request)


def install_error(problem: pb.Problem) -> RhError:
    error = error_of_problem(problem)
    if isinstance(error, InstallError) or problem.code not in ("", "failed"):
        return error
    return InstallError(error.sentence, remedy=error.remedy, detail=error.detail)
