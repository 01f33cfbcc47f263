"""Records of runs and of prepared functions, in SQLite; and the folder of each run.

A run's folder holds `log`, `result`, `items/N`, `preview.json`, `preview.png`, `exception` and `outcome.json`. The
database may be used from one thread only: the server's loop. Its writes take some 50 microseconds (WAL).
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhserver.runs.lifecycle import ENDED

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, state INTEGER NOT NULL, name TEXT NOT NULL, created REAL NOT NULL, record BLOB NOT NULL,
    worker TEXT NOT NULL DEFAULT '', person TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state);
CREATE INDEX IF NOT EXISTS runs_by_name ON runs (name, id);
CREATE TABLE IF NOT EXISTS functions (
    key TEXT PRIMARY KEY, spec BLOB NOT NULL, environment TEXT NOT NULL, used REAL NOT NULL
) WITHOUT ROWID;
"""


class RunStore:
    """Everything that is known of runs, on disk."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self._database = sqlite3.connect(directory / "runs.sqlite", isolation_level=None, check_same_thread=True)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._add_person()
        self._late: dict[str, pb.Run] = {}  # ended while the disk was full

    def close(self) -> None:
        self._catch_up()
        self._database.close()

    def _add_person(self) -> None:
        """Stores of before do not know who started a run; an older server still reads and writes what comes of it."""
        if "person" not in {row[1] for row in self._database.execute("PRAGMA table_info(runs)")}:
            self._database.execute("ALTER TABLE runs ADD COLUMN person TEXT NOT NULL DEFAULT ''")
        self._database.execute("CREATE INDEX IF NOT EXISTS runs_by_person ON runs (person, id)")

    def folder(self, run: str) -> Path:
        """Where the files of a run lie; the name is checked, since it comes from a client."""
        if not (run.isalnum() and len(run) == 26):
            raise RhError(f"{run!r} is not the id of a run.")
        return self.directory / run

    # ------------------------------------------------------------ runs

    def save(self, run: pb.Run, worker: str | None = None) -> None:
        """Insert or replace. `worker` is the process that runs it, to find it again after a restart. That a run ended
        is known from here on even if the disk is full: it is written when there is room again.

        Raises:
            RhError: the disk is full, and the run has not ended.
        """
        if run.state not in ENDED:
            self._insert(run, worker)
            return
        self._late[run.id] = run
        self._catch_up()
        if run.id in self._late:
            log.warning("the end of run %s cannot be written yet: is the disk full?", run.id)

    def _catch_up(self) -> None:
        for run in list(self._late.values()):
            try:
                self._insert(run, None)
            except RhError:
                return
            del self._late[run.id]

    def _insert(self, run: pb.Run, worker: str | None) -> None:
        self._write(
            "INSERT INTO runs (id, state, name, created, record, worker, person) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record, "
            "worker = CASE WHEN ? THEN excluded.worker ELSE worker END",
            (
                run.id,
                int(run.state),
                run.name,
                run.created,
                run.SerializeToString(),
                worker or "",
                run.by,
                worker is not None,
            ),
        )

    def get(self, run: str) -> pb.Run | None:
        if run in self._late:
            return self._late[run]
        row = self._database.execute("SELECT record FROM runs WHERE id = ?", (run,)).fetchone()
        return pb.Run.FromString(row[0]) if row else None

    def newest(
        self, limit: int, *, before: str = "", name: str = "", states: Iterable[int] = (), by: Sequence[str] = ()
    ) -> tuple[list[pb.Run], int]:
        """The newest runs first, and how many there are in all."""
        self._catch_up()
        where, values = ["1"], []
        if name:
            where.append("name = ?")
            values.append(name)
        chosen = list(states)
        if chosen:
            where.append(f"state IN ({','.join('?' * len(chosen))})")
            values.extend(chosen)  # type: ignore[arg-type]
        if by:
            where.append(f"person IN ({','.join('?' * len(by))})")
            values.extend(by)
        condition = " AND ".join(where)
        total = self._database.execute(f"SELECT count(*) FROM runs WHERE {condition}", values).fetchone()[0]
        if before:
            condition += " AND id < ?"
            values.append(before)
        rows = self._database.execute(
            f"SELECT record FROM runs WHERE {condition} ORDER BY id DESC LIMIT ?", (*values, limit)
        )
        found = [pb.Run.FromString(row[0]) for row in rows]
        return [self._late.get(run.id, run) for run in found], total

    def unfinished(self) -> list[tuple[pb.Run, str]]:
        """Runs that an earlier server left in the middle, with the name of their worker."""
        rows = self._database.execute(
            f"SELECT record, worker FROM runs WHERE state NOT IN ({','.join(str(int(state)) for state in ENDED)})"
        )
        return [(pb.Run.FromString(record), worker) for record, worker in rows]

    def run_of(self, worker: str) -> str:
        """The run that a worker of an earlier server may be in the middle of; empty if none is known."""
        return next((run.id for run, of in self.unfinished() if of == worker), "")

    def delete(self, runs: Iterable[str]) -> list[str]:
        """Remove records and folders; what was there."""
        deleted = []
        for run in runs:
            self._late.pop(run, None)
            if self._write("DELETE FROM runs WHERE id = ?", (run,)):
                shutil.rmtree(self.folder(run), ignore_errors=True)
                deleted.append(run)
        return deleted

    def outcome(self, run: str) -> dict[str, Any] | None:
        """What the worker left in the run's folder when it ended."""
        try:
            found = json.loads((self.folder(run) / "outcome.json").read_bytes())
        except (OSError, ValueError):
            return None
        return dict(found)

    def beyond(self, keep: int, older_than: float, most_bytes: int) -> list[str]:
        """Ended runs to let go of: created before `older_than`, or not among the newest `keep`, or the oldest of
        those whose folders together hold more than `most_bytes`."""
        ended = ",".join(str(int(state)) for state in ENDED)
        rows = self._database.execute(
            f"SELECT id, created FROM runs WHERE state IN ({ended}) ORDER BY id DESC"
        ).fetchall()
        gone, held = [], 0
        for index, (id, created) in enumerate(rows):
            held += sum(file.stat().st_size for file in self.folder(id).rglob("*") if file.is_file())
            if index >= keep or created < older_than or held > most_bytes:
                gone.append(id)
        return gone

    # ------------------------------------------------------------ functions

    def save_function(self, key: str, spec: pb.FunctionSpec, environment: str, now: float) -> None:
        self._write(
            "INSERT OR REPLACE INTO functions (key, spec, environment, used) VALUES (?, ?, ?, ?)",
            (key, spec.SerializeToString(), environment, now),
        )

    def function(self, key: str) -> tuple[pb.FunctionSpec, str] | None:
        """A prepared function and the hash of its environment."""
        row = self._database.execute("SELECT spec, environment FROM functions WHERE key = ?", (key,)).fetchone()
        return (pb.FunctionSpec.FromString(row[0]), row[1]) if row else None

    def forget_functions(self, older_than: float) -> None:
        self._write("DELETE FROM functions WHERE used < ?", (older_than,))

    def _write(self, statement: str, values: tuple[Any, ...]) -> int:
        try:
            return self._database.execute(statement, values).rowcount
        except sqlite3.OperationalError as error:
            raise RhError(
                f"The cluster server cannot write its records: {error}.", remedy="Is the disk of the host full?"
            ) from error
