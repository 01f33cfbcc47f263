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
from rhresources.cloud.elsewhere import cluster_of
from rhresources.cloud.limits import place
from rhresources.cloud.told_words import whose
from rhresources.errors import ClusterDown, RhError
from rhresources.people import registry_user

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster
    from rhresources.cloud.life import Notice
    from rhresources.registry.told import Told
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
        self._told = self._elsewhere()
        self._notice: Notice | None = None
        self._unknown: Problem | None = None
        self._turned = asyncio.Event()
        self._doubt, self._look_at_cloud = doubt, look

    def wake(self) -> None:
        self._look_at_cloud()
        super().wake()

    def heard(self, said: CloudSaid) -> None:
        """What SkyPilot says of the clusters, or why nobody knows."""
        before, problem, began = self._life(), said.problem, said.began
        if problem is None:
            self._cloud = said.clusters.get(self._address)
            self._notice = said.notices.get(self._address)
            self._told = self._elsewhere()
        self._unknown = problem
        if before != self._life():
            self._turned.set()
        if self._life():
            if problem is None:
                self._show_facts()
            return
        self._looked = began
        self._turned.set()

    def document_changed(self, row: ClusterRow) -> None:
        before, was = self._life(), self._told
        self._told = self._elsewhere()
        if before != self._life() or (was != self._told and not before):
            self._turned.set()
        super().document_changed(row)

    def _elsewhere(self) -> Told | None:
        """What is told of it where another SkyPilot than ours runs it. Reads small files."""
        if not self._address.startswith("/"):
            return None
        try:
            return self._workspace.told_elsewhere(self._address)
        except RhError:  # it is being deleted, or the registry logged out of
            return None

    async def run(self) -> None:
        while True:
            self._turned.clear()
            if not self._life():
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
            self._doubt_it()
            return "down"
        if state == "failed":  # the engine of its server, or the server itself
            try:
                await self._workspace.connect(self._address)
            except ClusterDown:
                return "down"
        return state

    def _gone(self) -> None:
        if not self._life():
            super()._gone()
            return
        # what is rented goes on costing, whether our server runs there or not
        words = "Its hosts are up, and the cluster server does not run there."
        self._leave(State.NO_SERVER, words, self._since(State.NO_SERVER))
        self._doubt_it()

    def _doubt_it(self) -> None:
        if self._cloud is not None:  # of others' clusters our SkyPilot knows nothing
            self._doubt()

    async def _unreachable(self, error: Exception) -> None:
        self._doubt_it()
        await super()._unreachable(error)

    def _gone_words(self) -> str:
        if self._known() is None:
            return f"{self._address} is down, and what it kept went with its hosts."
        return super()._gone_words()

    def _show_cloud(self) -> None:
        """The state that SkyPilot says; it is no more than a word for one that does not exist."""
        cluster, problem = self._known(), self._unknown
        if problem is not None and (self._cloud is not None or cluster is None):
            self._lost_sight(State.UNREACHABLE, problem)
            self._lose_runs(problem)
            return
        state = state_of(cluster)
        if state is State.UP:  # by the word of others, who told of no head
            state = State.NO_SERVER
        since = cluster.launched if cluster is not None and state is State.LAUNCHING else self._since(state)
        self._leave(
            state,
            self._words(),
            since if state is not State.DOWN else 0.0,
            **self._facts(),
        )

    def _words(self) -> str:
        cluster = self._known()
        if cluster is not None and cluster.reason:
            return cluster.reason
        if self._told is not None and cluster is not self._cloud:
            if self._told.state == "up":
                return "Its hosts are reached only through the SkyPilot that runs it."
            return f"It was started by {self._run_by()}."
        return self._notice.sentence if self._notice is not None else ""

    def _known(self) -> CloudCluster | None:
        """What our SkyPilot knows of it; else what the one that runs it tells."""
        if self._cloud is not None or self._told is None:
            return self._cloud
        return cluster_of(self._told)

    def _life(self) -> str:
        """The life of a cluster that is up; "" where it is not: SkyPilot gives every life an id of its own."""
        cluster, told = self._cloud, self._told
        if cluster is None and told is not None:
            return f"{told.life} at {told.head}" if told.state == "up" and told.head is not None else ""
        return (cluster.hash or cluster.name) if cluster is not None and cluster.state == "up" else ""

    def _run_by(self) -> str:
        assert self._told is not None
        return whose(self._told, registry_user(self._workspace.home))

    def _show_facts(self) -> None:
        self._set(**self._facts())

    def _with_life(self, row: ClusterRow) -> ClusterRow:
        self._document = row
        return replace(super()._with_life(row), **self._facts())

    def _facts(self) -> dict[str, Any]:
        """What is known better than the document says it."""
        cluster, document = self._known(), self._document
        if cluster is None:
            return {
                "told": None,
                "run_by": "",
                "cloud": None,
                "location": document.location,
                "hardware": document.hardware,
                "price_per_hour": document.price_per_hour,
                "autostop_mins": document.autostop_mins,
                "notice": self._notice,
            }
        where = place(cluster.cloud, cluster.zone or cluster.region)
        price = document.price_per_hour
        told = self._told if self._cloud is None else None
        return {
            "told": told,
            "run_by": self._run_by() if told is not None else "",
            "cloud": cluster,
            "location": where or document.location,
            "hardware": cluster_hardware(cluster) or document.hardware,
            "price_per_hour": cluster.price_per_hour if price is None else price,
            "autostop_mins": cluster.autostop_mins,
            "notice": self._notice,
        }
