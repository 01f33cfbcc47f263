"""Hears what others change: reads the change feed of whoever is logged in, and delivers what waits when it can."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from rhresources.errors import RhError
from rhresources.names import Address
from rhresources.registry import telling
from rhresources.registry.delivery import deliver
from rhresources.registry.problems import RegistryAway

if TYPE_CHECKING:
    from rhresources.registry.api import Api
    from rhresources.registry.feed import Changes, Event
    from rhresources.registry.session import Session
    from rhresources.registry.store import RegistryStore

OnChange = Callable[[frozenset[Address]], None]
"""Hears the names that changed; none: only how the registry fares did."""

_LOOK = 1.0  # seconds between looks at who is logged in and what other processes left to deliver
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_PAUSE_REFUSED = 30.0  # until a token that was not taken, or a keyring that was locked, is tried again
_CAUGHT_UP_NOTED = 60.0

log = logging.getLogger(__name__)


class Follower:
    """Follows whoever is logged in, as long as it is not stopped.

    Args:
        current: the store of who is logged in now; None: nobody.
        callback: hears what changed, in a thread of this.
    """

    def __init__(self, current: Callable[[], RegistryStore | None], callback: OnChange) -> None:
        self._current, self._callback = current, callback
        self._stopped, self._woken = threading.Event(), threading.Event()
        self._reader: _Reader | None = None
        self._waiting: frozenset[str] = frozenset()
        self._thread = threading.Thread(target=self._run, name="rhdesk-registry", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; the callback is not called any more when this returns."""
        self._stopped.set()
        self._woken.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def wake(self) -> None:
        """Look at once: somebody logged in or out, or left something to deliver."""
        self._woken.set()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._look()
                self._woken.wait(_LOOK)
                self._woken.clear()
        finally:
            self._end_reader()

    def _look(self) -> None:
        try:
            store = self._current()
        except RhError as error:
            log.info("nobody is followed in a registry: %s", error)
            store = None
        before = self._reader.store if self._reader is not None else None
        if store is not before:
            self._end_reader()
            if before is not None:
                before.session.on_state = lambda: None
            if store is not None:
                store.session.on_state = self._on_state
                self._reader = _Reader(store, self._tell, self._on_state)
                self._reader.start()
            self._waiting = frozenset()
            self._tell(())
            return
        if store is None:
            return
        with suppress(RhError):
            self._deliver(store)

    def _deliver(self, store: RegistryStore) -> None:
        session = store.session
        if session.following and telling.is_waiting(session):
            telling.deliver(session)
        before = waiting = _waiting(session)
        if before and session.following:
            deliver(session, person=False)
            waiting = _waiting(session)
        changed = (waiting ^ before) | (waiting ^ self._waiting)
        self._waiting = waiting
        if changed:
            self._tell(changed)

    def _on_state(self) -> None:
        self._tell(())
        self.wake()

    def _tell(self, names: Iterable[str]) -> None:
        if self._stopped.is_set():
            return
        try:
            self._callback(frozenset(Address("registry", tuple(name[1:].split("/"))) for name in names))
        except Exception:
            # Whatever whoever watches does with what it is told: the next change is told all the same, and edits are
            # delivered. How the registry fares has nothing to do with it, so the log is where it can be said.
            log.exception("A callback of the watch of the registry failed")

    def _end_reader(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None


def _waiting(session: Session) -> frozenset[str]:
    """The names that wait."""
    return frozenset(name for edit in session.outbox.edits() for name in (edit.name, edit.target) if name)


def _unexpected(url: str, error: Exception) -> RhError:
    return RhError(
        f"What changes in the registry at {url} cannot be followed: {type(error).__name__}: {error}.",
        remedy="What you see may be old. It is tried again by itself; if it stays so, whoever runs it should know.",
    )


class _Reader:
    """Reads the change feed of one user."""

    def __init__(
        self, store: RegistryStore, tell: Callable[[Iterable[str]], None], on_state: Callable[[], None]
    ) -> None:
        self.store = store
        self._tell, self._on_state = tell, on_state
        self._stopped = threading.Event()
        self._feed: Changes | None = None
        self._tries = 0
        self._noted = 0.0
        self._thread = threading.Thread(target=self._run, name="rhdesk-registry-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if (feed := self._feed) is not None:
            feed.close()
        self._thread.join()

    def _run(self) -> None:
        session = self.store.session
        while not self._stopped.is_set():
            pause = 0.0
            try:
                self._read(session.api(person=False))
            except RegistryAway as error:
                if not self._stopped.is_set():
                    session.heard(error)
                pause = _PAUSES[min(self._tries, len(_PAUSES) - 1)]
                self._tries += 1
            except RhError as error:
                if not self._stopped.is_set():
                    session.heard(error)
                pause = _PAUSE_REFUSED
            except Exception as error:
                if session.closed:
                    return  # somebody logged in anew in this very moment
                # The last line of defence: if this thread ended, what is shown would grow old, and nobody would know.
                log.exception("The change feed of %s cannot be followed", session.login.url)
                session.heard(_unexpected(session.login.url, error))
                pause = _PAUSE_REFUSED
            finally:
                session.following = False
            self._pause(pause)

    def _pause(self, seconds: float) -> None:
        """Wait before another try, but no longer than until somebody else gets through."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.store.session.is_well:
            if self._stopped.wait(min(left, 0.5)):
                return

    def _opened(self, feed: Changes) -> None:
        """Have it closed when this is to stop; also where that was said while it was being opened."""
        self._feed = feed
        if self._stopped.is_set():
            feed.close()

    def _read(self, api: Api) -> None:
        """Follow from where we are until the connection ends."""
        session = self.store.session
        if session.replica.cursor is None:
            self._tell(session.fill(api, self._opened))
        missed: list[Event] = []
        with api.changes(session.replica.cursor or 0, follow=True, silence=session.silence) as feed:
            self._opened(feed)
            for event in feed:
                if self._stopped.is_set():
                    return
                if event.kind == "hello":
                    session.greet(event.data or {})
                elif event.kind == "reset":
                    self._tell(session.fill(api, self._opened))
                    return
                elif not session.following:
                    missed.append(event)
                    if event.kind == "caught-up":
                        self._caught_up(missed)
                        missed = []
                else:
                    self._take(event)
        if not self._stopped.is_set():
            raise RegistryAway(f"The registry at {session.login.url} ended the connection.")

    def _caught_up(self, missed: list[Event]) -> None:
        session = self.store.session
        self._tries = 0
        changed = session.replica.take(missed)
        session.heard(None)
        session.confirmed()
        with suppress(RhError):
            self.store.learn_folders()
        session.following = True
        self._tell(changed)
        self._on_state()

    def _take(self, event: Event) -> None:
        if event.kind == "caught-up" and not event.name and time.monotonic() - self._noted < _CAUGHT_UP_NOTED:
            return
        self._noted = time.monotonic()
        changed = self.store.session.replica.take([event])
        if changed:
            self._tell(changed)
