"""What fills the store: names as they change on disk, and one feed for every cluster that can be reached.

Everything here runs on the background loop and reaches the store through the mailbox. A feed that breaks says so in
the tables it fills, and begins again by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rhdesk.core.bridge import Mailbox
from rhdesk.core.cloud_cluster_feed import CloudClusterFeed
from rhdesk.core.cloud_feed import CloudFeed, CloudSaid
from rhdesk.core.cluster_feed import ClusterFeed
from rhdesk.core.convert import cluster_row, forward_row
from rhdesk.core.cost_feed import CostFeed
from rhdesk.core.entry_row import EntryRow
from rhdesk.core.names_feed import NamesReader, NamesSaid
from rhdesk.core.notifier import Notifier
from rhdesk.core.rows import ClusterRow, Problem
from rhdesk.core.store import Store
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.people import names_of_me

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

_DEBOUNCE = 0.05
_LONGEST_PAUSE = 30.0
_CLOCK_EVERY = 5.0
_SLEPT = 20.0  # seconds by which the clocks must differ for the computer to have slept


class Feeds:
    """All feeds of one window."""

    def __init__(self, workspace: Workspace, store: Store, mailbox: Mailbox, notifier: Notifier) -> None:
        self._workspace = workspace
        self._store = store
        self._mailbox = mailbox
        self._clusters: dict[str, tuple[ClusterFeed, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._costs = CostFeed(workspace, store, mailbox, notifier)
        self.cloud = CloudFeed(workspace, store, mailbox, self._heard_of_clouds, notifier)
        self._cloud_said: CloudSaid | None = None

    async def run(self) -> None:
        """Fill the store until cancelled."""
        loop = asyncio.get_running_loop()
        self._workspace.set_on_connection(self._on_connection)
        clock, cloud = loop.create_task(self._watch_clock()), loop.create_task(self.cloud.run())
        costs = loop.create_task(self._costs.run())
        no_more_forwards = self._workspace.forwards.on_change(self._show_forwards)
        self._show_forwards()
        watcher = ThreadPoolExecutor(1, "rhdesk-watcher")
        begun = watcher.submit(self._workspace.names.watch, self._tell_changed(loop))
        try:
            await asyncio.shield(asyncio.wrap_future(begun))
            await self._names()
        finally:
            clock.cancel()
            costs.cancel()
            cloud.cancel()
            no_more_forwards()
            for _, task in self._clusters.values():
                task.cancel()
            # in its own thread, after it has begun: a window that is closed at once must leave no watch
            ended = watcher.submit(lambda: begun.result()())
            watcher.shutdown(wait=False)
            await asyncio.shield(asyncio.wrap_future(ended))

    def wake(self, cluster: str = "") -> None:
        """Look at a cluster now: something was done to it. Without one: do not wait for anything any longer."""
        self._changed.set()
        self._costs.wake()
        if not cluster:
            self.cloud.wake()
        for address, (feed, _) in self._clusters.items():
            if not cluster:
                feed.try_again()
            elif cluster == address:
                feed.wake()

    def read_names(self) -> None:
        """Look at the names now: something was done that nobody tells of, such as making a folder."""
        self._changed.set()

    def _tell_changed(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def changed(names: object) -> None:
            loop.call_soon_threadsafe(self._changed.set)

        return changed

    async def _names(self) -> None:
        pause = 1.0
        reader = NamesReader(self._workspace)
        while True:
            self._changed.clear()
            try:
                said = await asyncio.to_thread(reader.read)
            except (RhError, OSError) as error:
                problem, at = Problem.of(error), time.time() + pause
                self._mailbox.post(partial(self._fail, problem, at))
                await self._wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = 1.0
            me = await asyncio.to_thread(names_of_me, self._workspace.home)
            clusters = await asyncio.to_thread(self._cluster_rows, said.clusters)
            self._mailbox.post(partial(self._show, said, clusters, me))
            self._follow(clusters)
            await self._changed.wait()
            await asyncio.sleep(_DEBOUNCE)  # an editor writes a file in several steps

    def _cluster_rows(self, entries: Mapping[str, EntryRow]) -> dict[str, ClusterRow]:
        """The clusters by their documents, as this computer goes by those. Looks at the disk."""
        rows = {}
        for address, entry in entries.items():
            document = entry.document
            if isinstance(document, ClusterDocument):
                with suppress(RhError):  # what is wrong with its own ways is told by who connects
                    document = self._workspace.own_ways.applied(address, document)
            rows[address] = cluster_row(entry if document is entry.document else replace(entry, document=document))
        return rows

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            pass

    def _show(self, said: NamesSaid, clusters: dict[str, ClusterRow], me: frozenset[str]) -> None:
        store = self._store
        store.me = me
        said.put_into(store)
        merged = {}
        for address, row in clusters.items():
            feed = self._clusters.get(address)
            merged[address] = feed[0].seen(row) if feed is not None else row
        store.clusters.replace(merged)
        store.runs.follow(self._watching(clusters))

    def _fail(self, problem: Problem, retry_at: float) -> None:
        store = self._store
        for table in (store.names, store.functions, store.packages, store.clusters):
            table.fail(problem, retry_at)

    def _show_forwards(self) -> None:
        rows = {forward.id: forward_row(forward) for forward in self._workspace.forwards.list()}
        self._mailbox.post(partial(self._store.forwards.replace, rows))

    @staticmethod
    def _watching(clusters: dict[str, ClusterRow]) -> list[str]:
        """The clusters whose runs are followed: those of this computer share one server, and with it the runs.

        These stand under a name that is the user's alone, if there is one: in a registry it is everybody's word for
        their own computer.
        """
        reached = [address for address, row in clusters.items() if _is_followed(row)]
        reached.sort(key=lambda address: (address.startswith("/"), address))
        machines = [address for address in reached if clusters[address].kind == "machine"]
        return [address for address in reached if address not in machines[1:]]

    def _follow(self, clusters: dict[str, ClusterRow]) -> None:
        """One feed for each cluster that this version can reach."""
        watching = set(self._watching(clusters))
        wanted = {address for address, row in clusters.items() if _is_followed(row)}
        for address, (feed, task) in list(self._clusters.items()):
            other = address in wanted and feed.kind != clusters[address].kind
            if address not in wanted or other or feed.watches_runs != (address in watching):
                del self._clusters[address]
                task.cancel()
        for address in sorted(wanted):
            if address in self._clusters:
                self._clusters[address][0].document_changed(clusters[address])
            else:
                feed = self._feed_for(clusters[address], address in watching)
                self._clusters[address] = (feed, asyncio.get_running_loop().create_task(feed.run()))

    def _feed_for(self, row: ClusterRow, watches_runs: bool) -> ClusterFeed:
        if row.kind != "cloud":
            return ClusterFeed(self._workspace, self._store, self._mailbox, row, watches_runs=watches_runs)
        feed = CloudClusterFeed(
            self._workspace,
            self._store,
            self._mailbox,
            row,
            watches_runs=watches_runs,
            doubt=self.cloud.doubt,
            look=self.cloud.wake,
        )
        if self._cloud_said is not None:
            feed.heard(self._cloud_said)
        self.cloud.wake()
        return feed

    def _heard_of_clouds(self, said: CloudSaid) -> None:
        self._cloud_said = said
        for feed, _ in self._clusters.values():
            if isinstance(feed, CloudClusterFeed):
                feed.heard(said)

    def _on_connection(self, cluster: str, connected: bool, sentence: str) -> None:
        found = self._clusters.get(cluster)
        if found is not None:
            found[0].connection(connected, sentence)

    async def _watch_clock(self) -> None:
        """After the computer slept nothing is as it was: look at once, and do not count down the rest of a pause."""
        while True:
            wall, own = time.time(), time.monotonic()
            await asyncio.sleep(_CLOCK_EVERY)
            slept = max(time.time() - wall - (time.monotonic() - own), time.monotonic() - own - _CLOCK_EVERY)
            if slept > _SLEPT:
                self.wake()


def _is_followed(row: ClusterRow) -> bool:
    """Whether a cluster has a life: one that only says what could be rented has none, nor has a broken document."""
    return row.kind in ("machine", "ssh", "cloud") and not row.is_template
