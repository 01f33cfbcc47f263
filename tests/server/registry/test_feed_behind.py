"""The feed while it has not read yet what was committed, and somebody listens who knows of it already."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab.registry_caller import CLUSTER

from rhserver.registry import accounts, documents
from rhserver.registry.accounts import Caller
from rhserver.registry.changes import News
from rhserver.registry.database import Database
from rhserver.registry.feed import _REMEMBERED_LENGTH, CaughtUp, Feed
from rhserver.registry.names import document_name
from rhserver.registry.rights import rights_of
from rhserver.registry.routes.changes import _events


def made(tmp_path: Path) -> tuple[Database, Caller]:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    with database.writing() as connection:
        token = accounts.new_token(connection, accounts.add(connection, "alice"))
        return database, accounts.authenticate(connection, token)


async def test_that_who_is_ahead_of_the_feed_hears_when_there_is_no_more(tmp_path: Path) -> None:
    database, caller = made(tmp_path)
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


async def test_that_a_token_that_ends_while_its_user_listens_is_told_nothing_more(tmp_path: Path) -> None:
    database, caller = made(tmp_path)
    with database.writing() as connection:
        rights = rights_of(connection, caller.user)
        for number in range(5):
            documents.save(connection, rights, document_name(f"alice/{number}"), documents.Content("cluster", CLUSTER))
    feed = Feed(database)
    while await feed._look():
        pass
    events = _events(caller, feed.listen(caller, 0), 60)
    async with asyncio.timeout(60):
        assert [(await anext(events)).split("\n")[0] for _ in range(3)] == ["event: hello", "id: 1", "id: 2"]
        with database.writing() as connection:
            accounts.revoke(connection, accounts.tokens_of(connection))
        await feed._look()
        assert [event async for event in events] == [], "though all that is there has been read"
    database.close()


async def test_that_long_documents_are_all_told_and_do_not_fill_the_memory(tmp_path: Path) -> None:
    count, length = 40, 900_000
    database, caller = made(tmp_path)
    with database.writing() as connection:
        rights = rights_of(connection, caller.user)
        for number in range(count):
            text = CLUSTER + f"# {'x' * length}\n"
            documents.save(connection, rights, document_name(f"alice/{number}"), documents.Content("cluster", text))
    feed = Feed(database)
    while await feed._look():
        pass
    heard = [item async for item in feed.listen(caller, 0, follow=False)]
    told = [item.name for item in heard if isinstance(item, News)]
    assert told == [f"/alice/{number}" for number in range(count)]
    assert sum(len(change.resource.text) for change in feed._recent) <= _REMEMBERED_LENGTH < count * length
    database.close()
