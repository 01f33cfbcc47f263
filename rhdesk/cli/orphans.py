"""`rhdesk orphans`: instances in clouds that SkyPilot has forgotten, and an end to them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import RhCommand, json_option
from rhdesk.cli.session import run_async
from rhdesk.cli.terminal import Progress, age, moment, note, print_json, print_table
from rhresources.errors import RhError, UsageError

if TYPE_CHECKING:
    from rhresources.cloud.orphans import Orphan
    from rhresources.workspace import Workspace


@click.command("orphans", cls=RhCommand)
@click.option("--end", is_flag=True, help="End those that were launched from here, with what is on their disks.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def orphans_command(end: bool, yes: bool, as_json: bool) -> int:
    """Ask the clouds for instances of SkyPilot's that it does not list any more: nobody ends them, and they cost."""

    async def work(workspace: Workspace) -> tuple[list[Orphan], Mapping[str, str], dict[str, str]]:
        with Progress() as progress:
            progress("Asking the clouds")
            found, not_asked = await workspace.orphans()
        ours = [orphan for orphan in found if orphan.ours]
        if not end or not ours:
            return found, not_asked, {}
        for orphan in ours:
            note(f"{orphan.sentence} It will be ended, with what is on its disks.")
        if not yes:
            _confirm(ours)
        outcomes = {}
        with Progress() as progress:
            for orphan in ours:
                progress(f"Ending {orphan.name}")
                try:
                    await workspace.end_orphan(orphan)
                    outcomes[orphan.key] = ""
                except RhError as error:
                    outcomes[orphan.key] = str(error)
        return found, not_asked, outcomes

    found, not_asked, outcomes = run_async(work, interrupted="Those that were ended are; ask again what is left.")
    if as_json:
        print_json({"orphans": [_as_json(each, outcomes) for each in found], "not_asked": dict(not_asked)})
    else:
        _print(found, not_asked, outcomes)
    return 1 if any(outcomes.values()) else 0


def _confirm(ours: list[Orphan]) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{len(ours)} would be ended for good.", remedy="Add --yes to do that.")
    if not click.confirm("End them?", err=True):
        raise UsageError("Nothing was changed.")


def _print(found: list[Orphan], not_asked: Mapping[str, str], outcomes: dict[str, str]) -> None:
    if found:
        print_table(
            ("NAME", "WHERE", "INSTANCES", "STATE", "LAUNCHED", "WHOSE"),
            (
                (
                    orphan.name,
                    f"{orphan.cloud} {orphan.region}",
                    " ".join(each.id for each in orphan.instances),
                    " ".join(sorted({each.state for each in orphan.instances})),
                    age(orphan.launched),
                    "ours" if orphan.ours else "others'",
                )
                for orphan in found
            ),
        )
    else:
        note("SkyPilot lists all that was found of its own.")
    for orphan in found:
        if orphan.key in outcomes:
            note(f"{orphan.name}: {outcomes[orphan.key] or 'it is gone'}")
    if not outcomes and any(orphan.ours for orphan in found):
        note("`rhdesk orphans --end` ends what is ours.")
    for cloud, why in not_asked.items():
        note(f"{cloud} was not asked. {why}")


def _as_json(orphan: Orphan, outcomes: dict[str, str]) -> dict[str, Any]:
    """A stable contract."""
    return {
        "name": orphan.name,
        "cloud": orphan.cloud,
        "region": orphan.region,
        "ours": orphan.ours,
        "launched": moment(orphan.launched),
        "instances": [{"id": each.id, "state": each.state, "type": each.type} for each in orphan.instances],
        "ended": orphan.key in outcomes and not outcomes[orphan.key],
        "problem": outcomes.get(orphan.key) or None,
    }
