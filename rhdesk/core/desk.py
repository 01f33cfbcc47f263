"""The one object that pages are given: what is known, what can be done, and the way to the background loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rhdesk.core.bridge import BackgroundLoop, Mailbox
from rhdesk.core.commands import Registry
from rhdesk.core.notifier import Notifier
from rhdesk.core.questions import Questions
from rhdesk.core.rows import State
from rhdesk.core.store import Store
from rhdesk.core.tasks import NamedTasks, Progress
from rhdesk.core.undoing import Undoing

if TYPE_CHECKING:  # these bring grpc and pydantic, which the first paint must not wait for
    from rhdesk.core.feeds import Feeds
    from rhresources.workspace import Workspace

T = TypeVar("T")
_PATIENCE = 1800.0  # seconds in which machines in a cloud are ended, or never


class Desk:
    """Wires the core together. Built on the interface's thread; `start` begins the background work.

    Attributes:
        home: the user's rhdesk directory ($RH_HOME).
        navigate: set by the shell; `navigate("runs", run_id)` opens a page.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.loop = BackgroundLoop()
        self.mailbox = Mailbox()
        self.store = Store()
        self.commands = Registry()
        self.notifier = Notifier()
        self.undoing = Undoing(self.notifier)
        self.questions = Questions(self.mailbox)
        self.tasks = NamedTasks(self.loop, self.mailbox, self.notifier, self.store.tasks)
        self.navigate: Callable[[str, str], None] = lambda page, target: None
        self._workspace: Workspace | None = None
        self._feeds: Feeds | None = None

    def start(self, *, feeds: bool = True) -> None:
        """Start the background loop and, on it, the feeds that fill the store."""
        self.loop.start()
        if feeds:
            self.tasks.start("feeds", lambda progress: self._run_feeds())

    async def workspace(self) -> Workspace:
        """The Workspace of this window. Only on the background loop."""
        if self._workspace is None:
            from rhresources.workspace import Workspace

            self._workspace = Workspace(self.home, client="window")
            self._workspace.asker = self.questions
            self._workspace.credentials.on_waiting = self._keyring_waits
        return self._workspace

    def act(
        self,
        name: str,
        make: Callable[[Workspace, Progress], Coroutine[Any, Any, T]],
        *,
        title: str = "",
        go_to: tuple[str, str] | None = None,
        on_done: Callable[[T], object] | None = None,
        on_error: Callable[[BaseException], object] | None = None,
        on_end: Callable[[], object] | None = None,
        quiet: bool = False,
        assumes: State | None = None,
        give_up: Callable[[], object] | None = None,
    ) -> None:
        """Do something with the Workspace on the background loop; see `NamedTasks.start` for the arguments.

        Nothing is done any more once the desk is closed.
        """
        if self.loop.closed:
            return

        async def run(progress: Progress) -> T:
            return await make(await self.workspace(), progress)

        self.tasks.start(
            name,
            run,
            title=title,
            go_to=go_to,
            on_done=on_done,
            on_error=on_error,
            on_end=on_end,
            quiet=quiet,
            assumes=assumes,
            give_up=give_up,
        )

    def _keyring_waits(self, sentence: str) -> None:
        """The keyring's own prompt is open, perhaps behind the window; on the background loop."""
        if sentence:
            self.mailbox.post(lambda: self.notifier.info(sentence))

    def retry_now(self, cluster: str = "") -> None:
        """Ask the feeds not to wait any longer before they try again."""
        feeds = self._feeds
        if feeds is not None:
            self.loop.call_soon(feeds.wake, cluster)

    def read_names(self) -> None:
        """Have the names read again now."""
        if self._feeds is not None:
            self.loop.call_soon(self._feeds.read_names)

    def finish(self, patience: float = _PATIENCE) -> None:
        """Wait until what must not be broken off has ended: clusters that are taken back, stopped or taken down.

        For when the window is closed. Nobody answers questions any more.
        """
        names = [
            task.name
            for task in self.store.tasks.rows()
            if task.state == "running" and (task.giving_up or task.assumes is State.STOPPING)
        ]
        if names and self.loop.running:
            self.questions.close()
            self.tasks.wait(names, patience)

    def close(self) -> None:
        """End the background work; runs on clusters go on."""
        self.questions.close()
        if self.loop.running:
            try:
                self.loop.submit(self._close_workspace()).result(timeout=3.0)
            except Exception:  # the window closes whatever a dying connection says
                pass
        self.loop.close()

    async def _run_feeds(self) -> None:
        from rhdesk.core.feeds import Feeds

        self._feeds = Feeds(await self.workspace(), self.store, self.mailbox, self.notifier)
        await self._feeds.run()

    async def _close_workspace(self) -> None:
        if self._workspace is not None:
            await asyncio.wait_for(self._workspace.close(), 2.0)
