"""The life of a cluster on demand: what is seen goes in, what is to be done comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rhresources.cloud.answers import CloudCluster, CloudState
from rhresources.cloud.life import STOPPING_HANGS, Autostop, Life, Notice, next_step, notice, undo

GPU = CloudCluster("gpu-1a2b3c", "up", hash="first", autostop_mins=10)
TEN = Autostop(10)


def steps(goal: str, *states: CloudState | None, autostop: Autostop | None = None) -> list[str]:
    """What is asked for while a cluster is seen like this, one after another; None: it is not there."""
    life, asked = Life(goal, autostop), []  # type: ignore[arg-type]
    for state in states:
        life, step = next_step(life, replace(GPU, state=state) if state is not None else None)
        asked.append(step)
    return asked


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((None, "up"), ["launch", "done"]),
        (("stopped", "up"), ["start", "done"]),
        (("launching", "up"), ["launch", "done"]),
        (("unhealthy", "up"), ["launch", "done"]),
        (("stopping", "stopping", "stopped", "up"), ["wait", "wait", "start", "done"]),
        (("stopping", None, "up"), ["wait", "launch", "done"]),  # it went away instead
        (("stopped", "unhealthy", "up"), ["start", "launch", "done"]),
        (("up",), ["done"]),
    ],
)
def test_the_way_up(states: tuple[CloudState | None, ...], expected: list[str]) -> None:
    assert steps("up", *states, autostop=TEN) == expected


@pytest.mark.parametrize(
    ("goal", "states", "expected"),
    [
        ("stopped", ("up", "stopped"), ["stop", "done"]),
        ("stopped", ("stopping", "stopped"), ["wait", "done"]),
        ("stopped", ("stopped",), ["done"]),
        ("stopped", (None,), ["done"]),
        ("gone", ("up", None), ["down", "done"]),
        ("gone", ("stopping", None), ["down", "done"]),  # where stopping hangs, this is the way out
        ("gone", (None,), ["done"]),
    ],
)
def test_the_way_down(goal: str, states: tuple[CloudState | None, ...], expected: list[str]) -> None:
    assert steps(goal, *states) == expected


@pytest.mark.parametrize(
    ("has", "wanted", "first"),
    [
        ((10, False), Autostop(10), "done"),
        ((-1, False), Autostop(10), "set autostop"),
        ((10, True), Autostop(10), "set autostop"),
        ((10, False), Autostop(-1), "set autostop"),
        ((-1, True), Autostop(-1), "done"),
        ((-1, False), None, "done"),
    ],
)
def test_that_a_lost_autostop_is_set_again_once(has: tuple[int, bool], wanted: Autostop | None, first: str) -> None:
    cluster = replace(GPU, autostop_mins=has[0], autostop_down=has[1])
    life, step = next_step(Life("up", wanted), cluster)
    assert step == first
    _, again = next_step(life, cluster)  # SkyPilot does not take it
    assert again == "done"


@pytest.mark.parametrize(
    ("states", "ours", "expected"),
    [
        ((None,), False, "down"),
        ((None, "launching"), False, "down"),
        ((None, "up"), False, "down"),
        (("launching",), True, "down"),
        (("launching",), False, "nothing"),  # somebody else launches it
        (("stopped",), True, "stop"),
        (("stopping", "stopped"), True, "stop"),
        (("stopping",), True, "nothing"),
        (("unhealthy",), True, "nothing"),
        (("up",), True, "nothing"),
        ((), True, "nothing"),
    ],
)
def test_that_giving_up_leaves_no_more_running_than_before(
    states: tuple[CloudState | None, ...], ours: bool, expected: str
) -> None:
    life = Life("up", TEN)
    for state in states:
        life, _ = next_step(life, replace(GPU, state=state) if state is not None else None)
    assert undo(life, launched_here=ours) == expected


def told(before: CloudCluster | None, now: CloudCluster | None, **more: float) -> Notice | None:
    return notice("~/gpu", before, now, TEN, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "now", "words", "act"),
    [
        (GPU, None, "ended outside of rhdesk", "up"),
        (replace(GPU, autostop_down=True), None, "as its autostop says", "up"),
        (GPU, replace(GPU, state="unhealthy", reason="1 of 2 nodes is terminated"), "1 of 2 nodes", "up"),
        (GPU, replace(GPU, state="stopped"), "idle", "start"),
        (replace(GPU, autostop_mins=-1), replace(GPU, state="stopped"), "outside of rhdesk", "start"),
        (GPU, replace(GPU, autostop_mins=-1), "lost", "autostop"),
    ],
)
def test_that_what_nobody_did_is_told(before: CloudCluster, now: CloudCluster | None, words: str, act: str) -> None:
    found = told(before, now)
    assert found is not None
    assert words in found.sentence
    assert found.act == act


def test_that_stopping_for_too_long_is_told() -> None:
    stopping = replace(GPU, state="stopping")
    hangs = told(stopping, stopping, stopping_for=STOPPING_HANGS + 1)
    assert hangs is not None
    assert hangs.act == "down"
    assert told(stopping, stopping, stopping_for=STOPPING_HANGS - 1) is None


def test_that_a_quiet_life_is_not_told() -> None:
    assert told(None, None) is None
    assert told(None, GPU) is None
    assert told(GPU, GPU) is None
    assert told(replace(GPU, state="stopped"), GPU) is None
    assert told(None, replace(GPU, state="stopped")) is None
