"""Hardware that can be had, with prices: by accelerator from SkyPilot's server, plain hosts from its catalogues."""

from __future__ import annotations

import asyncio
import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path

from rhresources.cloud.answers import Offer
from rhresources.cloud.api import Api
from rhresources.cloud.hardware import Hardware, parse_hardware
from rhresources.cloud.identity import skypilot_home
from rhresources.cloud.limits import TITLES
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.reading import offers_of

_AT_ONCE = 4
_FIRST_LOOK = ("aws", "azure", "gcp", "lambda", "nebius", "runpod")
"""Clouds whose prices are shown to somebody who has none yet."""

_NEVER = 1e12  # where offers without a price are sorted


async def find_offers(
    api: Api,
    wanted: str,
    *,
    cloud: str,
    region: str,
    all_regions: bool,
    enabled: frozenset[str],
    home: Path | None,
    own: bool,
) -> list[Offer]:
    """What fits `wanted`, cheapest first, in one cloud, or in all that are set up.

    Of the others there is what price lists were fetched before: SkyPilot would fetch each anew, and wait for each that
    cannot be had. Clouds whose prices cannot be had are left out.

    Raises:
        CloudProblem: no cloud answered.
    """
    hardware = parse_hardware(wanted) if wanted else None
    clouds = [cloud] if cloud else sorted(enabled) or list(_FIRST_LOOK)
    gate = asyncio.Semaphore(_AT_ONCE)
    problems: list[CloudProblem] = []
    found: list[Offer] = []

    async def ask(name: str) -> None:
        body = {"clouds": [name], "gpus_only": False, "all_regions": all_regions, "require_price": False}
        if hardware is not None and hardware.accelerator:
            body["name_filter"] = f"^{re.escape(hardware.accelerator)}$"
            body["case_sensitive"] = False
        if region:
            body["region_filter"] = f"^{re.escape(region)}$"
        async with gate:
            try:
                said = await api.call("/list_accelerators", body)
            except CloudProblem as problem:
                if problem.code in {"server-dead", "server-unreachable", "server-refused", "server-version"}:
                    raise
                problems.append(problem)
                return
        if isinstance(said, dict):
            found.extend(offers_of(said, enabled))

    await asyncio.gather(*(ask(name) for name in clouds))  # that fetches the price lists too
    if own:
        kept = [cloud] if cloud else list(TITLES)
        found += await asyncio.to_thread(_from_catalogues, skypilot_home(home) / "state", kept, region, enabled)
    if not found and problems and len(problems) == len(clouds):
        raise problems[0]
    fitting = [offer for offer in _unique(found) if hardware is None or _fits(offer, hardware, ":" in wanted)]
    if not all_regions:
        fitting = _cheapest_place(fitting)
    return sorted(fitting, key=_price)


def _price(offer: Offer) -> float:
    return offer.price if offer.price is not None else _NEVER


def _fits(offer: Offer, hardware: Hardware, counted: bool) -> bool:
    if hardware.instance_type:
        return offer.instance_type == hardware.instance_type
    if hardware.accelerator:
        counts = not counted or offer.accelerators == hardware.count
        return counts and offer.accelerator.lower() == hardware.accelerator.lower()
    wanted = float(hardware.cpus.rstrip("+"))
    if offer.cpus is None:
        return False
    return offer.cpus >= wanted if hardware.cpus.endswith("+") else offer.cpus == wanted


def _unique(offers: Iterable[Offer]) -> list[Offer]:
    """The catalogues list zones; of one place the cheapest counts."""
    best: dict[str, Offer] = {}
    for offer in offers:
        other = best.get(offer.key)
        if other is None or _price(offer) < _price(other):
            best[offer.key] = offer
    return list(best.values())


def _cheapest_place(offers: Iterable[Offer]) -> list[Offer]:
    best: dict[tuple[str, str, float], Offer] = {}
    for offer in offers:
        key = (offer.cloud, offer.instance_type, offer.accelerators)
        if key not in best or _price(offer) < _price(best[key]):
            best[key] = offer
    return list(best.values())


def _from_catalogues(state: Path, clouds: list[str], region: str, enabled: frozenset[str]) -> list[Offer]:
    """Hosts of the price lists that our server has fetched: `/list_accelerators` knows only those with accelerators."""
    found: list[Offer] = []
    for version in sorted((state / ".sky" / "catalogs").glob("v*")):
        for cloud in clouds:
            path = version / cloud / "vms.csv"
            try:
                with path.open(newline="", encoding="utf-8") as file:
                    for row in csv.DictReader(file):
                        if row.get("InstanceType") and (not region or row.get("Region") == region):
                            found.append(_offer(row, cloud, cloud in enabled))
            except (OSError, csv.Error, UnicodeDecodeError):
                continue  # that cloud has no list here
    return found


def _offer(row: dict[str, str], cloud: str, enabled: bool) -> Offer:
    return Offer(
        cloud=cloud,
        region=row.get("Region", ""),
        instance_type=row["InstanceType"],
        accelerator=row.get("AcceleratorName", ""),
        accelerators=_number(row.get("AcceleratorCount")) or 0,
        cpus=_number(row.get("vCPUs")),
        memory=_number(row.get("MemoryGiB")),
        price=_number(row.get("Price")),
        spot_price=_number(row.get("SpotPrice")),
        enabled=enabled,
    )


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
