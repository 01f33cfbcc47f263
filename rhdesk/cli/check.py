"""`rhdesk check`: every step to the hosts of a cluster, with its time and the remedy where one fails; or the clouds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, run_async
from rhdesk.cli.terminal import Progress, held_progress, note, print_json
from rhresources.documents import ClusterDocument, parse_document
from rhresources.errors import UsageError

if TYPE_CHECKING:
    from rhresources.reach.steps import Step
    from rhresources.workspace import Workspace

_MARKS = {"done": "✓", "note": "!", "failed": "✗", "skipped": "-"}
_COLOURS = {"done": "green", "note": "yellow", "failed": "red"}


@click.command("check", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"), required=False)
@click.option("--host", help="Try this host, in place of a saved cluster: an address, or an entry of ~/.ssh/config.")
@click.option("--user", help="The account on it.")
@click.option("--key", type=click.Path(), help="The private key.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Its SSH port.")
@click.option("--jump", metavar="USER@HOST:PORT,...", help="Hosts on the way, as for ssh -J.")
@click.option("--known-hosts", type=click.Path(), help="The file of host keys.")
@click.option("--log-in", type=click.Choice(["auto", "key", "agent", "password"]), help="By what.")
@json_option
def check_command(cluster: str | None, host: str | None, as_json: bool, **log_in: Any) -> int:
    """Test the connection to the hosts of CLUSTER, step by step, without changing anything there.

    Each step is shown with its time; under one that fails stands what to do. The exit code is 1 if one failed.

    Without CLUSTER: say which clouds can be used, and how to set up the others. The exit code is 1 if there is none.
    """
    given = {name: value for name, value in log_in.items() if value is not None}
    if cluster is not None and host is not None:
        raise UsageError("Either a cluster or --host is needed, not both.", remedy="Write `rhdesk check CLUSTER`.")
    if given and host is None:
        raise UsageError(
            f"--{next(iter(given)).replace('_', '-')} belongs to --host; a saved cluster says how it is logged in to."
        )

    if cluster is None and host is None:
        from rhdesk.cli.clouds import check_clouds

        return check_clouds(as_json)

    async def work(workspace: Workspace) -> list[Step]:
        target = _document(host, given) if host is not None else cluster_address(workspace, str(cluster))
        with Progress() as progress:
            return await workspace.check(target, lambda step: _show(step, progress, quiet=as_json))

    steps = run_async(work)
    if as_json:
        print_json([asdict(step) for step in steps])
    states = {step.state for step in steps}
    if "failed" not in states and not as_json:
        note("No step failed; what is marked ! is worth a look." if "note" in states else "All steps went well.")
    return 1 if "failed" in states else 0


def _document(host: str, given: dict[str, Any]) -> ClusterDocument:
    names = {"user": "ssh_user", "key": "ssh_private_key", "port": "ssh_port", "jump": "proxy_jump"}
    log_in = {names.get(name, name): value for name, value in given.items()}
    document = parse_document({"kind": "cluster", "type": "ssh", "ips": [host], "ssh_creds": log_in}, source=host)
    assert isinstance(document, ClusterDocument)
    return document


def _show(step: Step, progress: Progress, *, quiet: bool) -> None:
    if step.state == "running":
        if not quiet and progress.moving:
            progress(f"{step.host}: {step.name}")
        return
    if quiet:
        return
    mark = click.style(_MARKS[step.state], fg=_COLOURS.get(step.state))
    with held_progress():
        click.echo(f"{mark} {step.host}  {step.name:<10} {step.seconds:6.2f} s  {step.sentence}".rstrip())
        if step.remedy:
            click.echo(f"    {step.remedy}")
        if step.detail and step.state == "failed":
            from rhdesk.cli.options import is_verbose

            if is_verbose():
                click.echo("\n".join(f"    {line}" for line in step.detail.splitlines()))
