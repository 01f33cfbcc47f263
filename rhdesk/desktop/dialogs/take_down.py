"""Taking down a cluster in a cloud: its whole name, how old it is, what it cost, what dies with it and what stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, RunRow, State
from rhdesk.core.words import age_text, count_text, duration_text, money_text
from rhdesk.desktop.cloud_acts import stop_now, why_not_stop
from rhdesk.desktop.run_acts import run_line
from rhdesk.desktop.widgets.base import Card, Label
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.side_panel import Facts
from rhresources.cloud.limits import place
from rhresources.people import whose_text

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster

_VICTIMS = 8


def ask_to_take_down(
    desk: Desk, parent: QWidget, row: ClusterRow, act: Callable[[], object], *, runs: Sequence[RunRow]
) -> Dialog:
    """Ask whether a cluster in a cloud is to be ended; `runs` would die."""
    cluster = row.cloud
    assert cluster is not None
    dialog = Dialog(parent.window(), f"Take down {row.address}?", icon="triangle-alert", width=520)
    dialog.setObjectName("take-down")
    facts = Facts(name_width=96)
    facts.set_facts([("Name", row.address), *cluster_facts(cluster), ("Cost so far", _cost(desk, row))])
    card = Card(margins=(12, 10, 12, 10))
    card.body.addWidget(facts)
    dialog.body.addWidget(card)
    dialog.body.addWidget(Label("What ends", "strong"))
    if runs:
        me = desk.store.me
        whose = whose_text((run.by for run in runs), me)
        dialog.body.addWidget(Label(f"{whose} that {'is' if len(runs) == 1 else 'are'} going:"))
        victims = Card(margins=(12, 8, 12, 8))
        victims.body.setSpacing(4)
        for run in runs[:_VICTIMS]:
            victims.body.addWidget(Label(run_line(run, me), wrap=True))
        if len(runs) > _VICTIMS:
            victims.body.addWidget(Label(f"and {len(runs) - _VICTIMS} more", "faint"))
        dialog.body.addWidget(victims)
    elif row.state is not State.UP:
        dialog.body.addWidget(Label("It cannot be asked now what runs on it.", wrap=True))
    many = "Both" if cluster.hosts == 2 else f"All {cluster.hosts}"
    hosts = "Its host and its disk" if cluster.hosts == 1 else f"{many} hosts and their disks"
    words = f"{hosts}, with the logs and results of runs, environments and stored objects on them."
    dialog.body.addWidget(Label(words, "muted", wrap=True))
    dialog.body.addWidget(Label("What stays", "strong"))
    dialog.body.addWidget(
        Label("Its document here, and what it cost. It can be brought up again, empty.", "muted", wrap=True)
    )
    cancel = dialog.add_button("Cancel")
    if row.state is not State.STOPPED and not why_not_stop(row):

        def stop() -> None:
            dialog.accept()
            stop_now(desk, row, runs)

        instead = dialog.add_button("Stop instead", "", stop)
        instead.setObjectName("stop-instead")
        instead.setToolTip("Its hosts stop and cost nothing; the disks stay.")

    def accept() -> None:
        dialog.accept()
        act()

    title = f"Stop {count_text(len(runs), 'run')} and take down" if runs else "Take down"
    dialog.add_button(title, "danger", accept).setObjectName("take-down-accept")
    cancel.setFocus()
    dialog.fit()
    dialog.open()
    return dialog


def cluster_facts(cluster: CloudCluster) -> list[tuple[str, str]]:
    """What a cluster is, for somebody who is about to end or to adopt it."""
    hosts = count_text(cluster.hosts, "host")
    up = cluster.state == "up" and cluster.launched
    price = f"{money_text(cluster.price_per_hour)} an hour" if cluster.price_per_hour is not None else "Not known"
    return [
        ("In SkyPilot", cluster.name),
        ("Where", place(cluster.cloud, cluster.zone or cluster.region)),
        ("Hardware", f"{hosts}: {cluster.hardware}" if cluster.hardware else hosts),
        ("Spot", "Yes" if cluster.spot else ""),
        ("Up for", duration_text(time.time() - cluster.launched) if up else ""),
        ("Launched", age_text(cluster.launched) if cluster.launched and not up else ""),
        ("Owner", cluster.owner),
        ("Price", price),
    ]


def _cost(desk: Desk, row: ClusterRow) -> str:
    found, cluster = desk.store.costs.get(row.address), row.cloud
    if found is not None:
        guess = "About " if found.estimated else ""
        more = f", {money_text(found.spent)} in all" if found.spent > found.life else ""
        return f"{guess}{money_text(found.life)} since it was launched{more}"
    if cluster is None or cluster.state == "stopped" or not (cluster.price_per_hour and cluster.launched):
        return "Not known"
    spent = cluster.price_per_hour * max(0.0, time.time() - cluster.launched) / 3600
    return f"About {money_text(spent)} since it was launched"
