"""What an earlier server left in the middle, put together with what is asked of this one meanwhile."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import cloudpickle
import pytest
import pytest_asyncio

import rhserver.worker
from rhresources.wire import cluster_pb2 as pb
from rhserver.app import Server
from rhserver.engine.worker_link import Answer, Done, WorkerLink
from rhserver.engine.worker_spec import WorkerSpec
from rhserver.limits import Limits

RUN, WORKER = "01M8PN51FBBG2RZWH46XF4XFK1", "w"
PATIENCE = 60


class Recovery:
    """The rooms of a server whose Ray is not up yet, and a worker that an earlier server left idle."""

    def __init__(self, home: Path) -> None:
        self.server = Server(home, Limits())
        self.spec = WorkerSpec(sys.executable, (), str(home))
        self.link = WorkerLink(name=WORKER, scratch=home / "scratch")
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        earlier = pb.Run(id=RUN, name="jobs.py:doze", state=pb.RUNNING, revision=1)
        self.server.store.save(earlier, WORKER)

    def call(self, link: object) -> None:
        """Call `abs(-7)` on the worker that the pool found."""
        assert isinstance(link, WorkerLink)
        link.tell_function(1, {"pickled": True, "kind": "function"}, cloudpickle.dumps(abs))
        link.call(1, b"p" + b"another", cloudpickle.dumps(((-7,), {})), self.answer.set_result, lambda *_: None)

    def recover(self) -> None:
        """What the server does once Ray is up."""
        self.server.pool.adopt(self.link, self.spec)
        self.server.runs.recover_running({WORKER: self.link})


@pytest_asyncio.fixture
async def recovery(short_path: Path) -> AsyncIterator[Recovery]:
    made = Recovery(short_path)
    (short_path / "runs").mkdir(exist_ok=True)
    settings = {
        "socket": str(short_path / "w.s"), "scratch": str(short_path / "scratch"), "runs": str(short_path / "runs"),
        "spill": str(short_path), "path": [],
        "fallback_path": [path for path in sys.path if path.endswith("site-packages")],
    }  # fmt: skip
    (short_path / "settings").write_text(json.dumps(settings))
    program = str(Path(rhserver.worker.__file__).parent)
    process = await asyncio.create_subprocess_exec(sys.executable, program, str(short_path / "settings"))
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await asyncio.get_running_loop().create_unix_connection(lambda: made.link, settings["socket"])
                    break
                except OSError:
                    await asyncio.sleep(0.01)
        yield made
    finally:
        process.kill()
        await process.wait()
        await made.server.pool.close()
        made.server.runs.close()
        made.server.store.close()


@pytest.mark.parametrize("greeted", [True, False], ids=["it greeted before", "it greets by and by"])
async def test_that_a_call_which_waits_for_a_worker_found_again_is_answered(recovery: Recovery, greeted: bool) -> None:
    """The run that the worker had ended while no server was there, and another call takes the worker at once."""
    if greeted:
        await asyncio.wait_for(asyncio.shield(recovery.link.greeted), PATIENCE)
    recovery.server.pool.request(recovery.spec, recovery.call)
    recovery.recover()
    answer = await asyncio.wait_for(recovery.answer, PATIENCE)
    assert isinstance(answer, Done), answer
    assert recovery.server.runs.get(RUN).state == pb.LOST, "nobody left its outcome"
    recovery.server.pool.release(recovery.link)
    assert not recovery.link.busy


async def test_that_a_worker_found_again_is_free_once_it_greets(recovery: Recovery) -> None:
    recovery.recover()
    await asyncio.wait_for(asyncio.shield(recovery.link.greeted), PATIENCE)
    await asyncio.sleep(0)  # whoever waits for that takes note
    assert not recovery.link.busy
    assert recovery.server.pool.take_idle(recovery.spec) is recovery.link
