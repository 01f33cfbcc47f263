"""Whose a cluster in SkyPilot's list is, and what it is called here: others have theirs on a team's server too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rhresources.cloud.identity import identity
from rhresources.cloud.kept import kept_clusters
from rhresources.cloud.task import LABEL, sky_name
from rhresources.documents import ClusterDocument
from rhresources.errors import RhError
from rhresources.resource_names import ResourceNames

Ours = Mapping[str, tuple[str, ClusterDocument | None]]
"""Our address and the document of every cluster in a cloud, by SkyPilot's name."""


def ours(names: ResourceNames, home: Path) -> Ours:
    """All that documents of here name, and those that were adopted."""
    documents = {
        entry.name: entry.document
        for entry in names.list(kind="cluster")
        if isinstance(entry.document, ClusterDocument) and entry.document.type == "cloud"
    }
    found = {sky_name(address, home): (address, document) for address, document in documents.items()}
    adopted = {kept.name: (kept.address, documents.get(kept.address)) for kept in kept_clusters(home)}
    return {**found, **adopted}


def is_others(name: str, labels: Mapping[str, str], known: Ours, server: str, home: Path) -> bool:
    """Whether a cluster is somebody else's. On a SkyPilot of our own, whose `server` is empty, nothing is."""
    return bool(server) and name not in known and labels.get(LABEL) != identity(home)


def payer_of(address: str, names: ResourceNames) -> str:
    """The cluster whose price runs on this one share; empty: nobody pays.

    All clusters that are this computer have the same server and runs; one of them may have a price.
    """
    try:
        kind = names.cluster(address).type
    except RhError:
        return ""
    if kind == "cloud":
        return address
    for entry in names.list(kind="cluster"):
        document = entry.document
        if not isinstance(document, ClusterDocument) or not document.price_per_hour:
            continue
        if entry.name == address or (document.type == kind == "machine"):
            return entry.name
    return ""


def labels_of(function: str, names: ResourceNames) -> Mapping[str, str]:
    """The labels that a function has now."""
    try:
        return dict(names.function(function).labels)
    except RhError:
        return {}  # one of a file, or renamed since
