"""Opens the dialogs of a cluster. What they need is imported only then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.entry_row import BUILT_IN
from rhdesk.core.rows import ClusterRow, Problem, State

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.settings import Settings
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

_CLOUD_DIALOG = "rhdesk.desktop.dialogs.new_cloud_cluster"
"""Loaded in a thread: importing it would hold the window up when it is first opened."""


def new_cluster(desk: Desk, parent: QWidget) -> None:
    """Describe machines that one has as a cluster; afterwards its page is shown."""
    from rhdesk.desktop.dialogs.new_cluster import ClusterDialog

    def saved(address: str) -> None:
        desk.notifier.success(f"Created {address}")
        desk.navigate("clusters", address)

    ClusterDialog(desk, parent.window(), saved).open()


def new_cloud_cluster(desk: Desk, parent: QWidget, template: str = "") -> None:
    """Choose an offer, review what it costs, and save or launch it; `template` is a built-in to begin with."""
    window = parent.window()

    async def load(workspace: Workspace, progress: Progress) -> tuple[Settings, Entry | None]:
        from rhresources.settings import Settings

        settings = await asyncio.to_thread(Settings.load, workspace.home)
        await asyncio.to_thread(import_module, _CLOUD_DIALOG)
        return settings, await asyncio.to_thread(workspace.names.load, template) if template else None

    def loaded(found: tuple[Settings, Entry | None]) -> None:
        if isValid(window):
            from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog

            settings, entry = found
            CloudClusterDialog(desk, window, settings, partial(_made, desk), template=entry).open()

    desk.act("cluster.new cloud", load, on_done=loaded)


def launch_cluster(desk: Desk, parent: QWidget, address: str, on_done: Callable[[], object] | None = None) -> None:
    """Review what a cluster costs, and launch it; one that is built in becomes a cluster of yours."""
    if address.startswith("^"):
        new_cloud_cluster(desk, parent, address)
    else:
        _open_cloud(desk, parent, address, partial(_made, desk, on_done=on_done), launching=True)


def _made(desk: Desk, address: str, launch_it: bool, on_done: Callable[[], object] | None = None) -> None:
    from rhdesk.desktop.launch import launch

    if not launch_it:
        desk.notifier.success(f"Saved {address}")
    else:
        launch(desk, address, on_done)
    desk.navigate("clusters", address)


def why_fixed(desk: Desk, address: str) -> str:
    """Why the document of a cluster cannot be changed; "" when it can."""
    row = desk.store.names.get(address)
    return row.why_fixed if row is not None else BUILT_IN if address.startswith("^") else ""


def why_not_edit(desk: Desk, kind: str, address: str) -> str:
    """Why the dialog is not for this cluster; "" when it is."""
    if fixed := why_fixed(desk, address):
        return fixed
    return "" if kind in ("ssh", "cloud") else "It is this computer; edit its document."


def edit_cluster(desk: Desk, parent: QWidget, address: str) -> None:
    """Change a cluster of hosts over SSH, or one in a cloud."""
    window = parent.window()

    async def load(workspace: Workspace, progress: Progress) -> Entry:
        return await asyncio.to_thread(workspace.names.load, address)

    def loaded(entry: Entry) -> None:
        if not isValid(window):
            return
        kind = getattr(entry.document, "type", "")
        if kind == "cloud":
            row = desk.store.clusters.get(address)
            problem = row.problem if row is not None and row.state is State.FAILED else None
            _open_cloud(desk, window, address, partial(_made, desk), problem=problem)
            return
        if kind != "ssh":
            desk.navigate("names", address)
            return
        from rhdesk.desktop.dialogs.new_cluster import ClusterDialog

        ClusterDialog(desk, window, lambda saved: desk.notifier.success(f"Saved {saved}"), entry=entry).open()

    desk.act(f"cluster.edit:{address}", load, on_done=loaded)


def _open_cloud(
    desk: Desk,
    parent: QWidget,
    address: str,
    done: Callable[[str, bool], object],
    *,
    launching: bool = False,
    problem: Problem | None = None,
) -> None:
    window = parent.window()

    async def load(workspace: Workspace, progress: Progress) -> tuple[Settings, Entry]:
        from rhresources.settings import Settings

        settings = await asyncio.to_thread(Settings.load, workspace.home)
        await asyncio.to_thread(import_module, _CLOUD_DIALOG)
        return settings, await asyncio.to_thread(workspace.names.load, address)

    def loaded(found: tuple[Settings, Entry]) -> None:
        if isValid(window):
            from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog

            settings, entry = found
            dialog = CloudClusterDialog(desk, window, settings, done, entry=entry, launching=launching, problem=problem)
            dialog.open()

    desk.act(f"cluster.edit:{address}", load, on_done=loaded)


def why_not_delete(desk: Desk, row: ClusterRow) -> str:
    """Why a cluster cannot be deleted now; "" when it can."""
    if fixed := why_fixed(desk, row.address):
        return fixed
    if row.why_not_ours:
        return row.why_not_ours
    if row.cloud is not None or row.state in (State.UP, State.STARTING, State.STOPPING):
        return f"{row.address} is {row.state.word.lower()}; take it down first."
    return ""


def delete_cluster(desk: Desk, parent: QWidget, address: str) -> None:
    """Ask, and delete the document of a cluster; Undo brings it back."""
    from rhdesk.desktop.dialogs.resource_acts import ResourceActs

    row = desk.store.names.get(address)
    if row is not None:
        ResourceActs(desk, parent.window()).delete([row], lambda: desk.navigate("clusters", ""))
