"""What an environment's folder says of it: `ready.json`, written last, makes it valid; `building` names who is at work.

A folder without `ready.json` is a leftover of a server that ended: its installer is ended and it is removed. What is on
its way out, or is only tried, has a name that begins with a point.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import psutil
from google.protobuf import json_format

from rhresources.wire import cluster_pb2 as pb
from rhserver.code.trees import remove_tree
from rhserver.environments import installer
from rhserver.environments.listing import Versions, read_versions, write_versions

_FILE = "ready.json"
_BUILDING = "building"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Record:
    """One environment that is there.

    Attributes:
        environment: as clients see it; `spec` is empty if an earlier version of rhdesk made it.
        base: hash of the specification as it was before it was ever renewed.
        versions: what was installed when it was made; None: not known.
        wanted: {normalised name: what the specification asks of it}.
        compiled: whether all of its modules have byte code.
        like: `digest` of the versions that it was made to have, those of the head; empty: whatever fits.
    """

    environment: pb.Environment
    base: str
    versions: Versions | None = None
    wanted: Mapping[str, str] = field(default_factory=dict)
    compiled: bool = True
    like: str = ""

    @property
    def renewed(self) -> int:
        """When it was asked for anew; 0: never."""
        return self.environment.spec.renewed


def write_record(folder: Path, record: Record) -> None:
    """Make the environment in `folder` valid, or note what changed; when it was last used stays.

    Raises:
        OSError: the disk is full, for one.
    """
    environment = record.environment
    data = {
        "python": environment.python,
        "packages": list(environment.packages),
        "bytes": environment.bytes,
        "created": environment.created,
        "base": record.base,
        "spec": json_format.MessageToDict(environment.spec, preserving_proto_field_name=True),
        "versions": None if record.versions is None else write_versions(record.versions),
        "wanted": dict(record.wanted),
        "compiled": record.compiled,
        "like": record.like,
    }
    part = folder / "ready.part"
    part.write_text(json.dumps(data))
    os.utime(part, (environment.used, environment.used))
    os.replace(part, folder / _FILE)
    (folder / _BUILDING).unlink(missing_ok=True)


def note_use(folder: Path, now: float) -> None:
    """Remember over a restart when an environment was last used."""
    os.utime(folder / _FILE, (now, now))


def read_record(folder: Path) -> Record | None:
    """What `write_record` wrote, also by earlier versions; None if the environment is not whole."""
    file = folder / _FILE
    try:
        used = file.stat().st_mtime
        data = json.loads(file.read_text())
        spec = None
        if "spec" in data:
            spec = json_format.ParseDict(data["spec"], pb.EnvironmentSpec(), ignore_unknown_fields=True)
        environment = pb.Environment(
            hash=folder.name, python=data["python"], packages=data["packages"], bytes=data["bytes"],
            created=data["created"], used=used, spec=spec,
        )  # fmt: skip
        versions = data.get("versions")
        return Record(
            environment=environment,
            base=str(data.get("base") or folder.name),
            versions=None if versions is None else read_versions(versions),
            wanted={str(name): str(wanted) for name, wanted in (data.get("wanted") or {}).items()},
            compiled=bool(data.get("compiled", True)),
            like=str(data.get("like") or ""),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, json_format.ParseError):
        return None


def digest(versions: Versions) -> str:
    """Versions that are the same have the same."""
    return hashlib.blake2b(json.dumps(write_versions(versions)).encode(), digest_size=16).hexdigest()


def find_records(directory: Path) -> dict[str, Record]:
    """The environments in `directory` by hash; leftovers are ended and removed."""
    found, leftovers = {}, []
    for folder in list(directory.iterdir()):
        record = None if folder.name.startswith(".") else read_record(folder)
        if record is not None and (folder / "venv" / "bin" / "python").exists():
            found[folder.name] = record
        else:
            _end_installer(folder / _BUILDING)
            leftovers.append(move_away(folder))
    if leftovers:  # it may take a while, and the server is to answer at once
        threading.Thread(target=_remove_all, args=(leftovers,), name="leftovers", daemon=True).start()
    return found


def note_installer(folder: Path, process_id: int) -> None:
    """Note who is at work in `folder`, for a server that finds this half made."""
    try:
        started = psutil.Process(process_id).create_time()
    except psutil.Error:
        return
    (folder / _BUILDING).write_text(json.dumps([process_id, started]))


def move_away(folder: Path) -> Path:
    """Take `folder` from its place at once, whatever is in it; where it is now, to be removed.

    Raises:
        OSError: it is not there, for one.
    """
    trash = folder.parent / f".trash-{token_hex(6)}"
    os.rename(folder, trash)
    return trash


def remove_quietly(trash: Path) -> None:
    """Remove what `move_away` moved; what cannot be removed now, the next server tries again."""
    try:
        remove_tree(trash)
    except OSError as error:
        log.info("%s cannot be removed: %s", trash.name, error)


async def throw_away(folder: Path) -> None:
    """Remove `folder`, if it is there; its place is free at once, and being cancelled does not stop it.

    Raises:
        OSError: it cannot be taken from its place.
    """
    try:
        trash = move_away(folder)
    except FileNotFoundError:
        return
    await asyncio.shield(asyncio.to_thread(remove_quietly, trash))


def _end_installer(marker: Path) -> None:
    try:
        process_id, started = json.loads(marker.read_text())
        if abs(psutil.Process(process_id).create_time() - started) < 1:
            installer.end_group(process_id)
    except (OSError, ValueError, TypeError, psutil.Error):
        return


def _remove_all(folders: list[Path]) -> None:
    for folder in folders:
        remove_quietly(folder)
