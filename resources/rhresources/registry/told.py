"""How a cluster in a cloud is, as whoever's SkyPilot runs it told the registry, which keeps it beside its document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args

ToldState = Literal["launching", "unhealthy", "up", "stopping", "stopped", "down"]
"""As `cloud.answers.CloudState`; "down": it has no machines."""

TELL_AGAIN = 600.0
"""Seconds after which it is told anew that nothing has changed, so that others see that somebody still looks."""


@dataclass(frozen=True, slots=True)
class ToldHead:
    """Where the head is reached over SSH.

    Attributes:
        host_keys: the public keys that it shows, each as "type base64"; empty: not known.
    """

    address: str
    port: int = 22
    user: str = ""
    host_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a cluster.

    Attributes:
        since: when it was first told to be in this state.
        seen: when SkyPilot was asked last, by the clock of the registry.
        by: who told it: the user of the registry.
        source: which SkyPilot runs it.
        computer: whose SkyPilot that is.
        life: SkyPilot's id of this life of it.
        head: None: it is not up, or reached through its SkyPilot alone.
        others: as `cloud.answers.CloudCluster` has them.
    """

    state: ToldState
    since: float = 0.0
    seen: float = 0.0
    by: str = ""
    source: str = ""
    computer: str = ""
    life: str = ""
    reason: str = ""
    cloud: str = ""
    region: str = ""
    zone: str = ""
    hardware: str = ""
    hosts: int = 0
    spot: bool = False
    price_per_hour: float | None = None
    autostop_mins: int = -1
    autostop_down: bool = False
    launched: float = 0.0
    head: ToldHead | None = None

    @property
    def is_there(self) -> bool:
        """Whether it has machines, as far as anybody knows."""
        return self.state != "down"

    @property
    def cost(self) -> float | None:
        """About what it has cost since it was launched or started last; None: not known, or it is not up."""
        if self.state != "up" or self.price_per_hour is None or not self.launched:
            return None
        return self.price_per_hour * max(self.seen - self.launched, 0.0) / 3600

    def says_the_same_as(self, other: Told) -> bool:
        """Whether neither is news after the other."""
        return replace(self, seen=0.0, since=0.0, by="") == replace(other, seen=0.0, since=0.0, by="")

    def is_news_after(self, before: Told | None) -> bool:
        """Whether it is worth telling where `before` is what the registry has."""
        if before is None or not before.is_there:
            return self.is_there
        if before.source != self.source:  # only their own SkyPilot knows that its machines are gone; the newest counts
            return self.is_there and self.launched > before.launched
        again = self.is_there and self.seen - before.seen >= TELL_AGAIN
        return again or not self.says_the_same_as(before)

    def since_then(self, since: float) -> Told:
        """The same, in this state since then."""
        return replace(self, since=since)

    def wire(self, now: float) -> dict[str, Any]:
        """As the registry takes it."""
        said = asdict(self)
        seen = said.pop("seen")
        del said["by"]
        return {**said, "age": max(now - seen, 0.0)}

    def text(self) -> str:
        """As JSON, to be kept."""
        return json.dumps(asdict(self))


def told_of(said: Mapping[str, Any] | None) -> Told | None:
    """What the registry says, or `text` wrote; None where it says nothing that is understood here."""
    if not said or said.get("state") not in get_args(ToldState):
        return None
    try:
        values = {name: type(default)(said[name]) for name, default in _DEFAULTS.items() if said.get(name) is not None}
        price, head = said.get("price_per_hour"), said.get("head")
        return Told(
            cast("ToldState", said["state"]),
            price_per_hour=None if price is None else float(price),
            head=None
            if not head
            else ToldHead(
                str(head["address"]),
                int(head.get("port") or 22),
                str(head.get("user") or ""),
                tuple(map(str, head.get("host_keys") or ())),
            ),
            **values,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def told_of_text(text: str) -> Told | None:
    """What `text` of a `Told`, or of what the registry says, says; an empty one says nothing."""
    return told_of(json.loads(text)) if text else None


_DEFAULTS: dict[str, Any] = {
    name: getattr(Told("down"), name) for name in Told.__slots__ if name not in ("state", "price_per_hour", "head")
}
