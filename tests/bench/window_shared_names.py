"""The real window on 10,000 names of a registry: `window_shared_names.py TOKEN`, who is logged in by the environment.

TOKEN is that of alice, whose names they are, and who changes them meanwhile.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from functools import partial

from lab.many_names import MANY, many_packages
from measured_window import shown_window, until
from processes import BENCH
from PySide6.QtCore import QTimer
from window_names import SEEN, Acts

from rhdesk.core.store import REGISTRY
from rhdesk.desktop.app import make_application, run_window
from rhdesk.desktop.shell import Shell

BURST = 500


class SharedActs(Acts):
    """What others do is done by another process, at once and as fast as it can."""

    def __init__(self, shell: Shell, token: str) -> None:
        super().__init__(shell)
        self._token = token

    async def come(self) -> None:
        """The page is in sight, and the names come, until all is known."""
        self.shell.navigate("names")
        self.meter.start()
        await until(lambda: len(self.desk.store.names) >= MANY)
        await until(lambda: (now := self.desk.store.registry.get(REGISTRY)) is not None and now.online)

    async def open(self) -> None:
        """The page is opened from another one."""
        self.shell.navigate("overview")
        await asyncio.sleep(SEEN)
        self.meter.start()
        self.shell.navigate("names")

    async def change(self) -> None:
        """Somebody changes one name, while every name is in sight."""
        await self._others(1)

    async def burst(self) -> None:
        """Somebody changes very many, one after the other."""
        await self._others(BURST)

    async def _others(self, count: int) -> None:
        page = await self._page()
        page._search.setText("name")
        await asyncio.sleep(SEEN)
        names = self.desk.store.names
        last = f"/alice/{list(many_packages())[count - 1]}"
        before = names.get(last)
        assert before is not None
        words = [sys.executable, str(BENCH / "name_saver.py"), self._token, str(count), str(time.time_ns())]
        # started before: while a process starts, the one that starts it stands still
        saver = await asyncio.to_thread(partial(subprocess.Popen, words, stdin=subprocess.PIPE))
        await asyncio.sleep(SEEN)
        self.meter.start()
        await asyncio.to_thread(saver.communicate, b"go\n")
        assert saver.returncode == 0
        await until(lambda: (now := names.get(last)) is not None and now.version > before.version)
        await asyncio.sleep(SEEN)
        page._search.clear()


def serve_acts() -> None:
    """Answer standard input, from within the running window."""
    SharedActs(shown_window(), sys.argv[1]).serve(0.1)


if __name__ == "__main__":
    application = make_application(sys.argv)  # lives as long as this name
    QTimer.singleShot(0, application, serve_acts)
    sys.exit(run_window(sys.argv))
