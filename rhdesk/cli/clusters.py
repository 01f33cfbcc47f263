"""Commands that change clusters: up, upgrade, repair, down."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, run_async
from rhdesk.cli.status import remember, row_of, status_row
from rhdesk.cli.terminal import Progress, age, held_progress, note, print_json
from rhresources.errors import UsageError

if TYPE_CHECKING:
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace

_DONE = re.compile(r" \(\d+\.\d+ s\)$")


@click.command("up", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--upgrade", is_flag=True, help="If another build of rhdesk runs there, put this one in its place.")
@json_option
def up_command(cluster: str, upgrade: bool, as_json: bool) -> None:
    """Bring CLUSTER up: start its server. `^local` is this computer.

    On hosts over SSH rhdesk is installed first where it is missing. Done again, it goes on where it broke off.
    """

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            already = await workspace.cluster_state(address, ask=True) != "down"
            if upgrade and already and workspace.names.cluster(address).type == "ssh":
                await workspace.upgrade(address, lambda line: _say_step(line, progress))
            client = await workspace.up(address, lambda line: _say_step(line, progress))
            row = status_row(address, await client.say_hello(), None)
            remember(row)
            return row | {"already_up": already, "differs": await asyncio.to_thread(workspace.server_differs, address)}

    row = run_async(work, interrupted="What was started goes on; `rhdesk status` tells how far it came.")
    if as_json:
        print_json(row)
    else:
        how = "was up already" if row["already_up"] else "is up"
        note(f"{row['name']} {how}. {row['engine_says']}".rstrip())
        if row["differs"]:
            note(f"{row['differs']} `rhdesk up {row['name']} --upgrade` brings it up to date; its runs go on.")


def _say_step(line: str, progress: Progress) -> None:
    """A step that is done, which its time tells, stays on the terminal; the others pass by."""
    if progress.moving and _DONE.search(line):
        with held_progress():
            note(line)
    else:
        progress(line)


@click.command("upgrade", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@json_option
def upgrade_command(cluster: str, as_json: bool) -> None:
    """Put this computer's rhdesk onto the hosts of CLUSTER and restart its server from it. Runs go on meanwhile."""

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            client = await workspace.upgrade(address, lambda line: _say_step(line, progress))
            return status_row(address, await client.say_hello(), None)

    row = run_async(work, interrupted="Done again, it goes on where it broke off.")
    if as_json:
        print_json(row)
    else:
        note(f"{row['name']} runs rhdesk {row['version']}.")


@click.command("repair", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--host", help="Only this host, as the cluster's document says it.")
@json_option
def repair_command(cluster: str, host: str | None, as_json: bool) -> None:
    """Bring lost hosts of CLUSTER back in place; the rest of it goes on."""

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            await workspace.repair(address, host, lambda line: _say_step(line, progress))
        return {"name": address, "host": host}

    done = run_async(work, interrupted="Done again, it goes on where it broke off.")
    if as_json:
        print_json(done)
    else:
        note(f"{host or 'Every host'} of {done['name']} is part of the cluster.")


@click.command("down", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--yes", is_flag=True, help="Do not ask, even if runs will be ended.")
@json_option
def down_command(cluster: str, yes: bool, as_json: bool) -> None:
    """Take CLUSTER down: end its server, its workers and its runs. Asks first if a run is active."""

    async def work(workspace: Workspace) -> dict[str, Any]:
        from rhdesk.cli.records import ACTIVE

        address = cluster_address(workspace, cluster)
        if await workspace.cluster_state(address, ask=True) == "down":
            await workspace.down(address, stop_runs=yes)  # a server that was killed may have left its Ray behind
            return {"name": address, "was_up": False, "ended_runs": []}
        client = await workspace.connect(address)
        active = list((await client.list_runs(10_000, states=ACTIVE)).runs)
        if active and not yes:
            _ask_about(active, address)
        with Progress() as progress:
            progress(f"Taking {address} down")
            await workspace.down(address, stop_runs=True)
        remember(row_of(address, "down"))
        return {"name": address, "was_up": True, "ended_runs": [run.id for run in active]}

    done = run_async(work, interrupted="`rhdesk status` tells what is left.")
    if as_json:
        print_json(done)
    elif done["was_up"]:
        ended = len(done["ended_runs"])
        with_it = f" {ended} {'run' if ended == 1 else 'runs'} ended with it." if ended else ""
        note(f"{done['name']} is down.{with_it}")
    else:
        note(f"{done['name']} was not up.")


def _ask_about(active: list[pb.Run], address: str) -> None:
    """Show which runs will die and ask.

    Raises:
        UsageError: nobody is there to answer, or the answer is no.
    """
    from rhdesk.cli.records import state_name

    now = time.time()
    count = f"{len(active)} {'run is' if len(active) == 1 else 'runs are'} active on {address}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{count}, and would be ended.", remedy="Add --yes to end them.")
    note(f"{count} and will be ended:")
    for run in active[:20]:
        note(f"  {run.id}  {state_name(run.state):<9}  {run.name}, created {age(run.created, now)}")
    if len(active) > 20:
        note(f"  ... and {len(active) - 20} more")
    if not click.confirm("Take it down?", err=True):
        raise UsageError("Nothing was changed.")
