"""What this computer remembers of each cluster on demand, so that it is reached without asking SkyPilot first.

One folder a cluster in `clouds` of the rhdesk directory: `cluster.json`, and `known_hosts` with the keys of its hosts.
There is no secret in it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from rhresources.cloud.answers import CloudCluster, CloudHosts
from rhresources.cloud.identity import skypilot_home
from rhresources.cloud.life import Autostop, Notice
from rhresources.cloud.task import sky_name
from rhresources.cloud.used import folder_of
from rhresources.stores.files import locked, write_text

ALL_NEW = ("*",)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one life of a cluster.

    Attributes:
        address: our name of it, "~/gpu".
        name: SkyPilot's; of one that was adopted, what it was called before.
        seen: as SkyPilot told of it last; None: it knew none.
        hosts: where its hosts were last; None: it has none.
        server: the SkyPilot server that it was seen at or launched through, by the settings; empty: rhdesk's own; None:
            not written down yet.
        launched_here: whether this computer launched it, where SkyPilot knew none of that name.
        new_hosts: which hosts SkyPilot has just made for us, so that nobody can have their keys yet: their addresses
            among themselves, or `ALL_NEW`.
        launching_since: a launch or start from here began then and nobody saw its end; 0: none.
        launching_by: the process that did that.
        stopping_since: it has been seen stopping since then; 0: it is not.
        ending: "stop" or "down", where that was asked for here and nobody has seen it done; else empty.
        autostop: what was asked for by hand, in place of what the document says.
        notice: what happened to it without us and nobody has mended since.
    """

    address: str
    name: str
    seen: CloudCluster | None = None
    hosts: CloudHosts | None = None
    server: str | None = None
    launched_here: bool = False
    new_hosts: tuple[str, ...] = ()
    launching_since: float = 0.0
    launching_by: int = 0
    stopping_since: float = 0.0
    ending: str = ""
    autostop: Autostop | None = None
    notice: Notice | None = None

    @property
    def abandoned(self) -> bool:
        """Whether the process that launched or started it ended in the middle."""
        return bool(self.launching_since) and not psutil.pid_exists(self.launching_by)

    @property
    def is_over(self) -> bool:
        """Whether it has no machines, and nobody is making any."""
        return self.seen is None and not self.launching_since

    def is_elsewhere(self, server: str) -> bool:
        """Whether what is known is of another SkyPilot than this server, which cannot say how it is."""
        known = self.seen is not None or self.launching_since or self.ending
        return bool(known) and self.server not in (None, server)

    def has_other_hosts_than(self, before: Kept) -> bool:
        """Whether what was known before is of hosts that are gone; others with their addresses may come."""
        if before.seen is None or self.launching_since:
            return False
        return self.seen is None or self.seen.hash != before.seen.hash


class KeptCluster:
    """The folder of one cluster. What cannot be read counts as not known.

    Args:
        home: the rhdesk directory; default: the user's.
        name: SkyPilot's name of the cluster.
        address: our name of it.
        on_known: hears what is known, each time that somebody has looked.
    """

    def __init__(
        self, home: Path | None, name: str, address: str, on_known: Callable[[Kept], None] | None = None
    ) -> None:
        self._home = home
        self._on_known = on_known
        self._folder = folder_of(home) / name
        self._empty = Kept(address, name)

    @property
    def known_hosts(self) -> Path:
        """The file of its host keys."""
        return self._folder / "known_hosts"

    def read(self) -> Kept:
        """What is known. Reads a small file."""
        return _read(self._folder) or self._empty

    def change(self, **values: Any) -> Kept:
        """Write some of it anew; the rest stays as whoever wrote it last has it.

        Raises:
            OSError: it cannot be written.
        """
        return self.decide(lambda kept: replace(kept, **values))

    def decide(self, decision: Callable[[Kept], Kept | None]) -> Kept:
        """Write what a decision makes of what is known, nobody else writing meanwhile; nothing where nothing changes.

        Args:
            decision: pure, as it may be asked twice; None: all of it is forgotten.

        Raises:
            OSError: it cannot be written.
        """
        known = self._decide(decision)
        if self._on_known is not None:
            self._on_known(known)
        return known

    def _decide(self, decision: Callable[[Kept], Kept | None]) -> Kept:
        before = self.read()
        if decision(before) == before or (decision(before) is None and not self._folder.is_dir()):
            return before
        with locked(self._folder.parent):  # of all, because the cluster's own may be removed in here
            before = self.read()
            after = decision(before)
            if after is None:
                self.forget_keys()
                shutil.rmtree(self._folder, ignore_errors=True)
                return self._empty
            if after.has_other_hosts_than(before):
                self.forget_keys()
            write_text(self._folder / "cluster.json", json.dumps(asdict(after), indent=2), private=True)
        return after

    def forget_keys(self) -> None:
        """Forget the keys of hosts that are gone, and the one that opened them."""
        for file in (self.known_hosts, private_key_file(self._home, self._empty.name)):
            with suppress(OSError):
                file.unlink()


def private_key_file(home: Path | None, name: str) -> Path:
    """Where the key is kept that opens the hosts of a cluster, by SkyPilot's name of it."""
    return skypilot_home(home) / "hosts" / f"{name}.key"


def kept_clusters(home: Path | None = None) -> Iterator[Kept]:
    """What is known of every cluster."""
    with suppress(OSError):
        for folder in sorted(folder_of(home).iterdir()):
            if (kept := _read(folder)) is not None:
                yield kept


def sky_name_of(address: str, home: Path | None) -> str:
    """SkyPilot's name of a cluster; another than that of one which was called so before, and has another name now."""
    names = {kept.name: kept.address for kept in kept_clusters(home)}
    if known := next((name for name, owner in names.items() if owner == address), ""):
        return known
    tries = (sky_name(f"{address}#{number}" if number else address, home) for number in count())
    return next(name for name in tries if name not in names)


def _read(folder: Path) -> Kept | None:
    try:
        said = json.loads((folder / "cluster.json").read_text())
        seen, hosts, autostop, notice = said["seen"], said["hosts"], said["autostop"], said["notice"]
        many = ("addresses", "ports", "proxy_commands", "inner", "environment")
        lists = {each: tuple(hosts.get(each, ())) for each in many} if hosts else {}
        return Kept(
            **{
                **said,
                "new_hosts": tuple(said.get("new_hosts", ())),
                "seen": CloudCluster(**seen) if seen is not None else None,
                "hosts": CloudHosts(**{**hosts, **lists}) if hosts else None,
                "autostop": Autostop(**autostop) if autostop is not None else None,
                "notice": Notice(**notice) if notice is not None else None,
            }
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
