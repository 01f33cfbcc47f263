"""The commands about tokens that were given out."""

from __future__ import annotations

import time

import click

from rhresources.errors import NotFound, RhError
from rhserver.registry import accounts
from rhserver.registry.accounts import Token
from rhserver.registry.database import Database
from rhserver.registry.opening import with_database
from rhserver.registry.printing import json_option, moment, print_json, print_table


@click.group()
def token() -> None:
    """List tokens by their beginning and last use; make them worthless."""


@token.command("list")
@click.argument("user", required=False)
@json_option
@with_database
def token_list(database: Database, user: str | None, as_json: bool) -> None:
    """List tokens: number, how it begins, user, when it was made, last used and ends, what it is for."""
    with database.reading() as connection:
        whose = accounts.find(connection, user, accounts.USER) if user else None
        found = accounts.tokens_of(connection, whose)
    if as_json:
        print_json({name: getattr(each, name) for name in Token.__slots__} for each in found)
        return
    rows = (
        (
            str(each.id), f"{each.prefix}…", each.user, moment(each.created), moment(each.used) or "never",
            _end(each), each.label,
        )
        for each in found
    )  # fmt: skip
    print_table(("NUMBER", "BEGINS", "USER", "MADE", "LAST USED", "ENDS", "FOR"), rows)


@token.command("revoke")
@click.argument("which", required=False, metavar="NUMBER|BEGINNING")
@click.option("--user", metavar="NAME", help="All tokens of this user.")
@with_database
def token_revoke(database: Database, which: str | None, user: str | None) -> None:
    """Make tokens worthless: one by its number or beginning in the list, or all of a user."""
    if (which is None) == (user is None):
        raise click.UsageError("Say the number or beginning of one token, or --user NAME.")
    with database.writing() as connection:
        whose = accounts.find(connection, user, accounts.USER) if user else None
        found = accounts.tokens_of(connection, whose)
        if which is not None:
            found = [_one(found, which)]
        accounts.revoke(connection, found)
    names = ", ".join(sorted({each.user for each in found})) or user
    click.echo(f"{len(found)} token{'' if len(found) == 1 else 's'} of {names} revoked.", err=True)


def _one(found: list[Token], which: str) -> Token:
    beginning = which.rstrip("…")
    if which.isascii() and which.isdigit():
        matching = [each for each in found if each.id == int(which)]
    elif len(beginning) > 4:
        # the whole token is welcome too, though it should not be in a command line
        matching = [each for each in found if each.prefix and beginning.startswith(each.prefix)]
    else:
        matching = []
    if not matching:
        raise NotFound(f"There is no token {which[:10]}.", remedy="See: rhdesk registry token list")
    if len(matching) > 1:
        numbers = ", ".join(str(each.id) for each in matching)
        raise RhError(f"Several tokens begin with {which[:10]}: {numbers}.", remedy="Say the number.")
    return matching[0]


def _end(each: Token) -> str:
    if each.expires is None:
        return "never"
    return f"{moment(each.expires)}{' (ended)' if each.expires <= time.time() else ''}"
