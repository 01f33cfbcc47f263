"""The registry of one rhdesk directory: whoever is logged in, logging in and out, and hearing what changes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rhresources.errors import RhError
from rhresources.file_locks import turn
from rhresources.registry import login as logins
from rhresources.registry.answers import RegistryState
from rhresources.registry.following import Follower, OnChange
from rhresources.registry.login import Login
from rhresources.registry.refusals import refused_tokens
from rhresources.registry.session import Session, identified
from rhresources.registry.store import RegistryStore
from rhresources.registry.tokens import forget_token, keep_token, read_token

_LET_GO = f"Take {logins.URL} and {logins.TOKEN} out of the environment."
_PATIENCE = 30.0  # seconds that another process may take to go on with another registry


class RegistryClient:
    """Gives the store of whoever is logged in now, whichever process they logged in with.

    Args:
        home: the rhdesk directory.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.RLock()
        self._store: RegistryStore | None = None
        self._key: object = ()
        self._read: tuple[object, Login | None] = ((), None)
        self._tokens: dict[Login, str] = {}  # of who logged in here where there is no keyring
        self._followers: list[Follower] = []

    # ---------------------------------------------------------------- who is logged in

    def current(self) -> Login | None:
        """Who is logged in, as far as is known without asking; None: nobody.

        Raises:
            RhError: what says so cannot be read.
        """
        try:
            found = logins.login_file(self._home).stat()
            file: object = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            file = None
        key = (file, *(os.environ.get(name) for name in (logins.URL, logins.TOKEN, logins.INSECURE)))
        with self._lock:
            if self._read[0] != key:
                self._read = key, logins.current(self._home)
            return self._read[1]

    @property
    def user(self) -> str:
        """Who is logged in; empty: nobody, or not known before the registry is asked."""
        with suppress(RhError):
            return getattr(self.current(), "user", "")
        return ""

    def store(self, *, ask: bool = True) -> RegistryStore | None:
        """The store of whoever is logged in; None: nobody is.

        Args:
            ask: the registry may be asked whose the token of the environment is; otherwise, None.

        Raises:
            RhError: it had to be asked, and did not say.
        """
        login = self.current()
        if login is not None and not login.user and ask:
            login, _ = identified(self._home, login, read_token(self._home, login, person=True))
            with self._lock:
                self._read = self._read[0], login
        with self._lock:
            known = self._store
            if known is not None and known.session.login == login and known.session.replaced_by:
                login = self._follow(known.session)
                known = self._store
            if known is not None and known.session.login == login and self._key == self._read[0]:
                return known
            self._store = None  # whoever logs in anew has another token
            if known is not None:
                known.session.close()
            if login is not None and login.user:
                session = Session(self._home, login, self._tokens.get(login, ""))
                if session.replaced_by:  # a process before this one was told
                    login = self._follow(session)
                    session = Session(self._home, login, self._tokens.get(login, ""))
                self._store = RegistryStore(session)
            self._key = self._read[0]
            return self._store

    def _follow(self, session: Session) -> Login:
        """Go on as the same user of what now answers in place of the registry that was logged in to."""
        login = replace(session.login, registry=session.replaced_by)
        token = self._tokens.pop(session.login, "")
        if token:
            self._tokens[login] = token
        if login.from_environment:
            logins.remember(self._home, login, read_token(self._home, login, person=False))
        else:
            logins.keep(self._home, login)
        later = Session(self._home, login)
        self._hand_over(session, later)
        later.close()
        self._store, self._read = None, ((), None)
        self.current()
        return login

    def _hand_over(self, before: Session, later: Session) -> None:
        """Put what waits for a registry that is no more to its user, and forget what else was known of it.

        What `before` has open counts, though another process may have removed the file meanwhile.
        """
        with turn(before.turns, _PATIENCE):  # others may be at the same
            for session in (before, Session(self._home, before.login)):  # and what came before that one was closed
                session.outbox.hand_over(later.outbox, "The registry was put back from a backup, or is another one.")
                session.close()
            before.remove()

    @property
    def state(self) -> RegistryState | None:
        """How it fares, without asking it; None: nobody is logged in."""
        try:
            login = self.current()
            store = self.store(ask=False)
        except RhError as error:
            return RegistryState("", "", (), False, 0.0, error.sentence, error.remedy, 0, ())
        if store is not None:
            return store.session.state()
        return None if login is None else RegistryState(login.url, "", (), False, 0.0, "", "", 0, ())

    # ---------------------------------------------------------------- logging in and out

    def login(self, url: str, token: str, *, insecure: bool, authority: Path | None) -> RegistryState:
        """Log in; see `ResourceNames.login`."""
        where = str(authority.expanduser().absolute()) if authority is not None else ""
        refused_tokens.forget(logins.checked_url(url), token.strip())
        whole, me = identified(
            self._home, Login(logins.checked_url(url), insecure=insecure, authority=where), token.strip()
        )
        if token.strip() == logins.environment_token():
            return self._as_the_environment_says(whole, me.groups)
        before = None
        with suppress(RhError):
            before = logins.current(self._home)
        kept = keep_token(self._home, whole, token.strip())
        with self._lock:
            if kept.where == "session":
                self._tokens[whole] = token.strip()
            logins.keep(self._home, whole)
            _note_that_it_answers(self._home, whole)
            store = self.store()
        if before is not None and (before.user, before.registry) != (whole.user, whole.registry):
            if (before.user, before.url) == (whole.user, whole.url) and store is not None:
                self._hand_over(Session(self._home, before), store.session)
            else:
                self._leave(before)
        if store is None or store.session.login != whole:
            raise RhError(
                f"The token is kept for {whole.user}, and the environment says who is logged in.",
                remedy=_LET_GO,
            )
        store.session.note_groups(me.groups)
        store.session.heard(None)
        self._wake()
        state = store.session.state()
        return replace(state, problem=kept.reason, remedy=kept.remedy) if kept.where == "session" else state

    def _as_the_environment_says(self, login: Login, groups: tuple[str, ...]) -> RegistryState:
        """Log in with the token of the environment, which stays there; only the address may have to be kept."""
        if not os.environ.get(logins.URL) and not logins.login_file(self._home).exists():
            logins.keep(self._home, login)
        _note_that_it_answers(self._home, login)
        store = self.store()
        if store is None or (store.session.login.url, store.session.login.user) != (login.url, login.user):
            raise RhError(
                f"The environment says who is logged in, and that is not {login.user} at {login.url}.", remedy=_LET_GO
            )
        store.session.note_groups(groups)
        store.session.heard(None)
        self._wake()
        return store.session.state()

    def logout(self) -> str:
        """Log out; see `ResourceNames.logout`."""
        login = self.current()
        assert login is not None
        if login.from_environment:
            raise RhError("The environment says who is logged in.", remedy=_LET_GO)
        logins.forget(self._home)
        with self._lock:
            self._tokens.pop(login, None)
            self.store()
        sentence = self._leave(login)
        self._wake()
        return sentence

    def _leave(self, login: Login) -> str:
        """Forget the token of a login, and what it knew unless something waits there; a sentence about it."""
        said = [f"{login.user} is logged out of {login.url}."]
        try:
            forget_token(self._home, login)
        except RhError as error:
            said.append(f"The token is still in the keyring: {error.sentence}")
        session = Session(self._home, login)
        waiting, undecided = session.outbox.count(), len(session.outbox.conflicts())
        if waiting or undecided:
            session.replica.forget_all()
            count = waiting + undecided
            said.append(
                f"{count} change{'s' if count > 1 else ''} that the registry has not got "
                f"{'are' if count > 1 else 'is'} kept until {login.user} logs in again."
            )
            session.close()
        else:
            session.close()
            session.remove()
        return " ".join(said)

    # ---------------------------------------------------------------- changes

    def watch(self, callback: OnChange) -> Callable[[], None]:
        """Call `callback` with the names that anybody changed, and with none when something else did.

        Returns:
            What ends it.
        """
        follower = Follower(self.store, callback)
        with self._lock:
            self._followers.append(follower)
        follower.start()

        def stop() -> None:
            with self._lock:
                if follower in self._followers:
                    self._followers.remove(follower)
            follower.stop()

        return stop

    def _wake(self) -> None:
        for follower in list(self._followers):
            follower.wake()


def _note_that_it_answers(home: Path, login: Login) -> None:
    """Whatever answered in its place once: this is the registry that answers now."""
    session = Session(home, login)
    session.note_replaced("")
    session.close()
