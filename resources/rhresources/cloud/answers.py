"""What SkyPilot says, in our words: plain frozen values. Money is in US dollars, times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CloudState = Literal["launching", "unhealthy", "up", "stopping", "stopped"]
"""SkyPilot's status of a cluster: its INIT is "launching" or "unhealthy", its AUTOSTOPPING is "stopping"."""


@dataclass(frozen=True, slots=True)
class CloudCluster:
    """One cluster as SkyPilot knows it.

    Attributes:
        name: as SkyPilot calls it; `task.sky_name` makes it from ours.
        hash: SkyPilot's own id of this life of it; a cluster launched anew under the name has another.
        reason: why it is in this state, where SkyPilot says so.
        hosts: how many were asked for.
        hardware: of one host, "m6i.large, 2 processors, 8 GB" or "A100:8".
        autostop_mins: -1: never.
        autostop_down: it goes away then, rather than being stopped.
        launched: when it was launched or started last.
        updated: when SkyPilot last asked the cloud itself; 0: not known.
        price_per_hour: of the whole cluster while it is up; None: not known.
        owner: who launched it.
        labels: of the cloud's instances.
    """

    name: str
    state: CloudState
    hash: str = ""
    reason: str = ""
    hosts: int = 1
    cloud: str = ""
    region: str = ""
    zone: str = ""
    hardware: str = ""
    instance_type: str = ""
    spot: bool = False
    autostop_mins: int = -1
    autostop_down: bool = False
    launched: float = 0.0
    updated: float = 0.0
    price_per_hour: float | None = None
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CloudHosts:
    """How the hosts of a cluster that is up are reached by SSH.

    Attributes:
        addresses: as seen from here, the head first.
        ports: of each host's SSH server.
        user: the account there.
        private_key: path of the key file, made by SkyPilot, with mode 0600.
        proxy_commands: for ssh, one a host, where the way leads through something; empty: straight.
        inner: their addresses among themselves, in the same order; empty: not known.
        environment: variables that sessions there ask for, each as NAME=VALUE.
    """

    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    user: str
    private_key: str
    proxy_commands: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()

    @property
    def through_skypilot(self) -> bool:
        """Whether only SkyPilot's server reaches them, so that it has to run for that."""
        return any("rhdesk_proxy.py" in each for each in self.proxy_commands)


@dataclass(frozen=True, slots=True)
class Offer:
    """Hardware at a place, with its price.

    Attributes:
        accelerator: "A100", "" for processors only.
        accelerators: how many one host has.
        cpus, memory: of one host; memory in GB.
        price, spot_price: of one host for an hour; None: not offered, or not known.
        enabled: whether the clouds that are set up can be asked for it.
        key: what tells it from all others.
    """

    cloud: str
    region: str
    instance_type: str
    accelerator: str = ""
    accelerators: float = 0
    cpus: float | None = None
    memory: float | None = None
    price: float | None = None
    spot_price: float | None = None
    enabled: bool = True
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = f"{self.cloud}/{self.region}/{self.instance_type}/{self.accelerator}:{self.accelerators:g}"
        object.__setattr__(self, "key", key)


@dataclass(frozen=True, slots=True)
class CloudCheck:
    """Whether a cloud can be used.

    Attributes:
        cloud: SkyPilot's name of it, in lower case: "aws".
        title: "AWS".
        enabled: it can be asked for clusters.
        reason: why not, one sentence; empty where it can.
        remedy: what to do about it: commands, files, pages.
        detail: SkyPilot's own words.
    """

    cloud: str
    title: str
    enabled: bool
    reason: str = ""
    remedy: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """When a cluster was up, as SkyPilot kept it; also of clusters that are gone.

    Attributes:
        intervals: (from, to); to is None while it is up.
        price_per_hour: of the whole cluster, by SkyPilot's prices of now; None: not known.
        ended: it is gone from SkyPilot's list.
    """

    name: str
    hash: str
    intervals: tuple[tuple[float, float | None], ...]
    hosts: int = 1
    cloud: str = ""
    region: str = ""
    hardware: str = ""
    spot: bool = False
    price_per_hour: float | None = None
    owner: str = ""
    ended: bool = False


LaunchPhase = Literal["server", "queued", "choosing", "provisioning", "preparing", "failover", "waiting"]
"""Of a launch: SkyPilot's server starts; the request waits; an offer is chosen; instances are made; SkyPilot sets them
up; an offer was refused and the next is tried; it is tried again later."""


@dataclass(frozen=True, slots=True)
class LaunchEvent:
    """One thing that a launch or a start said.

    Attributes:
        sentence: for people.
        offer: what is being tried, "aws us-east-1, m6i.large".
        at: when.
    """

    phase: LaunchPhase
    sentence: str
    offer: str = ""
    at: float = 0.0


RequestState = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class CloudRequest:
    """Something that SkyPilot's server was asked for, by rhdesk, by `sky`, or by others on a team's server.

    Attributes:
        id: SkyPilot's.
        name: of what was asked: "launch", "status", "down", …
        state: "waiting": for its turn, or to be tried again.
        cluster: SkyPilot's name of the cluster that it is about; empty: none, or several.
        user: who asked.
        created: when.
        ended: when; 0: it has not.
        reason: why it waits, where SkyPilot says so.
    """

    id: str
    name: str
    state: RequestState
    cluster: str = ""
    user: str = ""
    created: float = 0.0
    ended: float = 0.0
    reason: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it can still be cancelled."""
        return self.state in ("waiting", "running")


OnLaunch = Callable[[LaunchEvent], None]
"""Hears of every step, on the event loop."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Which SkyPilot API server answers.

    Attributes:
        url: without credentials; of ours, the path of its socket.
        owned: rhdesk started it and ends it.
        version: of SkyPilot there.
        state: "not-installed": ours, its environment is still to be made; "off": ours, not started yet; "starting";
            "ready"; "dead"; "unreachable"; "version": another one than we can talk to; "refused": it wants a log-in.
        sentence, remedy: for states that are not right.
        folder: where its environment is, or will be; empty: not ours.
        needs: about how many bytes it takes to make that; 0: nothing.
    """

    url: str
    owned: bool
    version: str = ""
    state: Literal["not-installed", "off", "starting", "ready", "dead", "unreachable", "version", "refused"] = "off"
    sentence: str = ""
    remedy: str = ""
    folder: str = ""
    needs: int = 0
