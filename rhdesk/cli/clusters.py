"""Commands that change clusters: up, upgrade, repair, down."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, is_this_computer, run_async
from rhdesk.cli.status import remember, status_row
from rhdesk.cli.terminal import Progress, held_progress, note, print_json
from rhresources.errors import RhError, UsageError
from rhresources.people import names_of_me

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

_DONE = re.compile(r" \(\d+\.\d+ s\)$")


@click.command("up", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--upgrade", is_flag=True, help="If another build of rhdesk runs there, put this one in its place.")
@click.option("--yes", is_flag=True, help="With --upgrade: do not ask, even if other people have runs there.")
@json_option
def up_command(cluster: str, upgrade: bool, yes: bool, as_json: bool) -> None:
    """Bring CLUSTER up: start its server. `^local` is this computer.

    On hosts over SSH rhdesk is installed first where it is missing. Done again, it goes on where it broke off.
    In a cloud machines are launched first, or started; Ctrl-C ends what was begun and makes sure that nothing is left.
    """
    bringing, steps = BringingUp(), Progress()

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        bringing.on_demand = _is_on_demand(workspace, address)
        already = await workspace.cluster_state(address, ask=True) in ("up", "starting")
        upgrades = upgrade and already and not is_this_computer(workspace, address)
        if upgrades and not yes:
            await _ask_about_others(workspace, address)
        with steps, bringing:
            if upgrades:
                await workspace.upgrade(address, lambda line: say_step(line, steps))
            client = await workspace.up(address, lambda line: say_step(line, steps))
            row = status_row(address, await client.say_hello(), None)
            remember(row)
            return row | {"already_up": already, "differs": await asyncio.to_thread(workspace.server_differs, address)}

    row = run_async(work, interrupted=bringing.said)
    if as_json:
        print_json(row)
    else:
        say_is_up(row, "was up already" if row["already_up"] else "is up", steps)
        if row["differs"]:
            note(f"{row['differs']} `rhdesk up {row['name']} --upgrade` brings it up to date; its runs go on.")


def say_is_up(row: dict[str, Any], how: str, steps: Progress) -> None:
    """The last line of a bring-up: what the engine says, unless that stands there as its last step."""
    engine = "" if steps.stands(row["engine_says"]) else row["engine_says"]
    note(f"{row['name']} {how}. {engine}".rstrip())


class BringingUp:
    """Knows what is true when Ctrl-C ended a bring-up: around the work, as a context.

    Attributes:
        on_demand: machines in a cloud are launched for it.
    """

    def __init__(self) -> None:
        self.on_demand = False
        self._ended = False

    def said(self) -> str:
        """What goes on."""
        if not self.on_demand:
            return "What was started goes on; `rhdesk status` tells how far it came."
        if self._ended:
            return "No more machines run than before."
        return "Machines may still run and cost money: `rhdesk status --refresh` tells, `rhdesk down` ends them."

    def __enter__(self) -> BringingUp:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # whoever is cancelled has taken back what was begun before it gets here; a second Ctrl-C does not come here
        self._ended = kind is not None and issubclass(kind, asyncio.CancelledError)


def say_step(line: str, progress: Progress) -> None:
    """A step that is done, which its time tells, stays on the terminal; the others pass by."""
    if progress.moving and _DONE.search(line):
        with held_progress():
            note(line)
    else:
        progress(line)


async def _ask_about_others(workspace: Workspace, address: str) -> None:
    """Ask before the server is exchanged under the runs of other people."""
    from rhdesk.cli.records import ACTIVE
    from rhdesk.cli.taking_down import ask_about_others

    try:
        active = (await (await workspace.connect(address, ask=True)).list_runs(10_000, states=ACTIVE)).runs
    except RhError:  # it is not up, or of a version that cannot be asked; the upgrade itself says what is wrong
        return
    what = "Runs go on, but whoever waits there for the answer to a call gets none."
    ask_about_others(active, address, what, "Upgrade it?", names_of_me(workspace.home))


@click.command("upgrade", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--yes", is_flag=True, help="Do not ask, even if other people have runs there.")
@json_option
def upgrade_command(cluster: str, yes: bool, as_json: bool) -> None:
    """Put this computer's rhdesk onto the hosts of CLUSTER and restart its server from it. Runs go on meanwhile.

    Asks first if runs of other people are active.
    """

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        if not yes and not is_this_computer(workspace, address):
            await _ask_about_others(workspace, address)
        with Progress() as progress:
            client = await workspace.upgrade(address, lambda line: say_step(line, progress))
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
            await workspace.repair(address, host, lambda line: say_step(line, progress))
        return {"name": address, "host": host}

    done = run_async(work, interrupted="Done again, it goes on where it broke off.")
    if as_json:
        print_json(done)
    else:
        note(f"{host or 'Every host'} of {done['name']} is part of the cluster.")


@click.command("down", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"), required=False)
@click.option("--all", "everything", is_flag=True, help="Every cluster in a cloud that has a name here.")
@click.option("--yes", is_flag=True, help="Do not ask, even if runs will be ended.")
@json_option
def down_command(cluster: str | None, everything: bool, yes: bool, as_json: bool) -> int:
    """Take CLUSTER down: end its server, its workers and its runs. Asks first if a run is active.

    In a cloud its machines are ended for good, with what is on their disks; that is asked about, too.
    """
    from rhdesk.cli import taking_down

    if (cluster is None) != everything:
        raise UsageError("Either a cluster or --all is needed.", remedy="Write `rhdesk down CLUSTER`.")
    if cluster is None:
        return taking_down.all_on_demand(yes, as_json)

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        take_down = taking_down.on_demand if _is_on_demand(workspace, address) else taking_down.own
        return await take_down(workspace, address, yes)

    done = run_async(work, interrupted="In a cloud an end that has begun goes on; `rhdesk status` tells what is left.")
    if as_json:
        print_json(done)
    elif done["was_up"]:
        ended = len(done["ended_runs"])
        with_it = f" {ended} {'run' if ended == 1 else 'runs'} ended with it." if ended else ""
        note(f"{done['name']} is down.{with_it}")
    else:
        note(f"{done['name']} was not up.")
    return 0


def _is_on_demand(workspace: Workspace, address: str) -> bool:
    return workspace.names.cluster(address).type == "cloud"
