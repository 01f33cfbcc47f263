"""What SkyPilot knows, for the window: one look for all clusters in a cloud. On the background loop.

Who never used a cloud has nothing to look at, and SkyPilot is not touched. While something changes it is asked often,
while something is up every minute, and once a day otherwise, so that what is up and named by nobody is found. These
looks ask SkyPilot's server alone; the clouds themselves are asked at the start and once a day, and where something
cannot be explained otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from rhdesk.core.bridge import Mailbox
from rhdesk.core.notifier import Notifier
from rhdesk.core.rows import Problem
from rhdesk.core.store import Store
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster, ServerInfo
    from rhresources.cloud.life import Notice
    from rhresources.workspace import Workspace

log = logging.getLogger(__name__)

_CHANGES, _IS_UP, _DAILY = 5.0, 60.0, 24 * 3600.0  # seconds between looks
_AFTER_START = 2.0  # seconds: the window comes first
_ASK_CLOUD_EVERY = 60.0
_ORPHANS_AGAIN = 600.0  # where it could not be said
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_MOVING = ("launching", "stopping")


@dataclass(frozen=True)
class CloudSaid:
    """What one look has told, by the address of a cluster's document.

    Attributes:
        notices: what happened to clusters without us, also to some that are gone.
        problem: why nothing could be learnt; the rest is empty then.
        began: when the look began.
    """

    clusters: Mapping[str, CloudCluster] = field(default_factory=dict)
    notices: Mapping[str, Notice] = field(default_factory=dict)
    problem: Problem | None = None
    began: float = 0.0


class CloudFeed:
    """Looks, and says what it saw to the store and to whoever follows the clusters."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        mailbox: Mailbox,
        heard: Callable[[CloudSaid], None],
        notifier: Notifier,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._mailbox = mailbox
        self._heard = heard
        self._notifier = notifier
        self._notices: Mapping[str, Notice] | None = None
        self._asked_for_orphans = float("-inf")
        self._wakened = asyncio.Event()
        self._ask_cloud = False
        self._asked_cloud = float("-inf")
        self._pause = _FIRST_PAUSE

    def wake(self) -> None:
        """Look now, if there is anything to look at."""
        self._wakened.set()

    def doubt(self) -> None:
        """A cluster is not as SkyPilot last said: have it ask the clouds, but not over and over."""
        if time.monotonic() - self._asked_cloud >= _ASK_CLOUD_EVERY:
            self._ask_cloud = True
            self._wakened.set()

    async def run(self) -> None:
        """Look until cancelled."""
        await self._wait(_AFTER_START)
        while True:
            self._wakened.clear()
            if not await asyncio.to_thread(lambda: self._workspace.cloud_used):
                self._heard(CloudSaid(began=time.time()))
                self._mailbox.post(partial(self._store.found.replace, {}))
                await self._wakened.wait()
                continue
            try:
                await self._wait(await self._look())
                self._pause = _FIRST_PAUSE
            except (RhError, OSError) as error:
                await self._failed(Problem.of(error))
            except Exception as error:  # a feed that breaks says so, and goes on
                log.info("the feed of SkyPilot's clusters broke", exc_info=True)
                await self._failed(Problem.of(error))

    async def _look(self) -> float:
        """Look once. Returns after how many seconds the next look is due."""
        from rhresources.cloud.identity import identity
        from rhresources.cloud.task import LABEL

        began = time.time()
        refresh, self._ask_cloud = self._ask_cloud, False
        if refresh:
            self._asked_cloud = time.monotonic()
        entries = await self._workspace.cloud_clusters(refresh=refresh)
        found = {entry.cluster.name: entry.cluster for entry in entries if not entry.address}
        named = {entry.address: entry.cluster for entry in entries if entry.address}
        notices = await asyncio.to_thread(self._workspace.cloud_notices)
        self._heard(CloudSaid(named, notices, began=began))
        self._tell(notices)
        info = await self._workspace.skypilot.info()
        own = await asyncio.to_thread(identity, self._workspace.home)
        ours = frozenset(name for name, each in found.items() if info.owned or each.labels.get(LABEL) == own)
        self._mailbox.post(partial(self._show, found, ours, info))
        await self._look_for_orphans()
        if entries and time.monotonic() - self._asked_cloud >= _DAILY:
            self._ask_cloud = True  # SkyPilot's own list may be old: once a day, and at the start, the clouds are asked
            return 0.0
        return next_look(entry.cluster for entry in entries)

    def _tell(self, notices: Mapping[str, Notice]) -> None:
        """What went as it was asked for is information; what the first look shows happened before this window."""
        before, self._notices = self._notices, notices
        for address, notice in notices.items():
            if notice.expected and before is not None and before.get(address) != notice:
                self._mailbox.post(partial(self._notifier.info, notice.sentence, act=address))

    async def _look_for_orphans(self) -> None:
        """Ask the clouds themselves what SkyPilot has forgotten there: at the start, and once a day."""
        if time.monotonic() - self._asked_for_orphans < _DAILY:
            return
        self._asked_for_orphans = time.monotonic()
        try:
            found, _ = await self._workspace.orphans()
        except RhError as error:  # what SkyPilot lists is known all the same
            log.info("the clouds cannot be asked for what SkyPilot has forgotten: %s", error)
            self._asked_for_orphans += _ORPHANS_AGAIN - _DAILY
            return
        self._mailbox.post(partial(self._store.orphans.replace, {each.key: each for each in found}))

    def _show(self, found: dict[str, CloudCluster], ours: frozenset[str], info: ServerInfo) -> None:
        self._store.ours = ours
        self._store.found.replace(found)
        show_server(self._store, info)

    async def _failed(self, problem: Problem) -> None:
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        at = time.time() + pause
        self._heard(CloudSaid(problem=problem, began=time.time()))
        self._mailbox.post(partial(self._store.found.fail, problem, at))
        await self._wait(pause)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wakened.wait(), seconds)
        except TimeoutError:
            pass


def show_server(store: Store, info: ServerInfo) -> None:
    """Put how SkyPilot's server is into the store; on the interface's thread."""
    store.skypilot.replace({info.url: info})


def next_look(clusters: Iterable[CloudCluster]) -> float:
    """Seconds until these have to be looked at again."""
    states = {cluster.state for cluster in clusters}
    if states.intersection(_MOVING):
        return _CHANGES
    return _IS_UP if states.intersection(("up", "unhealthy")) else _DAILY
