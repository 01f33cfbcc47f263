"""Runs the asynchronous work of one command on a workspace of its own, and ends it cleanly on Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.environments import ClusterEnvironments
    from rhresources.wire.client import ClusterClient
    from rhresources.workspace import Workspace

LOCAL = "^local"
"""The cluster of this computer, meant where none is named."""

T = TypeVar("T")


class Interrupted(RhError):
    """Ctrl-C ended a command; the remedy says what goes on without it."""

    code = "interrupted"


def run_async(work: Callable[[Workspace], Awaitable[T]], *, interrupted: str | Callable[[], str] = "") -> T:
    """The outcome of `work`, which gets a workspace that is closed after it.

    Args:
        work: the coroutine function.
        interrupted: what to say of things that go on when Ctrl-C ends this; a function is asked then.

    Raises:
        Interrupted: Ctrl-C.
    """
    from rhresources.workspace import Workspace

    async def main() -> T:
        from rhdesk.cli.terminal import held_progress
        from rhresources.credentials.terminal import TerminalAsker

        workspace = Workspace(client="command line", watch=False, asker=TerminalAsker(held_progress))
        workspace.set_on_connection(_say_connection)
        workspace.credentials.on_waiting = _say_waiting
        try:
            return await work(workspace)
        finally:
            await workspace.close()

    try:
        return asyncio.run(main())
    except KeyboardInterrupt:
        remedy = interrupted if isinstance(interrupted, str) else interrupted()
        raise Interrupted("Interrupted.", remedy=remedy) from None


def _say_waiting(sentence: str) -> None:
    """The keyring shows its own prompt, perhaps behind other windows."""
    from rhdesk.cli.terminal import held_progress, note

    if sentence:
        with held_progress():
            note(sentence)


def _say_connection(cluster: str, connected: bool, sentence: str) -> None:
    from rhdesk.cli.terminal import held_progress, note

    with held_progress():
        note(f"{cluster}: {sentence}")


async def connect(
    workspace: Workspace, cluster: str, progress: Callable[[str], None] | None = None, *, launch: bool = False
) -> ClusterClient:
    """A client of a cluster; machines that somebody has are brought up if they are not, since that costs nothing.

    With `launch` those of a cloud are, too.
    """
    up = launch or workspace.names.cluster(cluster).type in ("machine", "ssh")
    return await workspace.connect(cluster, up=up, progress=progress, ask=True)


async def environments_of(
    workspace: Workspace, cluster: str, progress: Callable[[str], None] | None = None
) -> ClusterEnvironments:
    """The environments of a cluster, reached as `connect` does."""
    own = workspace.names.cluster(cluster).type in ("machine", "ssh")
    return await workspace.environments(cluster, up=own, ask=True, progress=progress)


def is_this_computer(workspace: Workspace, cluster: str) -> bool:
    """Whether a cluster is one on this computer."""
    return workspace.names.cluster(cluster).type == "machine"


def cluster_address(workspace: Workspace, cluster: str) -> str:
    """The whole name of a cluster.

    Raises:
        RhError: there is none of that name, its document is broken, or it is something else.
    """
    workspace.names.cluster(cluster)
    return str(workspace.names.resolve(cluster))
