"""Environments of a real cluster server that is killed in the middle, or that the connection to is cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from rhresources.errors import RhError
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.channel import ServerAddress
from rhresources.wire.client import ClusterClient
from rhresources.wire.values import inline, pickle_arguments


@pytest_asyncio.fixture
async def client(own_server: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClusterClient]:
    for name, value in own_server.environment.items():
        monkeypatch.setenv(name, value)
    made = await ClusterClient.connect(own_server.address, resolve=own_server.route.address)
    yield made
    await made.close()


async def test_a_server_killed_in_the_middle_of_an_update_leaves_the_old_environment(
    own_server: Any, client: ClusterClient, tmp_path: Path
) -> None:
    slow, mark = tmp_path / "slow", tmp_path / "pid"
    command = f"if test -e {slow}; then echo $$ > {mark}.part; mv {mark}.part {mark}; sleep 100; fi"
    environment = pb.EnvironmentSpec(setup_commands=[command])
    function = pb.FunctionSpec(name="f", entry=pb.Entry(builtin="python"), environment=environment)
    old = await client.prepare(function)
    slow.touch()
    updating = asyncio.ensure_future(client.update_environment(old.environment))
    async with asyncio.timeout(60):
        while not mark.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    installer = psutil.Process(int(mark.read_text()))
    state = own_server.home / "server"
    server = psutil.Process(json.loads((state / "server.json").read_text())["pid"])
    server.kill()
    server.wait(10)
    with pytest.raises(RhError):
        await updating
    assert installer.is_running()
    await own_server.route.up(lambda _: None)
    slow.unlink()
    assert not installer.is_running() or installer.status() == psutil.STATUS_ZOMBIE
    listed = await client.list_environments()
    assert [(one.hash, one.state, one.host) for one in listed] == [(old.environment, pb.Environment.READY, "")]
    async with asyncio.timeout(20):
        while len(list((state / "environments").iterdir())) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    key = (await client.prepare(function)).key
    answer = await client.call(key, inline(pickle_arguments(("print(5)",), {})))
    assert answer.size > 0
    assert {one.hash: one.in_use for one in await client.list_environments()} == {old.environment: True}
    new = await client.update_environment(old.environment)
    assert {one.hash for one in await client.list_environments()} == {old.environment, new}


class Cutter:
    """A way to a server's socket that can be cut."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._ends: list[asyncio.StreamWriter] = []
        self._streams: set[asyncio.Task[None]] = set()
        self.silent = False
        self.swallowed = asyncio.Event()

    async def start(self, path: Path) -> None:
        self._server = await asyncio.start_unix_server(self._take, str(path))

    def cut(self) -> None:
        """End all connections, in the middle of whatever."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def close(self) -> None:
        self._server.close()
        self.cut()
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._target)
        self._ends += [writer, back]
        for source, target, answers in ((reader, back, False), (there, writer, True)):
            self._streams.add(asyncio.ensure_future(self._pass_on(source, target, answers)))

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while data := await source.read(65536):
                if answers and self.silent:
                    self.swallowed.set()
                    continue
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.transport.abort()


async def test_looking_into_an_environment_over_a_cut_connection(server: Any, short_path: Path) -> None:
    cutter = Cutter(server.address.target.removeprefix("unix:"))
    await cutter.start(short_path / "cut")
    client = await ClusterClient.connect(ServerAddress(f"unix:{short_path / 'cut'}", server.address.token))
    try:
        function = pb.FunctionSpec(name="f", entry=pb.Entry(builtin="python"))
        hash = (await client.prepare(function)).environment
        for ask in (
            lambda: client.inspect_environment(hash, newest=True),
            lambda: client.browse_environment(hash),
            lambda: client.check_environment(pb.EnvironmentSpec(setup_commands=["true"])),
            client.list_environments,
        ):
            cutter.silent = True
            cutter.swallowed.clear()
            asking = asyncio.ensure_future(ask())  # type: ignore[no-untyped-call]
            await asyncio.wait_for(cutter.swallowed.wait(), 60)
            cutter.cut()
            cutter.silent = False
            async with asyncio.timeout(60):
                try:
                    await asking  # asked again over the next connection
                except RhError as error:
                    assert error.sentence  # noqa: PT017  # or refused in words
            assert (await client.browse_environment(hash, "cloudpickle")).modules
    finally:
        await client.close()
        await cutter.close()
