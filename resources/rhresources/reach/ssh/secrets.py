"""Passphrases and passwords on the way to a host: what is kept comes first, then the person, never twice at once."""

from __future__ import annotations

import asyncio
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rhresources.errors import RhError
from rhresources.reach.questions import Asker, NeedsAnswer, SecretQuestion

if TYPE_CHECKING:
    from rhresources.credentials import Credentials

Kind = Literal["passphrase", "password"]

_asking: weakref.WeakValueDictionary[tuple[int, str, str], asyncio.Lock] = weakref.WeakValueDictionary()


def one_at_a_time(kind: str, subject: str) -> asyncio.Lock:
    """A lock for a question: who waits for it finds the answer that somebody else was given."""
    key = (id(asyncio.get_running_loop()), kind, subject)
    lock = _asking.get(key)
    if lock is None:
        _asking[key] = lock = asyncio.Lock()
    return lock


def short(path: str) -> str:
    """A path with ~ for the home."""
    home = f"{Path.home()}/"
    return f"~/{path.removeprefix(home)}" if path.startswith(home) else path


class Secrets:
    """Where passphrases and passwords come from while one connection is made.

    Args:
        credentials: of the workspace.
        asker: asks the person; None: nobody can be asked.
    """

    def __init__(self, credentials: Credentials, asker: Asker | None) -> None:
        self._credentials = credentials
        self.asker = asker

    async def kept(self, kind: Kind, subject: str) -> str | None:
        """What is kept.

        Raises:
            NeedsAnswer: the keyring is locked, and nobody can be asked to unlock it.
        """
        from rhresources.credentials import KeyringLocked

        try:
            return await self._credentials.get(kind, subject, unlock=self.asker is not None)
        except KeyringLocked as error:
            if self.asker is None:
                raise NeedsAnswer(error.sentence, remedy=error.remedy, detail=error.detail) from None
            return None

    async def ask(self, question: SecretQuestion) -> tuple[str, bool] | None:
        """What the person types, and whether to keep it; None: they would rather not.

        Raises:
            NeedsAnswer: nobody can be asked.
        """
        if self.asker is None:
            asked = question.prompt
            what = (
                f"The {asked[:1].lower()}{asked[1:]}" if asked.startswith(("Passphrase of", "Password of")) else asked
            )
            raise NeedsAnswer(f"{what} is needed.", remedy="Connect, and answer the question.")
        answer = await self.asker.ask_secret(question)
        return None if answer is None else (answer.text, answer.keep)

    @property
    def keeping(self) -> str:
        """Where an answer would be kept, in words."""
        return self._credentials.keeping

    async def keep(self, kind: Kind, subject: str, text: str, keep: bool) -> str:
        """Keep what worked: for good if the person said so, else for the reconnects of this session.

        Returns:
            A sentence if it could not be kept as wished.
        """
        if not text:
            return ""
        try:
            kept = await self._credentials.put(kind, subject, text, session_only=not keep)
        except RhError as error:
            return error.sentence
        return kept.sentence if keep and kept.where == "session" else ""
