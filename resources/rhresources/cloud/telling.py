"""Tells the registry of clusters that a SkyPilot of ours runs, so that people on other computers know how they are."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rhresources.cloud.address import is_loopback
from rhresources.cloud.answers import CloudHosts
from rhresources.cloud.identity import identity
from rhresources.cloud.kept import Kept, KeptCluster
from rhresources.cloud.task import autostop_of
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.people import account_here
from rhresources.registry.told import Told, ToldHead, ToldState
from rhresources.resource_names import ResourceNames
from rhresources.settings import Settings

_LAST_WORDS = 10.0  # seconds to tell what is left to tell, when this ends
_KEYS = 10

log = logging.getLogger(__name__)


class Teller:
    """Tells in a thread of its own: nobody who looks at a cluster waits for it, and no failure hinders a launch.

    Args:
        names: where clusters have their names.
    """

    def __init__(self, names: ResourceNames) -> None:
        self._names = names
        self._newest: dict[str, tuple[Kept, float]] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "rhdesk-telling")
        self._idle = threading.Event()
        self._idle.set()

    def knows(self, kept: Kept) -> None:
        """This is known of a cluster now. From any thread."""
        if not kept.address.startswith("/"):
            return
        with self._lock:
            first = not self._newest
            self._newest[kept.address] = kept, time.time()
            if first:
                self._idle.clear()
                with suppress(RuntimeError):  # this ends, and what is known is told by whoever looks next
                    self._thread.submit(self._tell_all)

    def close(self) -> None:
        """End when all is told, or it takes too long. Blocks."""
        self._idle.wait(_LAST_WORDS)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _tell_all(self) -> None:
        while True:
            with self._lock:
                if not self._newest:
                    self._idle.set()
                    return
                address = next(iter(self._newest))
                kept, seen = self._newest[address]
            try:
                self._tell(kept, seen)
            except Exception as error:
                log.info("nobody is told how %s is: %s", address, error, exc_info=not isinstance(error, RhError))
            with self._lock:
                if self._newest.get(address) == (kept, seen):
                    del self._newest[address]

    def _tell(self, kept: Kept, seen: float) -> None:
        home = self._names.home
        settings = Settings.load(home)
        if kept.is_elsewhere(settings.skypilot_server):
            return  # it is not known how it is
        keys = KeptCluster(home, kept.name, kept.address).known_hosts
        told = told_of_kept(kept, source_of(home, kept.server or ""), keys, seen)
        if told.state == "launching" and kept.seen is None:
            told = as_asked_for(told, self._names.cluster(kept.address), settings)
        self._names.tell(kept.address, told)


def source_of(home: Path, server: str) -> str:
    """What tells the SkyPilot of a rhdesk directory from all others: a team's by where it is, `server`."""
    return server if server and not is_loopback(server) else identity(home)


def told_of_kept(kept: Kept, source: str, known_hosts: Path, now: float) -> Told:
    """What there is to tell of a cluster by what is known of it. Reads a small file."""
    seen, computer = kept.seen, account_here()
    launching = bool(kept.launching_since) and not kept.abandoned
    if seen is None:
        state: ToldState = "launching" if launching else "down"
        launched = kept.launching_since if launching else 0.0
        return Told(state, since=now, seen=now, source=source, computer=computer, launched=launched)
    state = "launching" if launching and seen.state == "stopped" and not kept.ending else seen.state
    return Told(
        state, since=now, seen=now, source=source, computer=computer, life=seen.hash, reason=seen.reason,
        cloud=seen.cloud, region=seen.region, zone=seen.zone, hardware=seen.hardware, hosts=seen.hosts, spot=seen.spot,
        price_per_hour=seen.price_per_hour, autostop_mins=seen.autostop_mins, autostop_down=seen.autostop_down,
        launched=seen.launched or kept.launching_since,
        head=_head_of(kept.hosts, known_hosts) if seen.state == "up" and kept.hosts is not None else None,
    )  # fmt: skip


def as_asked_for(told: Told, document: ClusterDocument, settings: Settings) -> Told:
    """What is told of a cluster of which SkyPilot knows nothing yet, with what its document asks for."""
    minutes, down = autostop_of(document, settings)
    return replace(told, hosts=document.num_instances or 1, autostop_mins=minutes, autostop_down=down)


def _head_of(hosts: CloudHosts, known_hosts: Path) -> ToldHead | None:
    """Where the head is, if others can go straight there, and the keys that it showed us."""
    if any(hosts.proxy_commands) or not hosts.addresses:
        return None
    return ToldHead(hosts.addresses[0], hosts.ports[0], hosts.user, _keys_of(hosts, known_hosts))


def _keys_of(hosts: CloudHosts, known_hosts: Path) -> tuple[str, ...]:
    from rhresources.reach.ssh.known_hosts import lookup, text_of

    known = lookup((str(known_hosts),), hosts.addresses[0], hosts.ports[0])
    return tuple(dict.fromkeys(text_of(key) for key in known.keys))[:_KEYS]
