"""What Runhouse's own programs (0.0.42) say of how clusters are, kept like what a rhdesk tells, with who said it.

Two of them know. The server on a cluster says each minute that it runs (`servers/cluster_servlet.py`), and whoever
takes a cluster down says that it is gone (`resources/hardware/on_demand_cluster.py`). Nobody says that one is launched
or stopped, so the age of what was said counts. 0.0.5 says nothing of clusters by their names.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rhresources.registry.told import told_of, told_of_text
from rhserver.registry import documents
from rhserver.registry.names import Name
from rhserver.registry.rights import Level
from rhserver.registry.room import Session
from rhserver.registry.routes.models import StatusRequest

_STATES = {"running": "up", "terminated": "down"}  # other words were their hosted service's own
_SOURCE = "runhouse"  # no rhdesk has a SkyPilot of that name


def report_of(sent: Mapping[str, Any]) -> StatusRequest | None:
    """What a report says; None: nothing that its sender knows."""
    word = sent.get("daemon_status")
    if not isinstance(word, str) or word not in _STATES:
        return None
    info = _part(sent, "resource_info")
    config = _part(info, "cluster_config")
    made = _part(config, "compute_properties")
    ips = made.get("ips") or config.get("ips")
    hosts = len(ips) if isinstance(ips, list) else 0
    said = {"state": _STATES[word], "source": _SOURCE, "computer": "Runhouse"}
    facts = {
        "computer": f"Runhouse {info.get('runhouse_version', '')}".strip(),
        "hosts": hosts,
        "autostop_mins": config.get("autostop_mins"),
        "cloud": made.get("cloud"),
        "region": made.get("region"),
        "hardware": made.get("instance_type"),
        "price_per_hour": _price(made.get("cost_per_hour"), hosts),
    }
    try:
        return StatusRequest.model_validate(said | {key: fact for key, fact in facts.items() if fact is not None})
    except ValidationError:  # the state is what matters
        return StatusRequest.model_validate(said)


def news(session: Session, name: Name, report: StatusRequest) -> dict[str, Any] | None:
    """What there is to be told by a report: not the same again each minute, nothing against what the SkyPilot of a
    rhdesk tells, and nothing by whoever may not write."""
    found = documents.peek(session.connection, session.rights, name)
    if found is None or found.kind != "cluster" or found.level < Level.WRITE:
        return None
    said, now, before = report.said(), time.time(), told_of_text(found.status or "")
    told = told_of(said | {"seen": now})
    if told is None or not told.is_news_after(before):
        return None
    return said | {"since": before.since if before is not None and before.state == told.state else now}


def _part(whole: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = whole.get(key)
    return part if isinstance(part, Mapping) else {}


def _price(written: Any, hosts: int) -> float | None:
    """Of all hosts an hour; they write that of one, as text."""
    if not hosts:
        return None
    try:
        return float(written) * hosts
    except (TypeError, ValueError, OverflowError):
        return None
