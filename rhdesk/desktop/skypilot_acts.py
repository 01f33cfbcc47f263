"""SkyPilot itself: its server started and stopped, the clouds checked. Nothing of it starts before somebody asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rhdesk.core.cloud_feed import show_server
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem, State
from rhdesk.core.store import Phase
from rhdesk.core.task_steps import NOT_HERE
from rhdesk.core.tasks import Progress
from rhdesk.core.words import count_text
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhresources.cloud.limits import title
from rhresources.cloud.words import NEXT_OFFER

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCheck, LaunchEvent, OnLaunch, ServerInfo
    from rhresources.workspace import Workspace

SERVER_TASK, CHECK_TASK, READ_TASK = "skypilot server", "check clouds", "read clouds"

SERVER_STATES = {
    "not-installed": State.DOWN,
    "off": State.DOWN,
    "starting": State.STARTING,
    "ready": State.UP,
    "dead": State.FAILED,
    "unreachable": State.UNREACHABLE,
    "version": State.FAILED,
    "refused": State.NEEDS_YOU,
}
"""How each state of SkyPilot's server is shown."""


def told(progress: Progress) -> OnLaunch:
    """What hears of the events of SkyPilot, and says them as the steps of a task."""

    said = ""

    def hear(event: LaunchEvent) -> None:
        nonlocal said
        cloud, _, rest = event.offer.partition(" ")
        offer, sentence = f"{title(cloud)} {rest}".strip(), event.sentence
        if event.offer in sentence:
            sentence = sentence.replace(event.offer, offer) if offer else sentence
        elif event.phase != "failover" and offer != said:  # once; it is the same until another is tried
            sentence = f"{sentence}: {offer}"
        said = offer
        progress(f"{NOT_HERE}{sentence}" if event.phase == "failover" and sentence != NEXT_OFFER else sentence)

    return hear


def server(desk: Desk) -> ServerInfo | None:
    """How SkyPilot's server is, as far as it is known here."""
    return next(iter(desk.store.skypilot.rows()), None)


def read_server(desk: Desk) -> None:
    """Learn how SkyPilot's server is, without starting it."""

    async def read(workspace: Workspace, progress: Progress) -> ServerInfo:
        return await workspace.skypilot.info()

    desk.act(
        "skypilot info",
        read,
        on_done=lambda info: show_server(desk.store, info),
        on_error=lambda error: desk.store.skypilot.fail(Problem.of(error)),
        quiet=True,
    )


def start_server(desk: Desk) -> None:
    """Have SkyPilot's server: installed, started and warm."""

    async def start(workspace: Workspace, progress: Progress) -> ServerInfo:
        return await workspace.skypilot.ensure(told(progress))

    _assume_starting(desk)
    desk.act(
        SERVER_TASK,
        start,
        title="Starting SkyPilot",
        go_to=("clouds", ""),
        on_done=lambda info: show_server(desk.store, info),
        on_error=lambda error: desk.store.clouds.fail(Problem.of(error)),
        on_end=lambda: read_server(desk),
        quiet=True,
    )


def check_clouds(desk: Desk) -> None:
    """Ask every cloud whether it can be used; SkyPilot's server is started for it if it does not run."""

    async def check(workspace: Workspace, progress: Progress) -> list[CloudCheck]:
        skypilot = workspace.skypilot
        await skypilot.ensure(told(progress))
        progress("Asking the clouds")
        return await skypilot.checks(refresh=True)

    def done(checks: list[CloudCheck]) -> None:
        desk.store.clouds.replace({check.cloud: check for check in checks})

    if not desk.store.clouds.condition.updated:
        desk.store.clouds.loading()
    _assume_starting(desk)
    desk.act(
        CHECK_TASK,
        check,
        title="Checking clouds",
        go_to=("clouds", ""),
        on_done=done,
        on_error=lambda error: desk.store.clouds.fail(Problem.of(error)),
        on_end=lambda: read_server(desk),
        quiet=True,
    )


def read_clouds(desk: Desk) -> None:
    """Show what SkyPilot's server knows of the clouds, where it runs anyhow."""
    info = server(desk)
    unknown = desk.store.clouds.condition.phase is Phase.LOADING
    if info is None or info.state != "ready" or not unknown or desk.tasks.busy(CHECK_TASK):
        return

    async def read(workspace: Workspace, progress: Progress) -> list[CloudCheck] | None:
        skypilot = workspace.skypilot
        if (await skypilot.info()).state != "ready":  # it was ended meanwhile; asking would start it again
            return None
        return await skypilot.checks()

    def done(checks: list[CloudCheck] | None) -> None:
        if checks is not None:
            desk.store.clouds.replace({check.cloud: check for check in checks})

    desk.act(
        READ_TASK, read, on_done=done, on_error=lambda error: desk.store.clouds.fail(Problem.of(error)), quiet=True
    )


def cancel_checking(desk: Desk) -> None:
    """Leave the check, or the start of the server, where it is."""
    for task in (CHECK_TASK, SERVER_TASK, READ_TASK):
        desk.tasks.cancel(task)
    if desk.store.clouds.condition.phase is Phase.LOADING:
        desk.store.clouds.fail(Problem("The check was cancelled.", "Check the clouds again when you like."))
    read_server(desk)


def why_not_stop_server(desk: Desk) -> str:
    """Why SkyPilot's server cannot be ended from here; "" when it can."""
    info = server(desk)
    if info is None or info.state in ("off", "dead", "not-installed"):
        return "It does not run."
    if not info.owned:
        return "It is not this computer's: who runs it ends it."
    return ""


def stop_server(desk: Desk, parent: QWidget) -> Dialog | None:
    """Ask, and end SkyPilot's server; clusters stay as they are."""
    if reason := why_not_stop_server(desk):
        desk.notifier.warning(reason)
        return None
    up = sum(1 for row in desk.store.clusters.rows() if row.cloud is not None and row.told is None and row.is_billed)
    busy = desk.tasks.busy(CHECK_TASK) or any(
        task.state == "running" and task.assumes is State.LAUNCHING for task in desk.store.tasks.rows()
    )

    async def stop(workspace: Workspace, progress: Progress) -> None:
        await workspace.skypilot.close()

    def act() -> None:
        for task in (CHECK_TASK, SERVER_TASK, READ_TASK):
            desk.tasks.cancel(task)
        desk.act("skypilot stop", stop, on_end=lambda: read_server(desk))

    words = "It starts again by itself when something asks for a cloud."
    if up:
        words += f" {count_text(up, 'cluster')} in a cloud {'goes' if up == 1 else 'go'} on, and cost what they cost."
    if busy:
        words += " What it is doing now is broken off."
    dialog = confirm(parent.window(), "Stop SkyPilot's server?", words, "Stop it", act, kind="primary")
    dialog.setObjectName("stop-skypilot")
    return dialog


def _assume_starting(desk: Desk) -> None:
    info = server(desk)
    if info is not None and info.state in ("off", "dead", "not-installed"):
        desk.store.skypilot.replace({info.url: replace(info, state="starting", sentence="", remedy="")})
