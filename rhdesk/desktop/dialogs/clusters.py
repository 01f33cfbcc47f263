"""Opens the dialogs of a cluster. What they need is imported only then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace


def new_cluster(desk: Desk, parent: QWidget) -> None:
    """Describe machines that one has as a cluster; afterwards its page is shown."""
    from rhdesk.desktop.dialogs.new_cluster import ClusterDialog

    def saved(address: str) -> None:
        desk.notifier.success(f"Created {address}")
        desk.navigate("clusters", address)

    ClusterDialog(desk, parent.window(), saved).open()


def why_not_edit(kind: str, address: str) -> str:
    """Why the dialog is not for this cluster; "" when it is."""
    if address.startswith("^"):
        return "It is built in."
    return "" if kind == "ssh" else "Only hosts over SSH have this form; edit its document."


def edit_cluster(desk: Desk, parent: QWidget, address: str) -> None:
    """Change a cluster of hosts over SSH."""
    window = parent.window()

    async def load(workspace: Workspace, progress: Progress) -> Entry:
        return await asyncio.to_thread(workspace.names.load, address)

    def loaded(entry: Entry) -> None:
        if not isValid(window):
            return
        if getattr(entry.document, "type", "") != "ssh":
            desk.navigate("names", address)
            return
        from rhdesk.desktop.dialogs.new_cluster import ClusterDialog

        ClusterDialog(desk, window, lambda saved: desk.notifier.success(f"Saved {saved}"), entry=entry).open()

    desk.act(f"cluster.edit:{address}", load, on_done=loaded)


def why_not_delete(row: ClusterRow) -> str:
    """Why a cluster cannot be deleted now; "" when it can."""
    if row.address.startswith("^"):
        return "It is built in."
    if row.state in (State.UP, State.STARTING, State.STOPPING):
        return f"{row.address} is {row.state.word.lower()}; take it down first."
    return ""


def delete_cluster(desk: Desk, parent: QWidget, address: str) -> None:
    """Ask, and delete the document of a cluster; Undo brings it back."""
    from rhdesk.desktop.dialogs.resource_acts import ResourceActs

    row = desk.store.names.get(address)
    if row is not None:
        ResourceActs(desk, parent.window()).delete([row], lambda: desk.navigate("clusters", ""))
