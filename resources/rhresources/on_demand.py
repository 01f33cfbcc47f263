"""Clusters on demand: their machines stopped, started, ended, found again; what they would lose; their autostop.

Part of the `Workspace`. Bringing one up and taking it down are as of any cluster, in `ClusterLife`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from rhresources.cluster_life import ACTIVE, ClusterLife
from rhresources.connections import ClusterLike, Described
from rhresources.documents import ClusterDocument, parse_document
from rhresources.errors import AlreadyExists, RhError, UsageError
from rhresources.reach import Progress, silent
from rhresources.settings import Settings
from rhresources.wire import cluster_pb2 as pb

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster, OnLaunch
    from rhresources.cloud.life import Notice
    from rhresources.cloud.orphans import Orphan
    from rhresources.reach.cloud_route import CloudRoute
    from rhresources.stores.entry import Entry
    from rhresources.wire.client import ClusterClient

T = TypeVar("T")

log = logging.getLogger(__name__)

_AT_ONCE = 8  # clusters that are asked or ended at the same time


@dataclass(frozen=True, slots=True)
class CloudEntry:
    """One cluster that SkyPilot knows.

    Attributes:
        address: our name of it; empty where no document names it.
        last_address: what it was called here when no document of that name is there any more, or it is a built-in one.
        notice: what happened to it without us.
    """

    cluster: CloudCluster
    address: str = ""
    notice: Notice | None = None
    last_address: str = ""


@dataclass(frozen=True, slots=True)
class Losses:
    """What is lost when a cluster is taken down, or ends with its machines being stopped.

    Attributes:
        cluster: as SkyPilot knows it; None: it knows none.
        runs: those that are active; None: nobody can say.
        problem: why it cannot be asked at all, nor taken down.
    """

    cluster: CloudCluster | None
    runs: tuple[pb.Run, ...] | None = field(default=())
    problem: RhError | None = None


class OnDemand(ClusterLife):
    """The life of machines that SkyPilot brings up."""

    @property
    def cloud_used(self) -> bool:
        """Whether clusters on demand were ever used from here, or a SkyPilot server is named in the settings."""
        from rhresources.cloud.used import cloud_used

        return cloud_used(self.home)

    # ------------------------------------------------------------ stop, start, autostop

    async def stop(
        self,
        cluster: ClusterLike,
        progress: Progress | None = None,
        *,
        stop_runs: bool | Collection[str] = False,
    ) -> None:
        """Stop the machines of a cluster; their disks stay and cost a little, and `start` brings it back.

        `stop_runs` as for `down`.

        Raises:
            RhError: runs are active and `stop_runs` is false, or its cloud cannot stop machines; nothing was ended.
        """
        way = self._way(cluster)
        await self._require_agreed(cluster, stop_runs)
        await self._remember_runs(cluster)
        await self._on_demand(cluster).stop(bool(stop_runs), progress or silent)
        await self._let_go(way)

    async def start(
        self, cluster: ClusterLike, progress: Progress | None = None, *, on_event: OnLaunch | None = None
    ) -> ClusterClient:
        """Start a cluster whose machines are stopped, and bring its server up.

        Raises:
            CloudProblem: there is nothing to start.
            RhError: as `up`.
        """
        from rhresources.cloud.problems import CloudProblem

        machines = self._on_demand(cluster).machines
        if await machines.look() is None:
            address = machines.kept.address
            raise CloudProblem(
                f"{address} has no machines that could be started.",
                code="not-there",
                remedy=f"Launch it: rhdesk up '{address}'",
            )
        return await self.up(cluster, progress, on_event=on_event)

    async def autostop(self, cluster: ClusterLike, minutes: int, *, down: bool = False) -> None:
        """Have a cluster that is up stop, or go away, after so many idle minutes; -1: never.

        It counts for this life of it; what the document says counts for the next.

        Raises:
            CloudProblem: it is not up, its cloud cannot do that, or SkyPilot did not take it.
        """
        await self._on_demand(cluster).machines.autostop(minutes, down)

    @contextlib.asynccontextmanager
    async def pause_autostop(self, cluster: ClusterLike, progress: Progress | None = None) -> AsyncIterator[None]:
        """Keep a cluster from stopping by itself as long as the context lasts, and this program lives and reaches it.

        Nothing is set, so nothing has to be set back where this program ends in the middle.

        Args:
            cluster: which one.
            progress: hears when it may stop all the same, and why; that is tried again all the time.

        Raises:
            RhError: the head cannot be reached.
        """
        from rhresources.reach.awake import kept_awake

        route = self._on_demand(cluster)
        await route.connection(True)
        async with kept_awake(route, progress or silent):
            yield

    async def machines(
        self, cluster: ClusterLike, *, refresh: bool = False
    ) -> tuple[CloudCluster | None, Notice | None]:
        """The machines of a cluster as SkyPilot knows them, and what happened to them without us.

        Args:
            cluster: which one.
            refresh: ask the cloud itself; seconds to half a minute.

        Raises:
            CloudProblem: SkyPilot cannot be asked.
        """
        machines = self._on_demand(cluster).machines
        seen = await machines.look(refresh=refresh)
        return seen, machines.kept.notice

    async def losses(self, cluster: ClusterLike) -> Losses:
        """What would be lost if a cluster on demand were taken down now.

        Raises:
            CloudProblem: SkyPilot cannot be asked.
        """
        route = self._on_demand(cluster)
        seen = await route.machines.look()
        if seen is None or seen.state != "up":
            return Losses(seen)
        try:
            client = await self.connect(cluster, ask=True)
            return Losses(seen, tuple((await client.list_runs(10_000, states=ACTIVE)).runs))
        except RhError as error:
            return Losses(seen, () if error.code == "cluster-down" else None)

    async def all_losses(self) -> dict[str, Losses]:
        """What would be lost if `down_all` were called now, by the names of the clusters; some are asked at a time.

        Raises:
            CloudProblem: SkyPilot cannot be asked.
        """

        async def lose(entry: CloudEntry, address: str) -> Losses:
            try:
                return await self.losses(await asyncio.to_thread(self._named, address))
            except RhError as error:
                return Losses(entry.cluster, None, error)

        there = await self._all_there()
        return dict(zip(there, await _some_at_a_time(lose(entry, at) for at, entry in there.items()), strict=True))

    # ------------------------------------------------------------ all of them

    async def cloud_clusters(self, *, refresh: bool = False, start: bool = True) -> list[CloudEntry]:
        """Every cluster that SkyPilot knows, those first that have a name here.

        Args:
            refresh: ask the clouds themselves.
            start: start SkyPilot's server if it does not run.

        Raises:
            CloudProblem: SkyPilot cannot be asked.
        """
        server, began = (await asyncio.to_thread(Settings.load, self.home)).skypilot_server, time.time()
        found = {each.name: each for each in await self.skypilot.clusters(None, refresh=refresh, start=start)}
        entries = []
        for cluster in await asyncio.to_thread(self._all_on_demand):
            if self.told_elsewhere(cluster) is not None:
                continue
            machines = self._on_demand(cluster).machines
            kept = await machines.saw(found.get(machines.name), server, began)
            # one of another SkyPilot is shown as it was seen last
            seen = kept.seen if kept.is_elsewhere(server) else found.pop(machines.name, None)
            if seen is None:
                continue
            if kept.address.startswith("^") or not await asyncio.to_thread(
                self.names.exists, kept.address, kind="cluster"
            ):
                entries.append(CloudEntry(seen, "", kept.notice, kept.address))
            else:
                entries.append(CloudEntry(seen, kept.address, kept.notice))
        return entries + [CloudEntry(each) for each in found.values()]

    def cloud_notices(self) -> dict[str, Notice]:
        """What happened to clusters without us, by their names; also to those that are gone. Reads small files."""
        from rhresources.cloud.kept import kept_clusters

        return {kept.address: kept.notice for kept in kept_clusters(self.home) if kept.notice is not None}

    def dismiss_notice(self, address: str) -> None:
        """Somebody knows what happened to a cluster, so it is told no more. Writes a small file."""
        from rhresources.cloud.kept import Kept, KeptCluster, kept_clusters

        server = Settings.load(self.home).skypilot_server

        def put_away(kept: Kept) -> Kept | None:
            # of one that is gone, or another SkyPilot's, there is no more to know than this
            return None if kept.is_over or kept.is_elsewhere(server) else replace(kept, notice=None)

        for kept in kept_clusters(self.home):
            if kept.address == address:
                KeptCluster(self.home, kept.name, address).decide(put_away)

    async def down_all(self, progress: Progress | None = None) -> list[tuple[str, RhError | None]]:
        """Take down every cluster on demand that has or had a name here, some at a time; (name, why not) of each.
        None hinders another."""
        told = progress or silent

        async def end(address: str) -> RhError | None:
            try:
                cluster = await asyncio.to_thread(self._named, address)
                await self.down(cluster, True, lambda line: told(f"{address}: {line}"))
            except RhError as error:
                return error
            except Exception as error:  # a broken one must not keep the others running
                log.info("%s was not taken down", address, exc_info=True)
                return RhError(f"It could not be taken down ({type(error).__name__}: {error}).")
            return None

        there = list(await self._all_there())
        return list(zip(there, await _some_at_a_time(end(address) for address in there), strict=True))

    async def orphans(self) -> tuple[list[Orphan], Mapping[str, str]]:
        """What clouds have of SkyPilot's that it does not list, ours first; and why which of them were not asked.

        Raises:
            CloudProblem: SkyPilot cannot be asked.
        """
        from rhresources.cloud.identity import identity
        from rhresources.cloud.orphans import orphans_of

        answer = await self.skypilot.instances()
        return orphans_of(answer.found, await asyncio.to_thread(identity, self.home)), answer.not_asked

    async def end_orphan(self, orphan: Orphan) -> None:
        """End instances that SkyPilot has forgotten, for good, and see them gone.

        Raises:
            CloudProblem: they are not ours, SkyPilot lists their cluster again, or something may be left.
        """
        from rhresources.cloud.orphans import end_orphan

        await end_orphan(self.skypilot, orphan)

    async def adopt(self, sky_name: str, address: str) -> Entry:
        """Give a cluster that SkyPilot knows a name here: write its document.

        Raises:
            CloudProblem: SkyPilot knows no such cluster.
            AlreadyExists: the name is taken.
            UsageError: the cluster has a name here.
        """
        from rhresources.cloud.kept import KeptCluster
        from rhresources.cloud.problems import CloudProblem

        whole = str(self.names.resolve(address))
        entry = next((each for each in await self.cloud_clusters() if each.cluster.name == sky_name), None)
        if entry is None:
            raise CloudProblem(
                f"SkyPilot knows no cluster {sky_name}.",
                code="not-there",
                remedy="`rhdesk status` lists them.",
            )
        if entry.address:
            raise UsageError(f"{sky_name} has a name here: {entry.address}.")
        if await asyncio.to_thread(self.names.exists, whole):
            raise AlreadyExists(f"{whole} exists.", remedy="Choose another name.")
        document = document_of(entry.cluster)
        files = KeptCluster(self.home, sky_name, whole)
        server = (await asyncio.to_thread(Settings.load, self.home)).skypilot_server
        await asyncio.to_thread(lambda: files.change(seen=entry.cluster, address=whole, server=server))
        return await asyncio.to_thread(self.names.save, whole, document, overwrite=False)

    # ------------------------------------------------------------ inside

    def _on_demand(self, cluster: ClusterLike) -> CloudRoute:
        way = self._way(cluster)
        if way.told is not None:
            raise way.route.refusal("started, stopped and ended")
        route = way.route.on_demand
        if route is None:
            raise UsageError(
                "Only clusters in a cloud are started and stopped, and have an autostop.",
                remedy="Bring this one up and take it down.",
            )
        return route

    async def _all_there(self) -> dict[str, CloudEntry]:
        """Those that SkyPilot knows by their names, also where no document has them any more."""
        named = {entry.address or entry.last_address: entry for entry in await self.cloud_clusters()}
        return {name: entry for name, entry in named.items() if name}

    def _all_on_demand(self) -> list[Described]:
        """Every cluster on demand that has or had a name here, whether saved or only used; reads files."""
        return [self._named(address) for address in self._on_demand_addresses()]

    def _on_demand_addresses(self) -> Iterable[str]:
        from rhresources.cloud.kept import kept_clusters

        saved = {
            str(entry.address): None
            for folder in ("~", "^")
            for entry in self.names.list(folder, kind="cluster")
            if isinstance(entry.document, ClusterDocument) and entry.document.type == "cloud"
        }
        used = {kept.address: None for kept in kept_clusters(self.home)}
        return dict.fromkeys((*used, *(address for address in saved if address in used or not address.startswith("^"))))

    def _named(self, address: str) -> Described:
        """The cluster of a name, by its document, or by what was seen where it has none any more; reads files."""
        from rhresources.cloud.kept import kept_clusters

        if self.names.exists(address, kind="cluster"):
            return Described(address, self.names.cluster(address))
        seen = next((kept.seen for kept in kept_clusters(self.home) if kept.address == address), None)
        return Described(address, document_of(seen) if seen is not None else _ANY)


async def _some_at_a_time(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What they give, in their order."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(work: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await work

    return await asyncio.gather(*map(one, works))


def document_of(cluster: CloudCluster) -> ClusterDocument:
    """A document that asks for what a cluster is."""
    hardware = cluster.hardware if ":" in cluster.hardware else ""
    said = {
        "kind": "cluster",
        "type": "cloud",
        "instance_type": cluster.instance_type or hardware or "CPU:1+",
        "num_instances": cluster.hosts if cluster.hosts > 1 else None,
        "provider": cluster.cloud or None,
        "region": cluster.region or None,
        "use_spot": cluster.spot or None,
        "autostop_mins": cluster.autostop_mins,
        "autostop_down": cluster.autostop_down or None,
    }
    document = parse_document({key: value for key, value in said.items() if value is not None}, source=cluster.name)
    assert isinstance(document, ClusterDocument)
    return document


_ANY = ClusterDocument(type="cloud", instance_type="CPU:1+")
