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


def take_along(home: Path, old: str, entry: Entry) -> None:
    """Keep by the name of `entry`, if it is a cluster, what was kept by `old`. Reads and writes small files."""
    if entry.kind != "cluster" or entry.name == old:
        return
    from rhresources.cloud.kept import KeptCluster, kept_clusters
    from rhresources.reach.own_way import OwnWays

    try:
        OwnWays(home).move(old, entry.name)
        kept = list(kept_clusters(home))
        for each in kept:
            if each.address == entry.name and each.is_over:
                KeptCluster(home, each.name, each.address).decide(lambda kept: None if kept.is_over else kept)
        for each in kept:
            if each.address == old:
                KeptCluster(home, each.name, old).change(address=entry.name)
    except (OSError, RhError) as error:  # it has its new name all the same
        log.info("what was kept of %s was not taken along to %s: %s", old, entry.name, error)
