"""What `rhdesk down` does: shows what would be lost, asks, ends it. Machines in a cloud are ended for good."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.session import run_async
from rhdesk.cli.status import remember, row_of
from rhdesk.cli.terminal import Progress, age, duration, note, print_json
from rhresources.errors import RhError, UsageError
from rhresources.people import names_of_me, whose_text

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster
    from rhresources.costs.spending import ClusterCost
    from rhresources.on_demand import Losses
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace

_RUNS_SHOWN = 20


async def own(workspace: Workspace, address: str, yes: bool) -> dict[str, Any]:
    """Take down a cluster on machines that somebody has; asks if runs are active."""
    from rhdesk.cli.records import ACTIVE

    if await workspace.cluster_state(address, ask=True) == "down":
        await workspace.down(address, stop_runs=yes)  # a server that was killed may have left its Ray behind
        return {"name": address, "was_up": False, "ended_runs": []}
    client = await workspace.connect(address)
    active = list((await client.list_runs(10_000, states=ACTIVE)).runs)
    if active and not yes:
        ask_about_runs(active, address, "Take it down?", names_of_me(workspace.home))
    with Progress() as progress:
        progress(f"Taking {address} down")
        await workspace.down(address, yes or [run.id for run in active], progress)
    remember(row_of(address, "down"))
    return {"name": address, "was_up": True, "ended_runs": [run.id for run in active]}


async def on_demand(workspace: Workspace, address: str, yes: bool) -> dict[str, Any]:
    """End the machines of a cluster in a cloud; asks if there are any."""
    with Progress() as progress:
        progress("Asking SkyPilot")
        losses = await workspace.losses(address)
    if losses.cluster is not None and not yes:
        cost = (await _costs(workspace)).get(address)
        _ask_about_machines(losses, address, cost, names_of_me(workspace.home))
    with Progress() as progress:
        progress(f"Taking {address} down")
        await workspace.down(address, yes or not losses.runs or [run.id for run in losses.runs], progress)
    remember(row_of(address, "down"))
    ended = [run.id for run in losses.runs or ()]
    return {"name": address, "was_up": losses.cluster is not None, "ended_runs": ended}


def all_on_demand(yes: bool, as_json: bool) -> int:
    """Take down every cluster in a cloud that has or had a name here; 1 if one could not be."""

    async def work(workspace: Workspace) -> list[dict[str, Any]]:
        if not yes:
            await _ask_about_all(workspace)
        with Progress() as progress:
            outcomes = await workspace.down_all(progress)
        for address, outcome in outcomes:
            if outcome is None:
                remember(row_of(address, "down"))
        return [{"name": address, "problem": str(outcome) if outcome else None} for address, outcome in outcomes]

    done = run_async(work, interrupted="Ends that have begun go on; `rhdesk status --refresh` tells what is left.")
    if as_json:
        print_json(done)
    else:
        for row in done:
            note(f"{row['name']}: {row['problem'] or 'it is down'}")
        if not done:
            note("No cluster in a cloud is up.")
    return 1 if any(row["problem"] for row in done) else 0


async def _ask_about_all(workspace: Workspace) -> None:
    with Progress() as progress:
        progress("Asking SkyPilot, and the clusters what runs")
        losses = await workspace.all_losses()
    if not losses:
        return
    for address, lost in losses.items():
        if lost.problem is not None:
            note(f"{address} will not be ended: {lost.problem}")
    ends = {address: lost for address, lost in losses.items() if lost.problem is None}
    if not ends:
        return
    costs = await _costs(workspace)
    note(f"{_many(len(ends), 'cluster')} will be ended, with what is on their disks:")
    for address, lost in ends.items():
        if lost.cluster is not None:
            note(f"  {address}: {_described(lost.cluster, costs.get(address))}")
        _tell_runs(lost.runs, names_of_me(workspace.home))
    _confirm(f"{_many(len(ends), 'cluster')} would be ended", "Take them all down?")


async def _costs(workspace: Workspace) -> Mapping[str, ClusterCost]:
    """What clusters have cost, by their names, as the ledger has it; empty where it cannot be read."""
    try:
        return (await workspace.costs.summary()).clusters
    except RhError:
        return {}


def ask_about_runs(active: Sequence[pb.Run] | None, address: str, question: str, me: Collection[str]) -> None:
    """Show which runs will die and whose they are, or that nobody can say (None), and ask. `me`: the person's names.

    Raises:
        UsageError: nobody is there to answer, or the answer is no.
    """
    if active is None:
        note(f"{address} cannot be asked whether runs are active; they would be ended.")
        _confirm(f"Runs may be active on {address}, and would be ended", question)
        return
    note(f"{_going(active, me)} on {address} and will be ended:")
    _show_runs(active)
    _confirm(f"{_going(active, me)} on {address}, and would be ended", question)


def ask_about_others(active: Sequence[pb.Run], address: str, what: str, question: str, me: Collection[str]) -> None:
    """Ask before something that the runs and calls of other people would notice; nothing if none of them has any.

    Raises:
        UsageError: nobody is there to answer, or the answer is no.
    """
    others = [run for run in active if run.by and run.by not in me]
    if not others:
        return
    note(f"{_going(others, me)} on {address}. {what}")
    _show_runs(others)
    _confirm(f"{_going(others, me)} on {address}", question)


def _ask_about_machines(losses: Losses, address: str, cost: ClusterCost | None, me: Collection[str]) -> None:
    cluster = losses.cluster
    assert cluster is not None
    note(f"{address} will be ended for good, with what is on its disks: {_described(cluster, cost)}")
    _tell_runs(losses.runs, me)
    _confirm(f"{address} would be ended for good", "Take it down?")


def _going(active: Sequence[pb.Run], me: Collection[str]) -> str:
    """ "2 runs of bob are active"."""
    return f"{whose_text((run.by for run in active), me)} {'is' if len(active) == 1 else 'are'} active"


def _tell_runs(active: Sequence[pb.Run] | None, me: Collection[str]) -> None:
    if active is None:
        note("It cannot be asked whether runs are active.")
    elif active:
        note(f"{_going(active, me)} and will be ended:")
        _show_runs(active)


def _described(cluster: CloudCluster, cost: ClusterCost | None) -> str:
    parts = [cluster.state, _many(cluster.hosts, "host"), cluster.hardware]
    parts.append(" ".join(part for part in (cluster.cloud, cluster.region) if part))
    if cluster.launched:
        parts.append(f"launched {age(cluster.launched)}")
    price = cost.price if cost is not None and cost.price is not None else cluster.price_per_hour
    if price is not None and cluster.state == "up":
        parts.append(f"${price:.3f} per hour")
    if cost is not None and cost.life:
        parts.append(f"{'about ' if cost.estimated else ''}${cost.life:.2f} since it was launched")
    if cluster.autostop_mins >= 0 and cluster.state == "up":
        parts.append(f"stops by itself after {duration(60 * cluster.autostop_mins)} without work")
    return ", ".join(part for part in parts if part)


def _show_runs(active: Sequence[pb.Run]) -> None:
    from rhdesk.cli.records import state_name

    now = time.time()
    for run in active[:_RUNS_SHOWN]:
        whose = f", by {run.by}" if run.by else ""
        note(f"  {run.id}  {state_name(run.state):<9}  {run.name}{whose}, created {age(run.created, now)}")
    if len(active) > _RUNS_SHOWN:
        note(f"  ... and {len(active) - _RUNS_SHOWN} more")


def _confirm(what: str, question: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{what}.", remedy="Add --yes to do that.")
    if not click.confirm(question, err=True):
        raise UsageError("Nothing was changed.")


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or f'{one}s'}"
