"""Opens the dialog of a cluster. What the dialog needs is imported only then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk

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
