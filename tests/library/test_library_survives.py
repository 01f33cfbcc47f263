"""The library when the server goes away: calls, results of runs, and what is up and down."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import rhdesk as rh
from rhresources.errors import ConnectionLost
from rhresources.library import portal

pytestmark = pytest.mark.ray


@pytest.fixture
def _here(own_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in own_server.environment.items():
        monkeypatch.setenv(name, value)
    yield
    portal.close()


@pytest.mark.usefixtures("_here")
def test_killed_servers_and_clusters_taken_down(
    make_project: Callable[[Mapping[str, str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(
        {"jobs.py": "import time\ndef add(a, b=1):\n    return a + b\ndef doze(s):\n    time.sleep(s)\n    return s\n"}
    )
    monkeypatch.chdir(root)
    local, add, doze = rh.cluster("^local"), rh.function("jobs.py:add"), rh.function("jobs.py:doze")
    assert add(1) == 2
    run = doze.remote(3)
    time.sleep(1)
    os.kill(local.client().hello.pid, signal.SIGKILL)
    time.sleep(0.3)
    assert not local.is_up()
    assert add(2) == 3  # brings the server up again
    assert doze.get(run) == 3  # it went on without a server

    pid = local.client().hello.pid
    import threading

    threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(ConnectionLost):
        doze(20)
    assert add(3) == 4

    for record in local.runs():
        if record.state == "running":
            local.cancel(record.id, force=True)
    local.down(stop_runs=True)
    assert not local.is_up()
    assert local.status() == {"state": "down"}
    assert add(4) == 5
    assert local.is_up() or local.up_if_not().is_up()
