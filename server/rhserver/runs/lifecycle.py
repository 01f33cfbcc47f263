"""The life of a run as a pure state machine: an event in, a new record out. No input or output here.

    QUEUED -> PREPARING -> QUEUED -> RUNNING -> SUCCEEDED | FAILED | CANCELLED | LOST

A run that ended stays as it is, whatever arrives later.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rhresources.wire import cluster_pb2 as pb

ENDED = frozenset({pb.SUCCEEDED, pb.FAILED, pb.CANCELLED, pb.LOST})


@dataclass(frozen=True, slots=True)
class Preparing:
    """Code or environment are being put in place."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """For Ray, for resources, for a worker."""

    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Called:
    """The worker decoded the arguments; `arguments` shows them as text."""

    arguments: str


@dataclass(frozen=True, slots=True)
class Returned:
    size: int = 0
    type: str = ""
    items: int = 0


@dataclass(frozen=True, slots=True)
class Raised:
    error: pb.RemoteError
    items: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """It could not be started: environment, code, resources."""

    problem: pb.Problem


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody asked for its end. `by`: who, where that is known; `how`: what more there is to say."""

    by: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    reason: str


@dataclass(frozen=True, slots=True)
class Printed:
    log_bytes: int
    items: int = field(default=0)


Event = Preparing | Waiting | Started | Called | Returned | Raised | Refused | Cancelled | WorkerDied | Printed


def advance(run: pb.Run, event: Event, now: float) -> pb.Run | None:
    """The record after `event`, or None where it changes nothing."""
    if run.state in ENDED and not isinstance(event, Printed):
        return None
    after = pb.Run()
    after.CopyFrom(run)
    match event:
        case Preparing():
            after.state, after.reason = pb.PREPARING, ""
        case Waiting(reason):
            after.state, after.reason = pb.QUEUED, reason
        case Started(host, pid):
            after.state, after.reason, after.host, after.pid = pb.RUNNING, "", host, pid
            after.started = after.started or now
        case Called(arguments):
            after.arguments = run.arguments or arguments
        case Returned(size, type, items):
            after.result_bytes, after.result_type, after.items = size, type, max(items, run.items)
            _end(after, pb.SUCCEEDED, "", now)
        case Raised(error, items):
            after.error.CopyFrom(error)
            after.items = max(items, run.items)
            _end(after, pb.FAILED, "", now)
        case Refused(problem):
            after.problem.CopyFrom(problem)
            _end(after, pb.FAILED, problem.sentence, now)
        case Cancelled(by, how):
            after.cancelled_by = by
            whom = f" by {by}" if by and by != run.by else ""
            _end(after, pb.CANCELLED, f"Cancelled{whom}{how}.", now)
        case WorkerDied(reason):
            _end(after, pb.LOST, reason, now)
        case Printed(log_bytes, items):
            after.log_bytes, after.items = max(log_bytes, run.log_bytes), max(items, run.items)
    if after == run:
        return None
    after.revision = run.revision + 1
    return after


def _end(run: pb.Run, state: pb.RunState, reason: str, now: float) -> None:
    run.state, run.reason, run.ended = state, reason, now
    run.started = run.started or now
