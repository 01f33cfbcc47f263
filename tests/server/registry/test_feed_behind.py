"""The feed while it has not read yet what was committed, and somebody listens who knows of it already."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab.registry_caller import CLUSTER

from rhserver.registry import accounts, documents
from rhserver.registry.database import Database
from rhserver.registry.feed import CaughtUp, Feed
from rhserver.registry.names import document_name
from rhserver.registry.rights import rights_of


async def test_that_who_is_ahead_of_the_feed_hears_when_there_is_no_more(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    with database.writing() as connection:
        caller = accounts.authenticate(connection, accounts.new_token(connection, accounts.add(connection, "alice")))
    feed = Feed(database)
    await feed._look()
    with database.writing() as connection:
        rights = rights_of(connection, caller.user)
        documents.save(connection, rights, document_name("alice/gpu"), documents.Content("cluster", CLUSTER))

    async def told() -> list[object]:
        return [item async for item in feed.listen(caller, 1, follow=False)]

    async with asyncio.timeout(60):
        listening = asyncio.create_task(told())
        while not feed._moved._waiters:  # noqa: ASYNC110 - there is no event for that somebody waits
            await asyncio.sleep(0.01)
        await feed._look()
        assert (await listening)[-1] == CaughtUp(1)
    database.close()
