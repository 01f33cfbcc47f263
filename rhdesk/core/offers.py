"""Offers of hardware in clouds: which fit, what they are called, what a whole cluster of them costs. No Qt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rhresources.cloud.answers import Offer

PROCESSORS = "CPU"
"""What the kind of hardware without an accelerator is called."""

_COUNTED = re.compile(r"([^:]+):(\d+(?:\.\d+)?)(\+)?")
_HOURS_A_MONTH = 730
_AT_ONCE = 500


@dataclass(frozen=True)
class OfferFilter:
    """What somebody looks for; empty: anything.

    Attributes:
        kind: "A100", or "CPU" for processors only.
        count: accelerators of one host.
        spot: only what is offered as spot instances.
    """

    kind: str = ""
    count: float = 0
    cloud: str = ""
    region: str = ""
    enabled_only: bool = True
    spot: bool = False

    def fitting(self, offers: list[Offer]) -> list[Offer]:
        """Those that fit, in their order. One condition after the other, as there are ten thousands of offers."""
        if self.kind:
            accelerator = "" if self.kind == PROCESSORS else self.kind
            offers = [offer for offer in offers if offer.accelerator == accelerator]
        if self.region:
            offers = [offer for offer in offers if offer.region == self.region]
        if self.cloud:
            offers = [offer for offer in offers if offer.cloud == self.cloud]
        if self.count:
            offers = [offer for offer in offers if offer.accelerators == self.count]
        if self.enabled_only:
            offers = [offer for offer in offers if offer.enabled]
        if self.spot:
            offers = [offer for offer in offers if offer.spot_price is not None]
        return offers


ANY = OfferFilter(enabled_only=False)


def kind_of(offer: Offer) -> str:
    return offer.accelerator or PROCESSORS


def hardware_of(offer: Offer) -> str:
    """ "8 × A100", or "4 processors"."""
    if offer.accelerator:
        return f"{offer.accelerators:g} × {offer.accelerator}"
    return f"{offer.cpus:g} processors" if offer.cpus else offer.instance_type


def wish_of(offer: Offer) -> str:
    """What a document asks for to get it: "A100:8", or the name of the instance where that says more."""
    return f"{offer.accelerator}:{offer.accelerators:g}" if offer.accelerator else offer.instance_type


def price_of(offer: Offer, spot: bool) -> float | None:
    return offer.spot_price if spot else offer.price


def by_price(offers: Iterable[Offer], spot: bool) -> list[Offer]:
    """The cheapest first; those of unknown price last."""

    def order(offer: Offer) -> tuple[bool, float, str, str]:
        price = price_of(offer, spot)
        return (price is None, price or 0.0, offer.cloud, offer.region)

    return sorted(offers, key=order)


def cheapest(ordered: Sequence[Offer], spot: bool, fitting: OfferFilter = ANY) -> Offer | None:
    """The cheapest of some in the order of their price that fits and can really be had; None: there is none."""
    for begin in range(0, len(ordered), _AT_ONCE):  # it is among the first, as a rule
        for offer in fitting.fitting(list(ordered[begin : begin + _AT_ONCE])):
            if offer.enabled and price_of(offer, spot) is not None:
                return offer
    return None


def counted(values: Iterable[str]) -> list[tuple[str, int]]:
    """Values with how often they come, in the order of the alphabet."""
    return sorted(Counter(values).items(), key=lambda pair: (pair[0] != PROCESSORS, pair[0].casefold()))


def fitting(offers: Iterable[Offer], instance: str, cloud: str = "", region: str = "") -> list[Offer]:
    """The offers that would do for a document's `instance_type`, `provider` and `region`."""
    cloud = "" if cloud == "cheapest" else cloud
    found = _COUNTED.fullmatch(instance)
    fits = []
    for offer in offers:
        if (cloud and offer.cloud != cloud) or (region and offer.region != region):
            continue
        if found is None:
            good = offer.instance_type == instance or (offer.accelerator == instance and offer.accelerators == 1)
        elif found[1].upper() == PROCESSORS:
            cpus, wanted = offer.cpus or 0.0, float(found[2])
            good = not offer.accelerator and (cpus >= wanted if found[3] else cpus == wanted)
        else:
            good = (offer.accelerator, offer.accelerators) == (found[1], float(found[2]))
        if good:
            fits.append(offer)
    return fits


@dataclass(frozen=True)
class Estimate:
    """What a whole cluster costs: US dollars an hour, a day, a month of 730 hours without a pause."""

    hour: float

    @property
    def day(self) -> float:
        return self.hour * 24

    @property
    def month(self) -> float:
        return self.hour * _HOURS_A_MONTH


def estimate(ordered: Sequence[Offer], spot: bool, hosts: int) -> Estimate | None:
    """The price of a cluster of the cheapest of these offers, which are in the order of it; None: not known."""
    best = cheapest(ordered, spot)
    price = price_of(best, spot) if best is not None else None
    return Estimate(price * hosts) if price is not None else None
