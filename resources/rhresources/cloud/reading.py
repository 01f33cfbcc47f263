"""From SkyPilot's rows of JSON to our values. A field that is missing or strange is left at its default."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rhresources.cloud.answers import CloudCheck, CloudCluster, CloudRequest, CloudState, Offer, RequestState, Usage
from rhresources.cloud.limits import TITLES
from rhresources.cloud.plain_words import plain

_STATES: Mapping[str, CloudState] = {
    "UP": "up", "STOPPED": "stopped", "AUTOSTOPPING": "stopping", "PENDING": "launching",
}  # fmt: skip

_REQUEST_STATES: Mapping[str, RequestState] = {
    "RUNNING": "running", "SUCCEEDED": "done", "FAILED": "failed", "CANCELLED": "cancelled",
}  # fmt: skip


# SkyPilot's own rule for names; ours besides, as names become those of files here and somebody else's server says them
_NAME = re.compile(r"[A-Za-z]([-_.A-Za-z0-9]{0,250}[A-Za-z0-9])?")


def has_sound_name(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a cluster that SkyPilot could have made."""
    return _NAME.fullmatch(_text(row.get("name"))) is not None


def cluster_of(row: Mapping[str, Any], price: float | None = None) -> CloudCluster:
    """One row of `/status`."""
    status = _text(row.get("status"))
    state: CloudState = _STATES.get(status, "unhealthy" if row.get("init_kind") == "unhealthy" else "launching")
    resources = _text(row.get("resources_str_full") or row.get("resources_str"))
    reason = _text(row.get("init_status_reason"))
    if not reason and state in {"unhealthy", "stopping"}:
        reason = _text(row.get("last_event"))
    autostop = _whole(row.get("autostop"), -1)
    return CloudCluster(
        name=_text(row.get("name")),
        state=state,
        hash=_text(row.get("cluster_hash")),
        reason=plain(reason).strip(),
        hosts=_whole(row.get("nodes"), 1) or 1,
        cloud=_text(row.get("cloud")).lower(),
        region=_text(row.get("region")),
        zone=_text(row.get("zone")),
        hardware=_hardware(row),
        instance_type=_instance_type(resources),
        spot="[spot]" in resources.lower(),
        autostop_mins=autostop if autostop >= 0 else -1,
        autostop_down=bool(row.get("to_down")) and autostop >= 0,
        launched=_number(row.get("launched_at")) or 0.0,
        updated=_number(row.get("status_updated_at")) or 0.0,
        price_per_hour=price,
        owner=_text(row.get("user_name")),
        labels={str(key): str(value) for key, value in (row.get("labels") or {}).items()},
    )


def request_of(row: Mapping[str, Any]) -> CloudRequest:
    """One row of `/api/status`."""
    return CloudRequest(
        id=_text(row.get("request_id")),
        name=_text(row.get("name")).removeprefix("sky."),
        state=_REQUEST_STATES.get(_text(row.get("status")), "waiting"),
        cluster=_text(row.get("cluster_name")),
        user=_text(row.get("user_name")) or _text(row.get("user_id")),
        created=_number(row.get("created_at")) or 0.0,
        ended=_number(row.get("finished_at")) or 0.0,
        reason=plain(_text(row.get("status_msg"))).strip(),
    )


def usage_of(row: Mapping[str, Any]) -> Usage:
    """One row of `/cost_report`."""
    resources = _text(row.get("resources_str_full") or row.get("resources_str"))
    intervals = tuple(
        (start, _number(pair[1]))
        for pair in row.get("usage_intervals") or ()
        if isinstance(pair, Sequence) and len(pair) == 2 and (start := _number(pair[0])) is not None
    )
    return Usage(
        name=_text(row.get("name")),
        hash=_text(row.get("cluster_hash")),
        intervals=intervals,
        hosts=_whole(row.get("num_nodes"), 1) or 1,
        cloud=_text(row.get("cloud")).lower(),
        region=_text(row.get("region")),
        hardware=_hardware(row),
        spot="[spot]" in resources.lower(),
        price_per_hour=price_of(row),
        owner=_text(row.get("user_name")),
        ended=row.get("status") is None,
    )


def price_of(row: Mapping[str, Any]) -> float | None:
    """Dollars per hour of a whole cluster, from its row of `/cost_report`; None: SkyPilot does not know it."""
    cost, seconds = _number(row.get("total_cost")), _number(row.get("duration"))
    if not cost or not seconds or seconds <= 0:
        return None  # SkyPilot says 0 where it has no price, as on Slurm
    return round(cost / seconds * 3600, 6)


def offers_of(said: Mapping[str, Any], enabled: frozenset[str]) -> list[Offer]:
    """What `/list_accelerators` answers: by accelerator, lists in the order of SkyPilot's InstanceTypeInfo."""
    found = []
    for name, rows in said.items():
        for row in rows:
            cloud, instance, _, count, cpus, _, memory, price, spot, region = (*row, *[None] * 10)[:10]
            found.append(
                Offer(
                    cloud=_text(cloud).lower(),
                    region=_text(region),
                    instance_type=_text(instance),
                    accelerator=name,
                    accelerators=_number(count) or 0,
                    cpus=_number(cpus),
                    memory=_number(memory),
                    price=_number(price),
                    spot_price=_number(spot),
                    enabled=_text(cloud).lower() in enabled,
                )
            )
    return found


