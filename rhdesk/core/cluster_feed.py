"""One cluster: is it up, how loaded is it, and what runs there. On the background loop."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rhdesk.core.bridge import Mailbox
from rhdesk.core.convert import hardware_text, run_row, status_row
from rhdesk.core.rows import ClusterRow, ClusterStatus, Problem, Sample, State, TaskRow
from rhdesk.core.store import Store
from rhdesk.core.tasks import cluster_task
from rhresources.errors import ConnectionLost, RhError

if TYPE_CHECKING:
    from rhresources.wire.client import ClusterClient
    from rhresources.workspace import Workspace

log = logging.getLogger(__name__)

_LOOK_EVERY = {"machine": 1.5}  # seconds between looks at whether a cluster that is down came up by other hands
_LOOK_EVERY_ELSEWHERE = 12.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_LONGEST_LOOK = 60.0  # seconds that one look may take; the layers below give up sooner, each in its own words
_GRACE = 0.05
_RUNS_SHOWN = 2000
_STATUS_EVERY = 2.0
_SILENCE = 10.0  # seconds without a status after which a connection counts as lost


class ClusterFeed:
    """Follows one cluster for as long as its document is there.

    It never asks the person anything. What only they can answer is shown as *Needs you*, and is tried again when they
    say so: a log-in that is refused must not be repeated by a machine.
    """

    def __init__(
        self, workspace: Workspace, store: Store, mailbox: Mailbox, row: ClusterRow, *, watches_runs: bool
    ) -> None:
        self.watches_runs = watches_runs
        self._workspace = workspace
        self._store = store
        self._mailbox = mailbox
        self._row = row
        self._address = row.address
        self._past: tuple[Sample, ...] = ()
        self._started = 0.0  # when the server was, that is followed
        self._wakened = asyncio.Event()
        self._lost = asyncio.Event()
        self._heard = 0.0  # by the monotonic clock, when the cluster last said how it is
        self._silent_since = 0.0  # by the monotonic clock, of a server that runs and does not answer; 0: it answered
        self._said_lost = False
        self._pause = _FIRST_PAUSE
        self._looked = 0.0  # when the look began that the row is from
        self._shown_look = 0.0
        self._again = False

    # ------------------------------------------------------------ called by the feeds

    @property
    def kind(self) -> str:
        return self._row.kind

    def wake(self) -> None:
        """Look now, and show what is found even if it is what was shown before."""
        self._pause = _FIRST_PAUSE
        self._wakened.set()
        self._show()

    def try_again(self) -> None:
        """Look now, even if it was tried and failed a moment ago."""
        self._again = True
        self.wake()

    def connection(self, connected: bool, sentence: str) -> None:
        """The connection was lost, or is back."""
        if connected:
            self._lost.clear()
            if self._row.state in (State.UNREACHABLE, State.NEEDS_YOU, State.CONNECTING):
                self.wake()
        elif not self._lost.is_set():
            self._lost.set()
            self._lose_runs(Problem(sentence))

    def document_changed(self, row: ClusterRow) -> None:
        before = self._row
        self._row = self._with_life(row)
        if (row.reach, row.hosts) != (before.reach, before.hosts):
            self.wake()  # what was wrong with the way there may be mended
        self._show()

    def seen(self, row: ClusterRow) -> ClusterRow:
        """The row of a new snapshot of the names, with what is known of the cluster's life."""
        return self._with_life(row)

    # ------------------------------------------------------------ the life of the cluster

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        while True:
            self._wakened.clear()
            began, asked = time.time(), time.monotonic()
            try:
                if self._again:  # here and not when it was asked for: a look that fails meanwhile must not count
                    self._again = False
                    self._workspace.retry_soon(self._address)
                state = await self._look()
                self._looked = began
                silent = state == "starting" and self._is_silent  # it is not starting any more, it is stuck
                if not silent:
                    self._pause = _FIRST_PAUSE
                if state in ("down", "stopped", "stopping"):
                    await self._saw(up=False)
                    self._gone()
                    await self._wait(_LOOK_EVERY.get(self.kind, _LOOK_EVERY_ELSEWHERE))
                    continue
                if not silent:
                    self._enter({"failed": State.FAILED, "starting": State.STARTING}.get(state, State.UP))
                try:
                    client = await self._workspace.connect(self._address)
                except ConnectionLost:
                    self._silent_since = self._silent_since or asked
                    if self._is_silent:
                        sentence = f"The server of {self._address} runs and does not answer."
                        raise ConnectionLost(sentence) from None
                    await self._wait(0.1)
                    continue
                try:
                    await self._follow(client)
                except ConnectionLost:
                    # taken down, or gone for a moment: asked at once, and only then called unreachable
                    await self._wait(0.1)
            except ConnectionLost as error:
                self._looked = began
                await self._unreachable(error)
            except RhError as error:
                self._looked = began
                if self.kind == "machine":
                    await self._unreachable(error)
                else:
                    await self._needs_you(error)
            except Exception as error:  # a feed that breaks says so, and goes on
                log.info("the feed of %s broke", self._address, exc_info=True)
                await self._unreachable(error)

    @property
    def _is_silent(self) -> bool:
        return self._silent_since > 0 and time.monotonic() - self._silent_since >= _SILENCE

    async def _look(self) -> str:
        try:
            async with asyncio.timeout(_LONGEST_LOOK):
                return await self._workspace.cluster_state(self._address)
        except TimeoutError:
            raise ConnectionLost(f"{self._address} has not answered for {_LONGEST_LOOK:.0f} s.") from None

    async def _follow(self, client: ClusterClient) -> None:
        """Watch while the cluster is up; returns when it went down."""
        self._lost.clear()
        self._heard, self._silent_since = time.monotonic(), 0.0
        hello = client.hello
        self._started = min(hello.started, time.time())
        self._set(
            server_version=hello.version,
            user=hello.user,
            superuser=hello.superuser,
            retry_at=0.0,
            differs=await self._differs(),
        )
        tasks = [asyncio.create_task(self._watch_status(client)), asyncio.create_task(self._watch_lost())]
        if self.watches_runs:
            tasks.append(asyncio.create_task(self._watch_runs(client)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _differs(self) -> str:
        """What to know of a server of another build; only of those that somebody else may have installed."""
        if self.kind == "machine":
            return ""
        try:
            return await asyncio.to_thread(self._workspace.server_differs, self._address)
        except (RhError, OSError):
            return ""  # the wheel of here cannot be told; no reason to say anything of the server there

    async def _watch_lost(self) -> None:
        """Ends when the server is gone for good, or when the way to it is lost."""
        while True:
            try:
                await asyncio.wait_for(self._lost.wait(), _SILENCE)
            except TimeoutError:
                if time.monotonic() - self._heard < _SILENCE:
                    continue
                self._lost.set()  # half open: nobody said that it is gone, and nothing comes
                self._lose_runs(Problem(f"{self._address} has not answered for {_SILENCE:.0f} s."))
            while self._lost.is_set():
                if await self._look() == "down":
                    return
                self._enter(State.UNREACHABLE)
                await self._wait(1.0)

    async def _watch_status(self, client: ClusterClient) -> None:
        async for status in client.watch_status(_STATUS_EVERY):
            row = status_row(self._address, status, self._past)
            self._past = row.past
            self._heard = time.monotonic()
            self._lost.clear()
            self._load(row)
            await self._saw(up=True, since=client.hello.started)
            if self._said_lost:
                self._said_lost = False
                self._mailbox.post(partial(self._store.runs.heard, self._address))

    async def _watch_runs(self, client: ClusterClient) -> None:
        async for event in client.watch_runs(_RUNS_SHOWN):
            rows = {run.id: run_row(run, self._address) for run in event.changed}
            await self._workspace.costs.saw_runs(self._address, event.changed)
            changed = partial(self._store.runs.merge, self._address, rows, list(event.removed), event.snapshot)
            self._mailbox.post(changed)

    async def _saw(self, *, up: bool, since: float = 0.0) -> None:
        """Tell what it costs; of a cluster in a cloud SkyPilot tells."""
        if self.kind != "cloud":
            await self._workspace.costs.saw_machine(self._address, self._row.price_per_hour, up=up, since=since)

    # ------------------------------------------------------------ what the store is told

    def _load(self, status: ClusterStatus) -> None:
        sample = status.past[-1]
        state = {"ready": State.UP, "failed": State.FAILED, "stopped": State.STOPPING}.get(
            status.engine, State.STARTING
        )
        sentence = status.engine_sentence if state is not State.UP else ""
        self._set(
            state=state,
            sentence=sentence,
            since=self._since(state),
            hardware=hardware_text(status.hosts),
            cpu=sample.cpu,
            memory=sample.memory,
            gpu=sample.gpu,
            runs_active=status.runs_active,
            problem=Problem(sentence) if state is State.FAILED else None,
            lost_hosts=tuple(host.given or host.name for host in status.hosts if not host.alive),
            retry_at=0.0,
        )
        self._mailbox.post(lambda: self._store.status.update({self._address: status}))

    def _enter(self, state: State, sentence: str = "") -> None:
        if state is not self._row.state:
            self._set(state=state, sentence=sentence, since=self._since(state), problem=None, retry_at=0.0)

    async def _unreachable(self, error: Exception) -> None:
        """Say why, and wait: longer each time, for as long as it takes."""
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        problem, now = Problem.of(error), time.time()
        # who else uses the connection (an open log, a forwarded port) may be trying already; one countdown for all
        at = self._workspace.retry_at(self._address) if isinstance(error, RhError) and self.kind != "machine" else 0.0
        if at > now:
            pause = at - now + _GRACE
        else:
            at = now + pause
        log.info("%s: %s", self._address, problem.sentence)
        self._lost_sight(State.UNREACHABLE, problem, at)
        self._lose_runs(problem, at)
        await self._wait(pause)

    async def _needs_you(self, error: RhError) -> None:
        """Time mends none of this: wait until the person did something about it."""
        problem = Problem.of(error)
        log.info("%s: %s", self._address, problem.sentence)
        if error.code == "version":
            self._lost_sight(State.FAILED, problem, differs=problem.sentence)
        else:
            self._lost_sight(State.NEEDS_YOU, problem)
        self._lose_runs(problem)
        await self._wakened.wait()

    def _lost_sight(self, state: State, problem: Problem, retry_at: float = 0.0, differs: str = "") -> None:
        self._set(
            state=state,
            sentence=problem.sentence,
            problem=problem,
            since=self._since(state),
            retry_at=retry_at,
            differs=differs,
            cpu=None,
            memory=None,
            gpu=None,
        )

    def _gone(self) -> None:
        self._leave(State.DOWN)

    def _gone_words(self) -> str:
        return f"{self._address} is down; its runs are kept there and come back with it."

    def _leave(self, state: State, sentence: str = "", since: float = 0.0, **facts: object) -> None:
        """There is no server to follow in this state."""
        self._past, self._started, self._silent_since = (), 0.0, 0.0
        was = self._row.state
        self._set(
            state=state, sentence=sentence, since=since, cpu=None, memory=None, gpu=None, runs_active=0, problem=None,
            lost_hosts=(), retry_at=0.0, differs="", **facts,
        )  # fmt: skip
        if was is not state or not self._said_lost:
            self._said_lost = True
            self._mailbox.post(partial(self._down, Problem(self._gone_words())))

    def _down(self, problem: Problem) -> None:
        self._store.status.update({}, [self._address])
        if self.watches_runs:
            self._store.runs.down(self._address, problem)

    def _lose_runs(self, problem: Problem, retry_at: float = 0.0) -> None:
        self._said_lost = True
        if self.watches_runs:
            lose = partial(self._store.runs.lose, self._address, problem, retry_at, own=self.kind == "machine")
            self._mailbox.post(lose)

    def _since(self, state: State) -> float:
        if state is State.UP and self._started:  # and not since this window knows of it
            return self._started
        return self._row.since if self._row.state is state and self._row.since else time.time()

    def _set(self, **changes: object) -> None:
        row = replace(self._row, **changes)  # type: ignore[arg-type]
        if row != self._row or self._shown_look != self._looked:
            self._row, self._shown_look = row, self._looked
            self._show()

    def _show(self) -> None:
        row, looked = self._row, self._looked

        def tell() -> None:
            table = self._store.clusters
            if row.address in table:
                task = self._store.tasks.get(cluster_task(row.address))
                table.update({row.address: as_shown(row, task, looked)})

        self._mailbox.post(tell)

    def _with_life(self, row: ClusterRow) -> ClusterRow:
        old = self._row
        return replace(
            row,
            state=old.state,
            sentence=old.sentence,
            hardware=old.hardware or row.hardware,
            since=old.since,
            cpu=old.cpu,
            memory=old.memory,
            gpu=old.gpu,
            runs_active=old.runs_active,
            problem=old.problem,
            server_version=old.server_version,
            user=old.user,
            superuser=old.superuser,
            lost_hosts=old.lost_hosts,
            retry_at=old.retry_at,
            differs=old.differs,
        )

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wakened.wait(), seconds)
        except TimeoutError:
            pass
        self._wakened.clear()


def as_shown(row: ClusterRow, task: TaskRow | None, looked: float) -> ClusterRow:
    """A cluster with what is being done to it: one that is being brought up is not called down meanwhile.

    A bring-up that failed stays in sight until it is tried again or the cluster is up. `looked` is when somebody last
    looked how the cluster is: what is older than the end of the task says nothing.
    """
    if task is None or task.assumes is None:
        return row
    brings_up, unseen = task.assumes in (State.STARTING, State.LAUNCHING), looked < task.ended
    if task.state == "running" or (task.state == "done" and unseen):
        # while it is being taken down the rest of its processes may still end: it is not offered to be brought up
        goes = (State.UP, State.STARTING) if brings_up else (State.DOWN,) if task.state == "done" else ()
        if row.state not in goes:
            return replace(row, state=task.assumes, sentence=task.sentence, problem=None, retry_at=0.0)
    elif task.state == "failed" and brings_up and task.problem is not None and (unseen or row.state is State.DOWN):
        return replace(row, state=State.FAILED, sentence=task.problem.sentence, problem=task.problem)
    return row
