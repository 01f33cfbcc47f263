"""`spawn`: coroutines of the interface itself, on Qt's own loop. They create no connection and never call exec()."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from PySide6.QtCore import QObject

from rhdesk.core.notifier import Notifier

_running: dict[tuple[int, str], asyncio.Task[Any]] = {}


def spawn(coroutine: Coroutine[Any, Any, object], name: str, owner: QObject, notifier: Notifier) -> asyncio.Task[Any]:
    """Run a coroutine for `owner`.

    A running one of the same name and owner is cancelled; so is this one when `owner` is destroyed. An error is told
    to the notifier.
    """
    key = (id(owner), name)
    before = _running.pop(key, None)
    if before is not None:
        before.cancel()
    task = asyncio.get_event_loop().create_task(coroutine, name=name)
    _running[key] = task
    owner.destroyed.connect(lambda: task.cancel())

    def ended(done: asyncio.Task[Any]) -> None:
        if _running.get(key) is done:
            del _running[key]
        if not done.cancelled() and (error := done.exception()) is not None:
            notifier.error(error, act=name)

    task.add_done_callback(ended)
    return task
