"""The commands of whoever runs a registry. They work on its database, whether it serves or not."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from rhresources.errors import RhError
from rhserver.registry import accounts, sharing
from rhserver.registry.database import VARIABLE, Database, default_url


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


def with_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that gets a `database`; adds `--db`."""

    @click.option("--db", metavar="URL", help=f"sqlite:///FILE or postgresql://USER@HOST/NAME; also ${VARIABLE}.")
    @wraps(function)
    def opened(*args: Any, db: str | None, **options: Any) -> Any:
        database = Database(db or default_url())
        try:
            return function(database, *args, **options)
        finally:
            database.close()

    return opened


@registry.command()
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8421", show_default=True, help="Where to answer.")
@click.option("--insecure", is_flag=True, help="Let other computers in without TLS.")
@with_database
def serve(database: Database, listen: str, insecure: bool) -> int:
    """Serve until interrupted."""
    from rhserver.registry import serving

    serving.quiet_logging()
    return serving.serve(database, listen, insecure=insecure)


# ---------------------------------------------------------------- users


@registry.group()
def user() -> None:
    """Add and remove users; give them tokens."""


@user.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything with every document.")
@with_database
def user_add(database: Database, name: str, admin: bool) -> None:
    """Make a user, who has no token yet. One that was removed comes back."""
    with database.writing() as connection:
        accounts.add(connection, name, admin=admin)
    click.echo(f"{name} is a user now. Give them a token with: rhdesk registry user token {name}", err=True)


@user.command("token")
@click.argument("name")
@click.option("--label", default="", help="What it is for, to tell it from others.")
@with_database
def user_token(database: Database, name: str, label: str) -> None:
    """Print a new token of a user, as the last line. It is shown this once."""
    with database.writing() as connection:
        token = accounts.new_token(connection, accounts.find(connection, name, accounts.USER), label)
    click.echo(f"A token of {name}; it cannot be shown again:", err=True)
    click.echo(token)


@user.command("tokens")
@click.argument("name")
@with_database
def user_tokens(database: Database, name: str) -> None:
    """List the tokens of a user: number, when it was made, what it is for."""
    with database.reading() as connection:
        for token in accounts.tokens_of(connection, accounts.find(connection, name, accounts.USER)):
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(token.created))
            click.echo(f"{token.id}\t{made}\t{token.label}")


@user.command("revoke")
@click.argument("name")
@click.argument("number", type=int, required=False)
@click.option("--all", "every", is_flag=True, help="All tokens of that user.")
@with_database
def user_revoke(database: Database, name: str, number: int | None, every: bool) -> None:
    """Make a token worthless, by its number in the list of `tokens`."""
    if (number is None) == (not every):
        raise click.UsageError("Say the number of one token, or --all.")
    with database.writing() as connection:
        count = accounts.revoke(connection, accounts.find(connection, name, accounts.USER), number)
    if not count and number is not None:
        raise RhError(f"{name} has no token {number}.", remedy=f"See: rhdesk registry user tokens {name}")
    click.echo(f"{count} token{'' if count == 1 else 's'} of {name} revoked.", err=True)


@user.command("remove")
@click.argument("name")
@with_database
def user_remove(database: Database, name: str) -> None:
    """Remove a user: tokens and memberships go, their documents stay where they are."""
    with database.writing() as connection:
        accounts.remove(connection, name)
    click.echo(f"{name} is removed. What was saved in /{name} stays; an admin can move it.", err=True)


@user.command("list")
@with_database
def user_list(database: Database) -> None:
    """List users: name, number of tokens, admin or not."""
    with database.reading() as connection:
        for each in accounts.every(connection, accounts.USER):
            count = len(accounts.tokens_of(connection, each))
            role = "\tadmin" if each.admin else ""
            click.echo(f"{each.name}\t{count} token{'' if count == 1 else 's'}{role}")


# ---------------------------------------------------------------- groups


@registry.group()
def group() -> None:
    """Add and remove groups and their members."""


@group.command("add")
@click.argument("name")
@with_database
def group_add(database: Database, name: str) -> None:
    """Make a group, which owns the folder /NAME."""
    with database.writing() as connection:
        accounts.add(connection, name, accounts.GROUP)
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
@with_database
def group_list(database: Database) -> None:
    """List groups with their members; managers have a star."""
    with database.reading() as connection:
        for each in accounts.every(connection, accounts.GROUP):
            names = [f"{who.name}{'*' if manager else ''}" for who, manager in accounts.members_of(connection, each)]
            click.echo(f"{each.name}\t{' '.join(names)}")
