"""A real worker behind a relay with a home of its own, as on another host: what it writes arrives on the head."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rhserver.engine.supervisor import Supervisor
from rhserver.engine.worker_link import Answer, Died, Done, Raised
from rhserver.hosts import handshake
from rhserver.hosts.remote_worker import RemoteWorker

CODE = """
import time

def echo(value):
    return value

def say(lines):
    for number in range(lines):
        print("line", number)
    return lines

def slowly(lines, pause):
    for number in range(lines):
        print("line", number, flush=True)
        time.sleep(pause)
    return "done"

def big(size):
    return "x" * size

def length(text):
    return len(text)

def count(number):
    for each in range(number):
        yield "item" * 10 + str(each)

def fail():
    print("before")
    raise ValueError("no")
"""
NAMES = ("echo", "say", "slowly", "big", "length", "count", "fail")
RUN = "01ARZ3NDEKTSV4RRFFQ69G5FA"


class OtherHost:
    """A supervisor with a worker and a relay, and the head's link to it."""

    def __init__(self, head: Path, host: Path) -> None:
        self.head, self.host = head, host
        self.supervisor = Supervisor(str(host))
        self.port = 0
        self.items: list[tuple[int, dict[str, Any], bytes]] = []

    async def start(self, name: str = "w1") -> RemoteWorker:
        for home in (self.head, self.host):
            for folder in ("workers", "runs", "blobs", "code"):
                (home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
            (home / "ray-token").write_text("secret\n")
        (self.host / "code" / "remote_subject.py").write_text(CODE)
        await self.supervisor.start(name, sys.executable, (str(self.host / "code"),), str(self.host / "code"), {})
        self.port = await self.supervisor.open_relay("127.0.0.1")
        return await self.attach(name)

    async def attach(self, name: str = "w1", run: str = "") -> RemoteWorker:
        link = RemoteWorker(
            name=name, scratch=self.head / "workers" / f"{name}.out", home=self.head,
            key=handshake.key_of("secret"), run_before=run,
        )  # fmt: skip
        for _ in range(400):
            await link.connect("127.0.0.1", self.port)
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(asyncio.shield(link.greeted), 10)
                break
            await asyncio.sleep(0.02)  # the worker does not listen yet
            link = RemoteWorker(
                name=name, scratch=link.scratch, home=self.head, key=link.key, run_before=run,
            )  # fmt: skip
        for number, function in enumerate(NAMES, 1):
            link.tell_function(number, {"module": "remote_subject", "name": function}, b"")
        return link

    async def call(self, link: RemoteWorker, function: str, *args: Any) -> Answer:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        arguments = json.dumps({"args": args, "kwargs": {}}).encode()
        link.call(
            NAMES.index(function) + 1, b"j" + b"0" * 26, arguments, answered.set_result,
            lambda *item: self.items.append(item),
        )  # fmt: skip
        return await asyncio.wait_for(answered, 60)

    def submit(
        self, link: RemoteWorker, function: str, *args: Any, id: str = RUN, file: bool = False
    ) -> asyncio.Future[Answer]:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        folder = self.head / "runs" / id
        folder.mkdir()
        arguments = json.dumps({"args": args, "kwargs": {}}).encode()
        task: dict[str, Any] = {
            "run": id, "format": "json", "folder": str(folder), "log": str(folder / "log"), "preview": True,
            "arguments_path": None,
        }  # fmt: skip
        if file:
            (folder / "arguments").write_bytes(arguments)
            task["arguments_path"], arguments = str(folder / "arguments"), b""
        link.run(NAMES.index(function) + 1, task, arguments, lambda a: answered.done() or answered.set_result(a))
        return answered


@pytest.fixture
async def other_host(short_path: Path) -> AsyncIterator[OtherHost]:
    other = OtherHost(short_path / "head", short_path / "host")
    yield other
    for name in list((await other.supervisor.ping())["workers"]):
        await other.supervisor.signal(name, 9, True)
        await other.supervisor.wait(name)
    if other.supervisor._relay is not None:
        await other.supervisor._relay.close()


async def test_that_a_call_prints_and_returns_as_on_the_head(other_host: OtherHost) -> None:
    link = await other_host.start()
    for lines in (3, 0, 50_000, 2):
        answer = await other_host.call(link, "say", lines)
        assert isinstance(answer, Done)
        expected = "".join(f"line {number}\n" for number in range(lines))
        assert answer.printed == len(expected)
        if lines:
            assert link.scratch.read_text() == expected
    link.close()


async def test_that_a_large_result_of_a_call_arrives_as_a_file_of_the_head(other_host: OtherHost) -> None:
    link = await other_host.start()
    answer = await other_host.call(link, "big", 3_000_000)
    assert isinstance(answer, Done)
    path = Path(answer.meta["path"])
    assert path.is_relative_to(other_host.head)
    assert json.loads(path.read_text()) == "x" * 3_000_000
    assert list((other_host.host / "blobs").iterdir()) == []
    link.close()


async def test_that_the_folder_of_a_run_arrives_whole(other_host: OtherHost) -> None:
    link = await other_host.start()
    answer = await asyncio.wait_for(other_host.submit(link, "count", 20), 60)
    assert isinstance(answer, Done)
    folder = other_host.head / "runs" / RUN
    assert json.loads((folder / "outcome.json").read_text())["items"] == 20
    assert json.loads((folder / "items" / "19").read_text()) == "item" * 10 + "19"
    assert (folder / "preview.json").exists()
    failed = await asyncio.wait_for(other_host.submit(link, "fail", id=RUN[:-1] + "B"), 60)
    assert isinstance(failed, Raised)
    folder = other_host.head / "runs" / (RUN[:-1] + "B")
    assert (folder / "log").read_text().startswith("before\n")
    assert json.loads((folder / "outcome.json").read_text())["state"] == "failed"
    assert list((other_host.host / "runs").iterdir()) == []
    link.close()


async def test_that_large_arguments_of_a_run_travel_first(other_host: OtherHost) -> None:
    link = await other_host.start()
    answer = await asyncio.wait_for(other_host.submit(link, "length", "y" * 2_000_000, file=True), 60)
    assert isinstance(answer, Done)
    assert json.loads((other_host.head / "runs" / RUN / "result").read_text()) == 2_000_000
    link.close()


async def test_that_what_a_run_prints_arrives_while_it_runs(other_host: OtherHost) -> None:
    link = await other_host.start()
    answered = other_host.submit(link, "slowly", 40, 0.02)
    log = other_host.head / "runs" / RUN / "log"
    for _ in range(500):
        if log.exists() and log.stat().st_size:
            break
        await asyncio.sleep(0.01)
    assert not answered.done()
    await asyncio.wait_for(answered, 60)
    assert log.read_text() == "".join(f"line {number}\n" for number in range(40))
    link.close()


async def test_that_a_new_server_goes_on_with_the_log_where_the_old_one_was(other_host: OtherHost) -> None:
    link = await other_host.start()
    other_host.submit(link, "slowly", 100, 0.02)
    log = other_host.head / "runs" / RUN / "log"
    for _ in range(500):
        if log.exists() and log.stat().st_size > 100:
            break
        await asyncio.sleep(0.01)
    link.close()
    await asyncio.sleep(0.2)
    again = await other_host.attach(run=RUN)
    assert again.resumes == RUN
    folder = other_host.head / "runs" / RUN
    assert json.loads((folder / "outcome.json").read_text())["state"] == "succeeded"
    assert log.read_text() == "".join(f"line {number}\n" for number in range(100))
    again.close()


async def test_that_nobody_without_the_token_gets_in(other_host: OtherHost) -> None:
    link = await other_host.start()
    stranger = RemoteWorker(
        name="w1", scratch=other_host.head / "workers" / "stranger.out", home=other_host.head,
        key=handshake.key_of("another"),
    )  # fmt: skip
    with pytest.raises(ConnectionError):
        await stranger.connect("127.0.0.1", other_host.port)
    link.close()


async def test_that_a_false_relay_is_found_out(other_host: OtherHost) -> None:
    (other_host.host).mkdir(parents=True)
    context, _ = handshake.listener_context()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"A" * handshake.NONCE)
        await reader.readexactly(handshake.NONCE + handshake.DIGEST)
        writer.write(b"B" * handshake.DIGEST)
        await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    (other_host.head / "workers").mkdir(parents=True)
    link = RemoteWorker(
        name="w1", scratch=other_host.head / "workers" / "w1.out", home=other_host.head,
        key=handshake.key_of("secret"),
    )  # fmt: skip
    with pytest.raises(ConnectionError, match="does not know the token"):
        await link.connect("127.0.0.1", port)
    server.close()


async def test_that_a_broken_connection_is_told_once(other_host: OtherHost) -> None:
    link = await other_host.start()
    told: list[RemoteWorker] = []
    link.on_broken = told.append
    answered = other_host.submit(link, "slowly", 1000, 0.05)
    await asyncio.sleep(0.2)
    await other_host.supervisor.signal("w1", 9, True)
    await asyncio.sleep(0.5)
    assert told == [link]
    link.died("gone")
    assert await answered == Died("gone")
