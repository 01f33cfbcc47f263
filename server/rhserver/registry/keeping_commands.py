"""The commands of whoever keeps a registry safe: the audit log, backups."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from rhserver.registry import audit as audit_log
from rhserver.registry.audit import DONE, Entry
from rhserver.registry.database import Database
from rhserver.registry.opening import with_database, with_existing_database
from rhserver.registry.printing import json_option, print_json, print_table

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class _Moment(click.ParamType[float]):
    """A day, a time, `90m`, `24h`, `7d` or `4w` ago, or seconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if found := re.fullmatch(r"(\d+)([mhdw])", value):
            return time.time() - int(found[1]) * _SECONDS[found[2]]
        try:
            return float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time. Write 24h, 7d or 4w ago, a day or a time (2026-11-30T14:00).", param, ctx)


@click.command()
@click.option("--since", type=_Moment(), metavar="TIME", help="From then on: 24h, 7d, a day or a time.")
@click.option("--user", default="", metavar="NAME", help="What this user did.")
@click.option("--name", default="", metavar="NAME", help="What was done to /owner/x, or inside that folder.")
@click.option("--refused", is_flag=True, help="What was tried without the right to it.")
@click.option("--limit", type=click.IntRange(min=1), help="The newest so many.")
@json_option
@with_database
def audit(database: Database, as_json: bool, **which: Any) -> None:
    """Who did what when, from where, to which name. Refusals follow within a minute, what was done stands at once."""
    with database.snapshot() as connection:  # the lines come in pieces, which PostgreSQL gives in a transaction only
        entries = audit_log.entries(connection, **which)
        if as_json:
            print_json(entry.wire() for entry in entries)
        else:
            print_table(_TITLES, map(_row, entries))


_TITLES = ("WHEN", "WHO", "FROM", "TOKEN", "DID", "NAME", "OUTCOME", "DETAIL")


def _row(entry: Entry) -> tuple[str, ...]:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    token = str(entry.token_id) if entry.token_id else ""
    outcome = DONE if entry.outcome == DONE else f"refused: {entry.outcome}"
    return at, entry.by or "(stranger)", entry.address, token, entry.action, entry.name, outcome, entry.detail


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="If there is such a file.")
@with_existing_database
def backup(database: Database, file: Path, replace: bool) -> None:
    """Write all of the registry to FILE, while it goes on. Whoever has that file has all documents: keep it safe."""
    from rhserver.registry.backup import back_up

    summary = back_up(database, file, replace=replace)
    click.echo(f"{file}: {summary}.", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="What is in the database now is lost.")
@click.option("--moved", is_flag=True, help="Nothing was saved after the backup: clients just go on.")
@with_database
def restore(database: Database, file: Path, replace: bool, moved: bool) -> None:
    """Put back a backup, of SQLite or PostgreSQL, into a new database, or with --replace into one in use."""
    from rhserver.registry.backup import restore as put_back

    summary = put_back(database, file, replace=replace, moved=moved)
    click.echo(f"{database.shown} holds what {file} does: {summary}.", err=True)
