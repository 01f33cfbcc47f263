"""What needs the user's attention, each with the act that mends it. Computed from the store; no widgets."""

from __future__ import annotations

import time
from functools import partial

from rhdesk.core.desk import Desk
from rhdesk.core.rows import State
from rhdesk.core.words import age_text, bytes_text, count_text
from rhdesk.desktop.access_acts import connect_to, repair, retry_now, upgrade
from rhdesk.desktop.cloud_attention import cloud_concerns
from rhdesk.desktop.cluster_acts import bring_up
from rhdesk.desktop.concern import Concern
from rhdesk.desktop.cost_attention import cost_concerns
from rhdesk.desktop.models.run_columns import why_text
from rhdesk.desktop.registry_acts import registry_concerns

_RECENT = 24 * 3600
_DISK_FULL = 95.0
_MOST = 20


def concerns(desk: Desk) -> list[Concern]:
    """The worst first, at most twenty."""
    clusters = [*_clusters(desk), *cloud_concerns(desk), *_hosts(desk)]
    found = [*registry_concerns(desk), *_broken(desk), *clusters, *cost_concerns(desk), *_disks(desk), *_runs(desk)]
    return sorted(found, key=lambda concern: concern.role != "error")[:_MOST]


def _broken(desk: Desk) -> list[Concern]:
    return [
        Concern(
            "file-text",
            "error",
            f"{row.address} cannot be read",
            row.problem.splitlines()[0],
            "Mend it",
            partial(desk.navigate, "names", row.address),
        )
        for row in desk.store.names.rows()
        if row.problem
    ]


def _clusters(desk: Desk) -> list[Concern]:
    found = []
    for row in desk.store.clusters.rows():
        address = row.address
        if row.state is State.FAILED:
            words = row.sentence or "Its server could not start."
            found.append(
                Concern(
                    "circle-x",
                    "error",
                    f"{address} is another version" if row.differs else f"{address} failed to start",
                    words,
                    "Upgrade" if row.differs else "Try again",
                    partial(upgrade if row.differs else bring_up, desk, address),
                )
            )
        elif row.state is State.DOWN and (left := _unfinished(desk, address)):
            found.append(
                Concern(
                    "power",
                    "warn",
                    f"{address} is down with {count_text(left, 'run')} unfinished",
                    "Bring it up to see what became of them." if left > 1 else "Bring it up to see what became of it.",
                    "Bring up",
                    partial(bring_up, desk, address),
                )
            )
        elif row.state is State.UNREACHABLE and row.kind != "cloud":
            found.append(
                Concern(
                    "unplug",
                    "error",
                    f"{address} cannot be reached",
                    row.sentence,
                    "Retry now",
                    partial(retry_now, desk, address),
                )
            )
        elif row.state is State.NEEDS_YOU:
            found.append(
                Concern(
                    "key-round",
                    "warn",
                    f"{address} needs you",
                    row.sentence,
                    "Connect",
                    partial(connect_to, desk, address),
                )
            )
    return found


def _hosts(desk: Desk) -> list[Concern]:
    """Hosts that a cluster has lost, and servers of another version."""
    found = []
    for row in desk.store.clusters.rows():
        status = desk.store.status.get(row.address)
        if row.state is not State.UP or status is None:
            continue
        for host in status.hosts:
            if not host.alive:
                name = host.given or host.name
                words = host.problem or f"Last heard of {age_text(host.seen)}."
                mend = partial(repair, desk, row.address, name)
                found.append(Concern("unplug", "error", f"{row.address} lost {name}", words, "Repair", mend))
        if row.differs:
            act = partial(upgrade, desk, row.address)
            found.append(Concern("package", "warn", f"{row.address} runs another rhdesk", row.differs, "Upgrade", act))
    return found


def _unfinished(desk: Desk, address: str) -> int:
    return sum(1 for run in desk.store.runs.rows() if run.cluster == address and not run.state.is_over)


def _disks(desk: Desk) -> list[Concern]:
    found = []
    for status in desk.store.status.rows():
        for host in status.hosts:
            if host.disk_total and 100 * host.disk_used / host.disk_total >= _DISK_FULL:
                left = bytes_text(host.disk_total - host.disk_used)
                found.append(
                    Concern(
                        "hard-drive",
                        "warn",
                        f"{host.name} is nearly out of disk space",
                        f"{left} left; rhdesk keeps {bytes_text(status.state_bytes)} there.",
                        "Environments",
                        partial(desk.navigate, "clusters", f"{status.address}?tab=environments"),
                    )
                )
    return found


def _runs(desk: Desk) -> list[Concern]:
    """The newest failure of each function, unless it has succeeded since."""
    found = []
    seen: set[str] = set()
    since = time.time() - _RECENT
    for row in sorted(desk.store.runs.rows(), key=lambda row: row.created, reverse=True):
        if row.name in seen or not row.state.is_over or row.created < since or desk.store.is_others(row):
            continue
        seen.add(row.name)
        if row.state in (State.FAILED, State.LOST):
            word = "failed" if row.state is State.FAILED else "was lost"
            found.append(
                Concern(
                    "circle-x",
                    "error" if row.state is State.LOST else "warn",
                    f"{row.name} {word} {age_text(row.ended or row.created)}",
                    (why_text(row) or "No reason is known.").splitlines()[0],
                    "See why",
                    partial(desk.navigate, "runs", row.id),
                )
            )
    return found
