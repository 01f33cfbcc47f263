"""Questions of many, answered together."""

from __future__ import annotations

import asyncio
import threading

import pytest

from rhserver.registry.gathering import Gathered


class Oracle:
    """Answers in a thread, when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, questions: list[int]) -> list[int]:
        self.asked.append(questions)
        self.begun.set()
        assert self.go.wait(20)
        if -1 in questions:
            raise ValueError("negative")
        return [2 * question for question in questions]


async def test_that_those_who_come_meanwhile_share_the_next_answer() -> None:
    oracle = Oracle()
    gathered: Gathered[int, int] = Gathered(oracle)
    first = asyncio.create_task(gathered.ask(1))
    await asyncio.to_thread(oracle.begun.wait, 20)
    others = [asyncio.create_task(gathered.ask(number)) for number in range(2, 250)]
    await asyncio.sleep(0)  # they have asked
    others.pop(0).cancel()  # who has gone keeps nobody waiting
    oracle.go.set()
    assert await asyncio.gather(first, *others) == [2, *range(6, 500, 2)]
    assert [len(questions) for questions in oracle.asked] == [1, 100, 100, 48]


async def test_that_a_failure_is_told_to_those_whom_it_concerns() -> None:
    oracle = Oracle()
    gathered: Gathered[int, int] = Gathered(oracle)
    first = asyncio.create_task(gathered.ask(1))
    await asyncio.to_thread(oracle.begun.wait, 20)
    others = [asyncio.create_task(gathered.ask(number)) for number in (3, -1)]
    await asyncio.sleep(0)
    oracle.go.set()
    assert await first == 2
    for each in others:
        with pytest.raises(ValueError, match="negative"):
            await each
    assert await gathered.ask(4) == 8
