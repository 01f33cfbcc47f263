"""One question asked once, when several hosts are logged in to at the same time."""

from __future__ import annotations

import asyncio

from rhresources.reach.questions import Asker, HostKeyQuestion, SecretAnswer, SecretQuestion


class AskedOnce:
    """Passes questions on one after another, and gives an answer that was typed to whoever asks the same.

    It lives as long as one bring-up or one test; a wrong answer is not given again.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._turn = asyncio.Lock()
        self._answers: dict[tuple[str, str, str], SecretAnswer | None] = {}
        self._keys: dict[tuple[str, int, str], bool] = {}

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether the person says that it is the host's key."""
        key = (question.host, question.port, question.fingerprint)
        async with self._turn:
            if key not in self._keys:
                self._keys[key] = await self._asker.confirm_host_key(question)
            return self._keys[key]

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        """What the person typed; None: they would rather not."""
        if question.kind == "answer":  # a code is good once
            async with self._turn:
                return await self._asker.ask_secret(question)
        key = (question.kind, question.subject, question.prompt)
        async with self._turn:
            if question.again or key not in self._answers:
                self._answers[key] = await self._asker.ask_secret(question)
            return self._answers[key]
