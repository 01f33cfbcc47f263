"""The part of `rhdesk status` that is about machines in clouds: as SkyPilot told of them last, or is asked now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rhdesk.cli.terminal import Progress, age, duration, moment, note, print_table, seconds_of
from rhresources.errors import RhError

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster
    from rhresources.cloud.life import Notice
    from rhresources.registry.told import Told
    from rhresources.workspace import Workspace


async def ask_clouds(workspace: Workspace, cluster: str | None) -> list[tuple[str, CloudCluster]]:
    """Ask the clouds themselves, of one cluster or of all; what is found is remembered.

    Returns:
        Clusters that have no name here, with what SkyPilot calls them.
    """
    if cluster is not None and workspace.names.cluster(cluster).type != "cloud":
        return []
    if cluster is not None and workspace.told_elsewhere(cluster) is not None:
        return []
    if cluster is None and not workspace.cloud_used:
        return []
    with Progress() as progress:
        progress("Asking the clouds")
        try:
            if cluster is not None:
                await workspace.machines(cluster, refresh=True)
                return []
            entries = await workspace.cloud_clusters(refresh=True)
        except RhError as error:
            note(f"The clouds cannot be asked now: {error}")
            return []
    return [(entry.cluster.name, entry.cluster) for entry in entries if not entry.address]


def add_clouds(workspace: Workspace, rows: Iterable[dict[str, Any]]) -> None:
    """Add to every row what is known of its machines in a cloud. Reads small files."""
    from rhresources.cloud.kept import kept_clusters

    kept = {each.address: each for each in kept_clusters(workspace.home)}
    for row in rows:
        if (known := kept.get(row["name"])) is not None and known.seen is not None:
            row["cloud"] = cloud_as_json(known.seen)
            if known.seen.state in ("stopped", "stopping"):
                row["state"] = known.seen.state
        if known is not None and known.notice is not None:
            row["notice"] = _text_of(known.notice)
        if row["cloud"] is None and (told := told_of(workspace, row["name"])) is not None:
            _add_told(row, told)


def told_of(workspace: Workspace, address: str) -> Told | None:
    """What is told of a cluster that another computer launched; None: it is none such, or is gone by now."""
    try:
        return workspace.told_elsewhere(address)
    except RhError:
        return None


def is_gone(workspace: Workspace, row: Mapping[str, Any]) -> bool:
    """Whether the machines of a cluster that another computer launched were seen gone after this was seen of it."""
    from rhresources.cloud.elsewhere import gone_elsewhere

    try:
        gone = gone_elsewhere(workspace.names, row["name"])
    except RhError:
        return False
    return bool(row["seen"]) and gone > seconds_of(row["seen"])


def _add_told(row: dict[str, Any], told: Told) -> None:
    """What another computer told of it; what its own server answered here counts more."""
    from rhresources.cloud.elsewhere import cluster_of

    row["cloud"] = cloud_as_json(cluster_of(told))
    row["told"] = {
        "state": told.state,
        "by": told.by,
        "computer": told.computer,
        "seen": moment(told.seen),
        "since": moment(told.since),
        "cost": round(told.cost, 4) if told.cost is not None else None,
    }
    if not row["hosts"] and not row["problem"]:
        row["state"], row["seen"] = told.state, moment(told.seen)


def cloud_as_json(cluster: CloudCluster) -> dict[str, Any]:
    """A stable contract."""
    return {
        "skypilot_name": cluster.name,
        "state": cluster.state,
        "reason": cluster.reason,
        "cloud": cluster.cloud,
        "region": cluster.region,
        "zone": cluster.zone,
        "hosts": cluster.hosts,
        "hardware": cluster.hardware,
        "spot": cluster.spot,
        "price_per_hour": cluster.price_per_hour,
        "autostop_mins": cluster.autostop_mins,
        "autostop_down": cluster.autostop_down,
        "launched": moment(cluster.launched),
        "updated": moment(cluster.updated),
        "owner": cluster.owner,
    }


def print_clouds(rows: list[dict[str, Any]]) -> None:
    """The machines of clusters in clouds, and what happened to them without us."""
    now = time.time()
    found = [row for row in rows if row["cloud"]]
    if found:
        print_table(
            ("MACHINES OF", "STATE", "WHERE", "HOSTS", "PER HOUR", "STOPS AFTER", "LAUNCHED"),
            (
                (
                    row["name"],
                    cloud["state"],
                    " ".join(part for part in (cloud["cloud"], cloud["region"]) if part) or "-",
                    f"{cloud['hosts']} × {cloud['hardware']}" if cloud["hardware"] else str(cloud["hosts"]),
                    _price(cloud),
                    _autostop(cloud),
                    age(seconds_of(cloud["launched"]), now) if cloud["launched"] else "-",
                )
                for row in found
                for cloud in (row["cloud"],)
            ),
        )
    for row in rows:
        if row["told"]:
            note(f"{row['name']}: {_told_text(row['told'], now)}")
        if row["notice"]:
            note(f"{row['name']}: {row['notice']}")
        if row["cloud"] and not row["named"]:
            note(f"{row['name']} has no name here; `rhdesk adopt {row['name']} --as NAME` gives it one.")


def _told_text(told: dict[str, Any], now: float) -> str:
    seen = seconds_of(told["seen"])
    parts = [told["state"], f"started by {told['by']} ({told['computer']})", f"seen {age(seen, now)}"]
    if told["cost"] is not None:
        parts.append(f"about ${told['cost']:.2f} so far")
    return " · ".join(parts)


def _price(cloud: dict[str, Any]) -> str:
    if cloud["state"] == "stopped":
        return "disks only"
    return f"${cloud['price_per_hour']:.3f}" if cloud["price_per_hour"] is not None else "-"


def _autostop(cloud: dict[str, Any]) -> str:
    if cloud["autostop_mins"] < 0:
        return "never"
    return f"{duration(60 * cloud['autostop_mins'])}{', for good' if cloud['autostop_down'] else ''}"


def _text_of(notice: Notice) -> str:
    return f"{notice.sentence} {notice.remedy}".strip()
