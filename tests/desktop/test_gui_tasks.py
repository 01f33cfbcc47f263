"""Coroutines of the interface on Qt's own loop."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from rhdesk.core.bridge import BackgroundLoop
from rhdesk.core.notifier import Notifier
from rhdesk.desktop.app import run_on_qt
from rhdesk.desktop.gui_tasks import spawn


def test_a_new_one_of_the_same_name_cancels_the_old_and_errors_are_told(qapp: QApplication) -> None:
    owner, notifier, done = QObject(), Notifier(), list[int]()

    async def work(number: int) -> None:
        await asyncio.sleep(0.02)
        if number == 3:
            raise ValueError("three")
        done.append(number)

    async def main() -> None:
        first = spawn(work(1), "load", owner, notifier)
        second = spawn(work(2), "load", owner, notifier)
        third = spawn(work(3), "other", owner, notifier)
        await asyncio.wait([first, second, third])
        assert first.cancelled()

    run_on_qt(qapp, main())
    assert done == [2]
    assert "three" in notifier.notices()[0].sentence


def test_the_background_loop_is_awaited_from_the_interface(qapp: QApplication) -> None:
    loop = BackgroundLoop()
    loop.start()

    async def answer() -> int:
        await asyncio.sleep(0.01)
        return 42

    async def main() -> int:
        return await asyncio.wrap_future(loop.submit(answer()))

    assert run_on_qt(qapp, main()) == 42
    loop.close()


def test_a_task_dies_with_its_owner(qapp: QApplication) -> None:
    async def main() -> bool:
        owner = QObject()
        task = spawn(asyncio.sleep(60), "wait", owner, Notifier())
        owner.deleteLater()
        del owner
        await asyncio.sleep(0.2)
        return task.cancelled()

    assert run_on_qt(qapp, main())
