"""The commands of whoever runs a registry. They work on its database, whether it serves or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from rhresources.errors import RhError
from rhserver.registry import accounts, sharing
from rhserver.registry.accounts import Account
from rhserver.registry.database import Database
from rhserver.registry.keeping_commands import audit, backup, restore
from rhserver.registry.limits import Limits
from rhserver.registry.opening import with_database
from rhserver.registry.printing import json_option, print_json, print_table
from rhserver.registry.token_commands import token

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _limits_help() -> str:
    return ", ".join(f"{each.name}={each.default:g}" for each in fields(Limits)) + "."


def run(argv: list[str]) -> int:
    """Run one command line; the exit code. Prints errors, raises nothing."""
    try:
        code = registry.main(args=argv, prog_name="rhdesk registry", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return 2 if isinstance(error, click.UsageError) else 1
    except RhError as error:
        click.echo(f"Error: {error.sentence}", err=True)
        if error.remedy:
            click.echo(f"       {error.remedy}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def registry() -> None:
    """Run a registry: the documents of a team, by name.

    \b
    rhdesk registry user add alice        make a user
    rhdesk registry user token alice      print a new token for them
    rhdesk registry serve                 answer on 127.0.0.1:8421
    """


@registry.command()
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8421", show_default=True, help="Where to answer.")
@click.option("--cert", "certificate", type=_FILE, help="Certificate with its chain (PEM); read anew when renewed.")
@click.option("--key", type=_FILE, help="Its private key (PEM), if that is not in the same file.")
@click.option("--insecure", is_flag=True, help="Let other computers in without TLS.")
@click.option("--proxy", metavar="ADDRESS", multiple=True, help="Believe X-Forwarded-For of this reverse proxy.")
@click.option("--limit", "limits", metavar="NAME=NUMBER", multiple=True, help=f"0: none. {_limits_help()}")
@click.option("--access-log", metavar="FILE", default="", help="A line for each request; -: standard output.")
@click.option("--audit-days", type=click.FloatRange(min=0), default=365, show_default=True, help="Kept for so long.")
@click.option("--audit-rows", type=click.IntRange(min=0), default=1_000_000, show_default=True, help="Lines kept.")
@click.option(
    "--keep-alive",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    default=15,
    show_default=True,
    help="How often a feed of changes says that it lives; less than a proxy in between waits.",
)
@with_database
def serve(database: Database, limits: tuple[str, ...], access_log: str, key: Path | None, **options: Any) -> int:
    """Serve until interrupted."""
    from rhserver.registry import serving

    if key is not None and options["certificate"] is None:
        raise click.UsageError("--key is of no use without --cert.")
    chosen = Limits()
    for each in limits:
        chosen = chosen.changed(each)
    serving.start_logging(access_log)
    return serving.serve(database, serving.Options(limits=chosen, key=key, **options))


registry.add_command(token)
registry.add_command(audit)
registry.add_command(backup)
registry.add_command(restore)

# ---------------------------------------------------------------- users


_take_over = click.option("--take-over", is_flag=True, help="With the documents of one of that name that was removed.")


@registry.group()
def user() -> None:
    """Add and remove users; give them tokens."""


@user.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything with every document.")
@_take_over
@with_database
def user_add(database: Database, name: str, admin: bool, take_over: bool) -> None:
    """Make a user, who has no token yet."""
    with database.writing() as connection:
        accounts.add(connection, name, admin=admin, take_over=take_over)
    click.echo(f"{name} is a user now. Give them a token with: rhdesk registry user token {name}", err=True)


@user.command("token")
@click.argument("name")
@click.option("--label", default="", help="What it is for, to tell it from others.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="It expires then; default: never.")
@with_database
def user_token(database: Database, name: str, label: str, days: float | None) -> None:
    """Print a new token of a user, as the last line. It is shown this once."""
    with database.writing() as connection:
        token = accounts.new_token(connection, accounts.find(connection, name, accounts.USER), label, days=days)
    click.echo(f"A token of {name}; it cannot be shown again:", err=True)
    click.echo(token)


@user.command("remove")
@click.argument("name")
@with_database
def user_remove(database: Database, name: str) -> None:
    """Remove a user: tokens and memberships go, their documents stay where they are."""
    with database.writing() as connection:
        accounts.remove(connection, name)
    click.echo(f"{name} is removed. What was saved in /{name} stays; an admin can move it.", err=True)


@user.command("list")
@json_option
@with_database
def user_list(database: Database, as_json: bool) -> None:
    """List users: name, number of tokens, admin or not."""
    with database.reading() as connection:
        users = accounts.every(connection, accounts.USER)
        count = Counter(each.user for each in accounts.tokens_of(connection))
    if as_json:
        print_json({"user": each.name, "tokens": count[each.name], "admin": each.admin} for each in users)
        return
    rows = ((each.name, str(count[each.name]), "admin" if each.admin else "") for each in users)
    print_table(("USER", "TOKENS", "MAY DO"), rows)


# ---------------------------------------------------------------- groups


@registry.group()
def group() -> None:
    """Add and remove groups and their members."""


@group.command("add")
@click.argument("name")
@_take_over
@with_database
def group_add(database: Database, name: str, take_over: bool) -> None:
    """Make a group, which owns the folder /NAME."""
    with database.writing() as connection:
        accounts.add(connection, name, accounts.GROUP, take_over=take_over)
    click.echo(f"@{name} is a group now. Put users in with: rhdesk registry group member {name} USER", err=True)


@group.command("remove")
@click.argument("name")
@with_database
def group_remove(database: Database, name: str) -> None:
    """Remove a group; what was saved in its folder stays."""
    with database.writing() as connection:
        found = accounts.find(connection, name, accounts.GROUP)
        for member, _ in accounts.members_of(connection, found):
            sharing.record_membership(connection, found, member)
        accounts.remove(connection, name, accounts.GROUP)
    click.echo(f"@{name} is removed. What was saved in /{name} stays; an admin can move it.", err=True)


@group.command("member")
@click.argument("name")
@click.argument("user")
@click.option("--manager", "role", flag_value="manager", help="May share the folder, and write in it.")
@click.option("--none", "role", flag_value="none", help="Take them out.")
@with_database
def group_member(database: Database, name: str, user: str, role: str | None) -> None:
    """Put a user into a group; members may write in its folder."""
    role = role or "member"
    with database.writing() as connection:
        found = accounts.find(connection, name, accounts.GROUP)
        member = accounts.find(connection, user, accounts.USER)
        accounts.set_member(connection, found, member, role)
        sharing.record_membership(connection, found, member)
    click.echo(f"{user} is {'no member' if role == 'none' else f'a {role}'} of @{name} now.", err=True)


@group.command("list")
@json_option
@with_database
def group_list(database: Database, as_json: bool) -> None:
    """List groups with their members; managers may share the folder of the group."""
    with database.reading() as connection:
        groups = accounts.every(connection, accounts.GROUP)
        found = [(each.name, *_members(connection, each)) for each in groups]
    if as_json:
        print_json({"group": name, "managers": managers, "members": members} for name, managers, members in found)
        return
    rows = ((name, ", ".join(managers), ", ".join(members)) for name, managers, members in found)
    print_table(("GROUP", "MANAGERS", "MEMBERS"), rows)


def _members(connection: Connection, group: Account) -> tuple[list[str], list[str]]:
    """The managers of a group, and the others in it."""
    found = list(accounts.members_of(connection, group))
    return [who.name for who, manager in found if manager], [who.name for who, manager in found if not manager]
