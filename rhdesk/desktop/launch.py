"""Bringing up clusters in a cloud: reviewed with their price first, then launched or started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.tasks import GivenUp, Progress
from rhdesk.desktop.cluster_acts import assume, failed, task_name
from rhdesk.desktop.skypilot_acts import told

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

_REVIEWED = (State.DOWN, State.FAILED)


def bring_up_in_cloud(desk: Desk, row: ClusterRow, on_done: Callable[[], object] | None = None) -> None:
    """One that is not there is reviewed with its price first; one that is stopped or half there goes on at once."""
    if row.is_template or (row.cloud is None and row.state in _REVIEWED):
        from rhdesk.desktop.dialogs.clusters import launch_cluster

        launch_cluster(desk, main_window(), row.address, on_done)
    else:
        launch(desk, row.address, on_done)


def launch(desk: Desk, address: str, on_done: Callable[[], object] | None = None) -> None:
    """Launch a cluster, or start it again; its phases show in the task centre and on the page of the cluster."""
    row = desk.store.clusters.get(address)
    if row is not None:
        assume(desk, row, State.LAUNCHING)
    stopped = row is not None and row.cloud is not None and row.cloud.state == "stopped"

    bringing: list[asyncio.Task[object]] = []

    async def up(workspace: Workspace, progress: Progress) -> None:
        bring = workspace.start if stopped else workspace.up
        inner: asyncio.Task[object] = asyncio.ensure_future(bring(address, progress, on_event=told(progress)))
        bringing.append(inner)
        try:
            await inner
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # the window closes
                inner.cancel()
                raise
            raise GivenUp from None  # and what it had made is gone

    def give_up() -> None:
        if not bringing or bringing[0].cancelling():
            return
        desk.loop.call_soon(bringing[0].cancel)

    def done(_: None) -> None:
        desk.notifier.success(f"{address} is up.")
        if on_done is not None:
            on_done()

    def wrong(error: BaseException) -> None:
        if isinstance(error, GivenUp):
            desk.notifier.info(f"The launch of {address} was given up; no more of it runs than before.")
        else:
            failed(desk, address, error)

    desk.act(
        task_name(address),
        up,
        title=f"{'Starting' if stopped else 'Launching'} {address}",
        go_to=("clusters", address),
        on_done=done,
        on_error=wrong,
        on_end=lambda: desk.retry_now(address),
        assumes=State.LAUNCHING,
        give_up=give_up,
    )


def main_window() -> QWidget:
    """The window that a dialog belongs to where nobody said one."""
    active = QApplication.activeWindow()
    if isinstance(active, QMainWindow):
        return active
    windows = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMainWindow)]
    return next((window for window in windows if window.isVisible()), windows[0])
