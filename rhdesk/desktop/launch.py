"""Bringing up clusters in a cloud: reviewed with their price first, then launched or started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.tasks import Progress
from rhdesk.desktop.cluster_acts import assume, failed, task_name
from rhdesk.desktop.skypilot_acts import told
from rhdesk.desktop.widgets.dialog import confirm
from rhresources.errors import RhError

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

    async def up(workspace: Workspace, progress: Progress) -> None:
        bring = workspace.start if stopped else workspace.up
        try:
            await bring(address, progress, on_event=told(progress))
        except RhError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # nobody waits for it any more, and it must be known
                desk.mailbox.post(partial(desk.notifier.error, error, act=f"Giving up the launch of {address}"))
            raise
        finally:  # one that was given up ends only when nothing of it is left
            if not desk.loop.closed:
                desk.mailbox.post(partial(desk.retry_now, address))

    def done(_: None) -> None:
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
        assumes=State.LAUNCHING,
    )


def cancel_launch(desk: Desk, address: str) -> None:
    """Leave a launch; what it made is taken down, and looked for until nothing is left."""
    desk.tasks.cancel(task_name(address))
    desk.notifier.info(f"The launch of {address} is cancelled; rhdesk makes sure that nothing of it is left.")


def ask_before_closing(desk: Desk, window: QWidget, close: Callable[[], object]) -> bool:
    """Ask, where a launch goes on that would end with the window; False: nothing has to be asked."""
    going = [task for task in desk.store.tasks.rows() if task.state == "running" and task.assumes is State.LAUNCHING]
    if not going:
        return False
    confirm(
        window,
        "Close the window and give the launch up?",
        "What it has made so far may go on and cost money; you see it under Needs attention when you open rhdesk "
        "again. Wait until it is up, or cancel it first.",
        "Close anyhow",
        close,
        victims=[f"{task.title} · {task.sentence}" for task in going],
        leave_text="Keep the window",
    ).setObjectName("close-while-launching")
    return True


def main_window() -> QWidget:
    """The window that a dialog belongs to where nobody said one."""
    active = QApplication.activeWindow()
    if isinstance(active, QMainWindow):
        return active
    windows = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMainWindow)]
    return next((window for window in windows if window.isVisible()), windows[0])
