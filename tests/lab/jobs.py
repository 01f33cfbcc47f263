"""Code that clusters run in these tests, and ways to start it and to see what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rhresources.code.tree import CodeTree
from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.client import ClusterClient
from rhresources.workspace import Workspace

JOBS = """
import time

def print_lines(count, rest_every=1000, rest=0.02):
    for number in range(count):
        print(number, "x" * (number % 60))
        if number % rest_every == rest_every - 1:
            time.sleep(rest)
    return count

def add(a, b):
    print("adding")
    return a + b

def wait_for(path):
    import os, platform
    print("on", platform.node(), flush=True)
    path = os.path.expanduser(path)
    while not os.path.exists(path):
        time.sleep(0.1)
    return open(path).read()
"""


def expected_lines(count: int) -> bytes:
    """What `print_lines` prints."""
    return "".join(f"{number} {'x' * (number % 60)}\n" for number in range(count)).encode()


def project(folder: Path, files: int = 0) -> Path:
    """A folder with `JOBS` and `files` more modules, not in git."""
    folder.mkdir()
    (folder / "jobs.py").write_text(JOBS)
    for number in range(files):
        (folder / f"module_{number}.py").write_text(f"VALUE = {number}\n" * 50)
    return folder


@asynccontextmanager
async def workspace_at(home: Path) -> AsyncIterator[Workspace]:
    """A workspace as a program has it."""
    workspace = Workspace(home)
    try:
        yield workspace
    finally:
        await workspace.close()


async def prepare(client: ClusterClient, tree: CodeTree, name: str) -> str:
    """The key of one of the functions of `JOBS`."""
    entry = pb.Entry(imported=pb.Import(folder="", module="jobs", name=name))
    spec = pb.FunctionSpec(name=f"jobs.py:{name}", code=await client.push(tree), entry=entry)
    return (await client.prepare(spec)).key


async def log_and_end(client: ClusterClient, run: str) -> tuple[bytes, pb.Run]:
    """All of a run's log, and how it ended."""
    blocks, last = [], pb.Run()
    async for event in client.watch(run):
        if event.HasField("log"):
            blocks.append(event.log.data)
        elif event.HasField("run"):
            last = event.run
    return b"".join(blocks), last


async def until_running(client: ClusterClient, run: str) -> str:
    """The host that it runs on."""
    async for event in client.watch(run, log=False):
        if event.HasField("run") and event.run.state not in (pb.QUEUED, pb.PREPARING):
            assert event.run.state == pb.RUNNING, event.run
            return event.run.host
    raise AssertionError("the watch ended")


async def until_all_are_there(client: ClusterClient, count: int) -> None:
    """Wait until the head can use so many hosts."""
    async for status in client.watch_status(interval=0.3):
        if sum(host.alive for host in status.hosts) == count:
            return
