"""Very many documents in a registry, put there as a backup that is restored would: in one transaction, by few words."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sqlalchemy import insert

from rhserver.registry import accounts, changes, documents
from rhserver.registry.database import Database
from rhserver.registry.names import document_name
from rhserver.registry.schema import changes as feed
from rhserver.registry.schema import resources, versions


def fill(database: Database, owner: str, texts: Mapping[str, str]) -> None:
    """Save new documents in the folder of `owner`, by their names inside it: ten times as fast as one by one."""
    names = {name: document_name(f"{owner}/{name}") for name in texts}
    contents = {name: documents.content_of(text, names[name]) for name, text in texts.items()}
    if not texts:
        return
    at = time.time()
    with database.writing() as connection:
        by = accounts.find(connection, owner).name
        present = [
            {
                "name": name.text, "key": name.key, "folder": name.folder.lower(), "kind": content.kind, "version": 1,
                "description": content.description, "search": f"{name.text}\n{content.description}".lower(),
                "modified": at, "modified_by": by, "deleted": False, "readers": None,
            }
            for name, content in zip(names.values(), contents.values(), strict=True)
        ]  # fmt: skip
        added = connection.execute(insert(resources).returning(resources.c.id, sort_by_parameter_order=True), present)
        ids = list(added.scalars())
        first = [
            {
                "resource_id": number, "version": 1, "name": row["name"], "key": row["key"], "action": "saved",
                "kind": content.kind, "text": content.text, "description": content.description, "legacy": None,
                "by": by, "at": at, "note": "",
            }
            for number, row, content in zip(ids, present, contents.values(), strict=True)
        ]  # fmt: skip
        connection.execute(insert(versions), first)
        newest = changes.newest(connection)
        told = [
            {
                "cursor": cursor, "event": changes.SAVED, "resource_id": row["resource_id"], "version": 1,
                "name": row["name"], "old_name": None, "audience_id": None, "at": at,
            }
            for cursor, row in enumerate(first, newest + 1)
        ]  # fmt: skip
        connection.execute(insert(feed), told)
