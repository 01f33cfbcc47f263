"""The feeds of a window: whose runs are followed, what happens after the computer slept, and that its watch ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rhdesk.core import feeds as feeds_module
from rhdesk.core.bridge import Mailbox
from rhdesk.core.feeds import Feeds
from rhdesk.core.notifier import Notifier
from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.store import Store
from rhresources.names import Address
from rhresources.workspace import Workspace


def rows(**kinds: str) -> dict[str, ClusterRow]:
    return {f"~/{name}": ClusterRow(f"~/{name}", name, kind, State.DOWN) for name, kind in kinds.items()}


def test_clusters_on_this_computer_share_their_runs() -> None:
    watching = Feeds._watching(rows(b="machine", a="machine", lab="ssh", big="cloud", gpu="ssh"))
    assert watching == ["~/a", "~/big", "~/gpu", "~/lab"]


def test_runs_on_this_computer_are_not_filed_under_a_name_of_the_registry() -> None:
    found = rows(b="machine") | {"/ada/laptop": ClusterRow("/ada/laptop", "laptop", "machine", State.UP)}
    assert Feeds._watching(found) == ["~/b"]
    assert Feeds._watching({"/ada/laptop": found["/ada/laptop"]}) == ["/ada/laptop"]


async def test_after_sleep_every_cluster_is_looked_at(rh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = Feeds(Workspace(rh_home), Store(), Mailbox(), Notifier())
    woken = asyncio.Event()
    monkeypatch.setattr(feeds, "wake", woken.set)
    monkeypatch.setattr(feeds_module, "_CLOCK_EVERY", 0.01)
    now = {"wall": 1000.0, "own": 1000.0}
    clock: Any = SimpleNamespace(time=lambda: now["wall"], monotonic=lambda: now["own"])
    monkeypatch.setattr(feeds_module, "time", clock)
    task = asyncio.create_task(feeds._watch_clock())
    await asyncio.sleep(0.05)
    assert not woken.is_set()
    now["wall"] += 3600  # the clock of the system went on while this process did not
    await asyncio.wait_for(woken.wait(), 5)
    task.cancel()


async def test_a_window_that_closes_while_it_begins_ends_its_watch(
    rh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(rh_home)
    watch = workspace.names.watch
    begins, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(callback: Callable[[frozenset[Address]], None]) -> Callable[[], None]:
        begins.set()
        goes_on.wait(30)
        stop = watch(callback)
        return lambda: (stop(), ended.set())[0]

    monkeypatch.setattr(workspace.names, "watch", slow)
    task = asyncio.create_task(Feeds(workspace, Store(), Mailbox(), Notifier()).run())
    await asyncio.to_thread(begins.wait, 30)
    task.cancel()
    asyncio.get_running_loop().call_later(0.1, goes_on.set)
    with suppress(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 30)
