"""`rhdesk reach`: how this computer logs in to a cluster, where its document was written elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, run_async
from rhdesk.cli.terminal import note, print_json
from rhresources.documents import dump_document, parse_document
from rhresources.errors import UsageError
from rhresources.reach.ssh.secrets import short

if TYPE_CHECKING:
    from rhresources.reach.ssh.target import SshTarget
    from rhresources.workspace import Workspace

_FIELDS = {
    "user": "ssh_user",
    "key": "ssh_private_key",
    "port": "ssh_port",
    "jump": "proxy_jump",
    "known_hosts": "known_hosts",
    "log_in": "log_in",
}


@click.command("reach", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.option("--user", help="The account on its hosts.")
@click.option("--key", type=click.Path(), help="A private key of yours; '' for what ~/.ssh/config and the agent offer.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The SSH port, as this computer reaches it.")
@click.option("--jump", metavar="USER@HOST:PORT,...", help="Hosts on the way, as for ssh -J; none: go straight.")
@click.option("--known-hosts", type=click.Path(), help="The file of host keys.")
@click.option("--log-in", type=click.Choice(["auto", "key", "agent", "password"]), help="By what.")
@click.option("--forget", is_flag=True, help="Go by its document alone again.")
@click.option("--document", is_flag=True, help="Print a document of the head, for other people's computers.")
@json_option
def reach_command(cluster: str, forget: bool, document: bool, as_json: bool, **given: Any) -> None:
    """Say how this computer logs in to CLUSTER, or change it for this computer alone.

    The document says where a cluster is, for everybody who may read it; a key in a file, an account or a jump host of
    your own is kept here, in reach.yaml, and the document stays as it is. With another account on the hosts it is
    another cluster server that you reach: one cluster is one account.

    Of a cluster in a cloud in the registry, others are told where its head is as long as it is up, and log in there by
    keys of their own; their public keys belong into ~/.ssh/authorized_keys there. Of one that is in no registry,
    --document prints what they need to know.
    """
    said = {_FIELDS[name]: value or None for name, value in given.items() if value is not None}
    if document:
        if said or forget or as_json:
            raise UsageError("--document prints a document, and goes with no other option.")
        click.echo(run_async(lambda workspace: _document_of_head(workspace, cluster)), nl=False)
        return
    if said and forget:
        raise UsageError("--forget takes back what the other options set; give the one or the others.")

    async def work(workspace: Workspace) -> dict[str, Any]:
        address = cluster_address(workspace, cluster)
        kind = workspace.names.cluster(address).type
        if kind != "ssh" and (kind != "cloud" or workspace.told_elsewhere(address) is None):
            raise UsageError(f"{address} is not a cluster over SSH.", remedy="Only those are logged in to by a key.")
        if forget:
            await asyncio.to_thread(workspace.own_ways.forget, address)
        elif said:
            await asyncio.to_thread(workspace.own_ways.change, address, said)
        own = await asyncio.to_thread(workspace.own_ways.of, address)
        target = await workspace.ssh_target(address)
        return _row(address, target, sorted(own.model_fields_set) if own is not None else [])

    row = run_async(work)
    if as_json:
        print_json(row)
        return
    shown = [
        ("host", f"{row['host']}, port {row['port']}"),
        ("account", row["user"]),
        ("keys", ", ".join([*row["keys"], *(["those of the agent"] if row["agent"] else [])]) or "none"),
        ("by way of", ", ".join(row["jumps"]) or "nothing"),
    ]
    for name, text in shown:
        click.echo(f"{name:<12}{text}")
    if row["own"]:
        note(f"Set for this computer: {', '.join(row['own'])}. `rhdesk reach {row['name']} --forget` takes it back.")


async def _document_of_head(workspace: Workspace, cluster: str) -> str:
    """The head of a cluster as one over SSH. Other hosts belong to it by names that only its own document has."""
    address = cluster_address(workspace, cluster)
    target = await workspace.ssh_target(address)
    if target.proxy_command:
        raise UsageError(
            f"The head of {address} is reached only through the SkyPilot that launched it.",
            remedy="It cannot be reached from other computers.",
        )
    creds = {"ssh_user": target.user, "ssh_port": target.port if target.port != 22 else None}
    creds["proxy_jump"] = ",".join(jump.account for jump in target.jumps) or None
    parsed = parse_document(
        {
            "kind": "cluster",
            "description": f"The head of {address}, while its machines are up.",
            "type": "ssh",
            "ips": [target.host],
            "ssh_creds": {name: value for name, value in creds.items() if value is not None},
        }
    )
    return dump_document(parsed)


def _row(address: str, target: SshTarget, own: list[str]) -> dict[str, Any]:
    """The way to the head: a stable contract. `own`: which fields of `ssh_creds` are set for this computer."""
    return {
        "name": address,
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "keys": [short(path) for path in target.key_files],
        "agent": target.use_agent,
        "log_in": target.log_in,
        "jumps": [jump.account for jump in target.jumps],
        "own": own,
    }
