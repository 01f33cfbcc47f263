"""Whether a cluster in a cloud is run by a SkyPilot that is not ours: of somebody else, or on another computer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rhresources.cloud.answers import CloudCluster
from rhresources.cloud.kept import kept_clusters
from rhresources.cloud.telling import source_of
from rhresources.documents import ClusterDocument, parse_document
from rhresources.registry.told import Told, ToldHead
from rhresources.settings import Settings
from rhresources.stores.files import disk_error, write_text

if TYPE_CHECKING:
    from rhresources.resource_names import ResourceNames


def told_elsewhere(names: ResourceNames, address: str) -> Told | None:
    """What its SkyPilot tells of a cluster that runs, or is kept, elsewhere; None: it is ours, or nobody's. Reads
    small files, and asks nobody."""
    told = _told_by_another(names, address)
    return told if told is not None and told.is_there else None


def gone_elsewhere(names: ResourceNames, address: str) -> float:
    """When the SkyPilot that ran a cluster, which is not ours, saw its machines gone; 0: it has told of no end, or the
    cluster is ours by now. Reads small files."""
    told = _told_by_another(names, address)
    return told.seen if told is not None and not told.is_there else 0.0


def _told_by_another(names: ResourceNames, address: str) -> Told | None:
    if not address.startswith(("/", "@")):
        return None
    told = names.told(address)
    if told is None:
        return None
    home = names.home
    whole = str(names.resolve(address))
    if any(kept.address == whole and (kept.seen is not None or kept.launching_since) for kept in kept_clusters(home)):
        return None
    return None if told.source == source_of(home, Settings.load(home).skypilot_server) else told


def cluster_of(told: Told) -> CloudCluster:
    """What is told, as SkyPilot says it of a cluster of ours.

    Raises:
        ValueError: it has no machines.
    """
    if told.state == "down":
        raise ValueError(told)
    return CloudCluster(
        "", told.state, told.life, told.reason, told.hosts or 1, told.cloud, told.region, told.zone, told.hardware,
        spot=told.spot, autostop_mins=told.autostop_mins, autostop_down=told.autostop_down, launched=told.launched,
        updated=told.seen, price_per_hour=told.price_per_hour, owner=told.by,
    )  # fmt: skip


def document_of_head(document: ClusterDocument, head: ToldHead, home: Path, address: str) -> ClusterDocument:
    """The head of a cluster as a cluster over SSH: where it is, and the keys that it shows. Writes a small file.

    Raises:
        DocumentError: what was told is no host.
        RhError: the disk refuses.
    """
    digest = hashlib.blake2b(address.encode(), digest_size=8).hexdigest()
    known_hosts = home / "cache" / "told" / digest / "known_hosts"
    _keep_keys(known_hosts, head)
    creds = {"ssh_user": head.user or None, "ssh_port": head.port, "known_hosts": str(known_hosts)}
    said = {
        "kind": "cluster", "type": "ssh", "ips": [head.address], "description": document.description,
        "price_per_hour": document.price_per_hour, "conda": document.conda,
        "ssh_creds": {key: value for key, value in creds.items() if value is not None},
    }  # fmt: skip
    parsed = parse_document({key: value for key, value in said.items() if value is not None}, source=address)
    assert isinstance(parsed, ClusterDocument)
    return parsed


def _keep_keys(file: Path, head: ToldHead) -> None:
    """What was told counts; where nothing was, what the person said yes to."""
    from rhresources.reach.ssh.known_hosts import known_name

    lines = list(_lines(known_name(head.address, head.port), head.host_keys))
    if not lines:
        return
    text = "".join(f"{line}\n" for line in lines)
    try:
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(file, text, private=True)
    except OSError as error:
        raise disk_error(f"{file} cannot be written", error) from None


def _lines(host: str, keys: Iterable[str]) -> Iterable[str]:
    for key in keys:
        words = key.split()
        if len(words) == 2 and host.split() == [host]:
            yield f"{host} {words[0]} {words[1]}"
