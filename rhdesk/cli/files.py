"""Commands that move files: fetch, and the part of send that is about files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.session import cluster_address, run_async
from rhdesk.cli.terminal import Progress, note, print_json, size
from rhresources.errors import UsageError

if TYPE_CHECKING:
    from rhresources.transfer.transfer import Transferred
    from rhresources.workspace import Workspace

_AGAIN = "Done again, it goes on: what has arrived is not copied twice."


@click.command("fetch", cls=RhCommand)
@click.argument("cluster", type=Name("cluster"))
@click.argument("paths", nargs=-1, required=True, metavar="SOURCE... DESTINATION")
@json_option
def fetch_command(cluster: str, paths: tuple[str, ...], as_json: bool) -> None:
    """Fetch files and folders from CLUSTER; what is here already, unchanged, is not fetched again.

    A relative SOURCE starts from the home directory there. A folder comes with its name, one that ends in a slash as
    its contents only. DESTINATION is a folder, unless one file gets this name.
    """
    *sources, destination = _two(paths)

    async def work(workspace: Workspace) -> tuple[str, Transferred]:
        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            progress(f"Connecting to {address}")
            return address, await workspace.fetch(address, sources, destination, progress)

    address, done = run_async(work, interrupted=_AGAIN)
    say_transferred("Fetched", f"from {address}", done, as_json)


def send_files(cluster: str, paths: tuple[str, ...], as_json: bool) -> None:
    """`rhdesk send CLUSTER SOURCE... DESTINATION`."""
    *sources, destination = _two(paths)

    async def work(workspace: Workspace) -> tuple[str, Transferred]:
        address = cluster_address(workspace, cluster)
        with Progress() as progress:
            progress(f"Connecting to {address}")
            return address, await workspace.send(address, sources, destination, progress)

    address, done = run_async(work, interrupted=_AGAIN)
    say_transferred("Sent", f"to {address}", done, as_json)


def say_transferred(verb: str, where: str, done: Transferred, as_json: bool) -> None:
    """What a transfer did."""
    if as_json:
        print_json(transferred_as_json(done))
        return
    for path in done.skipped:
        note(f"Left out: {path}")
    files = f"{done.files} {'file' if done.files == 1 else 'files'}"
    there = f"; {done.unchanged} unchanged" if done.unchanged else ""
    note(f"{verb} {files} ({size(done.bytes)}) {where}{there}.")


def transferred_as_json(done: Transferred) -> dict[str, Any]:
    """What `--json` prints: a stable contract."""
    return {
        "files": done.files,
        "bytes": done.bytes,
        "unchanged": done.unchanged,
        "skipped": list(done.skipped),
    }


def _two(paths: tuple[str, ...]) -> tuple[str, ...]:
    if len(paths) < 2:
        raise UsageError("A source or the destination is missing.", remedy="Write CLUSTER SOURCE... DESTINATION.")
    return paths
