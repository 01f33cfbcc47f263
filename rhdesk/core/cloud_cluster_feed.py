"""One cluster in a cloud: what SkyPilot says of it, and while it is up what its own server says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rhdesk.core.bridge import Mailbox
from rhdesk.core.cloud_feed import CloudSaid
from rhdesk.core.cluster_feed import ClusterFeed
from rhdesk.core.rows import ClusterRow, Problem, State
from rhdesk.core.store import Store
from rhdesk.core.words import cluster_hardware
from rhresources.cloud.limits import place
from rhresources.errors import ClusterDown

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster
    from rhresources.cloud.life import Notice
    from rhresources.workspace import Workspace

_STATES = {
    "launching": State.LAUNCHING,
    "unhealthy": State.UNHEALTHY,
    "stopping": State.STOPS_ITSELF,
    "stopped": State.STOPPED,
}


def state_of(cluster: CloudCluster | None) -> State:
    """The state of a cluster by what SkyPilot says of it alone."""
    if cluster is None:
        return State.DOWN
    return State.UP if cluster.state == "up" else _STATES[cluster.state]


class CloudClusterFeed(ClusterFeed):
    """While a cluster is not up nothing is asked here: `heard` says when that changes.

    Args:
        doubt: called where its server is gone though SkyPilot said that it is up.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        mailbox: Mailbox,
        row: ClusterRow,
        *,
        watches_runs: bool,
        doubt: Callable[[], object],
        look: Callable[[], object],
    ) -> None:
        super().__init__(workspace, store, mailbox, row, watches_runs=watches_runs)
        self._document = row
        self._cloud: CloudCluster | None = None
        self._notice: Notice | None = None
        self._unknown: Problem | None = None
        self._turned = asyncio.Event()
        self._doubt, self._look_at_cloud = doubt, look

    def wake(self) -> None:
        self._look_at_cloud()
        super().wake()

    def heard(self, said: CloudSaid) -> None:
        """What SkyPilot says of the clusters, or why nobody knows."""
        before, problem, began = self._cloud, said.problem, said.began
        if problem is None:
            self._cloud = said.clusters.get(self._address)
            self._notice = said.notices.get(self._address)
        self._unknown = problem
        now = self._cloud
        if _life(before) != _life(now):
            self._turned.set()
        if _life(now):
            if problem is None:
                self._show_facts()
            return
        self._looked = began
        self._turned.set()

    async def run(self) -> None:
        while True:
            self._turned.clear()
            if not _life(self._cloud):
                self._show_cloud()
                await self._turned.wait()
                continue
            self._show_facts()
            following = asyncio.create_task(super().run())
            try:
                await self._turned.wait()
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _look(self) -> str:
        state = await super()._look()
        if state in ("stopped", "stopping"):
            self._doubt()
            return "down"
        if state == "failed":  # the engine of its server, or the server itself
            try:
                await self._workspace.connect(self._address)
            except ClusterDown:
                return "down"
        return state

    def _gone(self) -> None:
        if not _life(self._cloud):
            super()._gone()
            return
        # what is rented goes on costing, whether our server runs there or not
        words = "Its hosts are up, and the cluster server does not run there."
        self._leave(State.NO_SERVER, words, self._since(State.NO_SERVER))
        self._doubt()

    async def _unreachable(self, error: Exception) -> None:
        self._doubt()
        await super()._unreachable(error)

    def _gone_words(self) -> str:
        if self._cloud is None:
            return f"{self._address} is down, and what it kept went with its hosts."
        return super()._gone_words()

    def _show_cloud(self) -> None:
        """The state that SkyPilot says; it is no more than a word for one that does not exist."""
        cluster, problem = self._cloud, self._unknown
        if problem is not None:
            self._lost_sight(State.UNREACHABLE, problem)
            self._lose_runs(problem)
            return
        state = state_of(cluster)
        since = cluster.launched if cluster is not None and state is State.LAUNCHING else self._since(state)
        self._leave(
            state,
            self._words(),
            since if state is not State.DOWN else 0.0,
            **self._facts(),
        )

    def _words(self) -> str:
        if self._cloud is not None and self._cloud.reason:
            return self._cloud.reason
        return self._notice.sentence if self._notice is not None else ""

    def _show_facts(self) -> None:
        self._set(**self._facts())

    def _with_life(self, row: ClusterRow) -> ClusterRow:
        self._document = row
        return replace(super()._with_life(row), **self._facts())

    def _facts(self) -> dict[str, Any]:
        """What is known better than the document says it."""
        cluster, document = self._cloud, self._document
        if cluster is None:
            return {
                "cloud": None,
                "location": document.location,
                "hardware": document.hardware,
                "price_per_hour": document.price_per_hour,
                "autostop_mins": document.autostop_mins,
                "notice": self._notice,
            }
        where = place(cluster.cloud, cluster.zone or cluster.region)
        price = document.price_per_hour
        return {
            "cloud": cluster,
            "location": where or document.location,
            "hardware": cluster_hardware(cluster) or document.hardware,
            "price_per_hour": cluster.price_per_hour if price is None else price,
            "autostop_mins": cluster.autostop_mins,
            "notice": self._notice,
        }


def _life(cluster: CloudCluster | None) -> str:
    """The life of a cluster that is up; "" where it is not: SkyPilot gives every life an id of its own."""
    return (cluster.hash or cluster.name) if cluster is not None and cluster.state == "up" else ""