def checks_of(said: str, enabled: frozenset[str], python: str = "") -> list[CloudCheck]:
    """What `/check` says in its stream, and which clouds it answered with.

    Args:
        said: all its lines.
        enabled: what it answered.
        python: of the environment of the server, where that is ours.
    """
    reasons: dict[str, list[str]] = {}
    states: dict[str, bool] = {}
    current = ""
    for line in plain(said).splitlines():
        if found := re.match(r"\s{0,3}([A-Za-z][\w ]*): (enabled|disabled)\b(?: \[(.*)\])?", line):
            current = _cloud_of(found[1])
            if current:
                states[current] = found[2] == "enabled" and (not found[3] or "compute" in found[3])
                reasons[current] = []
        elif current and line.startswith("    "):
            reasons[current].append(line[4:].rstrip())
        elif line.strip():
            current = ""
    known = {*states, *enabled} & {*TITLES}
    checks = [
        _check(cloud, states.get(cloud, False) or cloud in enabled, reasons.get(cloud, []), python) for cloud in known
    ]
    return sorted(checks, key=lambda check: (not check.enabled, check.title.lower()))


def enabled_of(said: Any) -> frozenset[str]:
    """The clouds that `/check` or `/enabled_clouds` answers with, however they are wrapped."""
    names: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, str):
            names.add(_cloud_of(value))
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                if _cloud_of(str(key)):
                    names.add(_cloud_of(str(key)))
                else:
                    walk(inner)
        elif isinstance(value, Sequence):
            for each in value:
                walk(each)

    walk(said)
    return frozenset(names - {""})


def _check(cloud: str, enabled: bool, lines: list[str], python: str) -> CloudCheck:
    detail = "\n".join(lines).strip()
    if enabled:
        return CloudCheck(cloud, TITLES[cloud], True, detail=detail)
    said = re.sub(r"^Reason(?: \[[^\]]*\])?:\s*", "", detail)
    if re.search(r"pip install|ModuleNotFoundError|ImportError|not installed|Failed to import", said) and not re.match(
        r"`(?:socat|nc)`", said
    ):
        return CloudCheck(
            cloud, TITLES[cloud], False, f"The parts of SkyPilot for {TITLES[cloud]} are not installed.",
            f"Install them beside rhdesk's SkyPilot: uv pip install --python {python} 'skypilot[{cloud}]', then check "
            "again." if python else f"Ask who runs the server to install skypilot[{cloud}] there.", detail,
        )  # fmt: skip
    first = re.split(r"(?<=[.!:])\s|\n", said, maxsplit=1)[0].strip().rstrip(":") if said else "It is not set up."
    commands = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
    pages = re.findall(r"https?://\S+", said)
    remedy = f"Run: {'; '.join(commands)}." if commands else ""
    if pages:
        remedy = f"{remedy} More: {pages[0].rstrip('.,')}".strip()
    if not remedy:
        remedy = said[len(first) :].strip().replace("\n", " ")
    return CloudCheck(cloud, TITLES[cloud], False, first if first.endswith((".", "!")) else f"{first}.", remedy, detail)


def _cloud_of(written: str) -> str:
    """SkyPilot's name of the cloud that it writes so; empty: none of which clusters are made."""
    name = written.strip().lower()
    return name if name in TITLES else ""


def _hardware(row: Mapping[str, Any]) -> str:
    accelerators = _text(row.get("accelerators"))
    if accelerators not in {"", "None"}:
        found = re.findall(r"'?([\w.-]+)'?: *([\d.]+)", accelerators)
        return ", ".join(f"{name}:{float(count):g}" for name, count in found) or accelerators
    parts = [_instance_type(_text(row.get("resources_str_full")))]
    if cpus := _count(row.get("cpus")):
        parts.append(f"{cpus} processors" if cpus != "1" else "1 processor")
    if memory := _count(row.get("memory")):
        parts.append(f"{memory} GB")
    return ", ".join(part for part in parts if part)


def _instance_type(resources: str) -> str:
    """The one part of "1x(cpus=2, mem=8, m6i.large, disk=50)" that is not NAME=VALUE."""
    inner = re.search(r"\((.*)\)", resources)
    for part in inner[1].split(",") if inner else ():
        word = part.strip().removeprefix("[Spot]").removeprefix("[spot]")
        if word and "=" not in word and word not in {"-", "..."}:
            return word
    return ""


def _count(value: object) -> str:
    found = re.match(r"\d+(\.\d+)?", _text(value))
    return f"{float(found[0]):g}" if found else ""


def _text(value: object) -> str:
    return "" if value is None or value == "None" or value == "-" else str(value)


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _whole(value: object, default: int) -> int:
    number = _number(value)
    return default if number is None else int(number)
