"""The steps of a long act, out of the lines that it said. No Qt.

A line that ends in "…" says that something begins; "Installed rhdesk (12.3 s)" that it is done; an indented one is
what an installer said meanwhile. A word before a colon ("gpu2: Sent uv (0.3 s)") names the host: hosts go side by
side. Every other line is a step of its own, which lasts until the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rhdesk.core.rows import TaskRow
from rhresources.cloud.words import UNDOING

NOT_HERE = "Not here: "
"""Begins a line that says that something was refused and is tried elsewhere."""

_DONE = re.compile(r"(.*) \((\d+\.\d) s\)")
_COUNTS = re.compile(r" \(\d+ s\)$")  # "Ray starts (17 s)" goes on; its seconds are shown beside it anyhow
_HOST = re.compile(r"(\S+: )(.*)", re.DOTALL)


@dataclass
class TaskStep:
    """One step.

    Attributes:
        state: "running", "done", "refused", "failed" or "cancelled".
        began: seconds since the epoch.
        took: seconds; None while it runs.
        output: the last line that an installer said during it.
    """

    words: str
    state: str
    began: float
    took: float | None = None
    output: str = ""

    def end(self, when: float, state: str = "done") -> None:
        """It is over."""
        self.state, self.took = state, max(0.0, when - self.began)


def steps_of(task: TaskRow) -> list[TaskStep]:
    """The steps so far, in the order in which they began."""
    reader = _Reader()
    times = task.times if len(task.times) == len(task.lines) else (task.started,) * len(task.lines)
    for line, when in zip(task.lines, times, strict=True):
        reader.read(line, when)
    steps = reader.steps
    if task.state == "running":
        return steps or [TaskStep("Beginning…", "running", task.started)]
    open_steps = [step for step in steps if step.state == "running"]
    left = task.problem is not None and task.problem.code == "leftovers"
    for step in open_steps:
        step.end(task.ended, "done" if reader.broken and not left else task.state)
    for step in reader.broken:
        step.state = task.state
    if steps and not open_steps and task.state != "done":
        # it broke between two steps, at one that nobody has named
        steps.append(TaskStep("Failed" if task.state == "failed" else "Cancelled", task.state, task.ended, 0.0))
    return steps


class _Reader:
    def __init__(self) -> None:
        self.steps: list[TaskStep] = []
        self._waiting: dict[str, list[TaskStep]] = {}  # by host: what has begun and is to be told of when it is done
        self._plain: TaskStep | None = None  # lasts until the next
        self.broken: list[TaskStep] = []

    def read(self, line: str, when: float) -> None:
        found = _HOST.fullmatch(line)
        host, said = (found[1], found[2]) if found else ("", line)
        words = said.strip()
        waiting = self._waiting.setdefault(host, [])
        if not words:
            return
        if said.startswith("  "):
            if waiting or self.steps:
                (waiting or self.steps)[-1].output = words
            return
        if words == UNDOING:
            self._undo(when)
            return
        refused = words.startswith(NOT_HERE)
        if self._plain is not None:
            self._plain.end(when)
            self._plain = None
        if refused:
            self.steps.append(TaskStep(words.removeprefix(NOT_HERE), "refused", when, 0.0))
            return
        done = _DONE.fullmatch(words)
        if done is not None:
            self._done(host, done[1], float(done[2]), when)
        elif words.endswith("…"):
            step = TaskStep(f"{host}{words.rstrip(' …')}…", "running", when)
            waiting.append(step)
            self.steps.append(step)
        else:
            self._plain = TaskStep(host + _COUNTS.sub("", words), "running", when)
            self.steps.append(self._plain)

    def _undo(self, when: float) -> None:
        """What had begun is broken; what comes now takes it back."""
        self.broken = [step for step in self.steps if step.state == "running"]
        for step in self.broken:
            step.end(when, "cancelled")
        self._waiting = {}
        self._plain = TaskStep(UNDOING.removesuffix(" …"), "running", when)
        self.steps.append(self._plain)

    def _done(self, host: str, words: str, took: float, when: float) -> None:
        waiting, self._waiting[host] = self._waiting[host], []
        mine = next((step for step in waiting if _what(step.words.removeprefix(host)) == _what(words)), None)
        for step in waiting:
            step.end(when)
        if mine is None:
            mine = TaskStep("", "done", when - took)
            self.steps.append(mine)
        mine.words, mine.took = host + words, took


def _what(words: str) -> str:
    """What a step is about: "Sending uv 0.9" and "Sent uv 0.9" are one."""
    return " ".join(words.rstrip("…").split()[1:2])
