"""`rhdesk clouds`: what SkyPilot's server is at work on; cancel what is stuck there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import RhCommand, RhGroup, json_option
from rhdesk.cli.session import run_async
from rhdesk.cli.terminal import Progress, age, duration, moment, note, print_json, print_table, printable

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudRequest
    from rhresources.workspace import Workspace

_SHORT = 8
_MAKING = ("launch", "start")


@click.group("clouds", cls=RhGroup)
def clouds_command() -> None:
    """What SkyPilot's server does, for us and for others who use it.

    \b
    rhdesk clouds requests
    rhdesk clouds cancel 3f2a9c01

    Which clouds can be used says `rhdesk check`; what they offer, `rhdesk offers`.
    """


@clouds_command.command("requests", cls=RhCommand)
@click.option("--all", "everything", is_flag=True, help="Also the latest that ended.")
@json_option
def requests_command(everything: bool, as_json: bool) -> None:
    """List the requests that SkyPilot's server is at work on, or that wait there, newest first."""

    async def work(workspace: Workspace) -> list[CloudRequest]:
        with Progress() as progress:
            progress("Asking SkyPilot")
            return await workspace.skypilot.requests(ended=everything, start=False)

    found = run_async(work)
    if as_json:
        print_json([_row(request) for request in found])
        return
    if not found:
        note("SkyPilot's server keeps no requests." if everything else "SkyPilot's server is at work on nothing.")
        return
    print_table(
        ("ID", "REQUEST", "CLUSTER", "STATE", "FOR", "USER", "ASKED", "SAYS"),
        (
            (
                each.id[:_SHORT], printable(each.name), printable(each.cluster) or "-", each.state, _took(each),
                printable(each.user) or "-", age(each.created), printable(each.reason) or "-",
            )
            for each in found
        ),
    )  # fmt: skip


@clouds_command.command("cancel", cls=RhCommand)
@click.argument("request", nargs=-1, required=True)
@json_option
def cancel_command(request: tuple[str, ...], as_json: bool) -> None:
    """Cancel requests of SkyPilot's server. REQUEST is the beginning of an id that `requests` prints."""

    async def work(workspace: Workspace) -> list[CloudRequest]:
        with Progress() as progress:
            progress("Asking SkyPilot")
            return [await workspace.skypilot.cancel(each) for each in request]

    done = run_async(work, interrupted="`rhdesk clouds requests` tells what goes on.")
    if as_json:
        print_json([_row(each) for each in done])
        return
    for each in done:
        of = f" of {printable(each.cluster)}" if each.cluster else ""
        said = "is cancelled" if each.state == "cancelled" else f"had ended already: {each.state}"
        note(f"The {printable(each.name)}{of} {said}.")
        if each.state == "cancelled" and each.name.rpartition(".")[2] in _MAKING:
            note("Its machines may run and cost; `rhdesk status --refresh` tells, `rhdesk down` ends them.")


def _took(request: CloudRequest) -> str:
    return duration((request.ended or time.time()) - request.created) if request.created else "-"


def _row(request: CloudRequest) -> dict[str, Any]:
    return {
        "id": request.id,
        "name": request.name,
        "state": request.state,
        "cluster": request.cluster,
        "user": request.user,
        "created": moment(request.created),
        "ended": moment(request.ended),
        "reason": request.reason,
    }
