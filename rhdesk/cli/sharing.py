"""Commands about names of a registry: share, history, restore."""

from __future__ import annotations

from typing import Any

import click

from rhdesk.cli.names import entry_as_json, handed_over, say_hidden
from rhdesk.cli.options import Name, RhCommand, json_option
from rhdesk.cli.terminal import age, moment, note, print_json, print_table, unified_diff
from rhresources.errors import NotFound, UsageError
from rhresources.mentions import hidden_from
from rhresources.registry.answers import GIVEN, Access, Version, given
from rhresources.resource_names import ResourceNames

# ---------------------------------------------------------------- share


@click.command("share", cls=RhCommand)
@click.argument("name", type=Name())
@click.argument("who", nargs=-1, metavar="[WHO...]")
@click.option(
    "--access",
    type=click.Choice(GIVEN),
    help="What they may do: read; write as well; share, move and delete as well; nothing any more. Default: read.",
)
@json_option
def share_command(name: str, who: tuple[str, ...], access: str | None, as_json: bool) -> None:
    """Share NAME, or everything in the folder NAME, with users, @groups or @everyone. Without WHO: say who may do what.

    \b
    rhdesk share @/train bob                 bob may read it, and call it if it is a function
    rhdesk share @/team @nlp --access write
    rhdesk share @/train bob --access none
    """
    names = ResourceNames()
    if not who:
        if access is not None:
            raise UsageError("Nobody is named to share it with.", remedy="Add a user, @group or @everyone.")
        found = names.access(name)
    else:
        found = names.share(name, dict.fromkeys(who, given(access or "read")))
    if as_json:
        print_json(_access_as_json(found))
        return
    rows = [(grant.who, grant.access, grant.inherited_from or "-") for grant in found.grants]
    print_table(("WHO", "ACCESS", "BY SHARING"), [(found.owner, "owner", "-"), *rows])
    if who and access != "none":
        if found.empty:  # as a rule it is a name that was mistyped
            note(f"There is nothing at {name} yet: it is shared as a folder, for what will be saved in it.")
        _say_what_they_lack(names, name, who)


def _say_what_they_lack(names: ResourceNames, name: str, who: tuple[str, ...]) -> None:
    try:
        entries = [names.load(name)]
    except (NotFound, UsageError):
        entries = names.list(name)
    for entry in map(handed_over, entries):
        if entry.caution:
            note(f"{entry.name}: {entry.caution}")
    say_hidden(hidden_from(names, entries, who))


def _access_as_json(access: Access) -> dict[str, Any]:
    return {
        "owner": access.owner,
        "empty": access.empty,
        "grants": [
            {"who": grant.who, "access": grant.access, "inherited_from": grant.inherited_from or None}
            for grant in access.grants
        ],
    }


# ---------------------------------------------------------------- history


@click.command("history", cls=RhCommand)
@click.argument("name", type=Name())
@click.option("--diff", "number", type=click.IntRange(min=1), metavar="N", help="Show what version N changed.")
@json_option
def history_command(name: str, number: int | None, as_json: bool) -> None:
    """List the versions of NAME in the registry, newest first: who did what, and when. Also of one that was deleted."""
    names = ResourceNames()
    versions = names.history(name)
    if number is not None:
        _show_diff(names, name, versions, number, as_json)
        return
    if as_json:
        print_json([_version_as_json(version) for version in versions])
        return
    rows = ((str(each.number), each.action, each.by, age(each.at), each.name, each.note) for each in versions)
    print_table(("VERSION", "ACTION", "BY", "WHEN", "NAME", "NOTE"), rows)


def _show_diff(names: ResourceNames, name: str, versions: list[Version], number: int, as_json: bool) -> None:
    known = {version.number: version for version in versions}
    if number not in known:
        raise NotFound(
            f"{name} has no version {number}.", remedy=f"It has {', '.join(str(each) for each in sorted(known))}."
        )
    before = max((each for each in known if each < number), default=0)
    texts = [names.version_text(name, each) if each and not _is_end(known[each]) else "" for each in (before, number)]
    diff = unified_diff(texts[0], texts[1], f"version {before}" if before else "nothing", f"version {number}")
    if as_json:
        print_json({**_version_as_json(known[number]), "before": before or None, "diff": diff, "text": texts[1]})
        return
    version = known[number]
    note(f"Version {number}: {version.action} by {version.by}, {age(version.at)}.")
    click.echo(diff, nl=False)


def _is_end(version: Version) -> bool:
    return version.action == "deleted"


def _version_as_json(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "action": version.action,
        "by": version.by,
        "at": moment(version.at),
        "name": version.name,
        "note": version.note or None,
    }


@click.command("restore", cls=RhCommand)
@click.argument("name", type=Name())
@click.argument("number", type=click.IntRange(min=1), metavar="N", required=False)
@json_option
def restore_command(name: str, number: int | None, as_json: bool) -> None:
    """Make version N of NAME the newest one. This brings back what was deleted, too."""
    if number is None:
        raise UsageError(
            f"Which version of {name} is to come back is not said.",
            remedy=f"`rhdesk history {name}` lists them; then write rhdesk restore {name} N.",
        )
    entry = ResourceNames().restore(name, number)
    if as_json:
        print_json(entry_as_json(entry))
    else:
        note(f"{entry.name} is what it was at version {number}; it now is version {entry.version}.")
