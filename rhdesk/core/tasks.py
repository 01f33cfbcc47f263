"""Named tasks on the background loop: a new one of the same name cancels the old, errors reach the notifier.

Tasks with a title are long acts; the task centre shows them with progress, Cancel and where they belong.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from rhdesk.core.bridge import BackgroundLoop, Mailbox
from rhdesk.core.notifier import Notifier
from rhdesk.core.rows import Problem, State, TaskRow
from rhdesk.core.store import Table

T = TypeVar("T")
_LINES_KEPT = 400
_ENDED_KEPT = 20


def cluster_task(address: str) -> str:
    """The name of the task that brings a cluster up or down: there is one at a time."""
    return f"cluster {address}"


def _uncounted(sentence: str) -> str:
    """A sentence without its figures; those in the name of the host that it is about stay."""
    host, colon, said = sentence.partition(": ")
    return host + colon + re.sub(r"\d+", "", said) if colon else re.sub(r"\d+", "", sentence)


class GivenUp(Exception):
    """Raised by a task that the person has cancelled, once it has taken back what it had begun."""


class Progress(Protocol):
    """What a task calls, on any thread, to say how far it is."""

    def __call__(self, sentence: str, fraction: float | None = None) -> None: ...


class NamedTasks:
    """Starts coroutines on the background loop and keeps them by name. Methods are for the interface's thread."""

    def __init__(self, loop: BackgroundLoop, mailbox: Mailbox, notifier: Notifier, table: Table[TaskRow]) -> None:
        self._loop = loop
        self._mailbox = mailbox
        self._notifier = notifier
        self._table = table
        self._running: dict[str, tuple[int, concurrent.futures.Future[Any]]] = {}
        self._give_ups: dict[str, Callable[[], object]] = {}
        self._count = 0

    def start(
        self,
        name: str,
        make: Callable[[Progress], Coroutine[Any, Any, T]],
        *,
        title: str = "",
        go_to: tuple[str, str] | None = None,
        on_done: Callable[[T], object] | None = None,
        on_error: Callable[[BaseException], object] | None = None,
        on_end: Callable[[], object] | None = None,
        quiet: bool = False,
        assumes: State | None = None,
        give_up: Callable[[], object] | None = None,
    ) -> None:
        """Start `make(progress)` on the background loop.

        Args:
            name: a running task of this name is cancelled first, and its callbacks are dropped.
            title: given for long acts, which the task centre shows.
            go_to: (page, target) that the task belongs to.
            on_done, on_error, on_end: called on the interface's thread; on_end in every case, cancellation included.
            quiet: the error is not shown as a notice (on_error shows it in place).
            assumes: the state that the cluster is shown in meanwhile, for a task that brings one up or down.
            give_up: what the person's Cancel does, for a task that must clean up before it has ended.
        """
        self.cancel(name)
        self._count += 1
        number = self._count
        if title:
            self._show(TaskRow(name, title, started=time.time(), go_to=go_to, assumes=assumes))

        def progress(sentence: str, fraction: float | None = None) -> None:
            if title:
                self._mailbox.post(lambda: self._progress(name, number, sentence, fraction))

        if give_up is not None:
            self._give_ups[name] = give_up
        future = self._loop.submit(make(progress))
        self._running[name] = (number, future)

        def ended(done: concurrent.futures.Future[T]) -> None:
            self._mailbox.post(lambda: self._end(name, number, done, title, on_done, on_error, on_end, quiet))

        future.add_done_callback(ended)

    def give_up(self, name: str) -> None:
        """What the person's Cancel does: cancel the task, or have it clean up and end."""
        if name in self._give_ups and name in self._running:
            self._give_ups[name]()
            row = self._table.get(name)
            if row is not None and row.state == "running":
                self._show(replace(row, giving_up=True))
        else:
            self.cancel(name)

    def cancel(self, name: str) -> None:
        """Cancel the task of that name, if one runs."""
        self._give_ups.pop(name, None)
        found = self._running.pop(name, None)
        if found is None:
            return
        found[1].cancel()
        row = self._table.get(name)
        if row is not None and row.state == "running":
            self._show(replace(row, state="cancelled", ended=time.time(), sentence="Cancelled"))

    def wait(self, names: Collection[str], patience: float) -> None:
        """Block until these have ended, or `patience` seconds have passed; only where no window is left."""
        concurrent.futures.wait([self._running[name][1] for name in names if name in self._running], patience)

    def busy(self, name: str) -> bool:
        return name in self._running

    def dismiss(self, name: str) -> None:
        """Take an ended task off the task centre."""
        row = self._table.get(name)
        if row is not None and row.state != "running":
            self._table.update({}, [name])

    def _progress(self, name: str, number: int, sentence: str, fraction: float | None) -> None:
        row = self._table.get(name)
        if row is not None and self._running.get(name, (0,))[0] == number:
            # a step that counts its seconds stays one line
            same = bool(row.lines) and _uncounted(row.lines[-1]) == _uncounted(sentence)
            lines = (*(row.lines[:-1] if same else row.lines), sentence)[-_LINES_KEPT:]
            times = (row.times if same else (*row.times, time.time()))[-_LINES_KEPT:]
            said = sentence.strip().splitlines()
            words = " ".join(said[-1].split()) if said else row.sentence
            self._show(replace(row, sentence=words, fraction=fraction, lines=lines, times=times))

    def _end(
        self,
        name: str,
        number: int,
        done: concurrent.futures.Future[Any],
        title: str,
        on_done: Callable[[Any], object] | None,
        on_error: Callable[[BaseException], object] | None,
        on_end: Callable[[], object] | None,
        quiet: bool,
    ) -> None:
        mine = self._running.get(name, (0,))[0] == number
        if mine:
            del self._running[name]
            self._give_ups.pop(name, None)
        if on_end is not None:
            on_end()
        if not mine or done.cancelled():
            return
        error = done.exception()
        row = self._table.get(name) if title else None
        if isinstance(error, asyncio.CancelledError | GivenUp):
            if row is not None:
                self._show(replace(row, state="cancelled", ended=time.time(), sentence="Cancelled"))
            if isinstance(error, GivenUp) and on_error is not None:
                on_error(error)
        elif error is not None:
            if row is not None:
                problem = Problem.of(error)
                self._show(replace(row, state="failed", ended=time.time(), sentence=problem.sentence, problem=problem))
            if on_error is not None:
                on_error(error)
            if not quiet:
                self._notifier.error(error, act=title)
        else:
            if row is not None:
                self._show(replace(row, state="done", ended=time.time(), fraction=1.0))
            if on_done is not None:
                on_done(done.result())

    def _show(self, row: TaskRow) -> None:
        ended = [task for task in self._table.rows() if task.state != "running" and task.name != row.name]
        surplus = sorted(ended, key=lambda task: task.ended)[: max(0, len(ended) - _ENDED_KEPT)]
        self._table.update({row.name: row}, [task.name for task in surplus])
