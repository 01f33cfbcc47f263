"""The columns of the offers of hardware in clouds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rhdesk.core.offers import hardware_of
from rhdesk.core.words import money_text
from rhdesk.desktop.models.columns import Column, Kind
from rhresources.cloud.limits import title

if TYPE_CHECKING:
    from rhresources.cloud.answers import Offer


def offer_columns(mark: Callable[[Offer], str]) -> list[Column[Offer]]:
    """The columns; `mark` says what is special about an offer: "Cheapest"."""
    return [
        Column(
            "hardware",
            "Hardware of a host",
            hardware_of,
            Kind.TITLE,
            170,
            True,
            second=lambda row: row.instance_type,
            sort=lambda row: (row.accelerator.casefold(), row.accelerators, row.cpus or 0.0),
        ),
        Column("cpus", "Processors", lambda row: _number(row.cpus), Kind.NUMBER, 96, sort=lambda row: row.cpus),
        Column(
            "memory",
            "Memory",
            lambda row: f"{_number(row.memory)} GB" if row.memory else "—",
            Kind.NUMBER,
            88,
            sort=lambda row: row.memory,
            drop_below=860,
        ),
        Column("cloud", "Cloud", lambda row: title(row.cloud), Kind.TEXT, 100),
        Column("region", "Region", lambda row: row.region or "—", Kind.MUTED, 124, True),
        Column(
            "mark",
            "",
            mark,
            Kind.TEXT,
            128,
            role=lambda row: "ok" if row.enabled else "text_faint",
            sort=lambda row: not row.enabled,
            drop_below=500,
            varies=True,
        ),
        Column(
            "price",
            "Per hour",
            lambda row: money_text(row.price),
            Kind.STRONG_NUMBER,
            88,
            sort=lambda row: row.price,
        ),
        Column(
            "spot",
            "As spot",
            lambda row: money_text(row.spot_price),
            Kind.STRONG_NUMBER,
            88,
            sort=lambda row: row.spot_price,
        ),
    ]


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"
