"""What installers say: heard by everybody from the beginning, and kept within bounds whatever they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rhresources.errors import InstallError
from rhserver.environments import progress
from rhserver.environments.progress import Followed, OnText, ProgressLog, Said


def test_a_log_keeps_the_latest_and_says_how_much_is_gone() -> None:
    log = ProgressLog(limit=1000)
    assert not log
    log.add(("phase", "begin"))
    log.add(("output", "first"))
    assert list(log) == [("phase", "begin"), ("output", "first")]
    for number in range(5000):
        log.add(("output", f"line {number}"))
    kept = list(log)
    assert kept[-1] == ("output", "line 4999")
    assert len(kept) < 12
    assert kept[0] == ("output", f"({5002 - len(kept) + 1} earlier lines are left out here.)")
    log.add(("output", "x" * 100_000))  # more than all of it
    assert [len(text) for _, text in log][1:] == [100_000]
    assert log.take()
    assert list(log) == []


async def test_what_work_says_comes_in_order_and_then_its_result() -> None:
    async def work(on_output: OnText, on_phase: OnText) -> int:
        on_phase("one")
        on_output("a")
        await asyncio.sleep(0.01)
        on_phase("two")
        on_output("b")
        return 7

    for every in (0.0, 0.02):
        said: list[Said] = []
        before = asyncio.all_tasks()
        async with Followed(work) as followed:
            async for batch in followed.batches(every):
                said += batch
            assert followed.result() == 7
        assert said == [("phase", "one"), ("output", "a"), ("phase", "two"), ("output", "b")]
        assert asyncio.all_tasks() == before  # nobody waits for more


async def test_what_work_raises_comes_after_what_it_said() -> None:
    async def work(on_output: OnText, on_phase: OnText) -> None:
        on_output("last words")
        raise InstallError("It does not work.")

    async with Followed(work) as followed:
        assert [batch async for batch in followed.batches()] == [[("output", "last words")]]
        with pytest.raises(InstallError):
            followed.result()


async def test_work_ends_where_nobody_listens_any_more() -> None:
    ended = asyncio.Event()

    async def work(on_output: OnText, on_phase: OnText) -> None:
        on_output("begin")
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def listen(on_first: Callable[[], None]) -> None:
        async with Followed(work) as followed:
            async for _ in followed.batches():
                on_first()

    heard = asyncio.Event()
    listening = asyncio.ensure_future(listen(heard.set))
    await heard.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await asyncio.wait_for(ended.wait(), 10)

    async def fail(on_output: OnText, on_phase: OnText) -> None:
        raise InstallError("Nobody hears this.")

    async with Followed(fail):
        await asyncio.sleep(0.01)  # a warning of asyncio's would fail the test


async def test_who_listens_slowly_gets_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_WAITING", 10_000)

    async def work(on_output: OnText, on_phase: OnText) -> None:
        on_phase("Running")
        for number in range(20_000):
            on_output(str(number))
            if number % 1000 == 0:
                await asyncio.sleep(0)

    said: list[Said] = []
    async with Followed(work) as followed:
        async for batch in followed.batches():
            said += batch
            await asyncio.sleep(0.05)
    assert len(said) < 1000
    assert said[-1] == ("output", "19999")
    assert any("left out" in text for _, text in said)
