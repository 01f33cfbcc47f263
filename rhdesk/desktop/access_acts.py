"""Getting at a cluster: connect, repair, upgrade, a terminal on its host, a notebook, files there and back, ports."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from rhdesk.core.commands import Command
from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.tasks import Progress
from rhdesk.desktop.launch import main_window
from rhdesk.desktop.run_acts import active_runs, run_line
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhdesk.desktop.widgets.list_panel import MenuEntry
from rhresources.people import whose_text

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

_SHORT_COMMAND = 120
_NOT_UP = (
    State.DOWN, State.CONNECTING, State.UNREACHABLE, State.NEEDS_YOU, State.STOPPING, State.BROKEN, State.STOPPED,
    State.STOPS_ITSELF, State.LAUNCHING, State.UNHEALTHY, State.NO_SERVER,
)  # fmt: skip


def why_not_reached(row: ClusterRow | None) -> str:
    """Why nothing can be done on the hosts of a cluster, up or not; "" when it can."""
    if row is None:
        return "The clusters are not known yet."
    if row.state is State.BROKEN:
        return "Its document cannot be read."
    if row.kind == "cloud" and row.cloud is None:
        return f"{row.address} is not up: it has no hosts now."
    if row.kind == "cloud" and row.state in (State.STOPPED, State.STOPS_ITSELF, State.LAUNCHING):
        return f"{row.address} is {row.state.word.lower()}."
    return ""


def why_not_over_ssh(row: ClusterRow | None) -> str:
    """Why a cluster has no SSH connection; "" when it has."""
    if reason := why_not_reached(row):
        return reason
    return "" if row is not None and row.kind != "machine" else "It is this computer: there is nothing to log in to."


def why_no_notebook(row: ClusterRow | None) -> str:
    """Why no notebook can be opened; "" when one can."""
    if reason := why_not_reached(row):
        return reason
    assert row is not None
    return f"{row.address} is {row.state.word.lower()}; bring it up first." if row.state in _NOT_UP else ""


# ---------------------------------------------------------------- the connection


def connect_to(desk: Desk, address: str) -> None:
    """Go to a cluster's host now, asking what has to be asked."""
    _reconnect(desk, address, f"Connecting to {address}")


def retry_now(desk: Desk, address: str) -> None:
    """Do not wait any longer before a cluster that cannot be reached is tried again."""
    _reconnect(desk, address, "")


def _reconnect(desk: Desk, address: str, title: str) -> None:
    async def connect(workspace: Workspace, progress: Progress) -> None:
        from rhresources.errors import ClusterDown

        try:
            await workspace.reconnect(address)
        except ClusterDown:
            pass  # its host answers, which is all that was asked for

    desk.act(
        f"connect {address}",
        connect,
        title=title,
        go_to=("clusters", address) if title else None,
        on_end=lambda: desk.retry_now(address),
        quiet=True,  # the cluster itself shows why it cannot be reached
    )


def upgrade(desk: Desk, address: str) -> Dialog | None:
    """Bring the server of a cluster to the version of this rhdesk; its runs go on. Asks where other people use it."""
    me = desk.store.me
    others = [run for run in active_runs(desk, address) if run.by and run.by not in me]
    if not others:
        _upgrade(desk, address)
        return None
    whose = whose_text((run.by for run in others), me)
    dialog = confirm(
        main_window(),
        f"Upgrade {address} while others use it?",
        f"{whose} {'is' if len(others) == 1 else 'are'} going. Runs go on, but whoever waits there for the answer to "
        "a call gets none, and has to call again.",
        "Upgrade",
        partial(_upgrade, desk, address),
        victims=[run_line(run, me) for run in others],
        kind="primary",
    )
    dialog.setObjectName("upgrade-shared")
    return dialog


def _upgrade(desk: Desk, address: str) -> None:
    async def act(workspace: Workspace, progress: Progress) -> None:
        await workspace.upgrade(address, progress)

    desk.act(
        upgrade_task(address),
        act,
        title=f"Upgrading {address}",
        go_to=("clusters", address),
        on_done=lambda _: desk.notifier.success(f"{address} has the rhdesk of this computer now."),
        on_end=lambda: desk.retry_now(address),
    )


def upgrade_task(address: str) -> str:
    """The name of the task that upgrades a cluster."""
    return f"upgrade {address}"


def repair(desk: Desk, address: str, host: str) -> None:
    """Bring a lost host of a cluster back in place."""

    async def act(workspace: Workspace, progress: Progress) -> None:
        await workspace.repair(address, host, progress)

    desk.act(
        repair_task(address, host),
        act,
        title=f"Repairing {host} of {address}",
        go_to=("clusters", address),
        on_done=lambda _: desk.notifier.success(f"{host} is back in {address}."),
    )


def repair_task(address: str, host: str) -> str:
    """The name of the task that repairs a host."""
    return f"repair {address} {host}"


# ---------------------------------------------------------------- terminal, notebook


