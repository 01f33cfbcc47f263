"""A run keeps its cluster alive, an open window does not: when SkyPilot's daemon is told that there is work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from lab.skylet import Skylet

from rhresources.workspace import Workspace
from rhserver import keeping_warm
from rhserver.keeping_warm import KeepingWarm


async def until(true: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until something has happened."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Work:
    """What there is to do."""

    def __init__(self) -> None:
        self.now = False
        self.begun = 0
        self.looks = 0

    def works(self) -> bool:
        self.looks += 1
        return self.now

    async def seen(self, times: int = 5) -> None:
        """Wait until somebody has looked so often."""
        before = self.looks
        await until(lambda: self.looks > before + times)


@pytest.fixture
def skylet(monkeypatch: pytest.MonkeyPatch) -> Skylet:
    monkeypatch.setattr(keeping_warm, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(keeping_warm, "MARK_SECONDS", 0.05)
    return Skylet(Path.home())


@asynccontextmanager
async def kept_warm(work: Work) -> AsyncIterator[KeepingWarm]:
    room = KeepingWarm(work.works, lambda: work.begun)
    task = asyncio.create_task(room.keep())
    try:
        yield room
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_that_work_is_marked_as_long_as_it_goes_on(skylet: Skylet) -> None:
    work = Work()
    async with kept_warm(work):
        await work.seen()
        assert skylet.marks == []
        work.now = True
        await until(lambda: len(skylet.marks) >= 4)
        work.now = False
        await work.seen(20)
        ended = len(skylet.marks)
        await work.seen(20)
        assert len(skylet.marks) == ended
        pid = skylet.marks[0]
        assert set(skylet.marks) == {pid}  # it takes seconds to start, so one serves for all
    assert not psutil.pid_exists(pid)


async def test_that_work_which_is_over_before_anybody_looks_counts(skylet: Skylet) -> None:
    work = Work()
    async with kept_warm(work):
        await work.seen()
        work.begun += 1
        await until(lambda: skylet.marks)


async def test_that_a_daemon_that_breaks_is_tried_again(
    skylet: Skylet, allow_warnings: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    allow_warnings("SkyPilot cannot be told")
    work = Work()
    work.now = True
    skylet.fails()
    async with kept_warm(work):
        await until(lambda: "exit code 3" in caplog.text)
        await work.seen(20)
        assert caplog.text.count("exit code 3") == 1  # said once
        skylet.fails(False)
        await until(lambda: skylet.marks)


async def test_that_hosts_without_skypilot_are_left_alone(skylet: Skylet) -> None:
    (Path.home() / ".sky" / "python_path").unlink()
    work = Work()
    work.now = True
    async with kept_warm(work) as room:
        await work.seen(20)
        assert room._process is None


@pytest.mark.ray
@pytest.mark.parametrize("work", ["run", "object", "code"])
async def test_that_work_counts_and_connections_do_not(
    own_server: Any, make_project: Callable[[Mapping[str, str]], Path], monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    for name, value in own_server.environment.items():
        monkeypatch.setenv(name, value)
    skylet = Skylet(Path.home())
    root = make_project({"jobs.py": "import time\ndef doze(s: float):\n    time.sleep(s)\n    return s\n"})
    workspace = Workspace()
    try:
        client = await workspace.connect("^local", up=True)
        shown = 0
        async for _ in client.watch_status(0.2):  # a window that is only open
            shown += 1
            if shown == 20:
                break
        await client.list_runs()
        assert skylet.marks == []
        match work:
            case "run":
                await workspace.submit(f"{root}/jobs.py:doze", [0.01])
            case "object":
                await client.put_object("k", b"\x80x")
            case _:
                await client.push(workspace.trees.get(root))
        await until(lambda: skylet.marks)
    finally:
        await workspace.close()
