"""The ledger: what is known of the lives of clusters and of runs, in SQLite, shared by all processes of a person.

It holds facts only, each written at once and for good; what they cost is computed from them when somebody asks. So
processes may write in any order, one that is killed leaves nothing half-done, and nothing is priced twice. Its methods
block for some 100 microseconds; call them from a thread.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rhresources.costs.clock import SETTLED, Moment, Ties, true_time
from rhresources.costs.facts import Instance, Interval, Known, Life, RunFact, Seen, Sighting
from rhresources.costs.schema import open_database
from rhresources.costs.spans import GRACE
from rhresources.errors import RhError

FILE_NAME = "costs.sqlite"


class Ledger:
    """The ledger of a rhdesk directory. May be used from several threads.

    Raises:
        RhError: it cannot be opened; methods that write raise it where the disk refuses.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / FILE_NAME
        self._database = open_database(self.path)
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    # ------------------------------------------------------------ writing

    def see(
        self,
        life: Life,
        seen: Seen,
        at: Moment,
        *,
        price: float | None = None,
        since: float = 0.0,
        exact: bool = False,
        autostop: float = -1.0,
    ) -> None:
        """A cluster was seen so. `since`, `exact` and `autostop` as in `Sighting`."""
        with self._writing(at) as database:
            _put_life(database, life)
            self._see(database, life.id, at, Sighting(seen, at.wall, at.wall, price, since, exact, autostop))

    def read(
        self,
        life: Life,
        intervals: Sequence[tuple[float, float | None]],
        at: Moment,
        *,
        price: float | None = None,
        watched: bool = False,
    ) -> None:
        """What SkyPilot says of when a cluster was up, and what its price is now. `watched` as in `Interval`."""
        with self._writing(at) as database:
            _put_life(database, life)
            for start, end in intervals:
                ended = (at.wall, at.steady, at.boot) if end is not None else (None, None, None)
                database.execute(
                    "INSERT INTO intervals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "watched = CASE WHEN ended IS NULL THEN excluded.watched ELSE watched END, "
                    "end_wall = coalesce(end_wall, excluded.end_wall), "
                    "end_steady = coalesce(end_steady, excluded.end_steady), "
                    "end_boot = coalesce(end_boot, excluded.end_boot), "
                    # an end stays; one who read before somebody else may write after them
                    "ended = min(coalesce(ended, excluded.ended), coalesce(excluded.ended, ended))",
                    (life.id, start, end, at.wall, at.steady, at.boot, *ended, watched),
                )
            self._see(database, life.id, at, Sighting("read", at.wall, at.wall, price))

    def put_instances(self, instances: Iterable[tuple[str, Instance]], unasked: Iterable[str], at: Moment) -> None:
        """(life, a time that an instance ran) as a cloud says, and the lives of which it did not answer once."""
        rows = [
            (each.id, each.launched, life, each.region, each.seen, each.ended, each.missed or None)
            for life, each in instances
        ]
        with self._writing(at) as database:
            database.executemany(
                "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "seen = max(seen, excluded.seen), ended = coalesce(ended, excluded.ended), "
                "missed = coalesce(missed, excluded.missed) "
                "WHERE seen < excluded.seen OR (missed IS NULL AND excluded.missed IS NOT NULL)",
                rows,
            )
            database.executemany("INSERT OR IGNORE INTO unasked VALUES (?)", [(life,) for life in unasked])

    def judge(self, time: float, at: Moment) -> None:
        """SkyPilot's clock said `time` at that moment; where the one of this computer differs much, it is wrong."""
        if at.boot and abs(time - at.wall) > SETTLED:
            with self._writing(at) as database:
                database.execute(
                    "UPDATE ties SET wall = ?, steady = ?, judged = 1 WHERE boot = ? AND judged = 0",
                    (time, at.steady, at.boot),
                )

    def put_runs(self, runs: Iterable[RunFact], at: Moment) -> None:
        """Runs as a cluster tells of them. One that ended stays ended; labels are those it had when it came."""
        rows = [
            (run.id, run.cluster, run.function, run.started, run.ended, json.dumps(dict(run.labels)), run.by)
            for run in runs
        ]
        if not rows:
            return
        with self._writing(at) as database:
            database.executemany(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "started = max(started, excluded.started), ended = max(ended, excluded.ended) "
                "WHERE started < excluded.started OR ended < excluded.ended",
                rows,
            )

    def claim(self, alert: str, at: Moment) -> bool:
        """Whether nobody has told of this yet; who is told so, tells it."""
        with self._writing(at) as database:
            done = database.execute("INSERT OR IGNORE INTO alerts VALUES (?, ?)", (alert, at.wall))
            return done.rowcount > 0

    def mark(self, name: str, at: Moment) -> None:
        """Remember that something was done just then."""
        with self._writing(at) as database:
            database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, at.wall))

    # ------------------------------------------------------------ reading

    def known(self) -> list[Known]:
        """Everything about every life, at its true time."""
        with self._reading() as database:
            ties = _ties(database)
            sightings: dict[str, list[Sighting]] = defaultdict(list)
            intervals: dict[str, list[Interval]] = defaultdict(list)
            for row in database.execute(
                "SELECT life, seen, price, since, exact, autostop, boot, first_wall, first_steady, last_wall, "
                "last_steady FROM sightings ORDER BY id"
            ):
                life, seen, price, since, exact, autostop, boot, *moments = row
                first, last = Moment(moments[0], moments[1], boot), Moment(moments[2], moments[3], boot)
                times = sorted((true_time(first, ties), true_time(last, ties)))
                sightings[life].append(Sighting(seen, times[0], times[1], price, since, bool(exact), autostop))
            for life, start, end, *moments, watched in database.execute("SELECT * FROM intervals"):
                read = true_time(Moment(*moments[:3]), ties)
                end_read = true_time(Moment(*moments[3:]), ties) if end is not None else 0.0
                intervals[life].append(Interval(start, end, read, end_read, bool(watched)))
            instances: dict[str, list[Instance]] = defaultdict(list)
            for id, launched, life, region, seen, ended, missed in database.execute("SELECT * FROM instances"):
                instances[life].append(Instance(id, launched, ended, seen, missed or 0.0, region))
            unasked = {life for (life,) in database.execute("SELECT life FROM unasked")}
            return [
                Known(
                    life,
                    tuple(sightings[life.id]),
                    tuple(intervals[life.id]),
                    tuple(instances[life.id]),
                    life.id in unasked,
                )
                for life in map(_life, database.execute("SELECT * FROM lives"))
            ]

    def runs(self) -> list[RunFact]:
        """Every run that is known."""
        with self._reading() as database:
            return [
                RunFact(id, cluster, function, started, ended, json.loads(labels), by)
                for id, cluster, function, started, ended, labels, by in database.execute("SELECT * FROM runs")
            ]

    def now(self, at: Moment) -> float:
        """The true time of a moment."""
        with self._reading() as database:
            return true_time(at, _ties(database))

    def seen_up(self) -> list[Life]:
        """The clusters of clouds that were up when they were last looked at."""
        with self._reading() as database:
            return [
                _life(row)
                for row in database.execute(
                    "SELECT lives.* FROM lives JOIN (SELECT life, seen, max(id) FROM sightings WHERE seen != 'read' "
                    "GROUP BY life) AS newest USING (life) WHERE newest.seen = 'up' AND kind = 'cloud'"
                )
            ]

    def marked(self, name: str) -> float:
        """When something was done last, by the clock that people set; 0: never."""
        with self._reading() as database:
            row = database.execute("SELECT wall FROM marks WHERE name = ?", (name,)).fetchone()
            return float(row[0]) if row else 0.0

    # ------------------------------------------------------------ inside

    def _see(self, database: sqlite3.Connection, life: str, at: Moment, new: Sighting) -> None:
        """Lengthen the newest sighting of its kind, or begin another."""
        row = database.execute(
            "SELECT id, seen, price, since, exact, autostop, boot, last_wall, last_steady FROM sightings "
            "WHERE life = ? AND (seen = 'read') = ? ORDER BY id DESC LIMIT 1",
            (life, new.seen == "read"),
        ).fetchone()
        if row is not None:
            id, seen, price, since, exact, autostop, boot, last_wall, last_steady = row
            gap = at.steady - last_steady if boot else at.wall - last_wall
            known = (seen, price, since, autostop, boot)
            same = known == (new.seen, new.price, new.since, new.autostop, at.boot) and not (exact or new.exact)
            # one that came up at the same time was up all the time
            if same and gap >= 0 and (gap <= GRACE or new.since > 0 or new.seen == "read"):
                database.execute(
                    "UPDATE sightings SET last_wall = ?, last_steady = ? WHERE id = ?", (at.wall, at.steady, id)
                )
                return
        database.execute(
            "INSERT INTO sightings (life, seen, price, since, exact, autostop, boot, first_wall, first_steady, "
            "last_wall, last_steady) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (life, new.seen, new.price, new.since, new.exact, new.autostop, at.boot, *(at.wall, at.steady) * 2),
        )

    @contextmanager
    def _writing(self, at: Moment) -> Iterator[sqlite3.Connection]:
        with self._lock, _told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                if at.boot:
                    self._database.execute(
                        "INSERT INTO ties VALUES (?, ?, ?, 0) ON CONFLICT DO UPDATE SET wall = excluded.wall, "
                        "steady = excluded.steady WHERE judged = 0 AND excluded.steady < steady",
                        (at.boot, at.wall, at.steady),
                    )
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _told():
            yield self._database


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RhError(
            "The record of costs cannot be used now.",
            remedy="Is the disk full, or the file damaged? Clusters go on; only what they cost is not written down.",
            detail=str(error),
        ) from None


