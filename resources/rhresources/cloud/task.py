"""From a cluster's document to what SkyPilot is asked for, and from our names to SkyPilot's."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from rhresources.cloud.hardware import parse_hardware
from rhresources.cloud.identity import identity
from rhresources.cloud.limits import title, why_not
from rhresources.cloud.problems import CloudProblem
from rhresources.documents import yaml
from rhresources.documents.cluster import ClusterDocument
from rhresources.settings import Settings

CHEAPEST = "cheapest"
LABEL = "rhdesk"
"""The label that says that instances are ours; its value is the `identity` of the rhdesk directory."""

WAIT_FOR = "jobs"
"""What counts as activity for autostop: with SkyPilot's default an open SSH connection would, and so our own tunnel."""

_SLUG_LENGTH = 24  # GCP allows 35 characters, and SkyPilot appends up to 4


def sky_name(address: str, home: Path | None = None) -> str:
    """What SkyPilot calls the cluster at `address` ("~/team/gpu"): readable, the same always, and of it alone.

    All but the names of a certain owner carry the identity of the rhdesk directory: on a team's server others have a
    "~/gpu" too, and every one a "^rh-v100".
    """
    readable = re.sub(r"[^a-z0-9]+", "-", address.lower().lstrip("~@^/")).strip("-")
    if len(readable) > _SLUG_LENGTH:
        readable = readable[-_SLUG_LENGTH:].strip("-")
    if not readable or not readable[0].isalpha():
        readable = f"c-{readable}"[:_SLUG_LENGTH].rstrip("-")
    scope = "" if address.startswith("/") else identity(home)
    digest = hashlib.blake2b(f"{scope}\0{address}".encode(), digest_size=3).hexdigest()
    return f"{readable}-{digest}"


def provider_of(document: ClusterDocument, settings: Settings) -> str:
    """The cloud that is asked for; empty: the cheapest."""
    chosen = (document.provider or settings.default_provider).lower()
    return "" if chosen == CHEAPEST else {"k8s": "kubernetes"}.get(chosen, chosen)


def autostop_of(document: ClusterDocument, settings: Settings) -> tuple[int, bool]:
    """(idle minutes, whether the cluster goes away then) as it will be asked for; -1: never.

    Where the cloud cannot stop hosts it goes away, rather than run for ever.
    """
    minutes = settings.default_autostop if document.autostop_mins is None else document.autostop_mins
    down = settings.autostop_down if document.autostop_down is None else document.autostop_down
    cloud = provider_of(document, settings)
    spot = settings.use_spot if document.use_spot is None else document.use_spot
    if minutes < 0:
        return -1, False
    if not down and (why_not(cloud, "autostop", spot=spot) or (spot and not cloud)):
        down = True  # of spot instances most clouds cannot stop any, and which cloud it will be is not known yet
    if down and why_not(cloud, "autostop_down"):
        return -1, False
    return max(minutes, 1), down  # SkyPilot would stop a cluster with 0 before anything runs on it


def task_of(document: ClusterDocument, settings: Settings, home: Path | None = None) -> str:
    """The YAML of a SkyPilot task that makes the cluster and runs nothing on it.

    Raises:
        CloudProblem: the document asks for what the cloud cannot give; nothing was asked yet.
    """
    cloud = provider_of(document, settings)
    hardware = parse_hardware(document.instance_type or "CPU:1+")
    spot = settings.use_spot if document.use_spot is None else document.use_spot
    hosts = document.num_instances or 1
    for refused, act, field in (
        (document.use_spot, "spot", "use_spot"),
        (hosts > 1, "several_hosts", "num_instances"),
        (document.image_id, "image", "image_id"),
    ):
        if refused and (reason := why_not(cloud, act)):  # type: ignore[arg-type]
            raise CloudProblem(
                reason,
                code="not-supported",
                field=field,
                remedy=f"Change it, or choose another provider than {title(cloud)}.",
            )
    resources: dict[str, Any] = {}
    if cloud or document.region:
        resources["infra"] = "/".join(part for part in (cloud or "*", document.region) if part)
    if hardware.instance_type:
        resources["instance_type"] = hardware.instance_type
    elif hardware.accelerator:
        resources["accelerators"] = hardware.accelerators
    else:
        resources["cpus"] = hardware.cpus
    if spot and not why_not(cloud, "spot"):
        resources["use_spot"] = True
    if document.image_id:
        resources["image_id"] = document.image_id
    if document.disk_size:
        resources["disk_size"] = document.disk_size
    minutes, down = autostop_of(document, settings)
    if minutes >= 0:
        resources["autostop"] = {"idle_minutes": minutes, "down": down, "wait_for": WAIT_FOR}
    resources["labels"] = {**document.labels, LABEL: identity(home)}
    return yaml.dump({"num_nodes": hosts, "resources": resources})


def cloud_of_task(task: str) -> str:
    """Where a task is to run; empty or "*": where it is cheapest."""
    return str(_resources_of(task).get("infra") or "").partition("/")[0]


def autostop_of_task(task: str) -> tuple[int, bool] | None:
    """(minutes, whether it goes away) that a task asks for; None: never."""
    autostop = _resources_of(task).get("autostop")
    if not isinstance(autostop, dict) or "idle_minutes" not in autostop:
        return None
    return int(autostop["idle_minutes"]), bool(autostop.get("down"))


def _resources_of(task: str) -> dict[str, Any]:
    said = yaml.load(task).value
    resources = said.get("resources") if isinstance(said, dict) else None
    return resources if isinstance(resources, dict) else {}
