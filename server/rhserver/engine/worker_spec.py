"""What a worker can run, and the record of one on disk, by which a later server finds it again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker can run. Workers of one spec are alike."""

    python: str
    path: tuple[str, ...]
    folder: str
    trees: tuple[tuple[str, str], ...] = ()
    """(project, root) of the code it runs, then of the local packages it imports; kept while it lives."""
    variables: tuple[tuple[str, str], ...] = ()
    cpus: float = 0.0
    gpus: float = 0.0
    memory: float = 0.0

    @property
    def dedicated(self) -> bool:
        return bool(self.cpus or self.gpus or self.memory)


def write_record(record: Path, spec: WorkerSpec, host: str) -> None:
    """Note a worker; `host` as the cluster's document names it, empty for the head."""
    record.write_text(json.dumps({**asdict(spec), "host": host}))


def read_record(record: Path) -> tuple[WorkerSpec, str]:
    """What a worker of an earlier server runs, and the host that it runs on; empty for the head.

    Raises:
        OSError, ValueError, KeyError, TypeError: the record is not whole.
    """
    data = json.loads(record.read_text())
    host = str(data.pop("host", ""))
    for name in ("path", "trees", "variables"):
        data[name] = tuple(tuple(item) if isinstance(item, list) else item for item in data[name])
    return WorkerSpec(**data), host
