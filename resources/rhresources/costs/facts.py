"""What is known of the lives of clusters: plain frozen values, true whatever comes after them.

Money is in US dollars, times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["cloud", "own"]

Seen = Literal["trying", "up", "down", "gone", "read"]
"""How a cluster was seen. "trying": being launched, which may fail; nobody knows yet whether that costs something.
"read" is no look at it but at what SkyPilot wrote down of it."""


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a cluster: from launch to its end, stops in between included.

    Attributes:
        id: SkyPilot's hash of it; "own:" and the address for a machine of one's own, which has but one life.
        cluster: our address of it, else SkyPilot's name.
        ended: SkyPilot says that it is gone.
        labels: of the cluster.
        server: address of the SkyPilot that it is of; empty: rhdesk's own; None: of none, or not known.
        others: somebody else's on a team's server, as far as is known: no document here names it, nor did we launch it.
    """

    id: str
    cluster: str
    kind: Kind = "cloud"
    hosts: int = 1
    cloud: str = ""
    region: str = ""
    hardware: str = ""
    spot: bool = False
    owner: str = ""
    ended: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    server: str | None = None
    others: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """A cluster was seen in one state from `first` to `last`, again and again.

    Attributes:
        price: of the whole cluster for an hour; None: not known.
        since: when it came up, as its server or SkyPilot says; 0: not known.
        exact: it was ended just then by what a person did here.
        autostop: idle minutes until it stops by itself; -1: never, or nobody knows.
    """

    seen: Seen
    first: float
    last: float
    price: float | None = None
    since: float = 0.0
    exact: bool = False
    autostop: float = -1.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A time that SkyPilot says a cluster was up.

    Attributes:
        end: None: it was up when this was read.
        start_read, end_read: when each was read first. Neither can have been later than that.
        watched: its server looks after clusters all the time, as a team's does; one of ours sleeps while nobody needs
            it, and writes down as the end of a cluster that stopped by itself when it looked again.
    """

    start: float
    end: float | None
    start_read: float
    end_read: float = 0.0
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Instance:
    """A time that one instance ran, by the clock of the cloud, as the cloud says.

    Attributes:
        id: the cloud's. One that is stopped and started again keeps it, so that there are several times of it.
        ended: None: it ran when the cloud was asked last, or the cloud does not say when it ended.
        seen: when the cloud said last that it ran.
        missed: when the cloud said first that it does not; 0: it never did.
    """

    id: str
    launched: float
    ended: float | None
    seen: float
    missed: float = 0.0
    region: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one life.

    Attributes:
        instances: as the cloud says when they ran; empty: it is one that does not say, or was not asked.
        unasked: the cloud did not answer every time, so that there may have been others.
    """

    life: Life
    sightings: tuple[Sighting, ...] = ()
    intervals: tuple[Interval, ...] = ()
    instances: tuple[Instance, ...] = ()
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class RunFact:
    """One run, as far as it matters for its cost. `ended` 0: it has not ended, as far as anybody knows; `by`: who
    started it, as their program said, empty where nobody knows."""

    id: str
    cluster: str
    function: str
    started: float
    ended: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
