"""Makes the tables, or brings those of an older registry up to date, by the migrations beside this file."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from rhresources.errors import RhError


def upgrade(connection: Connection, revision: str) -> None:
    """Run the migrations that come after `revision`, inside the caller's transaction.

    Raises:
        RhError: a newer rhdesk has made these tables.
    """
    config = configuration()
    if revision and revision not in {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}:
        raise RhError(
            "This database was made by a newer rhdesk.",
            remedy="Install that version or a newer one here; it is not changed back.",
            detail=f"its revision is {revision}",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def configuration() -> Config:
    """What Alembic needs to know; there is no file for it."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
