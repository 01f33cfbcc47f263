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
from rhdesk.core.rows import ClusterRow, ClusterStatus, Problem, RunRow, Sample, State
from rhdesk.core.store import Phase, Store
from rhresources.errors import ConnectionLost, RhError

if TYPE_CHECKING:
    from rhresources.wire.client import ClusterClient
    from rhresources.workspace import Workspace

log = logging.getLogger(__name__)

_LOOK_EVERY = 1.5  # seconds between looks at whether a cluster that is down came up by other hands
_LONGEST_PAUSE = 15.0
_RUNS_SHOWN = 2000
_STATUS_EVERY = 2.0
_SILENCE = 10.0  # seconds without a status after which a connection counts as lost


class ClusterFeed:
    """Follows one cluster for as long as its document is there."""

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
        self._wakened = asyncio.Event()
        self._lost = asyncio.Event()
        self._heard = 0.0  # by the monotonic clock, when the cluster last said how it is

    # ------------------------------------------------------------ called by the feeds

    @property
    def kind(self) -> str:
        return self._row.kind

    def wake(self) -> None:
        self._wakened.set()

    def connection(self, connected: bool, sentence: str) -> None:
        """The connection was lost, or is back."""
        if connected:
            self._lost.clear()
        else:
            self._lost.set()
            self._stale(Problem(sentence))

    def document_changed(self, row: ClusterRow) -> None:
        self._row = self._with_life(row)
        self._show()

    def seen(self, row: ClusterRow) -> ClusterRow:
        """The row of a new snapshot of the names, with what is known of the cluster's life."""
        return self._with_life(row)

    # ------------------------------------------------------------ the life of the cluster

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        pause = 1.0
        while True:
            self._wakened.clear()
            try:
                state = await self._workspace.cluster_state(self._address)
                if state == "down":
                    self._gone()
                    await self._wait(_LOOK_EVERY)
                    continue
                self._enter(State.FAILED if state == "failed" else State.STARTING if state == "starting" else State.UP)
                try:
                    await self._follow(await self._workspace.connect(self._address))
                except ConnectionLost:
                    # taken down, or gone for a moment: asked at once, and only then called unreachable
                    await self._wait(0.1)
                pause = 1.0
            except RhError as error:
                self._unreachable(Problem.of(error), time.time() + pause)
                await self._wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _follow(self, client: ClusterClient) -> None:
        """Watch while the cluster is up; returns when it went down."""
        self._lost.clear()
        self._heard = time.monotonic()
        hello = client.hello
        self._set(server_version=hello.version, user=hello.user, superuser=hello.superuser)
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

    async def _watch_lost(self) -> None:
        """Ends when the server is gone for good; a lost connection alone heals by itself."""
        while True:
            try:
                await asyncio.wait_for(self._lost.wait(), _SILENCE)
            except TimeoutError:
                if time.monotonic() - self._heard < _SILENCE:
                    continue
                self._lost.set()  # half open: nobody said that it is gone, and nothing comes
                self._stale(Problem(f"{self._address} has not answered for {_SILENCE:.0f} s."))
            while self._lost.is_set():
                if await self._workspace.cluster_state(self._address) == "down":
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

    async def _watch_runs(self, client: ClusterClient) -> None:
        async for event in client.watch_runs(_RUNS_SHOWN):
            rows = {run.id: run_row(run, self._address) for run in event.changed}
            self._mailbox.post(partial(self._merge, rows, list(event.removed), event.snapshot))

    # ------------------------------------------------------------ what the store is told

    def _merge(self, rows: dict[str, RunRow], removed: list[str], whole: bool) -> None:
        table = self._store.runs
        if whole:
            removed = [row.id for row in table.rows() if row.cluster == self._address and row.id not in rows]
        known = {id: old for id in rows if (old := table.get(id)) is not None}
        fresh = {id: row for id, row in rows.items() if id not in known or known[id].revision <= row.revision}
        table.update(fresh, removed)

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
        )
        self._mailbox.post(lambda: self._store.status.update({self._address: status}))

    def _enter(self, state: State, sentence: str = "") -> None:
        if state is not self._row.state:
            self._set(state=state, sentence=sentence, since=self._since(state), problem=None)

    def _unreachable(self, problem: Problem, retry_at: float) -> None:
        log.info("%s: %s", self._address, problem.sentence)
        self._set(
            state=State.UNREACHABLE, sentence=problem.sentence, problem=problem, since=self._since(State.UNREACHABLE)
        )
        self._stale(problem, retry_at)

    def _gone(self) -> None:
        self._past = ()
        was = self._row.state
        self._set(
            state=State.DOWN, sentence="", since=0.0, cpu=None, memory=None, gpu=None, runs_active=0, problem=None
        )
        problem = Problem(f"{self._address} is down; its runs are kept there and come back with it.")
        if was is not State.DOWN or self._store.runs.condition.phase is Phase.LOADING:
            self._mailbox.post(lambda: self._down(problem))

    def _down(self, problem: Problem) -> None:
        self._store.status.update({}, [self._address])
        if self.watches_runs:
            if any(row.cluster == self._address for row in self._store.runs.rows()):
                self._store.runs.fail(problem)
            elif self._store.runs.condition.phase is Phase.LOADING:
                self._store.runs.update({})

    def _stale(self, problem: Problem, retry_at: float = 0.0) -> None:
        def tell() -> None:
            self._store.status.fail(problem, retry_at)
            if self.watches_runs:
                self._store.runs.fail(problem, retry_at)

        self._mailbox.post(tell)

    def _since(self, state: State) -> float:
        return self._row.since if self._row.state is state and self._row.since else time.time()

    def _set(self, **changes: object) -> None:
        row = replace(self._row, **changes)  # type: ignore[arg-type]
        if row != self._row:
            self._row = row
            self._show()

    def _show(self) -> None:
        row = self._row

        def tell() -> None:
            table = self._store.clusters
            if row.address in table:
                table.update({row.address: row})

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
        )

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wakened.wait(), seconds)
        except TimeoutError:
            pass
        self._wakened.clear()
