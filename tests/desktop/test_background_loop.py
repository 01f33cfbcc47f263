"""The thread that owns connections, the mailbox back, and named tasks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from rhdesk.core.bridge import BackgroundLoop, Mailbox
from rhdesk.core.notifier import Notifier
from rhdesk.core.rows import TaskRow
from rhdesk.core.store import Table
from rhdesk.core.tasks import NamedTasks
from rhresources.errors import RhError


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    made = BackgroundLoop()
    made.start()
    yield made
    made.close()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def tasks(loop: BackgroundLoop, mailbox: Mailbox) -> NamedTasks:
    return NamedTasks(loop, mailbox, Notifier(), Table[TaskRow]("tasks"))


def drain_until(mailbox: Mailbox, reached: Callable[[], bool], within: float = 5.0) -> None:
    end = time.monotonic() + within
    while not reached():
        assert time.monotonic() < end, "it did not come"
        mailbox.drain()
        time.sleep(0.005)


def test_coroutines_run_in_a_thread_of_their_own(loop: BackgroundLoop) -> None:
    async def where() -> str:
        return threading.current_thread().name

    assert loop.submit(where()).result(5) == "rhdesk-background"


def test_what_is_submitted_before_the_start_runs_after_it() -> None:
    made = BackgroundLoop()

    async def answer() -> int:
        return 42

    async def fail() -> int:
        raise RhError("no")

    early, bad, dropped = made.submit(answer()), made.submit(fail()), made.submit(answer())
    assert dropped.cancel()
    made.start()
    assert early.result(5) == 42
    with pytest.raises(RhError):
        bad.result(5)
    made.close()


def test_what_was_submitted_before_the_start_can_be_cancelled_while_it_runs() -> None:
    made = BackgroundLoop()
    began, ended = threading.Event(), threading.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    future = made.submit(endless())
    made.start()
    assert began.wait(5)
    assert future.cancel()
    assert ended.wait(5)
    made.close()


def test_closing_cancels_what_runs_and_lets_it_clean_up() -> None:
    made = BackgroundLoop()
    made.start()
    cleaned = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    made.submit(endless())
    time.sleep(0.1)
    made.close()
    assert cleaned.is_set()
    coroutine = endless()
    with pytest.raises(RuntimeError):
        made.submit(coroutine)


def test_closing_a_loop_that_never_started_is_quiet() -> None:
    made = BackgroundLoop()

    async def never() -> None:
        raise AssertionError

    future = made.submit(never())
    made.close()
    assert future.cancelled()


def test_the_mailbox_wakes_once_for_a_burst_and_keeps_order(mailbox: Mailbox) -> None:
    wakes: list[int] = []
    mailbox.on_wake(lambda: wakes.append(1))
    got: list[int] = []
    for number in range(1000):
        mailbox.post(lambda number=number: got.append(number))
    assert len(wakes) == 1
    while mailbox.drain():
        pass
    assert got == list(range(1000))


def test_a_long_burst_is_drained_in_slices(mailbox: Mailbox) -> None:
    wakes: list[int] = []
    mailbox.on_wake(lambda: wakes.append(1))
    done: list[int] = []
    for number in range(20):
        mailbox.post(lambda number=number: (time.sleep(0.004), done.append(number)))
    assert mailbox.drain(0.008)
    assert 0 < len(done) < 20
    assert len(wakes) == 2, "the rest asks for another slice"


def test_one_bad_call_does_not_hold_up_the_others(mailbox: Mailbox) -> None:
    errors: list[Exception] = []
    got: list[int] = []
    mailbox.post(lambda: 1 / 0)
    mailbox.post(lambda: got.append(1))
    mailbox.drain(1.0, errors.append)
    assert got == [1]
    assert isinstance(errors[0], ZeroDivisionError)


def test_a_task_of_the_same_name_cancels_the_old_one(tasks: NamedTasks, mailbox: Mailbox) -> None:
    done: list[int] = []

    async def answer(number: int, seconds: float) -> int:
        await asyncio.sleep(seconds)
        return number

    tasks.start("load", lambda progress: answer(1, 0.05), on_done=done.append)
    tasks.start("load", lambda progress: answer(2, 0.05), on_done=done.append)
    drain_until(mailbox, lambda: bool(done))
    time.sleep(0.1)
    mailbox.drain()
    assert done == [2]
    assert not tasks.busy("load")


def test_an_error_is_told_once_and_reaches_its_callback(loop: BackgroundLoop, mailbox: Mailbox) -> None:
    notifier = Notifier()
    table: Table[TaskRow] = Table("tasks")
    tasks = NamedTasks(loop, mailbox, notifier, table)
    errors: list[BaseException] = []

    async def fail() -> None:
        raise RhError("It is broken.", remedy="Mend it.", detail="raw")

    tasks.start("x", lambda progress: fail(), title="Doing x", on_error=errors.append)
    drain_until(mailbox, lambda: bool(errors))
    [notice] = notifier.notices()
    assert (notice.sentence, notice.problem.remedy, notice.act) == ("It is broken.", "Mend it.", "Doing x")
    row = table.get("x")
    assert row is not None
    assert (row.state, row.sentence) == ("failed", "It is broken.")


def test_progress_shows_steps_and_one_that_counts_stays_one_line(loop: BackgroundLoop, mailbox: Mailbox) -> None:
    table: Table[TaskRow] = Table("tasks")
    tasks = NamedTasks(loop, mailbox, Notifier(), table)

    async def work(progress: Callable[..., None]) -> None:
        progress("Starting the server")
        for second in range(3):
            progress(f"Ray starts ({second} s)", second / 3)
        progress("10.0.0.1: Sent uv (0.3 s)")
        progress("10.0.0.2: Sent uv (0.4 s)")

    tasks.start("up", work, title="Bringing up")
    drain_until(mailbox, lambda: (row := table.get("up")) is not None and row.state == "done")
    row = table.get("up")
    assert row is not None
    hosts = ("10.0.0.1: Sent uv (0.3 s)", "10.0.0.2: Sent uv (0.4 s)")
    assert row.lines == ("Starting the server", "Ray starts (2 s)", *hosts)
    assert len(row.times) == len(row.lines)


def test_a_cancelled_task_says_so_and_calls_only_on_end(loop: BackgroundLoop, mailbox: Mailbox) -> None:
    table: Table[TaskRow] = Table("tasks")
    tasks = NamedTasks(loop, mailbox, Notifier(), table)
    called: list[str] = []
    tasks.start(
        "x",
        lambda progress: asyncio.sleep(60),
        title="Waiting",
        on_done=lambda _: called.append("done"),
        on_error=lambda _: called.append("error"),
        on_end=lambda: called.append("end"),
    )
    tasks.cancel("x")
    drain_until(mailbox, lambda: bool(called))
    assert called == ["end"]
    row = table.get("x")
    assert row is not None
    assert row.state == "cancelled"
    tasks.dismiss("x")
    assert len(table) == 0
