"""One login at work: what is known of the registry here, the connection to it, and how that fares."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from rhresources.errors import RhError
from rhresources.names import Address
from rhresources.registry import telling
from rhresources.registry.answers import RegistryState
from rhresources.registry.database import Database
from rhresources.registry.login import Login, directory, remember, require_private
from rhresources.registry.outbox import Outbox
from rhresources.registry.problems import BAD_TOKEN, REFUSALS, RegistryAway, RegistryReplaced, Stale
from rhresources.registry.replica import Replica
from rhresources.registry.tokens import read_token

if TYPE_CHECKING:
    from rhresources.registry.api import Api, Me
    from rhresources.registry.feed import Changes, Event, Remote

    Opened = Callable[[Changes], None]

T = TypeVar("T")

_SILENCE = 40.0
"""Seconds after which a feed that says nothing is dead: a registry says something every 15, unless told otherwise."""

_CATCHES_UP_WITHIN = 10.0
"""How long a registry may be silent while somebody waits for what is new; what is known is there without it."""

_REPLACED_BY = "replaced by"

_ASK_AGAIN = 5.0
"""Seconds for which a registry that could not be reached is not tried again by those who only read."""


class Session:
    """What one user of one registry works with. Safe to use from several threads.

    Args:
        home: the rhdesk directory.
        login: who; with a user.
        token: theirs, where it is known already.
    """

    def __init__(self, home: Path, login: Login, token: str = "") -> None:
        self.home, self.login = home, login
        self.folder = directory(home) / quote(login.registry, safe="")
        self.database = Database(self.folder / f"{quote(login.user, safe='')}.db")
        self.replica, self.outbox = Replica(self.database), Outbox(self.database)
        self.turns = self.folder / f"{quote(login.user, safe='')}.lock"
        # the id of the registry that answers now in place of the one that was logged in to, also as other processes saw
        self.replaced_by = "".join(self.replica.texts(_REPLACED_BY))
        self.closed = False  # somebody logged in anew or out; whoever still uses it is about to learn of that
        self.following = False  # the change feed is read, and says that all is known
        self.silence = _SILENCE
        self.on_state: Callable[[], None] = lambda: None
        self._token = token
        self._api: Api | None = None
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._confirmed = self._failed = 0.0
        self._problem: RhError | None = None
        self._answered = False
        self._counted: tuple[tuple[str, ...], float, int, tuple[str, ...]] = ((), 0.0, 0, ())

    def close(self) -> None:
        """End its connections."""
        self.closed = True
        with self._lock:
            api, self._api = self._api, None
        if api is not None:
            api.close()
        self.database.close()

    def canonical(self, address: Address) -> str:
        """The name that the registry knows it by."""
        return f"/{'/'.join((self.login.user, *address.parts) if address.mine else address.parts)}"

    # ---------------------------------------------------------------- the connection

    def api(self, *, person: bool) -> Api:
        """The connection; made when first wanted.

        Args:
            person: somebody waits for it and may be asked to unlock the keyring.

        Raises:
            UsageError: the token would go over an open network.
            RhError: there is no token.
        """
        from rhresources.registry.api import Api

        with self._lock:
            if self._api is None:
                require_private(self.login)
                self._api = Api(self.login, self._token or read_token(self.home, self.login, person=person))
            return self._api

    def ask(self, call: Callable[[Api], T], *, person: bool = True) -> T:
        """The registry's answer, and a note of how that went.

        Raises:
            RegistryAway: it cannot be reached.
            RhError: as `call`.
        """
        try:
            answer = call(self.api(person=person))
        except (*REFUSALS, Stale) as error:
            self.heard(error if error.code == BAD_TOKEN else None)
            raise
        except RhError as error:
            self.heard(error)
            raise
        self.heard(None)
        return answer

    def heard(self, problem: RhError | None) -> None:
        """Note that the registry answered, or why it did not."""
        before, self._problem = self._problem, problem
        first, self._answered = not self._answered, True
        self._failed = 0.0 if problem is None else time.monotonic()
        if problem is not None:
            self.following = False
        if first or str(before) != str(problem):
            self.on_state()

    @property
    def is_well(self) -> bool:
        """Whether nothing was wrong with it the last time."""
        return self._problem is None

    @property
    def away(self) -> bool:
        """Whether it could not be reached just now."""
        failed = isinstance(self._problem, RegistryAway) and bool(self._failed)
        return failed and time.monotonic() - self._failed < _ASK_AGAIN

    # ---------------------------------------------------------------- what is known

    def refresh(self, *, fresh: float = 0.0) -> None:
        """Take over what others changed, and deliver what waits, unless that happened in the last `fresh` seconds.

        A registry that is away changes nothing.

        Raises:
            RhError: it does not take the token, or is not what it was.
        """
        if self._is_fresh(fresh) or (_is_on_a_loop() and (self._confirmed or self._problem is not None)):
            return
        with self._refreshing:
            if self._is_fresh(fresh):
                return
            try:
                self.ask(self.catch_up)
            except RegistryAway:
                return
        if self.outbox.count():
            from rhresources.registry.delivery import deliver

            deliver(self)
        if not self.away and telling.is_waiting(self):
            telling.deliver(self, person=True)

    def _is_fresh(self, fresh: float) -> bool:
        confirmed = bool(self._confirmed) and time.monotonic() - self._confirmed < fresh
        return self.following or confirmed or self.away

    def catch_up(self, api: Api) -> set[str]:
        """Take over what others changed; the names of that."""
        after = self.replica.cursor
        quick = min(self.silence, _CATCHES_UP_WITHIN)
        events = None if after is None else self.read_changes(api, after, silence=quick)
        changed = self.fill(api) if events is None else self.replica.take(events)
        self.confirmed()
        return changed

    def confirmed(self) -> None:
        """Note that all is known as of now."""
        self._confirmed = time.monotonic()

    def read_changes(
        self, api: Api, after: int, opened: Opened = lambda feed: None, silence: float = 0.0
    ) -> list[Event] | None:
        """What the change feed says since a position, as far as there is something; None: it does not go back so far.

        Args:
            opened: gets the feed, which another thread may close.
            silence: seconds after which it is dead; else as long as for a feed that is followed.

        Raises:
            RegistryAway: it broke off.
        """
        events: list[Event] = []
        with api.changes(after, follow=False, silence=silence or self.silence) as feed:
            opened(feed)
            for event in feed:
                if event.kind == "hello":
                    self.greet(event.data or {})
                elif event.kind == "reset":
                    return None
                else:
                    events.append(event)
                    if event.kind == "caught-up":
                        return events
        raise RegistryAway(f"The registry at {self.login.url} broke off in the middle of its answer.")

    def fill(self, api: Api, opened: Opened = lambda feed: None) -> set[str]:
        """Learn anew all that may be read; the names of what is different now. `opened` as for `read_changes`."""
        while True:
            found: dict[str, Remote] = {}
            first: int | None = None
            for resources, position in api.pages():
                found.update((each.name, each) for each in resources)
                first = position if first is None else first
            events = self.read_changes(api, first or 0, opened)
            if events is None:
                continue
            changed = self.replica.fill(found, events, events[-1].cursor)
            if changed is not None:
                return changed

    def greet(self, said: Mapping[str, Any]) -> None:
        """See that it is still the same registry and the same user.

        Raises:
            RegistryReplaced: it is another registry.
            RhError: it is another user.
        """
        registry, user = str(said.get("registry") or ""), str(said.get("user") or "")
        if user and user != self.login.user:
            raise RhError(
                f"The registry at {self.login.url} takes this token for {user}, not for {self.login.user}.",
                remedy=f"Log in anew: rhdesk login {self.login.url}",
            )
        if registry and registry != self.login.registry:
            self.note_replaced(registry)
            raise RegistryReplaced(
                f"The registry at {self.login.url} is another one than before, or was put back from a backup.",
                remedy="Repeat this: what is known of it is read anew, and changes that wait are put to you.",
            )
        if "groups" in said:
            self.note_groups(tuple(map(str, said["groups"])))

    def note_replaced(self, by: str) -> None:
        """Note, for other processes too, which registry answers in place of this one; empty: this one does."""
        self.replaced_by = by
        with suppress(RhError):  # this process knows it all the same
            self.replica.note(_REPLACED_BY, json.dumps([by] if by else []))

    def note_groups(self, groups: tuple[str, ...]) -> None:
        """Keep which groups the user is in."""
        if self.replica.texts("groups") != groups:
            self.replica.note("groups", json.dumps(groups))

    def state(self) -> RegistryState:
        """All of this for a person; waits for nothing."""
        with self.database.reading_if_free() as free:
            if free:
                self._counted = (
                    self.replica.texts("groups"),
                    self.replica.seen,
                    self.outbox.count(),
                    tuple(dict.fromkeys(kept.name for kept in self.outbox.conflicts())),
                )
        groups, seen, waiting, conflicts = self._counted
        problem = self._problem
        return RegistryState(
            self.login.url,
            self.login.user,
            groups,
            problem is None and self._answered,
            time.time() if self.following else seen,
            problem.sentence if problem else "",
            problem.remedy if problem else "",
            waiting,
            conflicts,
            isinstance(problem, RegistryAway),
        )

    def remove(self) -> None:
        """Remove what is known here, once this is closed."""
        self.database.remove()
        with suppress(OSError):
            self.turns.unlink()
        with suppress(OSError):
            self.folder.rmdir()


def _is_on_a_loop() -> bool:
    """Whether this thread has an event loop, which must not wait for a network; it makes do with what is known."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def identified(home: Path, login: Login, token: str) -> tuple[Login, Me]:
    """The login with who it is, asked of the registry.

    Raises:
        RhError: the registry cannot be reached, is none, or does not take the token.
    """
    from rhresources.registry.api import Api

    require_private(login)
    api = Api(login, token)
    try:
        api.health()
        me = api.me()
    finally:
        api.close()
    whole = replace(login, user=me.user, registry=me.registry)
    if login.from_environment:
        remember(home, whole, token)
    return whole, me
