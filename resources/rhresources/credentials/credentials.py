"""The credentials of one workspace: looked for in this session, then in the keyring, and kept where a person said."""

from __future__ import annotations

import asyncio
import builtins
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from rhresources.credentials.backends import Choice
from rhresources.credentials.entries import SECRET_LIMIT, Entry, Kept, KeyringLocked, Kind, StoreState
from rhresources.credentials.index import Index, Key
from rhresources.credentials.keyring_calls import delete, locked_error, look, problem_of, read, store
from rhresources.credentials.secret_service import Lock, Unlocking
from rhresources.credentials.threads import Threads
from rhresources.errors import RhError, UsageError

T = TypeVar("T")

SESSION = "until rhdesk is closed"

_PATIENCE = 2.0
"""Seconds after which a call counts as waiting for a person."""

_ANSWER_WITHIN = 10.0
"""Seconds that a keyring may take for what needs no person."""


class Credentials:
    """Keeps secrets in the keyring of the operating system, and in memory where there is none. Use it on one loop.

    A keyring may wait for a person without end. Only calls for a person let it prompt (`unlock`, `get(unlock=True)`,
    `put`, `remove`): they wait until the prompt is answered or they are cancelled. The prompt stays when they are; who
    waits next waits for the same one. All others answer soon, with `KeyringLocked` where a prompt would be needed.

    Args:
        home: the rhdesk directory.

    Attributes:
        on_waiting: hears a sentence, on the loop, when a call has waited for a person for a while, and "" after it.
    """

    def __init__(self, home: Path) -> None:
        self._index = Index(home / "credentials.yaml")
        self._session: dict[Key, tuple[str, float]] = {}
        self._turns: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._looks = Threads("keyring-look", 2)
        self._calls = Threads("keyring", 4)
        self._files = Threads("credentials", 1)
        self._unlocking: Unlocking | None = None
        self._last = Choice(None)
        self._waiting = 0
        self.on_waiting: Callable[[str], None] | None = None

    @property
    def keeping(self) -> str:
        """Where a secret would be kept, as far as is known: "in GNOME Keyring" or "until rhdesk is closed"."""
        return SESSION if self._last.backend is None else f"in {self._last.title}"

    async def get(self, kind: Kind, subject: str, *, unlock: bool = False) -> str | None:
        """A secret; None: it is not kept, or the keyring cannot be reached (`state` says so).

        Args:
            kind: what it is.
            subject: the absolute path of a key file, "user@host:port", or the name of a token.
            unlock: the keyring may prompt where it is locked, because a person asked for this. What goes on by itself
                in the background must not disturb anybody.

        Raises:
            KeyringLocked: it is kept, and the keyring is locked.
        """
        key = kind, subject
        if key in self._session:
            return self._session[key][0]
        listed = await self._is_listed(key)
        choice, lock = await self._look()  # even if it is not there: the question that follows shows `keeping`
        if not listed or choice.backend is None or lock == "new":
            return None
        if lock == "locked":
            choice = await self._unlock(choice, prompt=unlock)
        return await self._call(lambda: read(choice, key), choice, prompt=unlock)

    async def put(self, kind: Kind, subject: str, secret: str, *, session_only: bool = False) -> Kept:
        """Keep a secret in place of an older one; `get` has it from the first moment, even while the keyring prompts.

        Where the keyring does not take it, it lasts for this session, and the answer says so and why.

        Raises:
            UsageError: it is empty.
        """
        if not secret:
            raise UsageError(f"An empty {kind} cannot be kept.")
        key = kind, subject
        self._session[key] = kept = secret, time.time()
        if session_only:
            return Kept("session", "", f"Kept {SESSION}.")
        try:
            async with self._turns[key]:  # a removal that comes while this goes on is the later word
                choice = await self._store(key, secret)
        except RhError as error:
            return Kept("session", "", f"Kept {SESSION} only. {error.sentence}", error.sentence, error.remedy)
        if self._session.get(key) is kept:
            del self._session[key]
        return Kept("keyring", choice.title, f"Kept in {choice.title}.")

    async def remove(self, kind: Kind, subject: str) -> bool:
        """Forget a secret everywhere; False: there was none.

        Raises:
            KeyringLocked: the keyring stayed locked.
            RhError: the keyring cannot be reached, or the list of credentials is broken; the entry is still there.
        """
        key = kind, subject
        was_in_session = self._session.pop(key, None) is not None
        async with self._turns[key]:
            return await self._delete(key) or was_in_session

    async def list(self) -> builtins.list[Entry]:
        """Everything that is kept, in the keyring and in this session. Does not prompt.

        Raises:
            RhError: the list of credentials is broken or cannot be read.
        """
        listed = await self._files.run(self._index.read)
        choice, _ = await self._look()

        def problems() -> dict[Key, str]:
            return {key: problem_of(choice, key, each) for key, each in listed.items()}

        silence = dict.fromkeys(listed, f"{choice.title or 'The keyring'} does not answer.")
        found = await self._within(problems, silence) if listed else {}
        entries = [Entry(*key, "keyring", each.created, each.store, found[key]) for key, each in listed.items()]
        entries += [Entry(*key, "session", created) for key, (_, created) in self._session.items()]
        return sorted(entries, key=lambda entry: (entry.kind, entry.subject, entry.where))

    async def state(self) -> StoreState:
        """What becomes of credentials now. Does not prompt."""
        choice, lock = await self._look()
        if choice.backend is None:
            plainly = "Credentials are kept until rhdesk is closed, and then forgotten."
            sentence = f"{choice.sentence} {plainly}"
            return StoreState("", "", False, False, False, sentence, choice.remedy, choice.sentence)
        title = choice.title
        if self._is_waiting():
            error = _waiting_error(title)
            return StoreState(choice.name, title, True, True, True, error.sentence, error.remedy)
        if lock == "locked":
            error = locked_error(title)
            return StoreState(choice.name, title, True, True, False, error.sentence, error.remedy)
        sentence = f"Credentials are kept in {title}."
        if lock == "new":
            sentence = f"Credentials are kept in {title}, which will ask for a password of its own for the first one."
        return StoreState(choice.name, title, True, False, False, sentence)

    async def unlock(self) -> StoreState:
        """Let a locked keyring show its own prompt, wait for the answer, and tell the state after it."""
        choice, lock = await self._look()
        if choice.backend is not None and lock == "locked":
            try:
                await self._unlock(choice, prompt=True)
            except KeyringLocked:
                pass
        return await self.state()

    # ------------------------------------------------------------ the keyring

    async def _store(self, key: Key, secret: str) -> Choice:
        """Keep a secret in the keyring; answers with the keyring that has it now."""
        _check_length(key[0], secret)
        await self._files.run(self._index.require_whole)
        choice, lock = await self._look()
        if choice.backend is None:
            raise RhError(choice.sentence, remedy=choice.remedy)
        if lock != "open":
            choice = await self._unlock(choice, prompt=True)
        await self._call(lambda: store(choice, self._index, key, secret), choice, prompt=True)
        return choice

    async def _delete(self, key: Key) -> bool:
        """Forget a secret in the keyring; False: it had none."""
        await self._files.run(self._index.require_whole)
        listed = await self._is_listed(key)
        choice, lock = await self._look()
        if choice.backend is None:
            if not listed:
                return False
            raise RhError(
                f"The {key[0]} of {key[1]} was not removed. {choice.sentence}",
                remedy=choice.remedy,
                detail=choice.detail,
            )
        if lock == "new":
            await self._files.run(lambda: self._index.remove(key))
            return listed
        if lock == "locked":
            if not listed:
                return False
            choice = await self._unlock(choice, prompt=True)
        was_there = await self._call(lambda: delete(choice, self._index, key), choice, prompt=True)
        return listed or was_there

    async def _is_listed(self, key: Key) -> bool:
        """Whether the keyring was given such an entry. Also true where the list cannot be read: it is looked for."""
        try:
            return key in await self._files.run(self._index.read)
        except RhError:
            return True

    async def _look(self) -> tuple[Choice, Lock]:
        """Which keyring there is, and whether it is locked. Does not prompt, and answers soon."""
        silent = Choice(
            None,
            sentence="The keyring of the operating system does not answer.",
            remedy="Restart it, or log in to the desktop anew.",
        )
        nothing: tuple[Choice, Lock] = (silent, "open")
        self._last, lock = await self._within(look, nothing)
        return self._last, lock

    async def _within(self, call: Callable[[], T], otherwise: T) -> T:
        """The outcome of what needs no person, or `otherwise` where that does not come."""
        if self._looks.full_for() > _ANSWER_WITHIN:
            return otherwise
        try:
            return await asyncio.wait_for(self._looks.run(call), _ANSWER_WITHIN)
        except TimeoutError:
            return otherwise

    def _is_waiting(self) -> bool:
        """Whether the keyring's own prompt is open, as far as can be told."""
        unlocking = self._unlocking
        prompting = unlocking is not None and not unlocking.outcome.done()
        return prompting or self._calls.longest() > _PATIENCE

    async def _call(self, call: Callable[[], T], choice: Choice, *, prompt: bool) -> T:
        """A call to an open keyring. Some prompt even so, to have the very entry confirmed.

        Raises:
            KeyringLocked: it prompts, and another call waits for that already or nobody may be disturbed.
        """
        if self._calls.full_for() > _PATIENCE:
            raise _waiting_error(choice.title)
        if prompt:
            return await self._patiently(self._calls.run(call), choice)
        try:
            return await asyncio.wait_for(self._calls.run(call), _ANSWER_WITHIN)
        except TimeoutError:
            raise _waiting_error(choice.title) from None

    async def _unlock(self, choice: Choice, *, prompt: bool) -> Choice:
        """Wait until the keyring is unlocked; all who wait share one prompt.

        Raises:
            KeyringLocked: it may not prompt, or the prompt was dismissed or could not be shown.
        """
        if not prompt:
            raise _waiting_error(choice.title) if self._is_waiting() else locked_error(choice.title)
        if self._unlocking is None or self._unlocking.outcome.done():
            self._unlocking = Unlocking()
        try:
            is_open = await self._patiently(asyncio.wrap_future(self._unlocking.outcome), choice)
        except Exception as error:  # the bus died under the prompt
            failed = locked_error(choice.title, dismissed=True)
            failed.detail = f"{type(error).__name__}: {error}"
            raise failed from None
        if not is_open:
            raise locked_error(choice.title, dismissed=True)
        return choice

    async def _patiently(self, answer: Awaitable[T], choice: Choice) -> T:
        """The answer, however long a person takes; tells `on_waiting` when it takes long."""
        task = asyncio.ensure_future(answer)
        told = False
        try:
            await asyncio.wait({task}, timeout=_PATIENCE)
            if not task.done():
                told = True
                self._tell(1, choice.title)
            return await task
        finally:
            task.cancel()
            if told:
                self._tell(-1, choice.title)

    def _tell(self, change: int, title: str) -> None:
        before = self._waiting
        self._waiting += change
        if self.on_waiting is not None and bool(before) != bool(self._waiting):
            self.on_waiting(_waiting_error(title).sentence if self._waiting else "")


def _waiting_error(title: str) -> KeyringLocked:
    return KeyringLocked(f"{title} waits for an answer to its own prompt.", remedy="Answer or dismiss that prompt.")


def _check_length(kind: Kind, secret: str) -> None:
    if len(secret.encode("utf-16-le", "surrogatepass")) > SECRET_LIMIT:
        raise UsageError(
            f"The {kind} is too long to keep: it has {len(secret):,} characters, and keyrings take "
            f"{SECRET_LIMIT // 2:,}.",
            remedy="Keep only passphrases, passwords and tokens; private keys stay in their files.",
        )
