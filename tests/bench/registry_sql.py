"""What a registry can at best do: the same statements alone, over the driver, with nothing around them.

Answers `CLIENTS COUNT` on its standard input with saves per second, and `p99`, as `registry_caller` does. Argument: the
database, one of its own.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from contextlib import closing
from typing import Any

import psycopg
from processes import READY
from registry_caller import DOCUMENTS, document, path
from sqlalchemy.engine import make_url

_TOKEN = "SELECT id FROM tokens WHERE hash = ?"
_FIND = (
    "SELECT r.id, r.version, v.text FROM resources r JOIN versions v ON v.resource_id = r.id AND v.version = r.version "
    "WHERE r.key = ? AND NOT r.deleted"
)
_VERSION = (
    'INSERT INTO versions (resource_id, version, name, key, action, kind, text, description, "by", at, note) '
    "VALUES (?, ?, ?, ?, 'saved', 'cluster', ?, '', 'alice', ?, '')"
)
_PRESENT = "UPDATE resources SET version = ?, modified = ? WHERE id = ?"
_NEWEST = "SELECT max(cursor) FROM changes"
_CHANGE = "INSERT INTO changes (cursor, event, name, resource_id, version, at) VALUES (?, 'saved', ?, ?, ?, ?)"
_AUDIT = 'INSERT INTO audit (at, "by", address, action, name, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)'


class Saver:
    """One client, with a connection of its own; SQLite lets one write at a time."""

    def __init__(self, url: str, lock: threading.Lock) -> None:
        self._lock = lock
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.connection: Any
        if self.is_sqlite:
            self.connection = sqlite3.connect(str(parsed.database), isolation_level=None, check_same_thread=False)
            self.connection.execute("PRAGMA synchronous = FULL")
        else:
            self.connection = psycopg.connect(url, autocommit=True)

    def save(self, number: int) -> None:
        """Save one document, as the registry does."""
        with self._lock:
            self._run("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
            self._run(_TOKEN, "x")
            name = path(number).removeprefix("/v1/resources")
            which, version, _ = self._run(_FIND, name)
            now = time.time()
            self._run(_VERSION, which, version + 1, name, name, document(number, time.perf_counter_ns()), now)
            self._run(_PRESENT, version + 1, now, which)
            (newest,) = self._run(_NEWEST)
            self._run(_CHANGE, newest + 1, name, which, version + 1, now)
            self._run(_AUDIT, now, "alice", "127.0.0.1", "save", name, "done", "")
            self._run("COMMIT")

    def _run(self, statement: str, *values: Any) -> Any:
        done = self.connection.execute(statement if self.is_sqlite else statement.replace("?", "%s"), values)
        return done.fetchone() if statement.startswith("SELECT") else None


def saves(url: str, clients: int, count: int) -> tuple[float, float]:
    """Saves per second, and the 99th of 100 in milliseconds."""
    lock = threading.Lock()
    taken: list[float] = []

    def run(saver: Saver, first: int) -> None:
        for number in range(first, first + count // clients):
            start = time.perf_counter()
            saver.save(number * 7919 % DOCUMENTS)
            taken.append(time.perf_counter() - start)

    savers = [Saver(url, lock) for _ in range(clients)]
    threads = [threading.Thread(target=run, args=(saver, 1000 * index)) for index, saver in enumerate(savers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    for saver in savers:
        with closing(saver.connection):
            pass
    return len(taken) / seconds, sorted(taken)[int(len(taken) * 0.99)] * 1000


def main() -> None:
    """Answer until standard input ends."""
    url = sys.argv[1]
    p99 = 0.0
    print(READY.decode(), flush=True)
    for line in sys.stdin:
        if line.split() != ["p99"]:
            clients, count = line.split()
            figure, p99 = saves(url, int(clients), int(count))
            print(figure, flush=True)
        else:
            print(p99, flush=True)


if __name__ == "__main__":
    main()