def _put_life(database: sqlite3.Connection, life: Life) -> None:
    """What is not known now keeps what was known."""
    database.execute(
        "INSERT INTO lives VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "cluster = excluded.cluster, hosts = max(hosts, excluded.hosts), "
        "cloud = coalesce(nullif(excluded.cloud, ''), cloud), region = coalesce(nullif(excluded.region, ''), region), "
        "hardware = coalesce(nullif(excluded.hardware, ''), hardware), spot = excluded.spot, "
        "owner = coalesce(nullif(excluded.owner, ''), owner), ended = max(ended, excluded.ended), "
        "labels = CASE excluded.labels WHEN '{}' THEN labels ELSE excluded.labels END, "
        "server = coalesce(excluded.server, server), "
        "others = min(coalesce(others, excluded.others), excluded.others)",  # what was ours once stays so
        (
            life.id,
            life.cluster,
            life.kind,
            life.hosts,
            life.cloud,
            life.region,
            life.hardware,
            life.spot,
            life.owner,
            life.ended,
            json.dumps(dict(life.labels), sort_keys=True),
            life.server,
            life.others,
        ),
    )


def _life(row: Sequence[Any]) -> Life:
    id, cluster, kind, hosts, cloud, region, hardware, spot, owner, ended, labels, server, others = row
    known: Mapping[str, str] = json.loads(labels)
    at_its_end = (bool(ended), known, server, bool(others))
    return Life(id, cluster, kind, hosts, cloud, region, hardware, bool(spot), owner, *at_its_end)


def _ties(database: sqlite3.Connection) -> Ties:
    return {
        boot: Moment(wall, steady, boot)
        for boot, wall, steady in database.execute("SELECT boot, wall, steady FROM ties")
    }
