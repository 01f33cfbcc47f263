"""The columns of the cluster tables."""

from __future__ import annotations

import time

from rhdesk.core.rows import ClusterRow
from rhdesk.core.words import duration_text, money_text
from rhdesk.desktop.models.columns import Column, Kind

_OWN = {"machine": "Own machine", "ssh": "Own machine"}


def percent_text(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}%"


def uptime_text(row: ClusterRow) -> str:
    """How long it is up, as far as this window knows."""
    return duration_text(time.time() - row.since) if row.since and row.cpu is not None else "—"


def price_text(row: ClusterRow) -> str:
    """Per hour while it is up. A machine of one's own has no price unless its document says one: that is no zero."""
    if row.price_per_hour is not None:
        return money_text(row.price_per_hour)
    return _OWN.get(row.kind, "—")


def cluster_columns() -> list[Column[ClusterRow]]:
    return [
        Column("name", "Name", lambda row: row.name, Kind.TITLE, 150, True, second=lambda row: row.address),
        Column(
            "state",
            "State",
            lambda row: row.state.word,
            Kind.PILL,
            126,
            value=lambda row: row.state,
            tip=lambda row: row.sentence,
        ),
        Column("hardware", "Hardware", lambda row: row.hardware or "—", Kind.TEXT, 130, True, drop_below=620),
        Column("location", "Location", lambda row: row.location or "—", Kind.MUTED, 120, True, drop_below=760),
        Column(
            "cpu",
            "CPU",
            lambda row: percent_text(row.cpu),
            Kind.BAR,
            116,
            value=lambda row: row.cpu,
            sort=lambda row: row.cpu,
            drop_below=540,
        ),
        Column(
            "memory",
            "Memory",
            lambda row: percent_text(row.memory),
            Kind.BAR,
            116,
            value=lambda row: row.memory,
            sort=lambda row: row.memory,
            drop_below=940,
        ),
        Column(
            "uptime",
            "Up for",
            uptime_text,
            Kind.MUTED,
            92,
            sort=lambda row: row.since or None,
            ages=True,
            drop_below=860,
        ),
        Column(
            "runs",
            "Runs",
            lambda row: str(row.runs_active) if row.cpu is not None else "—",
            Kind.NUMBER,
            64,
            sort=lambda row: row.runs_active if row.cpu is not None else None,
            drop_below=560,
        ),
        Column(
            "price",
            "Per hour",
            price_text,
            Kind.STRONG_NUMBER,
            118,
            sort=lambda row: row.price_per_hour,
            drop_below=480,
        ),
    ]
