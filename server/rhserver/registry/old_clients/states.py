"""How clusters are, in the words of Runhouse's clients (0.0.42, `resources/hardware/utils.py`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from rhserver.registry.resource import Resource

UNKNOWN = "unknown"
_STATES = {
    "launching": "initializing", "up": "running", "unhealthy": UNKNOWN,
    "stopping": "terminated", "stopped": "terminated", "down": "terminated",
}  # fmt: skip


def state_of(cluster: Resource) -> tuple[str, float]:
    """Its state, and when it was seen, in seconds since the epoch; 0 where nobody told."""
    if cluster.status is None:
        return UNKNOWN, 0.0
    told = json.loads(cluster.status)
    return _STATES.get(told["state"], UNKNOWN), float(told["seen"])


def with_state(config: dict[str, Any], cluster: Resource) -> dict[str, Any]:
    """What a client gets for a cluster in a list: its configuration, and how it is if anybody told."""
    state, seen = state_of(cluster)
    if not seen:
        return config
    checked = datetime.fromtimestamp(seen, UTC).isoformat(" ", "microseconds")
    return config | {"cluster_status": state, "cluster_status_last_checked": checked}
