"""The link that is lost and found: who waits how long, what ends the waiting, what waiting cannot heal."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rhresources.errors import ConnectionLost, RhError
from rhresources.wire.channel import ServerAddress
from rhresources.wire.link import Linker

pytestmark = pytest.mark.ray


class Way:
    """Leads to the server, or to the error that a test wants."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self.error: RhError | None = None
        self.tries = 0
        self._tried = asyncio.Condition()

    async def tried(self, count: int) -> None:
        """Wait until it was asked so often."""
        async with self._tried:
            await self._tried.wait_for(lambda: self.tries >= count)

    async def __call__(self) -> ServerAddress:
        self.tries += 1
        async with self._tried:
            self._tried.notify_all()
        if self.error is not None:
            raise self.error
        return self.address


async def test_that_patience_ends_though_others_wait_without_end(server: Any) -> None:
    way, said = Way(server.address), []
    linker = Linker(way.address, way, lambda up, sentence: said.append((up, sentence)))
    way.error = ConnectionLost("The cable is out.")
    endless = asyncio.create_task(linker.get(None))
    with pytest.raises(ConnectionLost, match="The cable is out"):
        await linker.get(0.5)
    with pytest.raises(ConnectionLost):
        await linker.get(0.0)
    assert not endless.done()
    way.error = None
    link = await endless
    assert await linker.get(0.0) is link
    assert said == [(False, "The cable is out. Trying again."), (True, "Connected.")]
    await linker.close()


async def test_that_what_needs_a_person_is_no_end_for_who_waits_without_end(server: Any) -> None:
    way = Way(server.address)
    linker = Linker(way.address, way, None)
    way.error = RhError("Somebody has to type a passphrase.")
    endless = asyncio.create_task(linker.get(None))
    with pytest.raises(RhError, match="passphrase"):
        await linker.get(60.0)  # and not after a minute
    assert not endless.done()
    way.error = None
    linker.retry_now()
    await endless
    await linker.close()


async def test_that_closing_ends_all_waiting(server: Any) -> None:
    way = Way(server.address)
    linker = Linker(way.address, way, None)
    way.error = ConnectionLost("The cable is out.")
    endless = asyncio.create_task(linker.get(None))
    await way.tried(3)
    await linker.close()
    with pytest.raises(ConnectionLost, match="closed here"):
        await endless


async def test_that_all_share_the_tries(server: Any) -> None:
    way = Way(server.address)
    linker = Linker(way.address, way, None)
    way.error = ConnectionLost("The cable is out.")
    many = [asyncio.create_task(linker.get(None)) for _ in range(20)]
    await way.tried(4)
    way.error = None
    linker.retry_now()
    assert len({id(link) for link in await asyncio.gather(*many)}) == 1
    assert way.tries == 5
    await linker.close()
