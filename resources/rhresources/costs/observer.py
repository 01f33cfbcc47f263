"""Whom every client tells what it saw of clusters and runs, and asks what that costs. Part of the `Workspace`.

What is seen is written down by the way: a ledger that cannot be written (a full disk, say) is logged and remembered as
`problem`, and never stands in the way of what clusters do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.costs.budget import Alert, alerts
from rhresources.costs.charges import Charge, charges_of
from rhresources.costs.clock import SETTLED, Moment, now
from rhresources.costs.facts import Life, RunFact, Seen
from rhresources.costs.ledger import FILE_NAME, Ledger
from rhresources.costs.noted import NotesFile
from rhresources.costs.spending import Summary, summary_of
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.settings import Settings

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster, Usage
    from rhresources.cloud.skypilot import SkyPilot
    from rhresources.costs.whose import Ours
    from rhresources.resource_names import ResourceNames
    from rhresources.wire import cluster_pb2 as pb

log = logging.getLogger(__name__)

_AGAIN_AFTER: Mapping[Seen, float] = {"trying": 120.0, "up": 120.0, "down": 1800.0}
"""Seconds after which the same sight is written down again: often enough that nothing is a guess."""
_USAGE = "usage"
_USAGE_EVERY = 24 * 3600.0
_USAGE_DAYS = 30
_SEEN: Mapping[str, Seen] = {
    "launching": "trying",
    "unhealthy": "up",
    "up": "up",
    "stopping": "up",
    "stopped": "down",
}
"""SkyPilot's states as far as money goes."""


