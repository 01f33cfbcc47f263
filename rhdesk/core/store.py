"""What the window knows: tables of rows by id, each in one of four honest phases.

A table gets a snapshot and then small changes; who subscribed learns the ids that changed. Tables belong to the
interface's thread: feeds on the background loop reach them through the mailbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from rhdesk.core.entry_row import EntryRow, RegistryRow
from rhdesk.core.name_index import NameIndex
from rhdesk.core.rows import ClusterRow, ClusterStatus, ForwardRow, Problem, RunRow, TaskRow

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCheck, CloudCluster, ServerInfo
    from rhresources.cloud.orphans import Orphan
    from rhresources.costs.spending import ClusterCost, Summary

Row = TypeVar("Row")


class Phase(Enum):
    """How far a table can be trusted."""

    LOADING = "loading"  # nothing is known yet
    READY = "ready"  # the rows are what is there
    FAILED = "failed"  # nothing could be learnt; `problem` says why
    STALE = "stale"  # the rows were right at `updated`; `problem` says why they may no longer be


@dataclass(frozen=True)
class Condition:
    """The phase of a table with its reason. Times are seconds since the epoch."""

    phase: Phase = Phase.LOADING
    problem: Problem | None = None
    updated: float = 0.0
    retry_at: float = 0.0  # when the feed tries again by itself; 0: it does not
    of: tuple[str, ...] = ()  # the clusters whose rows this is about; empty: all rows


@dataclass(frozen=True)
class Change:
    """What a subscriber is told. `reset` means: read everything again."""

    changed: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    reset: bool = False
    condition: bool = False


class Table(Generic[Row]):
    """Rows by id, in the order they were given."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.condition = Condition()
        self._rows: dict[str, Row] = {}
        self._subscribers: list[Callable[[Change], None]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> Row | None:
        return self._rows.get(key)

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def ids(self) -> list[str]:
        return list(self._rows)

    def replace(self, rows: Mapping[str, Row]) -> None:
        """Take a snapshot: `rows` is all there is, as of now."""
        self._rows = dict(rows)
        self.condition = self._ready()
        self._tell(Change(reset=True, condition=True))

    def replace_some(self, rows: dict[str, Row], changed: frozenset[str], removed: frozenset[str]) -> None:
        """Take a snapshot of which is known what is new in it; the first one is a reset. `rows` is taken over."""
        if self.condition.phase is Phase.LOADING or not self.condition.updated:
            self.replace(rows)
            return
        was, self._rows = self.condition, rows
        self.condition = self._ready()
        differs = was.phase is not Phase.READY
        if changed or removed or differs:
            self._tell(Change(changed, removed, condition=differs))

    def update(self, changed: Mapping[str, Row], removed: Iterable[str] = ()) -> None:
        """Merge a change. The table becomes ready if it was not."""
        gone = frozenset(key for key in removed if key in self._rows)
        new = {key: row for key, row in changed.items() if self._rows.get(key) != row}
        for key in gone:
            del self._rows[key]
        self._rows.update(new)
        was, now = self.condition, self._ready()
        self.condition = now
        differs = was.phase is not now.phase or (now.phase is not Phase.READY and was != now)
        if new or gone or differs:
            self._tell(Change(frozenset(new), gone, condition=differs))

    def loading(self) -> None:
        self._set(Condition(Phase.LOADING))

    def fail(self, problem: Problem, retry_at: float = 0.0) -> None:
        """The feed broke: stale where there are rows to show, failed where there are none."""
        known = self.condition.updated
        if known:
            self._set(Condition(Phase.STALE, problem, known, retry_at))
        else:
            self._set(Condition(Phase.FAILED, problem, 0.0, retry_at))

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` after every change. Returns what ends that."""
        self._subscribers.append(callback)

        def stop() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return stop

    def _ready(self) -> Condition:
        """The condition after a change has come."""
        return Condition(Phase.READY, updated=time.time())

    def _set(self, condition: Condition) -> None:
        told = condition != self.condition and not condition.phase is self.condition.phase is Phase.READY
        self.condition = condition
        if told:
            self._tell(Change(condition=True))

    def _tell(self, change: Change) -> None:
        for callback in list(self._subscribers):
            callback(change)


SPENDING = "all"
REGISTRY = "registry"


class Store:
    """All tables. `names` holds every resource by address; the tables by kind are cut from it.

    `news` are the names that somebody changed since they were looked at before.
    `registry` has one row, `REGISTRY`, about the one that somebody is logged in to; none where nobody is.

    `costs` holds what each cluster costs, and `spending` one row, `SPENDING`, about all of them; both are empty where
    nothing has cost anything yet.
    `skypilot` has one row, how SkyPilot's server is; `clouds` which clouds can be used; `found` the clusters that
    SkyPilot knows and no document here names, `ours` those of them that are not somebody else's on a team's server;
    `orphans` what is in the clouds and SkyPilot has forgotten. `me` are the names that runs of this person go by.
    """

    def __init__(self) -> None:
        from rhdesk.core.run_table import RunTable  # which is one of these tables

        self.names: Table[EntryRow] = Table("names")
        self.index = NameIndex()  # all names as a tree; told with `names` and `registry`
        self.news: frozenset[str] = frozenset()
        self.registry: Table[RegistryRow] = Table("registry")
        self.clusters: Table[ClusterRow] = Table("clusters")
        self.functions: Table[EntryRow] = Table("functions")
        self.packages: Table[EntryRow] = Table("packages")
        self.runs = RunTable()
        self.status: Table[ClusterStatus] = Table("status")
        self.tasks: Table[TaskRow] = Table("tasks")
        self.forwards: Table[ForwardRow] = Table("forwards")
        self.costs: Table[ClusterCost] = Table("costs")
        self.spending: Table[Summary] = Table("spending")
        self.skypilot: Table[ServerInfo] = Table("skypilot")
        self.clouds: Table[CloudCheck] = Table("clouds")
        self.found: Table[CloudCluster] = Table("found")
        self.ours: frozenset[str] = frozenset()
        self.me: frozenset[str] = frozenset()
        self.orphans: Table[Orphan] = Table("orphans")
        self.tasks.replace({})

    def is_others(self, run: RunRow) -> bool:
        """Whether somebody else started a run, as far as is known."""
        return bool(run.by) and run.by not in self.me

    def is_of(self, run: RunRow, function: str) -> bool:
        """Whether a run is one of a function; `~/train` of somebody else's computer is another than the one of here."""
        return run.name == function and not (function.startswith("~") and self.is_others(run))
