"""What this computer keeps by the name of a cluster, taken along when that is called something else.

That is its own log-in, and which machines in a cloud are its: without them, machines that are up would have no name any
more, and the new name would launch others.
"""

from __future__ import annotations

import logging
from pathlib import Path

from rhresources.errors import RhError
from rhresources.stores.entry import Entry

log = logging.getLogger(__name__)


def is_used(home: Path, entry: Entry) -> bool:
    """Whether there is something to take along. Reads small files."""
    from rhresources.reach.own_way import OwnWays

    if entry.kind != "cluster":
        return False
    try:
        return _has_machines(home, entry.name) or OwnWays(home).of(entry.name) is not None
    except RhError:  # the file is broken; whoever mends it may find something there
        return True


def require_unused(home: Path, entry: Entry, new: str) -> None:
    """Make sure that no machines go by a name that a cluster is to get. Reads small files.

    Raises:
        RhError: there are some.
    """
    if entry.kind == "cluster" and new != entry.name and _has_machines(home, new):
        raise RhError(
            f"There are still machines that were launched as {new}.",
            remedy="End them first, see `rhdesk status`, or choose another name.",
        )


def take_along(home: Path, was: Entry, entry: Entry) -> None:
    """Keep by the name of `entry`, if it is a cluster, what was kept by its old one. Reads and writes small files."""
    if entry.kind != "cluster" or entry.name == was.name:
        return
    from rhresources.cloud.kept import KeptCluster, kept_clusters
    from rhresources.reach.own_way import OwnWays

    try:
        OwnWays(home).move(was.name, entry.name)
        kept = list(kept_clusters(home))
        for each in kept:
            if each.address == entry.name and each.is_over:
                KeptCluster(home, each.name, each.address).decide(lambda kept: None if kept.is_over else kept)
        for each in kept:
            if each.address == was.name:
                KeptCluster(home, each.name, was.name).change(address=entry.name)
    except (OSError, RhError) as error:  # it has its new name all the same
        log.info("what was kept of %s was not taken along to %s: %s", was.name, entry.name, error)


def _has_machines(home: Path, name: str) -> bool:
    from rhresources.cloud.kept import kept_clusters

    return any(kept.address == name and not kept.is_over for kept in kept_clusters(home))
