"""`rhdesk status`: which clusters are up and how busy they are, live or as last seen."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.places import clusters_in, is_folder
from rhdesk.cli.session import cluster_address, run_async
from rhdesk.cli.status_clouds import add_clouds, ask_clouds, cloud_as_json, is_gone, print_clouds, told_of
from rhdesk.cli.terminal import Progress, age, duration, moment, note, print_json, print_table, seconds_of, size
from rhresources import paths
from rhresources.errors import RhError, UsageError

if TYPE_CHECKING:
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace

_TIMEOUT = 10.0
_QUICK = 4.0
"""Seconds for a cluster that nobody named: what was seen of it last is there without its answer."""


@click.command("status", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"), required=False)
@click.option("--refresh", is_flag=True, help="Ask the clouds and every cluster now, and give them longer to answer.")
@click.option("--forget", is_flag=True, help="Forget what another computer told of CLUSTER; no machine is touched.")
@json_option
def status_command(cluster: str | None, refresh: bool, forget: bool, as_json: bool) -> None:
    """Say which clusters are up and how busy they are: CLUSTER, those of a folder such as @/, or all and this computer.

    Clusters are asked each time. Of one that does not answer soon, and of those in clouds, what was last seen is shown
    with its age (SEEN), unless --refresh is given: that asks the clouds themselves, too, and lists clusters of theirs
    that have no name here.

    Of a cluster in a cloud that somebody else launched, or another computer, it says what that one told the registry.
    """
    one = cluster is not None and not is_folder(cluster)
    if forget and not one:
        raise UsageError("Which cluster is meant?", remedy="Write `rhdesk status CLUSTER --forget`.")

    async def work(workspace: Workspace) -> list[dict[str, Any]]:
        if forget:
            await asyncio.to_thread(workspace.names.forget_told, cluster or "")
        found = await ask_clouds(workspace, cluster if one else None) if refresh else []
        if cluster is not None and one:
            rows = [await _ask(workspace, cluster_address(workspace, cluster), live=True)]
        else:
            names = await clusters_in(workspace, cluster)
            rows = await _ask_all(workspace, names, refresh)
        await asyncio.to_thread(add_clouds, workspace, rows)
        for name, machines in found:
            rows.append(row_of(name, "unknown") | {"cloud": cloud_as_json(machines), "named": False})
        return rows

    rows = run_async(work)
    if as_json:
        print_json(rows[0] if one else rows)
        return
    _print_clusters(rows)
    print_clouds(rows)
    if one and len(rows[0]["hosts"]) > 1:
        click.echo()
        print_table(("HOST", "STATE", "WORKERS", "CPU", "LOAD", "MEMORY", "GPU", "DISK", "NAME"), _host_rows(rows[0]))


def _print_clusters(rows: list[dict[str, Any]]) -> None:
    now = time.time()
    print_table(
        ("CLUSTER", "STATE", "RUNS", "CPU", "MEMORY", "GPU", "DISK", "UP FOR", "SEEN"),
        (_cells(row, now) for row in rows),
    )
    for row in rows:
        if row["engine"] not in (None, "ready") and row["engine_says"]:
            note(f"{row['name']}: {row['engine_says']}")
        if row["problem"]:
            note(f"{row['name']}: {row['problem']}")
        for host in row["hosts"]:
            if not _alive(host):
                note(f"{row['name']}: {host['problem']} `rhdesk repair {row['name']}` mends that.")


def _host_rows(row: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for host in row["hosts"]:
        name = host["given"] or host["name"]
        if not _alive(host):
            yield (name, "lost" if host["seen"] else "absent", *("-",) * 6, host["name"])
            continue
        cpu = f"{host['cpu_percent']:.0f} % of {host['cpus']}"
        load, shares = f"{host['load']:.1f}", (_share([host], "memory"), _gpu([host]), _share([host], "disk"))
        yield (name, "up", str(host["workers"]), cpu, load, *shares, host["name"])


def _alive(host: dict[str, Any]) -> bool:
    return bool(host.get("alive", True))


async def _ask_all(workspace: Workspace, names: list[str], refresh: bool) -> list[dict[str, Any]]:
    """What is known of these. All are asked at once, none for longer than the limit."""
    waiting, seen = dict.fromkeys(names), _read_seen()
    with Progress() as progress:

        async def ask(name: str) -> dict[str, Any]:
            cloud = await _is_in_a_cloud(workspace, name)
            quick = name in seen and not refresh and not cloud
            row = await _ask(workspace, name, refresh or not cloud, _QUICK if quick else _TIMEOUT)
            del waiting[name]
            if waiting:
                done = len(names) - len(waiting)
                progress.passing(f"{done} of {len(names)} clusters; waiting for {next(iter(waiting))}")
            return row

        return await asyncio.gather(*map(ask, names))


async def _is_in_a_cloud(workspace: Workspace, name: str) -> bool:
    """Whether it is, as far as that can be said at once; asking it says what is wrong with it."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            return (await asyncio.to_thread(workspace.names.cluster, name)).type == "cloud"
    except (RhError, TimeoutError):
        return False