def open_in_terminal(desk: Desk, address: str, host: str | None = None) -> None:
    """Open the system's terminal with ssh in it. Without a terminal the command goes to the clipboard."""

    async def act(workspace: Workspace, progress: Progress) -> tuple[list[str], BaseException | None]:
        from rhdesk.core.terminals import NoTerminal, open_terminal

        command = await workspace.ssh_command(address, host)
        try:
            await asyncio.to_thread(open_terminal, command)
        except NoTerminal as error:
            return command, error
        return command, None

    def done(found: tuple[list[str], BaseException | None]) -> None:
        command, error = found
        if error is not None:
            QGuiApplication.clipboard().setText(shlex.join(command))
            desk.notifier.error(error, act="Open in terminal")

    desk.act(f"terminal {address}", act, on_done=done)


def copy_ssh_command(desk: Desk, address: str, host: str | None = None) -> None:
    """Put the ssh command for a host on the clipboard."""

    async def act(workspace: Workspace, progress: Progress) -> list[str]:
        return await workspace.ssh_command(address, host)

    def done(command: list[str]) -> None:
        text = shlex.join(command)
        QGuiApplication.clipboard().setText(text)
        short = len(text) <= _SHORT_COMMAND
        desk.notifier.info(
            f"On the clipboard: {text}" if short else f"The ssh command for {address} is on the clipboard."
        )

    desk.act(f"copy ssh {address}", act, on_done=done)


def open_notebook(desk: Desk, address: str) -> None:
    """Start a notebook server on a cluster, or find the one that runs, and open it in the browser."""

    async def act(workspace: Workspace, progress: Progress) -> tuple[str, bool]:
        from rhresources.notebook import open_in_browser

        url = (await workspace.notebook(address, progress=progress)).url
        # not by Qt: it would show the token to whoever lists the processes here
        return url, await asyncio.to_thread(open_in_browser, url, workspace.home)

    def done(found: tuple[str, bool]) -> None:
        url, opened = found
        where = url.partition("?")[0]  # what follows is its token
        desk.notifier.success(
            f"The notebook of {address} is at {where}." + ("" if opened else " No browser could be started here."),
            action_text="Copy its address",
            action=lambda: QGuiApplication.clipboard().setText(url),
        )

    desk.act(
        f"notebook {address}", act, title=f"Opening a notebook on {address}", go_to=("clusters", address), on_done=done
    )


def send_files(desk: Desk, parent: QWidget, address: str) -> None:
    """Ask what to send, and where to."""
    from rhdesk.desktop.dialogs.transfer import SendFiles

    SendFiles(desk, parent, address).open()


def fetch_files(desk: Desk, parent: QWidget, address: str) -> None:
    """Ask what to fetch, and where to."""
    from rhdesk.desktop.dialogs.transfer import FetchFiles

    FetchFiles(desk, parent, address).open()


def reach_my_way(desk: Desk, window: QWidget, address: str) -> None:
    """Show how this computer logs in to a cluster over SSH, and change it for this computer alone."""
    from rhdesk.desktop.dialogs.own_way import OwnWayDialog

    OwnWayDialog(desk, window.window(), address).open()


def why_not_my_way(row: ClusterRow) -> str:
    """Why nobody has a way of their own to a cluster; "" when one can."""
    if row.state is State.BROKEN:
        return "Its document cannot be read."
    return "" if row.kind == "ssh" else "Only clusters over SSH are logged in to by each in their own way."


def forward_port(desk: Desk, address: str) -> None:
    """Ask which port to forward, on the page of the ports."""
    desk.navigate("ports", f"new:{address}")


# ---------------------------------------------------------------- where they are offered


def access_acts(desk: Desk, window: QWidget, row: ClusterRow) -> list[tuple[str, str, str, Callable[[], object], str]]:
    """The acts as (id, icon, title, act, why not), in the order of menus."""
    address = row.address
    over_ssh, reached = why_not_over_ssh(row), why_not_reached(row)
    return [
        ("terminal", "square-terminal", "Open in terminal", partial(open_in_terminal, desk, address), reached),
        ("copy-ssh", "copy", "Copy ssh command", partial(copy_ssh_command, desk, address), over_ssh),
        ("notebook", "book-open", "Notebook", partial(open_notebook, desk, address), why_no_notebook(row)),
        ("send", "upload", "Send files…", partial(send_files, desk, window, address), reached),
        ("fetch", "download", "Fetch…", partial(fetch_files, desk, window, address), reached),
        ("forward", "network", "Forward a port…", partial(forward_port, desk, address), reached),
        (
            "own-way", "key-round", "Reach it my way…", partial(reach_my_way, desk, window, address),
            why_not_my_way(row),
        ),
        ("reconnect", "refresh-cw", "Reconnect", partial(connect_to, desk, address), over_ssh),
    ]  # fmt: skip


def access_menu(desk: Desk, window: QWidget, row: ClusterRow) -> list[MenuEntry | None]:
    """The acts as entries of a menu."""
    return [(icon, title, act, why_not) for _, icon, title, act, why_not in access_acts(desk, window, row)]


def access_commands(desk: Desk, window: QWidget) -> list[Command]:
    """The acts on every cluster, for the palette."""
    commands = []
    for row in desk.store.clusters.rows():
        if row.is_template:
            continue
        for id, icon, title, act, why_not in access_acts(desk, window, row):
            commands.append(
                Command(
                    f"cluster.{id}:{row.address}",
                    f"{title.rstrip('…')}: {row.address}",
                    act,
                    icon,
                    why_not=partial(str, why_not),
                    words=f"ssh cluster {row.description} {' '.join(row.hosts)}",
                    group="Cluster",
                )
            )
    return commands
