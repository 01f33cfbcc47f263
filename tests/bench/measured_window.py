"""What measures a real window from within, for programs that stand where the window would be started.

Each line on their standard input names an act; the answer is the longest time in ms for which the window did not come
back to its loop meanwhile, less what it waited for a processor. `whole` asks for the same of the last act with that.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from gap_meter import GapMeter, Gaps
from processes import READY
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from rhdesk.desktop.gui_tasks import spawn
from rhdesk.desktop.shell import Shell

PATIENCE = 300.0


class MeasuredWindow:
    """On Qt's own loop. Its acts are methods of classes that derive from it: each is prepared, then measured.

    Args:
        shell: the window.
        interval: ms between the ticks of the meter.
        seen: seconds that somebody looks at what came.
    """

    def __init__(self, shell: Shell, interval: int, seen: float) -> None:
        self.shell, self.desk, self.seen = shell, shell.desk, seen
        self.meter = GapMeter(shell, interval)
        self.gaps = Gaps(0.0, 0.0)
        self.number = 0

    async def run(self, act: str) -> None:
        """Do it and print its figure."""
        if act == "whole":
            print(self.gaps.whole, flush=True)
            return
        self.number += 1
        await getattr(self, act)()
        await asyncio.sleep(self.seen)
        self.gaps = self.meter.stop()
        print(self.gaps.own, flush=True)

    def serve(self, settling: float) -> None:
        """Answer standard input from now on, once the window has settled for so many seconds."""

        def act(name: str) -> None:
            def ended(task: asyncio.Task[None]) -> None:
                if not task.cancelled() and (error := task.exception()) is not None:
                    print(f"{name}: {type(error).__name__} {error}", file=sys.stderr)
                    self.shell.close()  # the benchmark learns that it ended

            spawn(self.run(name), name, self.shell, self.desk.notifier).add_done_callback(ended)

        def read() -> None:
            print(READY.decode(), flush=True)
            for line in sys.stdin:
                self.desk.mailbox.post(partial(act, line.strip()))
            self.desk.mailbox.post(self.shell.close)

        reader = threading.Thread(target=read, daemon=True)
        QTimer.singleShot(int(settling * 1000), self.shell, lambda: reader.start())


def shown_window() -> Shell:
    """The window of this process, at the size that is measured."""
    shell = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, Shell))
    shell.resize(1280, 800)
    return shell


async def until(done: Callable[[], bool]) -> None:
    """Wait for something that the window does."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError
        await asyncio.sleep(0.05)
