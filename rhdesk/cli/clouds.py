"""Commands for clusters in clouds: stop, start, autostop, offers, adopt; and `check` without a cluster."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, run_async
from rhdesk.cli.terminal import Progress, held_progress, note, print_json, print_table, size
from rhresources.errors import UsageError
from rhresources.people import names_of_me

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCheck, Offer
    from rhresources.workspace import Workspace

_CHEAPEST_SHOWN = 40


@click.command("stop", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--yes", is_flag=True, help="Do not ask, even if runs will be ended.")
@json_option
def stop_command(cluster: str, yes: bool, as_json: bool) -> None:
    """Stop the machines of CLUSTER, one in a cloud. Their disks stay and cost a little; `start` brings it back."""

    async def work(workspace: Workspace) -> dict[str, Any]:
        from rhdesk.cli.taking_down import ask_about_runs

        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            progress("Asking SkyPilot")
            runs = (await workspace.losses(address)).runs
        if runs != () and not yes:
            ask_about_runs(runs, address, "Stop it?", names_of_me(workspace.home))
        with Progress() as progress:
            await workspace.stop(address, progress, stop_runs=yes or not runs or [run.id for run in runs])
        return {"name": address, "state": "stopped", "ended_runs": [run.id for run in runs or ()]}

    done = run_async(work, interrupted="If it was being stopped, that goes on; `rhdesk status --refresh` tells.")
    if as_json:
        print_json(done)
    else:
        note(f"{done['name']} is stopped. Its disks stay; `rhdesk start {done['name']}` brings it back.")


@click.command("start", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@json_option
def start_command(cluster: str, as_json: bool) -> None:
    """Start CLUSTER again, whose machines are stopped, and bring its server up."""
    from rhdesk.cli.clusters import BringingUp, say_is_up, say_step
    from rhdesk.cli.status import remember, status_row

    bringing, steps = BringingUp(), Progress()
    bringing.on_demand = True

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        with steps, bringing:
            client = await workspace.start(address, lambda line: say_step(line, steps))
            row = status_row(address, await client.say_hello(), None)
            remember(row)
            return row

    row = run_async(work, interrupted=bringing.said)
    if as_json:
        print_json(row)
    else:
        say_is_up(row, "is up", steps)


@click.command("autostop", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option(
    "-i", "--idle-minutes", "minutes", type=click.IntRange(-1, 1_000_000), required=True, metavar="N",
    help="Idle minutes until it stops; -1: never.",
)  # fmt: skip
@click.option("--down", is_flag=True, help="It goes away then, with its disks, rather than being stopped.")
@json_option
def autostop_command(cluster: str, minutes: int, down: bool, as_json: bool) -> None:
    """Have CLUSTER, which is up in a cloud, stop after N idle minutes. Runs and calls keep it awake.

    It counts until the cluster is taken down; what its document says (autostop_mins) counts for the next time.
    """

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            progress("Asking SkyPilot")
            await workspace.autostop(address, minutes, down=down)
        return {"name": address, "autostop_mins": minutes, "autostop_down": down and minutes >= 0}

    done = run_async(work, interrupted="`rhdesk status --refresh` tells what is set.")
    if as_json:
        print_json(done)
    elif minutes < 0:
        note(f"{done['name']} runs until somebody ends it.")
    else:
        idle = "one idle minute" if minutes <= 1 else f"{minutes} idle minutes"
        note(f"{done['name']} {'goes away' if down else 'stops'} after {idle}.")


@click.command("offers", cls=RhCommand)
@click.argument("hardware")
@click.option("--provider", default="", help="Only this cloud: aws, gcp, ….")
@click.option("--region", default="", help="Only this region.")
@click.option("--all", "everything", is_flag=True, help="Also of clouds that are not set up, and all of them.")
@json_option
def offers_command(hardware: str, provider: str, region: str, everything: bool, as_json: bool) -> None:
    """List what clouds ask for HARDWARE, one host for an hour, cheapest first: A100:4, CPU:8+ or m5.xlarge."""

    async def work(workspace: Workspace) -> list[Offer]:
        with Progress() as progress:
            progress("Asking SkyPilot")
            return await workspace.skypilot.offers(hardware, cloud=provider.lower(), region=region)

    found = run_async(work)
    shown = found if everything or not any(offer.enabled for offer in found) else [o for o in found if o.enabled]
    if as_json:
        print_json([asdict(offer) for offer in shown])
        return
    if not shown:
        note(f"No cloud offers {hardware} there." if provider or region else f"No cloud offers {hardware}.")
        return
    cut = shown if everything else shown[:_CHEAPEST_SHOWN]
    print_table(
        ("PRICE", "SPOT", "CLOUD", "REGION", "INSTANCE", "GPUS", "CPUS", "MEMORY"),
        (
            (
                _dollars(offer.price), _dollars(offer.spot_price), offer.cloud, offer.region, offer.instance_type,
                f"{offer.accelerators:g} × {offer.accelerator}" if offer.accelerator else "-",
                f"{offer.cpus:g}" if offer.cpus else "-", f"{offer.memory:g} GB" if offer.memory else "-",
            )
            for offer in cut
        ),
    )  # fmt: skip
    if len(cut) < len(shown):
        note(f"{len(shown) - len(cut)} more are dearer; --all lists them.")
    if not any(offer.enabled for offer in cut):
        note("None of these clouds is set up here; `rhdesk check` says how to.")


def _dollars(price: float | None) -> str:
    return "-" if price is None else f"${price:.3f}"


@click.command("adopt", cls=RhCommand)
@click.argument("name")
@click.option("--as", "address", type=Name("cluster"), required=True, metavar="CLUSTER", help="The name it gets here.")
@json_option
def adopt_command(name: str, address: str, as_json: bool) -> None:
    """Give a cluster that SkyPilot knows as NAME a name here, as `status` lists it: its document is saved."""

    async def work(workspace: Workspace) -> str:
        with Progress() as progress:
            progress("Asking SkyPilot")
            return (await workspace.adopt(name, address)).name

    saved = run_async(work)
    if as_json:
        print_json({"name": saved, "skypilot_name": name})
    else:
        note(f"{name} is {saved} here; `rhdesk up {saved}` brings its server up.")


def check_clouds(as_json: bool) -> int:
    """Which clouds can be used; 1 if there is none."""

    async def work(workspace: Workspace) -> list[CloudCheck]:
        info = await workspace.skypilot.info()
        if info.state == "not-installed" and sys.stdin.isatty() and sys.stderr.isatty():
            note(f"That needs SkyPilot, which takes about {size(info.needs)} in {info.folder}.")
            if not click.confirm("Install it?", err=True):
                raise UsageError("Nothing was installed.", remedy="Machines of your own need no SkyPilot.")
        with Progress() as progress:
            progress("Asking SkyPilot which clouds are set up")
            await workspace.skypilot.ensure(lambda event: progress(event.sentence))
            return await workspace.skypilot.checks(refresh=True)

    checks = sorted(run_async(work), key=lambda check: (not check.enabled, check.title))
    enabled = [check for check in checks if check.enabled]
    if as_json:
        print_json([asdict(check) for check in checks])
        return 0 if enabled else 1
    for check in checks:
        _show(check)
    if not enabled:
        note("No cloud is set up, so clusters in clouds cannot be brought up. Machines of your own need none.")
    return 0 if enabled else 1


def _show(check: CloudCheck) -> None:
    from rhdesk.cli.options import is_verbose

    mark = click.style("✓", fg="green") if check.enabled else click.style("✗", fg="red")
    with held_progress():
        click.echo(f"{mark} {check.title:<16} {check.reason or 'can be used'}".rstrip())
        if check.remedy and not check.enabled:
            click.echo("\n".join(f"    {line}" for line in check.remedy.splitlines()))
        if check.detail and is_verbose():
            click.echo("\n".join(f"    {line}" for line in check.detail.splitlines()))
