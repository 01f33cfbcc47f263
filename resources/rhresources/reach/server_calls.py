"""What every route does with a server that it can reach: wait for its Ray, shut it down, and its limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from pathlib import Path

from rhresources.documents import ClusterDocument
from rhresources.errors import ConnectionLost, RhError
from rhresources.reach import Progress
from rhresources.settings import Settings
from rhresources.version import version
from rhresources.wire import PROTOCOL
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import Channels, ServerAddress, error_of_rpc
from rhresources.wire.link import open_link
from rhresources.wire.polling import grpc

START_SECONDS = 60.0
READY_SECONDS = 300.0
STOP_SECONDS = 30.0
HOSTS_SECONDS = 60.0
LIMITS = (
    "max_workers", "worker_idle_seconds", "runs_kept", "runs_kept_days", "run_storage_limit", "environment_kept_days",
    "environment_storage_limit",
)  # fmt: skip
"""Settings, and fields of a cluster's document, that the server is started with."""


def limit_options(document: ClusterDocument | None, home: Path | None) -> list[str]:
    """The limits of a server as words of its command line: what the document says, else the settings. Reads a file."""
    settings = Settings.load(home)
    options = []
    for name in LIMITS:
        own = getattr(document, name, None)
        options += [f"--{name.replace('_', '-')}", str(getattr(settings, name) if own is None else own)]
    return options


async def answers(address: ServerAddress) -> bool:
    """Whether a server shakes hands there.

    Raises:
        ServerProblem: it does, and is of another protocol or refuses the token.
    """
    try:
        link = await open_link(address)
    except ConnectionLost:
        return False
    await link.close()
    return True


async def wait_for_engine(address: ServerAddress, progress: Progress) -> None:
    """Pass on what the server says of Ray until it is up.

    Raises:
        ConnectionLost: the server died meanwhile.
        RhError: Ray cannot start.
    """
    channels = Channels(address)
    said, deadline = "", time.monotonic() + READY_SECONDS
    try:
        while time.monotonic() < deadline:
            hello = await channels.stub.Hello(
                pb.HelloRequest(version=version(), protocol=PROTOCOL), metadata=channels.metadata, timeout=10
            )
            engine = hello.engine
            if engine.phase == pb.EngineState.FAILED:
                raise RhError(
                    engine.sentence or "Ray could not start.",
                    remedy="Take the cluster down and bring it up again; the detail is Ray's own log.",
                    detail=engine.detail,
                )
            if engine.sentence != said:
                said = engine.sentence
                progress(said)
            if engine.phase == pb.EngineState.READY:
                return
            await asyncio.sleep(0.1)
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    finally:
        await channels.close()
    raise RhError(f"Ray did not come up within {READY_SECONDS:.0f} s.", remedy="Take the cluster down and up again.")


async def shut_down(address: ServerAddress, stop_runs: bool) -> None:
    """Tell the server to end itself, Ray and every worker.

    Raises:
        RhError: runs are active and `stop_runs` is false; nothing was ended.
        ConnectionLost: it does not answer.
    """
    channels = Channels(address)
    try:
        reply = await channels.stub.Shutdown(
            pb.ShutdownRequest(stop_runs=stop_runs), metadata=channels.metadata, timeout=STOP_SECONDS
        )
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    finally:
        await channels.close()
    if not reply.stopping:
        raise runs_active(reply.active, "Wait for them, cancel them, or take the cluster down with them (--yes).")


async def wait_for_hosts(address: ServerAddress, names: Collection[str]) -> dict[str, str]:
    """Wait until the server can use these hosts of its cluster, for a minute at most; why some cannot be used.

    Raises:
        ConnectionLost: the server does not answer.
    """
    channels = Channels(address)
    missing = {name: "the head has not heard of it" for name in names}
    try:
        async with asyncio.timeout(HOSTS_SECONDS):
            async for status in channels.stub.WatchStatus(
                pb.WatchStatusRequest(interval=0.2), metadata=channels.metadata
            ):
                missing = {host.given: host.problem for host in status.hosts if host.given in names and not host.alive}
                if not missing:
                    break
    except TimeoutError:
        pass
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    finally:
        await channels.close()
    return missing


async def active_runs(address: ServerAddress) -> list[pb.Run]:
    """The runs that are queued or go on, as the server lists them.

    Raises:
        ConnectionLost: it does not answer.
    """
    channels = Channels(address)
    try:
        reply = await channels.stub.ListRuns(
            pb.ListRunsRequest(states=[pb.QUEUED, pb.PREPARING, pb.RUNNING]), metadata=channels.metadata, timeout=10
        )
    except grpc.aio.AioRpcError as error:
        raise error_of_rpc(error) from None
    finally:
        await channels.close()
    return list(reply.runs)


def runs_active(runs: list[pb.Run], remedy: str) -> RhError:
    """What was asked for would end runs."""
    names = ", ".join(f"{run.name} ({run.id})" + (f" of {run.by}" if run.by else "") for run in runs[:3])
    more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    refused = RhError(
        f"{len(runs)} {'run is' if len(runs) == 1 else 'runs are'} active on this cluster: {names}{more}.",
        remedy=remedy,
    )
    refused.code = "runs-active"
    return refused
