"""What one look at a cluster changes of what is kept of it. Pure, so that it is decided under the lock of writers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rhresources.cloud.answers import CloudCluster
from rhresources.cloud.kept import Kept
from rhresources.cloud.life import Autostop, Notice, broken_off, notice


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look has shown.

    Attributes:
        seen: as SkyPilot told of it; None: it knows no such cluster.
        server: the SkyPilot server that was asked; empty: rhdesk's own.
        began: when it was asked.
        ended: when it had answered.
        wanted: the autostop that the cluster should have.
        last_words: the last event that SkyPilot keeps of one that it knows no more.
    """

    seen: CloudCluster | None
    server: str
    began: float
    ended: float
    wanted: Autostop | None = None
    last_words: str = ""


def after(before: Kept, sighting: Sighting) -> Kept | None:
    """What is known of a cluster after a look at it; None: it is gone by our own hand, so there is nothing to know."""
    seen = sighting.seen
    is_same = seen is not None and before.seen is not None and bool(seen.hash) and seen.hash == before.seen.hash
    if before.is_elsewhere(sighting.server) and not is_same:  # a server may have another address now
        return replace(before, notice=elsewhere(before))
    if seen is None and before.launching_since > sighting.began:
        return before  # a launch began since, so this is no news of it
    if seen is None and (before.abandoned or (before.ending == "down" and not before.launching_since)):
        return None
    if seen is None and before.seen is None and not before.launching_since:
        return before
    is_up = seen is not None and seen.state == "up"
    since = before.stopping_since or sighting.ended if seen is not None and seen.state == "stopping" else 0.0
    told = _told(before, sighting, sighting.ended - since if since else 0.0)
    now = replace(
        before,
        seen=seen,
        server=sighting.server if seen is not None else before.server,
        stopping_since=since,
        notice=told,
        hosts=before.hosts if is_up else None,
        new_hosts=before.new_hosts if is_up else (),
    )
    if now.has_other_hosts_than(before):
        return replace(now, launched_here=False, new_hosts=(), autostop=None, hosts=None, ending="")
    return now


def _told(before: Kept, sighting: Sighting, stopping_for: float) -> Notice | None:
    seen = sighting.seen
    if before.abandoned:
        return broken_off(before.address, given_up=bool(before.ending))
    told = notice(
        before.address,
        before.seen,
        seen,
        sighting.wanted,
        stopping_for=stopping_for,
        last_words=sighting.last_words,
    )
    if told is None and (seen is None or seen.state in ("stopped", "stopping")):
        told = before.notice
    if before.ending and told is not None and told.act == "start":
        return None
    return told


def elsewhere(kept: Kept) -> Notice:
    """What there is to know of a cluster that another SkyPilot server launched than the one that is asked now."""
    through = kept.server or "rhdesk's own SkyPilot server"
    setting = f"Set skypilot_server to {kept.server}" if kept.server else "Clear skypilot_server"
    return Notice(
        f"{kept.address} was launched through {through}; whether it still runs, and costs, is not known here.",
        f"{setting} to see or end it. Dismissing this forgets it here, and ends nothing.",
    )
