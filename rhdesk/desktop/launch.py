"""Bringing up clusters in a cloud: reviewed with their price first, then launched or started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State, TaskRow
from rhdesk.core.tasks import Progress
from rhdesk.desktop.cluster_acts import assume, failed, task_name
from rhdesk.desktop.skypilot_acts import told
from rhdesk.desktop.widgets.dialog import confirm

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

    async def up(workspace: Workspace, progress: Progress) -> bool:
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
            return False  # given up, and what it had made is gone
        return True

    def give_up() -> None:
        if not bringing or bringing[0].cancelling():
            return
        desk.loop.call_soon(bringing[0].cancel)

    def done(is_up: bool) -> None:
        if not is_up:
            desk.notifier.info(f"The launch of {address} was given up; no more of it runs than before.")
            return
        desk.notifier.success(f"{address} is up.")
        if on_done is not None:
            on_done()

    desk.act(
        task_name(address),
        up,
        title=f"{'Starting' if stopped else 'Launching'} {address}",
        go_to=("clusters", address),
        on_done=done,
        on_error=lambda error: failed(desk, address, error),
        on_end=lambda: desk.retry_now(address),
        assumes=State.LAUNCHING,
        give_up=give_up,
    )


def ask_before_closing(desk: Desk, window: QWidget, close: Callable[[], object]) -> bool:
    """Ask, where something goes on in a cloud that would be left half done; False: nothing has to be asked."""
    going = [
        task
        for task in desk.store.tasks.rows()
        if task.state == "running" and task.assumes is not None and _is_in_cloud(desk, task)
    ]
    if not going:
        return False
    confirm(
        window,
        "Close the window while this goes on in a cloud?",
        "It is broken off. What it has made, or has not ended yet, may go on and cost money; look at it when you open "
        "rhdesk again. Wait until it has ended, or cancel it first.",
        "Close anyhow",
        close,
        victims=[f"{task.title} · {task.sentence}" for task in going],
        leave_text="Keep the window",
    ).setObjectName("close-while-launching")
    return True


def _is_in_cloud(desk: Desk, task: TaskRow) -> bool:
    row = desk.store.clusters.get(task.name.removeprefix(task_name("")))
    return row is not None and row.kind == "cloud"


def main_window() -> QWidget:
    """The window that a dialog belongs to where nobody said one."""
    active = QApplication.activeWindow()
    if isinstance(active, QMainWindow):
        return active
    windows = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMainWindow)]
    return next((window for window in windows if window.isVisible()), windows[0])