class Costs:
    """The observer of one rhdesk directory. Its methods may be called often and at the same time.

    Attributes:
        problem: why something could not be written down lately; None: everything is.
        clock: what time it is; tests set their own.
    """

    def __init__(self, home: Path, names: ResourceNames) -> None:
        self.problem: RhError | None = None
        self.clock: Callable[[], Moment] = now
        self._home = home
        self._names = names
        self._notes = NotesFile(home)
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        self._told: dict[str, tuple[tuple[object, ...], Moment]] = {}  # what was written down last of each life and run

    async def close(self) -> None:
        """Close the ledger."""
        with self._lock:
            ledger, self._ledger = self._ledger, None
        if ledger is not None:
            await asyncio.to_thread(ledger.close)

    # ------------------------------------------------------------ what was seen

    async def server(self) -> str:
        """The SkyPilot that is asked, by the settings; empty: rhdesk's own."""
        return await asyncio.to_thread(self._server)

    async def saw_clusters(
        self, clusters: Sequence[CloudCluster], asked: Sequence[str] | None = (), server: str | None = None
    ) -> bool:
        """SkyPilot's answer of how clusters are; those of the `asked` names that it lacks are gone. None: all names.

        It says nothing of clusters of another `server`. None: it is of the one that the settings name now.

        Returns whether one is up that was not, or the other way round: SkyPilot has written down when.
        """
        at = self.clock()
        changed: list[str] = []
        await self._note(lambda: changed.extend(self._saw_clusters(clusters, asked, at, server)))
        return bool(changed)

    async def saw_machine(self, address: str, price: float | None, *, up: bool, since: float = 0.0) -> None:
        """Whether the server of a machine of one's own is up, and `since` when. One without a price costs nothing."""
        at = self.clock()
        life = Life(f"own:{address}", address, "own")
        if price is None:  # its price was taken out of its document: it costs nothing from now on
            if life.id in self._told:
                await self._note(lambda: self._see(life, "down", at, None, 0.0))
        elif up:
            await self._note(lambda: self._see(life, "up", at, price, since))
        else:
            await self._note(lambda: self._see(life, "down", at, None, 0.0))

    async def ended(self, name: str, *, gone: bool = False, server: str | None = None) -> None:
        """SkyPilot's cluster `name` was stopped, or taken down, just now and from here."""
        at = self.clock()

        def note() -> None:
            for life in self._seen_up([name], self._server() if server is None else server):
                self._open().see(life, "gone" if gone else "down", at, exact=True)
                self._told.pop(life.id, None)

        await self._note(note)

    async def saw_runs(self, address: str, runs: Iterable[pb.Run]) -> None:
        """What a cluster says of its runs. Of clusters that cost nothing they are not written down."""
        at = self.clock()
        began = [run for run in runs if run.started]
        new = [run for run in began if self._told.get(run.id, (None, at))[0] != (run.started, run.ended)]
        if new:
            await self._note(lambda: self._saw_runs(address, new, at))

    async def reconcile(self, skypilot: SkyPilot) -> None:
        """Read when SkyPilot says clusters were up; its word wins over what was seen.

        Raises:
            CloudProblem: it cannot be asked.
        """
        server = await self.server()
        days, marks = _USAGE_DAYS, list[float]()
        if self._exists():
            if not await self._note(lambda: marks.append(self._open().marked(_USAGE))):
                return
            last = marks[0]
            days = max(days, math.ceil((self.clock().wall - last) / 86_400) + 1) if last else 365
        await self.saw_usage(await skypilot.usage(days), server)

    async def saw_usage(self, usage: Sequence[Usage], server: str | None = None) -> None:
        """SkyPilot's answer of when clusters were up. `server` as for `saw_clusters`."""
        at = self.clock()
        if usage or self._exists():
            await self._note(lambda: self._read(usage, at, server))

    async def refresh(self, skypilot: SkyPilot) -> None:
        """Have SkyPilot ask the clouds themselves how clusters are, and read what it wrote down.

        Raises:
            CloudProblem: it cannot be asked.
        """
        server = await self.server()
        began = self.clock()
        before = {each.name: each.updated for each in await skypilot.clusters()} if server else {}
        clusters = await skypilot.clusters(refresh=True)
        at = self.clock()
        await self.saw_clusters(clusters, None, server)
        # a team's server has a clock of its own. One that it could not ask about keeps the time of an earlier look
        looked = [each.updated for each in clusters if each.updated > before.get(each.name, math.inf)]
        if looked and at.steady - began.steady < SETTLED and self._exists():
            await self._note(lambda: self._open().judge(max(looked), at))
        await self.reconcile(skypilot)

    async def is_due(self) -> bool:
        """Whether SkyPilot's own times were not read for a day."""
        if not self._exists():
            return True
        last = await asyncio.to_thread(lambda: self._open().marked(_USAGE))
        return not 0 <= self.clock().wall - last < _USAGE_EVERY

    # ------------------------------------------------------------ what it costs

    async def charges(self, *, everyone: bool = False) -> tuple[list[Charge], float]:
        """Every charge so far, and the time that it is now; of others on a team's server too if `everyone`.

        Raises:
            RhError: the ledger cannot be read.
        """
        return await asyncio.to_thread(self._charges, self.clock(), everyone)

    async def summary(self, days: int = 14) -> Summary:
        """Spending at a glance, with the last `days` days.

        Raises:
            RhError: the ledger cannot be read.
        """

        def add_up() -> Summary:
            charges, at = self._charges(self.clock())
            return summary_of(charges, at, days)

        return await asyncio.to_thread(add_up)

    async def new_alerts(self, summary: Summary, budget: float) -> list[Alert]:
        """What is to be said of the budget and has not been, by this or any other process; it counts as said now."""
        found = alerts(summary, budget)
        if not found:
            return []
        at = self.clock()

        def claim() -> list[Alert]:
            ledger = self._open()
            unsaid = [(alert, [ledger.claim(name, at) for name in alert.names]) for alert in found]
            return [alert for alert, claimed in unsaid if claimed[-1]]  # the last of its names is its own

        return await asyncio.to_thread(claim)

    # ------------------------------------------------------------ inside, in threads

    def _exists(self) -> bool:
        return self._ledger is not None or (self._home / FILE_NAME).exists()

    def _open(self) -> Ledger:
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger(self._home)
            return self._ledger

    def _server(self) -> str:
        return Settings.load(self._home).skypilot_server

    def _charges(self, at: Moment, everyone: bool = False) -> tuple[list[Charge], float]:
        if not self._exists():
            return [], at.wall
        ledger = self._open()
        with contextlib.suppress(RhError):  # what cannot be written can be read all the same
            self._take_notes(at)
        time = ledger.now(at)
        known = [each for each in ledger.known() if everyone or not each.life.others]
        return charges_of(known, ledger.runs(), time), time

    async def _note(self, write: Callable[[], None]) -> bool:
        """Whether it was written down. Whatever hinders it, what clusters do goes on."""
        try:
            await asyncio.to_thread(write)
        except RhError as error:
            log.info("not written down: %s %s", error, error.detail)
            self.problem = error
        except Exception as error:
            log.info("not written down", exc_info=True)
            self.problem = RhError(
                "What clusters cost cannot be written down now.",
                remedy="Clusters go on; what they cost meanwhile is read from SkyPilot later.",
                detail=f"{type(error).__name__}: {error}",
            )
        else:
            self.problem = None
            return True
        return False

    def _see(
        self, life: Life, seen: Seen, at: Moment, price: float | None, since: float, autostop: float = -1.0
    ) -> None:
        """Write it down, unless the same was written a moment ago."""
        key = (seen, price, since, autostop, life.cluster)
        before = self._told.get(life.id)
        if before is not None and before[0] == key and before[1].boot == at.boot:
            passed = at.steady - before[1].steady if at.boot else at.wall - before[1].wall
            if 0 <= passed < _AGAIN_AFTER.get(seen, 0.0):
                return
        self._open().see(life, seen, at, price=price, since=since, autostop=autostop)
        self._told[life.id] = (key, at)

    def _saw_clusters(
        self, clusters: Sequence[CloudCluster], asked: Sequence[str] | None, at: Moment, of: str | None
    ) -> list[str]:
        """Write it down; the lives that changed since this process looked last."""
        from rhresources.costs.whose import is_others

        server = self._server()
        if (not clusters and not self._exists()) or of not in (None, server):
            return []
        before = {life: key[0] for life, (key, _) in list(self._told.items())}
        addresses = self._addresses()
        for cluster in clusters:
            address, document = addresses.get(cluster.name, (cluster.name, None))
            life = Life(
                _id(cluster.hash, cluster.name),
                address,
                hosts=cluster.hosts,
                cloud=cluster.cloud,
                region=cluster.region,
                hardware=cluster.hardware,
                spot=cluster.spot,
                owner=cluster.owner,
                labels=_labels(document, cluster.labels),
                server=server,
                others=is_others(cluster.name, cluster.labels, addresses, server, self._home),
            )
            seen = _SEEN[cluster.state]
            price = _price(document, cluster.price_per_hour) if seen != "down" else None
            if seen == "up":
                self._see(life, seen, at, price, cluster.launched, float(cluster.autostop_mins))
            else:
                self._see(life, seen, at, price, 0.0)
        listed = {_id(cluster.hash, cluster.name) for cluster in clusters}
        for life in self._seen_up(asked, server):
            if life.id not in listed:
                self._see(life, "gone", at, None, 0.0)
        self._take_notes(at)
        return [life for life, (key, _) in list(self._told.items()) if before.get(life, key[0]) != key[0]]

    def _take_notes(self, at: Moment) -> None:
        """Take over what our SkyPilot's server wrote down of what clouds say."""
        notes = self._notes.new() if self._exists() else None
        if notes is None:
            return
        ledger = self._open()
        ledger.put_instances(notes.instances, notes.unasked, at)
        if notes.clock is not None:
            ledger.judge(*notes.clock)

    def _seen_up(self, names: Sequence[str] | None, server: str) -> list[Life]:
        """Those of a server that were up when they were seen last: of these names, or all."""
        if not self._exists() or (names is not None and not names):
            return []
        lives = [life for life in self._open().seen_up() if life.server in (None, server)]
        if names is None:
            return lives
        known = self._addresses()
        wanted = {known[name][0] if name in known else name for name in names}
        return [life for life in lives if life.cluster in wanted]

    def _read(self, usage: Sequence[Usage], at: Moment, of: str | None) -> None:
        from rhresources.costs.whose import is_others

        server = self._server()
        if of not in (None, server):
            return
        addresses = self._addresses()
        ledger = self._open()
        for each in usage:
            address, document = addresses.get(each.name, (each.name, None))
            life = Life(
                _id(each.hash, each.name),
                address,
                hosts=each.hosts,
                cloud=each.cloud,
                region=each.region,
                hardware=each.hardware,
                spot=each.spot,
                owner=each.owner,
                ended=each.ended,
                labels=_labels(document, {}),
                server=server,
                others=is_others(each.name, {}, addresses, server, self._home),  # without labels; ours stays ours
            )
            price = _price(document, each.price_per_hour)
            ledger.read(life, each.intervals, at, price=price, watched=bool(server))
        self._take_notes(at)
        ledger.mark(_USAGE, at)

    def _saw_runs(self, address: str, runs: Sequence[pb.Run], at: Moment) -> None:
        from rhresources.costs.whose import labels_of, payer_of

        payer = payer_of(address, self._names)
        if not payer:
            return
        facts = []
        for run in runs:
            function = run.name or run.function
            labels = labels_of(function, self._names)
            facts.append(RunFact(run.id, payer, function, run.started, run.ended, labels, run.by))
        self._open().put_runs(facts, at)
        self._told.update({fact.id: ((fact.started, fact.ended), at) for fact in facts})

    def _addresses(self) -> Ours:
        from rhresources.costs.whose import ours

        return ours(self._names, self._home)


def _id(hash: str, name: str) -> str:
    return hash or f"sky:{name}"


def _price(document: ClusterDocument | None, price: float | None) -> float | None:
    """What the document says counts for more: some pay less than the list says."""
    own = document.price_per_hour if document is not None else None
    return price if own is None else own


def _labels(document: ClusterDocument | None, labels: Mapping[str, str]) -> Mapping[str, str]:
    """Those that people gave."""
    return dict(document.labels) if document is not None else dict(labels)
