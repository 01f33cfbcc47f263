"""The steps of a bring-up, read out of the lines that it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rhdesk.core.cluster_feed import as_shown
from rhdesk.core.rows import ClusterRow, Problem, State, TaskRow
from rhdesk.core.task_steps import steps_of
from rhresources.cloud.words import UNDOING


def task(*lines: tuple[float, str], state: str = "running", ended: float = 0.0, **more: Any) -> TaskRow:
    words, times = tuple(line for _, line in lines), tuple(when for when, _ in lines)
    return TaskRow("cluster ~/lab", "Bringing up ~/lab", state, ended=ended, lines=words, times=times, **more)


def shown(row: TaskRow) -> list[tuple[str, str, float | None]]:
    return [(step.words, step.state, step.took) for step in steps_of(row)]


def test_what_was_said_to_begin_and_to_be_done_is_one_step_with_its_time() -> None:
    lines = ((1, "Connected to me@gpu1:22 (0.6 s)"), (2, "Sending uv 0.9.3 …"), (4, "Sent uv 0.9.3 (1.9 s)"),
             (5, "Installing rhdesk 0.1.0+ab with Python 3.11 …"), (6, "  Downloading ray"))  # fmt: skip
    assert shown(task(*lines)) == [
        ("Connected to me@gpu1:22", "done", 0.6),
        ("Sent uv 0.9.3", "done", 1.9),
        ("Installing rhdesk 0.1.0+ab with Python 3.11…", "running", None),
    ]
    assert steps_of(task(*lines))[-1].output == "Downloading ray"


def test_hosts_go_side_by_side() -> None:
    lines = ((1, "gpu1: Installing rhdesk 1 …"), (2, "gpu2: Installing rhdesk 1 …"), (3, "gpu2:   Downloading ray"),
             (9, "gpu1: Installed rhdesk 1 (8.0 s)"))  # fmt: skip
    assert shown(task(*lines)) == [
        ("gpu1: Installed rhdesk 1", "done", 8.0),
        ("gpu2: Installing rhdesk 1…", "running", None),
    ]
    assert steps_of(task(*lines))[1].output == "Downloading ray"


def test_a_step_that_is_never_called_done_ends_with_the_next() -> None:
    lines = ((1, "Installing uv 0.9 with pip …"), (4, "Sent rhdesk (0.2 s)"), (5, "Ray starts (2 s)"), (7, "Ray is up"))
    assert shown(task(*lines, state="done", ended=8)) == [
        ("Installing uv 0.9 with pip…", "done", 3),
        ("Sent rhdesk", "done", 0.2),
        ("Ray starts", "done", 2),
        ("Ray is up", "done", 1),
    ]


def test_a_failure_is_shown_at_the_step_that_ran() -> None:
    lines = ((1, "Sent uv (1.0 s)"), (2, "Installing rhdesk …"))
    assert shown(task(*lines, state="failed", ended=5))[-1] == ("Installing rhdesk…", "failed", 3)
    assert [step.state for step in steps_of(task(lines[0], state="failed", ended=5))] == ["done", "failed"]
    assert [step.state for step in steps_of(task(lines[0], state="cancelled", ended=5))] == ["done", "cancelled"]


def test_what_is_taken_back_is_no_part_of_the_failure() -> None:
    lines = (
        (1, "Making the instances"),
        (4, UNDOING),
        (5, "x is there in part; it is taken down"),
        (9, "Nothing of x is left"),
    )
    why = Problem("No capacity.", code="no-capacity")
    assert [step.state for step in steps_of(task(*lines))] == ["cancelled", "done", "done", "running"]
    states = ["failed", "done", "done", "done"]
    assert [step.state for step in steps_of(task(*lines, state="failed", ended=10, problem=why))] == states
    left = replace(why, code="leftovers")
    assert [step.state for step in steps_of(task(*lines, state="failed", ended=10, problem=left))][-1] == "failed"


def test_a_task_that_has_said_nothing_begins() -> None:
    assert shown(task()) == [("Beginning…", "running", None)]


LAB = ClusterRow("~/lab", "lab", "ssh", State.DOWN)


def test_a_cluster_that_is_being_brought_up_is_not_called_down() -> None:
    assert as_shown(LAB, task(assumes=State.STARTING), 9).state is State.STARTING
    assert as_shown(LAB, task(state="cancelled", assumes=State.STARTING), 9).state is State.DOWN
    up = ClusterRow("~/lab", "lab", "ssh", State.UP)
    assert as_shown(up, task(assumes=State.STARTING), 9).state is State.UP
    assert as_shown(up, task(assumes=State.STOPPING), 9).state is State.STOPPING
    assert as_shown(LAB, task(assumes=State.STOPPING), 9).state is State.STOPPING, "some of it may still end"
    assert as_shown(LAB, task(state="done", ended=5, assumes=State.STOPPING), 4).state is State.DOWN


def test_what_was_seen_before_the_task_ended_is_not_shown_after_it() -> None:
    done = task(state="done", ended=5, assumes=State.STARTING)
    asks = ClusterRow("~/lab", "lab", "ssh", State.NEEDS_YOU)
    assert as_shown(asks, done, 4).state is State.STARTING
    assert as_shown(asks, done, 6).state is State.NEEDS_YOU
    failed = task(state="failed", ended=5, assumes=State.STARTING, problem=Problem("It broke."))
    assert as_shown(asks, failed, 4).state is State.FAILED
    assert as_shown(asks, failed, 6).state is State.NEEDS_YOU


def test_a_bring_up_that_failed_stays_in_sight_until_the_cluster_is_up() -> None:
    failed = task(state="failed", assumes=State.STARTING, problem=Problem("No space is left."))
    assert as_shown(LAB, failed, 9).state is State.FAILED
    assert as_shown(LAB, failed, 9).problem == Problem("No space is left.")
    assert as_shown(ClusterRow("~/lab", "lab", "ssh", State.UP), failed, 9).state is State.UP
    assert as_shown(LAB, None, 9) == LAB