async def _ask(workspace: Workspace, address: str, live: bool, seconds: float | None = None) -> dict[str, Any]:
    """What is known of one cluster; asks it if `live`, else remembers.

    Without `seconds` it has all the time, and the person may be asked for what it needs.
    """
    seen = _read_seen().get(address)
    ask = seconds is None
    try:
        async with asyncio.timeout(seconds):
            told = await asyncio.to_thread(told_of, workspace, address)
            if told is not None and (told.state != "up" or not live):
                return row_of(address, told.state)  # as `add_clouds` goes on to say
            if not live and seen is not None and not await asyncio.to_thread(is_gone, workspace, seen):
                return row_of(address, "") | seen
            state = await workspace.cluster_state(address, ask=ask)
            if state not in ("down", "stopping", "stopped"):
                client = await workspace.connect(address)
                row = await asyncio.wait_for(_live_row(address, client), _TIMEOUT)
            else:
                row = row_of(address, state)
    except (RhError, TimeoutError) as error:
        sentence = error.sentence if isinstance(error, RhError) else f"no answer within {seconds or _TIMEOUT:.0f} s."
        last = f" What is shown is from {age(seconds_of(seen['seen']))}." if seen and seen["seen"] else ""
        known = {**row_of(address, "unknown"), "seen": None, **(seen or {})}
        return known | {"problem": f"It cannot be asked now: {sentence}{last}"}
    remember(row)
    return row


async def _live_row(address: str, client: Any) -> dict[str, Any]:
    hello = await client.say_hello()
    statuses = client.watch_status(1.0)
    try:
        return status_row(address, hello, await anext(statuses))
    finally:
        await statuses.aclose()


def row_of(address: str, state: str) -> dict[str, Any]:
    """The keys of `status --json`: a stable contract."""
    return {
        "name": address,
        "state": state,
        "engine": None,
        "engine_says": "",
        "user": None,
        "version": None,
        "started": None,
        "runs_active": None,
        "runs_queued": None,
        "workers": None,
        "calls": None,
        "state_bytes": None,
        "hosts": [],
        "seen": moment(time.time()),
        "problem": None,
        "cloud": None,
        "notice": "",
        "named": True,
        "told": None,
    }


def status_row(address: str, hello: pb.HelloReply, status: pb.Status | None) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    from rhresources.wire import cluster_pb2 as pb

    engine = status.engine if status is not None else hello.engine
    states = {pb.EngineState.READY: "up", pb.EngineState.FAILED: "failed"}
    row = row_of(address, states.get(engine.phase, "starting")) | {
        "engine": pb.EngineState.Phase.Name(engine.phase).lower(),
        "engine_says": engine.sentence,
        "user": hello.user,
        "version": hello.version,
        "started": moment(hello.started),
    }
    if status is not None:
        row |= {
            "runs_active": status.runs_active,
            "runs_queued": status.runs_queued,
            "workers": status.workers,
            "calls": status.calls,
            "state_bytes": status.state_bytes,
            "hosts": [_host_as_json(host, MessageToDict) for host in status.hosts],
        }
    return row


def _host_as_json(host: pb.Host, convert: Any) -> dict[str, Any]:
    values: dict[str, Any] = convert(host, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    for part in (values, *values["gpus"]):
        for name, value in part.items():  # protobuf writes 64-bit numbers as text
            if isinstance(value, str) and value.isdigit() and name not in ("name", "address"):
                part[name] = int(value)
    return values


def _cells(row: dict[str, Any], now: float) -> tuple[str, ...]:
    hosts = [host for host in row["hosts"] if _alive(host)]
    last = seconds_of(row["seen"]) if row["seen"] else now
    seen = age(last, now) if row["seen"] else "-"
    started = seconds_of(row["started"]) if row["started"] else None
    up_for = duration(max(last - started, 0)) if started else "-"  # what came after it was seen nobody knows
    if not hosts:
        return (row["name"], row["state"], *("-",) * 5, up_for, seen)
    runs = str(row["runs_active"]) + (f" + {row['runs_queued']} queued" if row["runs_queued"] else "")
    cpu = sum(host["cpu_percent"] * host["cpus"] for host in hosts) / max(sum(host["cpus"] for host in hosts), 1)
    return (
        row["name"],
        row["state"],
        runs,
        f"{cpu:.0f} % of {sum(host['cpus'] for host in hosts)}",
        _share(hosts, "memory"),
        _gpu(hosts),
        _share(hosts, "disk"),
        up_for,
        seen,
    )


def _gpu(hosts: list[dict[str, Any]]) -> str:
    gpus = [gpu for host in hosts for gpu in host["gpus"]]
    return f"{sum(each['load_percent'] for each in gpus) / len(gpus):.0f} % of {len(gpus)}" if gpus else "-"


def _share(hosts: list[dict[str, Any]], what: str) -> str:
    used, total = sum(host[f"{what}_used"] for host in hosts), sum(host[f"{what}_total"] for host in hosts)
    return f"{size(used)} of {size(total)}"


def _seen_file() -> str:
    return str(paths.home() / "cache" / "status.json")


def _read_seen() -> dict[str, dict[str, Any]]:
    try:
        with open(_seen_file(), encoding="utf-8") as file:
            seen = json.load(file)
        return seen if isinstance(seen, dict) else {}
    except (OSError, ValueError):
        return {}


def remember(row: dict[str, Any]) -> None:
    """Keep what was seen for a time when the cluster cannot be asked; only a convenience, so failing is silent."""
    try:
        seen = _read_seen() | {row["name"]: row}
        os.makedirs(os.path.dirname(_seen_file()), exist_ok=True)
        draft = f"{_seen_file()}.{os.getpid()}"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(seen, file)
        os.replace(draft, _seen_file())
    except OSError:
        pass
