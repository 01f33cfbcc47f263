"""Whether the registry can save, found out without writing: monitors ask often, and a full disk has no room for it."""

from __future__ import annotations

import os
import shutil

from sqlalchemy import Connection, text

from rhserver.registry.database import Database

_ROOM = 16 * 1024 * 1024
"""Bytes that SQLite may need at once: its log, and a long document."""

_READ_ONLY = text("SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool")


def why_nothing_is_saved(database: Database, connection: Connection) -> str:
    """What keeps the registry from saving, as a sentence; empty as long as nothing is known to."""
    if database.write_failure:  # which may name computers and users, and health is told to strangers
        return "The last save failed; the log of the registry says why."
    if database.file is None:
        return "The database is read-only." if connection.execute(_READ_ONLY).scalar_one() else ""
    if not os.access(database.file, os.W_OK) or not os.access(database.file.parent, os.W_OK):
        return "The file of the database, or its folder, is read-only."
    free = shutil.disk_usage(database.file.parent).free
    return f"The disk is full: {free // 1024:,} KiB are free." if free < _ROOM else ""
