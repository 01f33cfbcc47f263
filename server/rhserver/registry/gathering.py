"""Questions of many who ask at once, answered together: while some are being answered, the next gather.

A thread and a statement for each cost a server on PostgreSQL more than all the rest of an answer does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

_MOST = 100

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Gathered(Generic[Question, Answer]):
    """For one event loop.

    Args:
        answer: called in a thread, with questions in the order in which they came, for an answer to each.
    """

    def __init__(self, answer: Callable[[list[Question]], list[Answer]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer, found after this was called. What `answer` raises is raised to all whose questions it had."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._tell(asked)
        finally:
            self._task = None

    async def _tell(self, asked: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await run_in_threadpool(self._answer, [question for question, _ in asked])
        except Exception as error:
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(asked, answers, strict=True):
            if not future.done():  # whoever asked may have gone
                future.set_result(answer)
