"""Many who write at once, and a server that is killed among them: nothing is lost, nothing comes out of order."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from lab.postgres import PostgresServer
from lab.registry import RegistryServer
from lab.registry_feed import Event, Follower

WRITERS, ROUNDS, SHARED = 50, 6, 10
LIVES, STEADY = 100, 8


def text_of(value: Any) -> str:
    return f"kind: cluster\ntype: ssh\nips: [gpu1]\ndescription: {json.dumps(str(value))}\n"


def client(registry: RegistryServer, user: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {registry.token(user)}"}
    return httpx.AsyncClient(base_url=registry.url, headers=headers, timeout=60, trust_env=False)


async def count_up(registry: RegistryServer, user: str, name: str, rounds: int) -> None:
    """Add one to a document, again and again, from whatever the server says is there."""
    async with client(registry, user) as http:
        for _ in range(rounds):
            base, value = 0, 0
            while True:
                sent = {"text": text_of(value + 1), "base": base}
                answer = await http.put(f"/v1/resources/team/{name}", json=sent)
                if answer.status_code == 200:
                    break
                assert answer.status_code == 409, answer.text
                current = answer.json()["current"]
                base, value = current["version"], int(current["description"])


@pytest.mark.slow
async def test_that_fifty_concurrent_writers_lose_no_update(any_registry: RegistryServer) -> None:
    any_registry.group("team", *(f"user{number}" for number in range(5)))
    total = WRITERS * ROUNDS
    with ExitStack() as stack:
        heard = [stack.enter_context(Follower(any_registry, f"user{number}")) for number in range(3)]
        await asyncio.gather(
            *(
                count_up(any_registry, f"user{number % 5}", f"counter{number % SHARED}", ROUNDS)
                for number in range(WRITERS)
            )
        )
        for each in heard:
            await asyncio.to_thread(each.until, lambda each=each: len(each.told) >= total)
    async with client(any_registry, "user0") as http:
        page = (await http.get("/v1/resources")).json()
    assert {each["name"]: int(each["description"]) for each in page["resources"]} == {
        f"/team/counter{number}": total // SHARED for number in range(SHARED)
    }
    for each in heard:
        assert_that_nothing_is_missing(each, total)


@pytest.mark.slow
async def test_that_two_servers_may_share_a_database(
    make_registry: Callable[..., RegistryServer], postgres: PostgresServer
) -> None:
    url = postgres.database()
    servers = [make_registry(url), make_registry(url)]
    servers[0].group("team", "alice", "bob")
    servers[1].token("carl")
    servers[0].command("group", "member", "team", "carl")
    total = 60
    with Follower(servers[0], "alice") as heard, Follower(servers[1], "alice_too") as stranger:
        await asyncio.gather(
            *(
                count_up(servers[0], ("alice", "bob")[number % 2], f"counter{number % 3}", 5)
                for number in range(0, 12, 2)
            ),
            *(count_up(servers[1], "carl", f"counter{number % 3}", 5) for number in range(1, 12, 2)),
        )
        await asyncio.to_thread(heard.until, lambda: len(heard.told) >= total)
        assert stranger.told == []
    assert_that_nothing_is_missing(heard, total)


def assert_that_nothing_is_missing(heard: Follower, total: int) -> None:
    """Every change came once, in order."""
    changes = [event for event in heard.seen if "name" in event.data]
    assert [event.id for event in changes] == list(range(1, total + 1))
    assert_that_each_document_follows_itself(changes)


def assert_that_each_document_follows_itself(changes: list[Event]) -> None:
    """Versions count up by one, and say one more each time."""
    last: dict[str, int] = {}
    for event in changes:
        said = event.data["resource"]
        assert said["version"] == last.get(said["name"], 0) + 1
        assert int(said["description"]) == said["version"]
        last[said["name"]] = said["version"]


class Lives:
    """The lives of a server, which ends each of them when it has acknowledged a few more writes."""

    def __init__(self, registry: RegistryServer) -> None:
        self._registry = registry
        self._up = asyncio.Event()
        self._up.set()
        self._left = 0
        self._enough = asyncio.Event()
        self.over = False

    def acknowledged(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._enough.set()

    async def next_one(self) -> None:
        """Wait for the server to come up again."""
        await self._up.wait()

    async def live(self) -> None:
        chance = random.Random(7)
        for _ in range(LIVES):
            self._left = chance.randint(1, 30)
            self._enough.clear()
            await self._enough.wait()
            self._up.clear()
            await asyncio.to_thread(self._registry.kill)
            await asyncio.to_thread(self._registry.start)
            self._up.set()
        self.over = True


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_that_nothing_acknowledged_is_lost_when_the_server_is_killed(any_registry: RegistryServer) -> None:
    lives = Lives(any_registry)

    async def write(http: httpx.AsyncClient, name: str) -> int:
        """Write version after version; the last that was acknowledged."""
        path, version = f"/v1/resources/alice/{name}", 0
        while not lives.over:
            await lives.next_one()
            try:
                # what was not acknowledged may be there or not; what was acknowledged must be
                answer = await http.get(path)
                there = answer.json() if answer.status_code == 200 else {"version": 0, "description": "0"}
                assert there["version"] in (version, version + 1)
                assert int(there["description"]) == there["version"]
                version = there["version"]
                while not lives.over:
                    sent = {"text": text_of(version + 1), "base": version}
                    answer = await http.put(path, json=sent)
                    assert answer.status_code == 200, answer.text
                    assert answer.json()["version"] == version + 1
                    version += 1
                    lives.acknowledged()
            except httpx.TransportError:
                continue
        return version

    async with client(any_registry, "alice") as http:
        names = [f"w{number}" for number in range(STEADY)]
        _, *versions = await asyncio.gather(lives.live(), *(write(http, name) for name in names))
        for name, version in zip(names, versions, strict=True):
            answer = await http.get(f"/v1/resources/alice/{name}:history", params={"limit": 1000})
            assert [each["version"] for each in answer.json()["versions"]] == list(range(version, 0, -1))
    with Follower(any_registry, "alice", after=0) as heard:
        await asyncio.to_thread(heard.until, lambda: len(heard.told) >= sum(versions))
    assert_that_nothing_is_missing(heard, sum(versions))
