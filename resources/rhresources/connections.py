"""Clusters and the one connection to each: found by name, brought up where that is wanted, lost and opened anew.

Part of the `Workspace`. What goes on in the background (`ask=False`) never asks a person anything and ends in
`NeedsAnswer`; what a person does may ask through `asker`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rhresources import paths
from rhresources.documents import ClusterDocument
from rhresources.errors import ClusterDown, ConnectionLost, RhError
from rhresources.people import registry_user
from rhresources.reach import Progress, silent
from rhresources.reach.pace import PacedRoute
from rhresources.resource_names import ResourceNames
from rhresources.ways import Way
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient

if TYPE_CHECKING:
    from rhresources.cloud.skypilot import SkyPilot
    from rhresources.cloud.telling import Teller
    from rhresources.costs.observer import Costs
    from rhresources.credentials import Credentials
    from rhresources.reach.own_way import OwnWays
    from rhresources.reach.questions import Asker
    from rhresources.registry.told import Told

DEFAULT_CLUSTER = "^local"

ClusterState = Literal["up", "starting", "failed", "down", "stopping", "stopped"]
"""The last two are of clusters on demand: their machines are kept, and cost little."""


@dataclass(frozen=True, slots=True)
class Described:
    """A cluster that is not saved, with the name that it would have.

    Attributes:
        address: the whole name, "~/gpu".
        document: what it is.
    """

    address: str
    document: ClusterDocument


ClusterLike = str | ClusterDocument | Described
"""A cluster: its name, or the document of one that is not saved."""

OnConnection = Callable[[str, bool, str], None]
"""Told (cluster, connected, sentence)."""

_ONLY_SAID = {"description": "", "price_per_hour": None, "conda": None, "autostop_mins": None}
"""Fields that say nothing of how a cluster is reached; a change of them leaves its connection alone."""


class Connections:
    """Names, clusters, and the connections to them.

    Args:
        home: the rhdesk directory; default: the user's.
        client: who asks, kept with the runs: "library", "command line" or "window".
        asker: asks the person for what only a person knows; None: nobody is there to answer.

    Attributes:
        asker: may be set later, too.
    """

    def __init__(self, home: Path | None = None, client: str = "library", *, asker: Asker | None = None) -> None:
        self.home = home if home is not None else paths.home()
        self.names = ResourceNames(self.home)
        self.client = client
        self.asker = asker
        self._ways: dict[str, Way] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._on_connection: OnConnection | None = None

    @cached_property
    def skypilot(self) -> SkyPilot:
        """What brings up clusters on demand. Nothing is started by touching it."""
        from rhresources.cloud.skypilot import open_skypilot
        from rhresources.costs.watched import WatchedSkyPilot

        # each command is a process of its own, and SkyPilot's server takes half a minute to start
        lingers = self.client == "command line"
        return WatchedSkyPilot(open_skypilot(self.home, self.credentials, lingers=lingers), self.costs)

    @cached_property
    def credentials(self) -> Credentials:
        """Passphrases, passwords and tokens, in the keyring of the operating system."""
        from rhresources.credentials import Credentials

        return Credentials(self.home)

    @cached_property
    def own_ways(self) -> OwnWays:
        """How this computer logs in to clusters, in place of what their documents say."""
        from rhresources.reach.own_way import OwnWays

        return OwnWays(self.home)

    @cached_property
    def costs(self) -> Costs:
        """What clusters cost; whoever sees one up or down tells it."""
        from rhresources.costs.observer import Costs

        return Costs(self.home, self.names)

    @cached_property
    def _teller(self) -> Teller:
        """Tells the registry of clusters on demand."""
        from rhresources.cloud.telling import Teller

        return Teller(self.names)

    def set_on_connection(self, callback: OnConnection | None) -> None:
        """Tell `callback(cluster, connected, sentence)` when a connection is lost and when it is back.

        Of clusters that share one server it is told of each that was asked for so far.
        """
        self._on_connection = callback

    async def close(self) -> None:
        """End the connections. Clusters and runs go on."""
        ways, self._ways = list(self._ways.values()), {}
        await asyncio.gather(*(way.close() for way in ways), *self._closing)
        if "skypilot" in self.__dict__:
            await self.skypilot.close()
        if "costs" in self.__dict__:
            await self.costs.close()
        if "_teller" in self.__dict__:
            await asyncio.to_thread(self._teller.close)

    # ------------------------------------------------------------ connecting

    async def connect(
        self, cluster: ClusterLike, *, up: bool = False, progress: Progress | None = None, ask: bool = False
    ) -> ClusterClient:
        """The connection to a cluster, made when it is not there.

        Args:
            cluster: which one.
            up: bring the cluster up if it is not.
            progress: gets a line for every step of bringing it up.
            ask: a person does this: questions may be asked, and nothing is waited for before it is tried again.

        Raises:
            NotFound: no cluster has that name.
            ClusterDown: it is not up, and `up` is false.
            NeedsAnswer: a person would have to answer, and `ask` is false or nobody is there.
            RhError: it cannot be brought up or reached.
        """
        way = await self._way_with_key(cluster, ask)
        client = await self._connect(way, cluster, up, progress, ask)
        client.conda = self.document_of(cluster).conda or ""
        return client

    async def _connect(
        self, way: Way, cluster: ClusterLike, up: bool, progress: Progress | None, ask: bool
    ) -> ClusterClient:
        async with way.lock:
            client = way.client
            if client is not None and client.connected:
                return client
            address = await way.route.address(ask)
            if address is None:
                if not up:
                    raise self._down(cluster)
                address = await way.route.up(progress or silent, wait_ready=False, ask=ask)
            if client is not None:
                client.retry_now()
                try:
                    await client.reconnect()
                except ClusterDown:  # it was about to end when we looked
                    if not up:
                        raise
                    await way.route.up(progress or silent, wait_ready=False, ask=ask)
                    client.retry_now()
                    await client.reconnect()
                return client
            try:
                client = await ClusterClient.connect(
                    address, client=self.client, resolve=way.route.address, on_connection=self._link_told(way)
                )
            except ConnectionLost as error:
                if await way.route.address() is None:
                    raise self._down(cluster) from None
                raise error
            way.client = client
            return client

    async def reconnect(self, cluster: ClusterLike) -> ClusterClient:
        """Try now, without waiting until the time of the next try has come; whoever waits for the connection gets it.

        Raises:
            ClusterDown: the cluster is not up.
            RhError: as `connect`.
        """
        way = self._way(cluster)
        way.route.forget_failure()
        if way.client is not None:
            way.client.retry_now()
        return await self.connect(cluster, ask=True)

    def retry_soon(self, cluster: ClusterLike) -> None:
        """Let the next try be made at once, whoever makes it; nothing is asked."""
        way = self._way(cluster)
        way.route.forget_failure()
        if way.client is not None:
            way.client.retry_now()

    def retry_at(self, cluster: ClusterLike) -> float:
        """When a cluster that could not be reached is tried again, in seconds since the epoch; 0: nothing failed."""
        return self._way(cluster).route.retry_at

    async def cluster_state(self, cluster: ClusterLike, *, ask: bool = False) -> ClusterState:
        """Whether a cluster is up. A server that runs and does not answer counts as starting.

        Raises:
            NotFound: no cluster has that name.
            NeedsAnswer: a person would have to answer, and `ask` is false or nobody is there.
            RhError: its host cannot be reached, so nobody knows.
        """
        way = await self._way_with_key(cluster, ask)
        if await way.route.address(ask) is None:
            return way.state_without_server
        try:
            hello = await (await self.connect(cluster, ask=ask)).say_hello()
        except ClusterDown:
            return way.state_without_server
        except ConnectionLost:
            return "starting" if await way.route.address() is not None else way.state_without_server
        match hello.engine.phase:
            case pb.EngineState.READY:
                return "up"
            case pb.EngineState.FAILED:
                return "failed"
            case _:
                return "starting"

    # ------------------------------------------------------------ inside

    def document_of(self, cluster: ClusterLike) -> ClusterDocument:
        """The document of a cluster.

        Raises:
            NotFound: no cluster has that name.
        """
        if isinstance(cluster, Described):
            return cluster.document
        return cluster if isinstance(cluster, ClusterDocument) else self.names.cluster(cluster)

    def _key_of(self, cluster: ClusterLike) -> str:
        """Its name, or what one that is not saved is known by."""
        if isinstance(cluster, Described):
            return cluster.address
        return str(self.names.resolve(cluster)) if isinstance(cluster, str) else f"({cluster.model_dump_json()})"

    async def _way_with_key(self, cluster: ClusterLike, ask: bool) -> Way:
        """The way to a cluster. Where its document names a key of somebody else, one's own is asked for.

        Raises:
            SshProblem: that key is not here, and nobody can be asked.
            NeedsAnswer: the person would rather not say.
        """
        if isinstance(cluster, str) and self.names.resolve(cluster).place == "registry":
            await asyncio.to_thread(self.names.cluster, cluster)  # the registry is not waited for on the loop
        way = self._way(cluster)
        if way.client is None and way.document.type == "ssh" and isinstance(cluster, str):
            from rhresources.reach.asking_for_key import have_key, let_in

            asker = self.asker if ask else None
            if await have_key(self.own_ways, self._key_of(cluster), way.document, asker):
                way = self._way(cluster)
            if way.told is None or asker is None:
                return way
            if await let_in(way.route, self.own_ways, self._key_of(cluster), asker):
                way = self._way(cluster)
        return way

    def _way(self, cluster: ClusterLike) -> Way:
        document = self.document_of(cluster)
        address = self._key_of(cluster)
        told = self.told_elsewhere(cluster)
        if told is not None and told.head is not None:
            from rhresources.cloud.elsewhere import document_of_head

            document = document_of_head(document, told.head, self.home, address)
        if document.type == "ssh" and not isinstance(cluster, ClusterDocument):
            document = self.own_ways.applied(address, document)
        # every cluster of this kind is the one server of this computer
        way = self._ways.get(key := "machine" if document.type == "machine" else address)
        if way is not None and way.leads_elsewhere_than(told):
            self._close_later(way)
            way = None
        if way is not None and way.document != document:
            if document.type == "machine":  # a route of this kind holds nothing; each brings its own limits up
                way.document, way.route = document, self._route_for(document, address)
            elif document.model_copy(update=_ONLY_SAID) != way.document.model_copy(update=_ONLY_SAID):
                self._close_later(way)
                way = None
            else:
                way.document = document
                if (on_demand := way.route.on_demand) is not None:
                    on_demand.described_by(document)
        if way is None:
            way = self._ways[key] = Way(document, self._route_for(document, address, told), told)
            way.route.set_on_connection(self._host_told(way))
        if told is not None:
            way.told = told
            way.route.heard(told)
        way.addresses.add(address)
        return way

    def told_elsewhere(self, cluster: ClusterLike) -> Told | None:
        """What is told of a cluster in a cloud that a SkyPilot of somebody else, or on another computer, runs."""
        if isinstance(cluster, ClusterDocument) or self.document_of(cluster).type != "cloud":
            return None
        if not (address := self._key_of(cluster)).startswith("/"):
            return None
        from rhresources.cloud.elsewhere import told_elsewhere

        return told_elsewhere(self.names, address)

    def _route_for(self, document: ClusterDocument, address: str, told: Told | None = None) -> PacedRoute:
        from rhresources.reach import route_for

        if told is not None:
            from rhresources.reach.ssh_route import SshRoute
            from rhresources.reach.told_route import ToldRoute

            ssh = document.type == "ssh"
            head = SshRoute(document, self.home, self.credentials, lambda: self.asker) if ssh else None
            return PacedRoute(ToldRoute(address, told, registry_user(self.home), head))
        route = route_for(
            document, self.home, name="" if address.startswith("(") else address,
            credentials=self.credentials if document.type != "machine" else None, asker=lambda: self.asker,
            skypilot=lambda: self.skypilot, on_known=lambda kept: self._teller.knows(kept),
        )  # fmt: skip
        return PacedRoute(route)

    @staticmethod
    async def _let_go(way: Way) -> None:
        client, way.client = way.client, None
        if client is not None:
            await client.close()

    def _close_later(self, way: Way) -> None:
        task = asyncio.get_running_loop().create_task(way.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _link_told(self, way: Way) -> Callable[[bool, str], None]:
        """What is told of the connection to the server; the host's own words for a loss are better and come first."""

        def said(connected: bool, sentence: str) -> None:
            if connected or not way.lost:
                self._say(way, connected, sentence)

        return said

    def _host_told(self, way: Way) -> Callable[[bool, str], None]:
        def said(connected: bool, sentence: str) -> None:
            if not connected:
                self._say(way, False, sentence)
                if way.client is not None:
                    way.client.lose(sentence)
            elif way.client is None:  # else it is the server's answer that counts
                self._say(way, True, sentence)
            self._host_told_of()

        return said

    def _host_told_of(self) -> None:
        """A connection to a host was lost or is back; for those who use it for more than the server."""

    def _say(self, way: Way, connected: bool, sentence: str) -> None:
        if not connected and way.lost == sentence:
            return
        way.lost = "" if connected else sentence
        if self._on_connection is not None:
            for address in sorted(way.addresses):
                self._on_connection(address, connected, sentence)

    @staticmethod
    def _down(cluster: ClusterLike) -> RhError:
        if isinstance(cluster, ClusterDocument):
            return ClusterDown("The cluster is not up.", remedy="Bring it up.")
        cluster = cluster.address if isinstance(cluster, Described) else cluster
        return ClusterDown(f"The cluster {cluster} is not up.", remedy=f"Bring it up: rhdesk up '{cluster}'")
