"""The columns of the clusters that SkyPilot knows and no document here names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhdesk.core.autostop import autostop_words
from rhdesk.core.cloud_cluster_feed import state_of
from rhdesk.core.words import age_text, cluster_hardware, money_text
from rhdesk.desktop.models.columns import Column, Kind
from rhresources.cloud.limits import place

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster


def found_columns() -> list[Column[CloudCluster]]:
    return [
        Column("name", "Name", lambda row: row.name, Kind.TITLE, 190, True, second=lambda row: row.owner),
        Column(
            "state",
            "State",
            lambda row: state_of(row).word,
            Kind.PILL,
            126,
            value=state_of,
            tip=lambda row: row.reason,
        ),
        Column("hardware", "Hardware", lambda row: cluster_hardware(row) or "—", Kind.TEXT, 150, True, drop_below=620),
        Column("where", "Where", lambda row: place(row.cloud, row.zone or row.region), Kind.MUTED, 130, drop_below=700),
        Column(
            "age",
            "Launched",
            lambda row: age_text(row.launched),
            Kind.MUTED,
            100,
            sort=lambda row: row.launched or None,
            ages=True,
            drop_below=860,
        ),
        Column(
            "autostop",
            "By itself",
            lambda row: autostop_words(row.autostop_mins, row.autostop_down),
            Kind.MUTED,
            190,
            drop_below=940,
        ),
        Column(
            "price",
            "Per hour",
            lambda row: money_text(row.price_per_hour),
            Kind.STRONG_NUMBER,
            90,
            sort=lambda row: row.price_per_hour,
        ),
    ]
