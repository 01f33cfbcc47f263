"""The life of a run as a pure machine: what each event makes of a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhresources.wire import cluster_pb2 as pb
from rhserver.runs import lifecycle as life

EVENTS: list[life.Event] = [
    life.Preparing(), life.Waiting("Ray starts."), life.Started("host", 42), life.Called("1, lr=2e-05"),
    life.Returned(10, "dict", 2), life.Raised(pb.RemoteError(type="ValueError")),
    life.Refused(pb.Problem(sentence="no")), life.Cancelled(), life.WorkerDied("killed"), life.Printed(100, 3),
]  # fmt: skip


def queued() -> pb.Run:
    return pb.Run(id="01", state=pb.QUEUED, created=1.0, revision=1)


def after(*events: life.Event) -> pb.Run:
    run = queued()
    for second, event in enumerate(events):
        run = life.advance(run, event, 10.0 + second) or run
    return run


def test_a_run_that_returns_has_start_and_end_and_what_it_returned() -> None:
    run = after(life.Preparing(), life.Waiting("Ray starts."), life.Started("box", 7), life.Returned(5, "int"))
    assert (run.state, run.started, run.ended) == (pb.SUCCEEDED, 12.0, 13.0)
    assert (run.host, run.pid, run.result_bytes, run.result_type) == ("box", 7, 5, "int")
    assert run.reason == ""


def test_a_run_whose_worker_dies_says_so() -> None:
    run = after(life.Started("box", 7), life.WorkerDied("Its worker process was killed by signal SIGKILL."))
    assert run.state == pb.LOST
    assert "SIGKILL" in run.reason


def test_a_run_that_could_not_start_ends_with_the_problem() -> None:
    run = after(life.Preparing(), life.Refused(pb.Problem(sentence="There is no package numpi.", detail="uv said")))
    assert run.state == pb.FAILED
    assert run.problem.detail == "uv said"
    assert run.ended


ENDS: list[life.Event] = [life.Returned(), life.Cancelled(), life.WorkerDied("x"), life.Raised(pb.RemoteError())]


@pytest.mark.parametrize("end", ENDS)
def test_nothing_changes_the_state_of_a_run_that_ended(end: life.Event) -> None:
    ended = after(life.Started("box", 7), end)
    for event in EVENTS:
        later = life.advance(ended, event, 99.0)
        assert later is None or (later.state, later.ended) == (ended.state, ended.ended)


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_any_order_of_events_keeps_a_record_that_makes_sense(events: list[life.Event]) -> None:
    run = queued()
    for second, event in enumerate(events):
        changed = life.advance(run, event, 10.0 + second)
        if changed is not None:
            assert changed.revision == run.revision + 1
            assert changed.log_bytes >= run.log_bytes
            run = changed
        if run.state in life.ENDED:
            assert run.started
            assert run.ended >= run.started
        else:
            assert not run.ended
