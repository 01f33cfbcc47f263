"""Runs as programs see them: plain values."""

from __future__ import annotations

from dataclasses import dataclass

from rhresources.wire import cluster_pb2 as pb


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: times in seconds since the epoch, 0 for what has not happened yet.

    `by` is who started it and `cancelled_by` who ended it, as their programs said: for people to read, no proof.
    """

    id: str
    name: str
    state: str
    reason: str
    created: float
    started: float
    ended: float
    result_type: str
    error: str
    by: str = ""
    cancelled_by: str = ""

    @classmethod
    def of(cls, run: pb.Run) -> RunRecord:
        """The record that the server keeps."""
        error = f"{run.error.type}: {run.error.message}" if run.HasField("error") else run.problem.sentence
        return cls(
            run.id, run.name, pb.RunState.Name(run.state).lower(), run.reason, run.created, run.started, run.ended,
            run.result_type, error, run.by, run.cancelled_by,
        )  # fmt: skip
