"""How commands get their database, and in whose name they act."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from rhserver.registry import audit
from rhserver.registry.audit import Actor
from rhserver.registry.database import VARIABLE, Database, default_url, has_password, require_file


def with_database(function: Callable[..., Any], *, existing: bool = False) -> Callable[..., Any]:
    """A command that gets a `database`, which is made if there is none; adds `--db`."""

    @click.option("--db", metavar="URL", help=f"sqlite:///FILE or postgresql://USER@HOST/NAME; also ${VARIABLE}.")
    @wraps(function)
    def opened(*args: Any, db: str | None, **options: Any) -> Any:
        if db and has_password(db):
            click.echo(
                f"Warning: everybody on this computer can read the password in --db while this runs. Set ${VARIABLE}, "
                "or put it into ~/.pgpass.",
                err=True,
            )
        if existing:
            require_file(db or default_url())
        database = Database(db or default_url())
        try:
            with audit.acting(Actor(f"({_account()})", None, "command line")):
                return function(database, *args, **options)
        finally:
            database.close()

    return opened


def with_existing_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that gets a `database`, which must be there."""
    return with_database(function, existing=True)


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this number
        return "unknown"
