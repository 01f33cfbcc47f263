"""The columns of the table of forwarded ports."""

from __future__ import annotations

from rhdesk.core.rows import ForwardRow
from rhdesk.desktop.models.columns import Column, Kind


def forward_columns() -> list[Column[ForwardRow]]:
    return [
        Column(
            "local",
            "On this computer",
            lambda row: row.local,
            Kind.TITLE,
            200,
            True,
            second=lambda row: row.sentence,
            sort=lambda row: row.local_port,
        ),
        Column(
            "state",
            "State",
            lambda row: row.state.word,
            Kind.PILL,
            130,
            value=lambda row: row.state,
            tip=lambda row: row.sentence,
        ),
        Column("cluster", "Cluster", lambda row: row.cluster, Kind.TEXT, 160, True),
        Column("remote", "Leads to", lambda row: row.remote, Kind.MONO, 180, True),
    ]
