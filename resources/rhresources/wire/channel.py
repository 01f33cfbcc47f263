"""The two gRPC channels to a cluster server: control for small calls, bulk for data, each a connection of its own.

A transfer on the channel of the calls would make every call wait behind it; two channels keep them apart. The
problems that the server sends beside a gRPC status become `RhError`s here, so nobody above meets a gRPC error.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

# gRPC's core writes "I… Got goaway" onto the terminal of whoever watches a server go
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


from rhresources.errors import (
    AlreadyExists,
    BadName,
    ClusterDown,
    ConnectionLost,
    DocumentError,
    InstallError,
    NotFound,
    RhError,
    RunCancelled,
    RunLost,
    ServerProblem,
    UsageError,
)
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire import cluster_pb2_grpc
from rhresources.wire.polling import grpc

PROBLEM_METADATA = "rhdesk-problem-bin"
"""Trailing metadata that holds a serialised `pb.Problem`."""

BY_METADATA = "rhdesk-by-bin"
"""Metadata of every call that says who asks, in UTF-8."""

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    # without ping_timeout_ms a dead tunnel is noticed after 70 s instead of 15 s
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # two channels to one address must be two connections, and a new channel must not inherit an old one's back-off
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.enable_http_proxy", 0),
)

_BY_CODE: dict[str, type[RhError]] = {
    kind.code: kind
    for kind in (
        UsageError,
        BadName,
        NotFound,
        AlreadyExists,
        DocumentError,
        ClusterDown,
        InstallError,
        RunLost,
        RunCancelled,
    )
}
_BY_STATUS: dict[grpc.StatusCode, type[RhError]] = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.INVALID_ARGUMENT: UsageError,
}
_LOST = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a cluster server listens, as this machine reaches it.

    Attributes:
        target: a gRPC target, `unix:/run/…/server.sock`.
        token: what the server asks of every call; new with every start of the server.
        by: who asks, for other people to read; see `rhresources.people`.
    """

    target: str
    token: str = field(repr=False)
    by: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """The metadata of every call."""
        said: tuple[tuple[str, bytes], ...] = ((BY_METADATA, self.by.encode()),) if self.by else ()
        return (("authorization", f"Bearer {self.token}"), *said)


class Channels:
    """A control and a bulk channel to one server, with the stub of the control channel."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self.metadata = address.metadata
        self.control = grpc.aio.insecure_channel(address.target, options=CHANNEL_OPTIONS)
        self.stub = cluster_pb2_grpc.ClusterStub(self.control)  # type: ignore[no-untyped-call]
        self.closed = False
        self._bulk: grpc.aio.Channel | None = None

    @property
    def bulk(self) -> grpc.aio.Channel:
        """The channel for data, opened with the first transfer."""
        if self._bulk is None:
            self._bulk = grpc.aio.insecure_channel(self.address.target, options=CHANNEL_OPTIONS)
        return self._bulk

    @property
    def bulk_stub(self) -> cluster_pb2_grpc.ClusterStub:
        """The stub of the bulk channel."""
        return cluster_pb2_grpc.ClusterStub(self.bulk)  # type: ignore[no-untyped-call]

    async def close(self, grace: float | None = None) -> None:
        """End both channels; calls under way have `grace` seconds to end on their own."""
        self.closed = True
        await self.control.close(grace)
        if self._bulk is not None:
            await self._bulk.close(grace)


def error_of_problem(problem: pb.Problem) -> RhError:
    """The exception for a problem that the server described."""
    kind = _BY_CODE.get(problem.code)
    if kind is not None:
        return kind(problem.sentence, remedy=problem.remedy, detail=problem.detail)
    return ServerProblem(
        problem.sentence or "The cluster server failed and did not say why.",
        code=problem.code or "failed",
        remedy=problem.remedy,
        detail=problem.detail,
    )


def error_of_rpc(error: grpc.aio.AioRpcError) -> RhError:
    """The exception for a failed gRPC call: the server's own problem if it sent one, else by its status."""
    for key, value in error.trailing_metadata() or ():
        if key == PROBLEM_METADATA:
            problem = pb.Problem()
            problem.ParseFromString(value if isinstance(value, bytes) else value.encode("latin-1"))
            return error_of_problem(problem)
    status, details = error.code(), error.details() or ""
    if status in _LOST:
        return ConnectionLost("The connection to the cluster server was lost.", detail=details)
    if status is grpc.StatusCode.UNAUTHENTICATED:
        return ServerProblem(
            "The cluster server refused our token.",
            code="unauthenticated",
            remedy="The server may have been started anew; try again.",
            detail=details,
        )
    if status is grpc.StatusCode.UNIMPLEMENTED:
        return ServerProblem(
            "The cluster server does not know this request; it is of another version.",
            code="version",
            remedy="Install the same version of rhdesk here and on the cluster, then restart the server.",
            detail=details,
        )
    kind = _BY_STATUS.get(status)
    if kind is not None:
        return kind(details or f"The cluster server answered {status.name}.")
    return ServerProblem("The cluster server failed.", code=status.name.lower(), detail=details)


def lost_unless_cancelled(channels: Channels) -> ConnectionLost:
    """What a `CancelledError` out of gRPC means: re-raised for a cancelled task, else the channel was closed under it.

    Call it inside `except asyncio.CancelledError`.
    """
    task = asyncio.current_task()
    if not channels.closed or (task is not None and task.cancelling()):
        raise asyncio.CancelledError
    return ConnectionLost("The connection to the cluster server was closed.")
