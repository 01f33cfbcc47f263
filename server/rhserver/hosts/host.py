"""One host of the cluster, as the head knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rhresources.wire import cluster_pb2 as pb

OnText = Callable[[str], None]


@dataclass(eq=False, slots=True)
class Host:
    """One host. Belongs to the server's loop; do not change it, except through `Hosts`."""

    given: str
    """As the cluster's document names it."""
    address: str
    """In the cluster's network; empty until it joined."""
    is_head: bool
    name: str = ""
    """What it calls itself."""
    cpus: int = 1
    actor: Any = None
    """Its HostAgent; None on the head, and where the host is not there."""
    node: str = ""
    """Ray's id of its node, in hex."""
    home: str = ""
    """The state directory there; empty on the head."""
    workers: int = 0
    """That run there, or are about to."""
    problem: str = ""
    """Why it is not there, as a sentence; empty: it is alive."""
    seen: float = 0.0
    """`time.time()` of its last word."""
    status: pb.Host = field(default_factory=pb.Host)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while it is not there."""

    @property
    def alive(self) -> bool:
        return not self.problem

    @property
    def shown(self) -> str:
        """"node2 (10.99.0.2)"."""
        return self.given if self.address in ("", self.given) else f"{self.given} ({self.address})"
