"""Errors on their way to a client: a gRPC status, and a `Problem` in the trailing metadata."""

from __future__ import annotations

import errno

import grpc

from rhresources.errors import InstallError, NotFound, RhError, UsageError
from rhresources.wire import cluster_pb2 as pb

METADATA_KEY = "rhdesk-problem-bin"
METADATA_LIMIT = 6000
"""gRPC allows 8 KiB of metadata in all."""

_STATUS = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (UsageError, grpc.StatusCode.INVALID_ARGUMENT),
    (InstallError, grpc.StatusCode.FAILED_PRECONDITION),
)


def problem_of(error: BaseException) -> pb.Problem:
    """Any exception in the words that a user reads."""
    if isinstance(error, RhError):
        return pb.Problem(code=error.code, sentence=error.sentence, remedy=error.remedy, detail=error.detail)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return pb.Problem(
            code="disk-full", sentence="The disk of the cluster is full.", detail=str(error),
            remedy="Delete old runs or environments, or make room on the host.",
        )  # fmt: skip
    return pb.Problem(
        code="internal", sentence=f"The cluster server failed: {type(error).__name__}: {error}",
        remedy="server.log in the server's folder says more.",
    )  # fmt: skip


def status_of(error: BaseException) -> grpc.StatusCode:
    """The gRPC status that fits an exception."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return grpc.StatusCode.FAILED_PRECONDITION if isinstance(error, RhError) else grpc.StatusCode.INTERNAL


def metadata_of(problem: pb.Problem) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata; a long detail loses its beginning."""
    shown = pb.Problem()
    shown.CopyFrom(problem)
    shown.sentence, shown.remedy = shown.sentence[:1500], shown.remedy[:1000]
    room = METADATA_LIMIT - shown.ByteSize() + len(shown.detail.encode())
    shown.detail = shown.detail.encode()[-max(0, room - 16) :].decode(errors="ignore")
    return ((METADATA_KEY, shown.SerializeToString()),)
