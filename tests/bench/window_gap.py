"""The real window with a 16 ms timer in it: `window_gap.py KEY`, RH_HOME in the environment.

KEY is that of a prepared function on `^local`. Each line on standard input asks for a round, `idle` or `loaded`; the
answer is the longest gap between two ticks in ms. Under load sixteen callers call the function and 100 MB go up to
the cluster and down again, all on the background loop of the window.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from concurrent.futures import Future
from functools import partial

from gap_meter import GapMeter
from processes import READY
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from rhdesk.core.desk import Desk
from rhdesk.desktop.app import make_application, run_window
from rhdesk.desktop.shell import Shell
from rhresources.wire.values import json_arguments

CALLERS = 16
TRANSFER = bytes(100_000_000)
SECONDS = 4.0
SETTLING = 3.0
"""Seconds from the first paint until the window has loaded what it puts off."""


class Rounds(QObject):
    """Measures in the thread of the interface."""

    def __init__(self, shell: Shell, key: str) -> None:
        super().__init__(shell)
        self._desk = shell.desk
        self._key = key
        self._meter = GapMeter(self)

    def start(self, kind: str) -> None:
        """Measure one round and print its figure."""
        self._meter.start()
        if kind == "loaded":
            load = self._desk.loop.submit(put_under_load(self._desk, self._key))
            load.add_done_callback(lambda done: self._desk.mailbox.post(partial(self._finish, done)))
        else:
            QTimer.singleShot(int(SECONDS * 1000), self, self._finish)

    def _finish(self, load: Future[None] | None = None) -> None:
        gaps = self._meter.stop()
        if load is not None:
            load.result()
        print(gaps.whole, flush=True)


async def put_under_load(desk: Desk, key: str) -> None:
    """Call and transfer for `SECONDS`, on the loop that owns the window's connections."""
    client = await (await desk.workspace()).connect("^local")
    end = time.monotonic() + SECONDS
    arguments = json_arguments([], {})

    async def call() -> None:
        while time.monotonic() < end:
            await client.call(key, arguments)

    async def transfer() -> None:
        while time.monotonic() < end:
            received = await client.download(await client.upload(TRANSFER))
            assert len(received) == len(TRANSFER)

    await asyncio.gather(transfer(), *(call() for _ in range(CALLERS)))


def serve_rounds(key: str) -> None:
    """Answer standard input, from within the running window."""
    shell = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, Shell))
    rounds = Rounds(shell, key)

    def read() -> None:
        print(READY.decode(), flush=True)
        for line in sys.stdin:
            shell.desk.mailbox.post(partial(rounds.start, line.strip()))
        shell.desk.mailbox.post(shell.close)

    reader = threading.Thread(target=read, daemon=True)
    QTimer.singleShot(int(SETTLING * 1000), shell, lambda: reader.start())


if __name__ == "__main__":
    application = make_application(sys.argv)  # lives as long as this name
    QTimer.singleShot(0, application, lambda: serve_rounds(sys.argv[1]))
    sys.exit(run_window(sys.argv))
