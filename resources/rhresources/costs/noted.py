"""What our part of SkyPilot's server wrote down of instances (`cloud/inside/rhdesk_instances.py`), for the ledger."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from rhresources.cloud.identity import skypilot_home
from rhresources.costs.clock import Moment
from rhresources.costs.facts import Instance

_FILE_NAME = "instances.sqlite"


@dataclass(frozen=True, slots=True)
class Notes:
    """All of it.

    Attributes:
        instances: (life of the cluster, a time that an instance of it ran).
        unasked: lives of which the cloud did not answer once.
        clock: (what time the cloud said it was, the same moment here); None: it said none.
    """

    instances: tuple[tuple[str, Instance], ...]
    unasked: frozenset[str]
    clock: tuple[float, Moment] | None


class NotesFile:
    """The file, which is read again only when it has changed."""

    def __init__(self, home: Path) -> None:
        self._path = skypilot_home(home) / _FILE_NAME
        self._read: tuple[int, int] | None = None

    def new(self) -> Notes | None:
        """What it says; None: nothing new."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        version = (found.st_mtime_ns, found.st_size)
        if version == self._read:
            return None
        with contextlib.suppress(sqlite3.Error):  # it is being made, perhaps: another look comes
            notes = _read(self._path)
            self._read = version
            return notes
        return None


def _read(path: Path) -> Notes:
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)) as database:
        database.execute("BEGIN")
        instances = tuple(
            (life, Instance(id, launched, ended, seen, missed or 0.0, region))
            for id, launched, life, region, seen, ended, missed in database.execute(
                "SELECT instance, launched, cluster, region, seen, ended, missed FROM instances"
            )
        )
        unasked = frozenset(life for (life,) in database.execute("SELECT cluster FROM unasked"))
        clock = database.execute("SELECT cloud, wall, steady, boot FROM clock").fetchone()
    return Notes(instances, unasked, (clock[0], Moment(*clock[1:])) if clock else None)
