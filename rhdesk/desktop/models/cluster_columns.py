"""The columns of the cluster tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rhdesk.core.autostop import countdown_text, minutes_text, stops_at
from rhdesk.core.cost_words import spent_text, spent_tip
from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.store import Store
from rhdesk.core.words import duration_text, money_text
from rhdesk.desktop.models.columns import Column, Kind

if TYPE_CHECKING:
    from rhresources.costs.spending import ClusterCost

_OWN = {"machine": "Own", "ssh": "Own"}


def percent_text(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}%"


def up_since(row: ClusterRow, cost: ClusterCost | None) -> float:
    """Since when it is up: a cluster in a cloud since its launch or start, another as the ledger has it, else since its
    server was started; 0: it is not."""
    cloud = row.cloud
    if cloud is not None and cloud.state == "up" and cloud.launched:
        return cloud.launched
    if cost is not None and cost.up_since and row.state is not State.DOWN:
        return cost.up_since
    return row.since if row.cpu is not None else 0.0


def uptime_text(row: ClusterRow, cost: ClusterCost | None = None) -> str:
    """How long it is up: "42 s", "3 min", "16 h 59 min"."""
    since = up_since(row, cost)
    if not since:
        return "—"
    seconds = int(time.time() - since)
    return f"{seconds} s" if seconds < 60 else duration_text(float(seconds - seconds % 60))


def price_text(row: ClusterRow) -> str:
    """Per hour while it is up. A machine of one's own has no price unless its document says one: that is no zero."""
    if row.kind == "cloud" and not row.is_billed and not row.is_template:
        return "—"
    if row.price_per_hour is not None:
        return money_text(row.price_per_hour)
    return _OWN.get(row.kind, "—")


def _price_tip(row: ClusterRow) -> str:
    return (
        "Your own: no rent is counted, unless its document says a price_per_hour." if price_text(row) == "Own" else ""
    )


def autostop_text(row: ClusterRow, store: Store) -> str:
    """When it stops by itself: "in 12 min", "30 min idle" while something runs, "Off"."""
    minutes = row.cloud.autostop_mins if row.cloud is not None else row.autostop_mins
    if row.kind != "cloud" or minutes is None:
        return "—"
    if minutes < 0:
        return "Off"
    at = stops_at(row, store.runs.rows())
    if not at:
        return f"{minutes_text(minutes)} idle"
    left = at - time.time()
    return f"in {minutes_text(max(1, round(left / 60)))}" if left > 0 else "any minute"


def _autostop_role(row: ClusterRow) -> str:
    """One that costs and never stops stands out."""
    return "warn" if row.cloud is not None and row.is_billed and row.cloud.autostop_mins < 0 else ""


def cluster_columns(store: Store) -> list[Column[ClusterRow]]:
    """`store` knows what each costs."""

    def cost_of(row: ClusterRow) -> ClusterCost | None:
        return store.costs.get(row.address)

    return [
        Column("name", "Name", lambda row: row.name, Kind.TITLE, 140, True, second=lambda row: row.address),
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
        Column("location", "Location", lambda row: row.location or "—", Kind.MUTED, 112, True, drop_below=860),
        Column(
            "cpu",
            "CPU",
            lambda row: percent_text(row.cpu),
            Kind.BAR,
            104,
            value=lambda row: row.cpu,
            sort=lambda row: row.cpu,
            drop_below=540,
        ),
        Column(
            "memory",
            "Memory",
            lambda row: percent_text(row.memory),
            Kind.BAR,
            104,
            value=lambda row: row.memory,
            sort=lambda row: row.memory,
            drop_below=940,
        ),
        Column(
            "uptime",
            "Up for",
            lambda row: uptime_text(row, cost_of(row)),
            Kind.MUTED,
            104,
            sort=lambda row: up_since(row, cost_of(row)) or None,
            ages=True,
            drop_below=760,
        ),
        Column(
            "autostop",
            "Autostop",
            lambda row: autostop_text(row, store),
            Kind.MUTED,
            104,
            sort=lambda row: stops_at(row, store.runs.rows()) or None,
            ages=True,
            drop_below=700,
            tip=lambda row: countdown_text(row, store.runs.rows()),
            role=_autostop_role,
        ),
        Column(
            "runs",
            "Runs",
            lambda row: str(row.runs_active) if row.cpu is not None else "—",
            Kind.NUMBER,
            54,
            sort=lambda row: row.runs_active if row.cpu is not None else None,
            drop_below=800,
        ),
        Column(
            "price",
            "Per hour",
            price_text,
            Kind.STRONG_NUMBER,
            88,
            sort=lambda row: row.price_per_hour,
            drop_below=480,
            tip=_price_tip,
            role=lambda row: "text_muted" if price_text(row) == "Own" else "",
        ),
        Column(
            "spent",
            "Spent",
            lambda row: spent_text(cost_of(row)),
            Kind.STRONG_NUMBER,
            92,
            sort=lambda row: cost.spent if (cost := cost_of(row)) is not None else None,
            drop_below=500,
            varies=True,
            tip=lambda row: spent_tip(cost_of(row)),
        ),
    ]
