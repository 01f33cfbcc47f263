"""The runs of all clusters in one table. A cluster that is lost makes only its own rows old."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rhdesk.core.rows import Problem, RunRow
from rhdesk.core.store import Condition, Phase, Table


@dataclass(frozen=True)
class _Part:
    """What is known of one cluster's runs. `down` is no failure: its runs come back with it. That those of this
    computer's `own` server are not known is told even where none were ever seen."""

    phase: Phase = Phase.LOADING
    problem: Problem | None = None
    heard: float = 0.0
    retry_at: float = 0.0
    down: bool = False
    own: bool = False


class RunTable(Table[RunRow]):
    """Rows by run id. While no cluster is followed it is a table like the others."""

    def __init__(self) -> None:
        super().__init__("runs")
        self._parts: dict[str, _Part] = {}

    def follow(self, clusters: Iterable[str]) -> None:
        """These are the clusters whose runs are followed; runs of others are not known any more."""
        wanted = list(clusters)
        gone = [cluster for cluster in self._parts if cluster not in wanted]
        self._parts = {cluster: self._parts.get(cluster, _Part()) for cluster in wanted}
        if not wanted:
            self.replace({})
            return
        if gone:
            self.update({}, [row.id for row in self.rows() if row.cluster in gone])
        self._settle()

    def merge(self, cluster: str, rows: Mapping[str, RunRow], removed: Iterable[str] = (), whole: bool = False) -> None:
        """What a cluster that can be reached says of its runs; `whole`: these are all it has."""
        if whole:
            removed = [row.id for row in self.rows() if row.cluster == cluster and row.id not in rows]
        known = {id: old for id in rows if (old := self.get(id)) is not None}
        fresh = {id: row for id, row in rows.items() if id not in known or known[id].revision <= row.revision}
        self._put(cluster, _Part(Phase.READY, heard=time.time()))
        self.update(fresh, removed)

    def heard(self, cluster: str) -> None:
        """A cluster that seemed lost answers, and nothing was missed."""
        part = self._parts.get(cluster)
        if part is not None and part.phase is Phase.STALE:
            self._put(cluster, _Part(Phase.READY, heard=time.time()))
            self._settle()

    def lose(self, cluster: str, problem: Problem, retry_at: float = 0.0, *, own: bool = False) -> None:
        """A cluster cannot be reached: its rows are as of when it was last heard of. `own`: it is of this computer."""
        self._leave(cluster, _Part(Phase.FAILED, problem, retry_at=retry_at, own=own))

    def down(self, cluster: str, problem: Problem) -> None:
        """A cluster is down; that is no failure, but its rows are old."""
        self._leave(cluster, _Part(Phase.FAILED, problem, down=True))

    def condition_of(self, cluster: str) -> Condition:
        """How far the rows of one cluster can be trusted; those of one that is not followed as the whole table."""
        part = self._parts.get(cluster)
        if part is None:
            return self.condition
        return Condition(part.phase, part.problem, part.heard, part.retry_at)

    def is_old(self, row: RunRow) -> bool:
        """Whether the cluster of a run cannot be asked about it now."""
        return self.condition_of(row.cluster).phase in (Phase.STALE, Phase.FAILED)

    # ------------------------------------------------------------ inside

    def _leave(self, cluster: str, part: _Part) -> None:
        before = self._parts.get(cluster)
        if before is None:
            return
        if before.phase in (Phase.READY, Phase.STALE):
            heard = time.time() if before.phase is Phase.READY else before.heard
            part = replace(part, phase=Phase.STALE, heard=heard)
        self._put(cluster, part)
        self._settle()

    def _put(self, cluster: str, part: _Part) -> None:
        if cluster in self._parts:
            self._parts[cluster] = part

    def _settle(self) -> None:
        self._set(self._ready())

    def _ready(self) -> Condition:
        """The condition of the whole table out of those of its clusters."""
        if not self._parts:
            return super()._ready()
        with_rows = {row.cluster for row in self.rows()}
        old = {name: part for name, part in self._parts.items() if part.phase is Phase.STALE and name in with_rows}
        phases = {part.phase for part in self._parts.values()}
        if Phase.READY in phases or with_rows:
            old |= {name: part for name, part in self._parts.items() if part.own and part.phase is not Phase.READY}
            return self._of(old, Phase.STALE) if old else super()._ready()
        if Phase.LOADING in phases:
            return Condition(Phase.LOADING)
        lost = {name: part for name, part in self._parts.items() if not part.down}
        return self._of(lost, Phase.FAILED) if lost else super()._ready()

    def _of(self, parts: Mapping[str, _Part], phase: Phase) -> Condition:
        first = min(parts.values(), key=lambda part: (part.down, part.heard))
        problem = first.problem
        if problem is not None and len(parts) > 1:
            others = [name for name, part in parts.items() if part is not first]
            problem = replace(problem, sentence=f"{problem.sentence} Nor can {' and '.join(others)} be asked.")
        tries = [part.retry_at for part in parts.values() if part.retry_at]
        heard = min((part.heard for part in parts.values() if part.heard), default=0.0)
        return Condition(phase, problem, heard, min(tries, default=0.0), tuple(sorted(parts)))
