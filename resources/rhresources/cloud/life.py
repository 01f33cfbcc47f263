"""The life of a cluster on demand as a state machine: what is seen goes in, what is to be done comes out. No I/O.

Somebody wants it up, stopped or gone. Whoever carries that out looks at the cluster, asks `next_step`, does it, and
looks again, until there is nothing left to do. What must be undone where that is cancelled or fails, `undo` says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from rhresources.cloud.answers import CloudCluster, CloudState

Goal = Literal["up", "stopped", "gone"]

Step = Literal["launch", "start", "stop", "down", "wait", "set autostop", "done"]
"""What is to be done next. "wait": something goes on that nobody can hurry; look again."""

Undo = Literal["nothing", "stop", "down"]
"""What must be done so that no more runs than before."""

NEVER = -1
"""Of autostop: the cluster runs until somebody ends it."""


@dataclass(frozen=True, slots=True)
class Autostop:
    """When an idle cluster stops by itself, and whether it goes away then."""

    minutes: int = NEVER
    down: bool = False

    def at_least(self, minutes: int) -> Autostop:
        """The same, and not before so many idle minutes."""
        return replace(self, minutes=max(self.minutes, minutes)) if self.minutes >= 0 else self

    def is_of(self, cluster: CloudCluster) -> bool:
        """Whether the cluster has this set; that it never goes away by itself says nothing of how."""
        if self.minutes < 0:
            return cluster.autostop_mins < 0
        return (cluster.autostop_mins, cluster.autostop_down) == (self.minutes, self.down)


@dataclass(frozen=True, slots=True)
class Life:
    """One wish on its way.

    Attributes:
        goal: what is wanted.
        autostop: what a cluster that is up must have set; None: whatever it has.
        first: what it was when this began; "absent" if there was none, "" while nobody has looked.
        asked: the last step that was asked for.
        hash: SkyPilot's id of the life that was seen first.
        launched: a launch was asked for on the way, or by a program that ended in the middle of it.
    """

    goal: Goal
    autostop: Autostop | None = None
    first: CloudState | Literal["absent", ""] = ""
    asked: Step | Literal[""] = ""
    hash: str = ""
    launched: bool = False


def next_step(life: Life, seen: CloudCluster | None) -> tuple[Life, Step]:
    """What to do now that the cluster was seen like this; None: SkyPilot knows no such cluster."""
    if not life.first:
        life = replace(life, first=seen.state if seen is not None else "absent", hash=seen.hash if seen else "")
    step = _step_up(life, seen) if life.goal == "up" else _step_down(life, seen)
    return replace(life, asked=step, launched=life.launched or step == "launch"), step


def _step_up(life: Life, seen: CloudCluster | None) -> Step:
    match seen.state if seen is not None else "absent":
        # SkyPilot joins a launch that goes on, and mends a cluster of which a part is gone
        case "absent" | "launching" | "unhealthy":
            return "launch"
        case "stopping":
            return "wait"
        case "stopped":
            return "start"
    assert seen is not None
    # once: where it does not stay set, somebody must be told rather than asked for ever
    if life.autostop is not None and not life.autostop.is_of(seen) and life.asked != "set autostop":
        return "set autostop"
    return "done"


def _step_down(life: Life, seen: CloudCluster | None) -> Step:
    if seen is None:
        return "done"
    if life.goal == "gone":
        return "down"
    match seen.state:
        case "stopped":
            return "done"
        case "stopping":
            return "wait"
        case _:
            return "stop"


def undo(life: Life, *, launched_here: bool) -> Undo:
    """What is left to do where the wish was cancelled, or a step of it failed, so that nothing costs unseen.

    Args:
        life: how far it came.
        launched_here: a launch that had begun before was one of this computer's.
    """
    if life.goal != "up" or not life.asked:
        return "nothing"
    if life.first == "absent" or (life.first == "launching" and launched_here):
        return "down"
    if life.first in ("stopped", "stopping") and life.asked != "wait":
        return "stop"
    return "nothing"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened to a cluster without us, and the act that mends it.

    Attributes:
        sentence: what.
        remedy: what to do about it.
        act: "up", "down", "start", "autostop", "" for nothing to press.
        expected: it did what its autostop says.
    """

    sentence: str
    remedy: str = ""
    act: Literal["up", "down", "start", "autostop", ""] = ""
    expected: bool = False


def broken_off(name: str, *, given_up: bool = False) -> Notice:
    """What there is to know where rhdesk ended in the middle of a launch, and SkyPilot goes on with it alone.

    Args:
        given_up: it was being taken back then.
    """
    if given_up:
        return Notice(
            f"The launch of {name} was given up, and rhdesk ended before it was taken back; "
            "its machines may run and cost money.",
            "Take it down.",
            "down",
        )
    return Notice(
        f"A launch of {name} was broken off; its machines may run and cost money.",
        "Bring it up to go on with it, or take it down.",
        "up",
    )


STOPPING_HANGS = 600.0
"""Seconds after which a cluster that is stopping is taken to hang."""


def notice(
    name: str,
    before: CloudCluster | None,
    now: CloudCluster | None,
    wanted: Autostop | None = None,
    *,
    stopping_for: float = 0.0,
    last_words: str = "",
) -> Notice | None:
    """What a person should know of how a cluster changed while nobody here did anything.

    Args:
        name: ours of it.
        before: as it was seen last.
        now: as it is; None: it is gone.
        wanted: the autostop that it should have.
        stopping_for: how long it has been stopping, in seconds.
        last_words: the last event that SkyPilot keeps of it.
    """
    said = f" SkyPilot's last word: {last_words.rstrip('.')}." if last_words else ""
    if now is None:
        if before is None:
            return None
        if before.autostop_down and before.autostop_mins >= 0:
            sentence = f"{name} was idle and went away, as its autostop says.{said}"
            return Notice(sentence, "Bring it up anew.", "up", expected=True)
        return Notice(
            f"{name} is gone: its instances were ended outside of rhdesk.{said}",
            "Its disks are gone with it. Bring it up anew.",
            "up",
        )
    if now.state == "unhealthy":
        why = f" {now.reason.rstrip('.')}." if now.reason else said
        return Notice(
            f"Not all of {name} runs; what does costs money.{why}",
            "Bring it up to mend it, or take it down.",
            "up",
        )
    if now.state == "stopping" and stopping_for > STOPPING_HANGS:
        return Notice(
            f"{name} has been stopping for {stopping_for / 60:.0f} minutes, and costs money until it has.",
            "Take it down; what is on its disks is lost.",
            "down",
        )
    if before is not None and before.state == "up" and now.state in ("stopping", "stopped") and now.hash == before.hash:
        idle = before.autostop_mins >= 0
        why = "was idle" if idle else "was told so outside of rhdesk"
        what = "stops" if now.state == "stopping" else "was stopped"
        return Notice(f"{name} {what}: it {why}.", "Start it.", "start", expected=idle)
    if now.state == "up" and wanted is not None and wanted.minutes >= 0 and now.autostop_mins < 0:
        return Notice(
            f"{name} should stop after {wanted.minutes} idle minutes, and SkyPilot has lost that.",
            "Set its autostop again.",
            "autostop",
        )
    return None
