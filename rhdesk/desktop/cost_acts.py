"""What can be done with costs: looked at line by line, and saved as CSV."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.tasks import Progress
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.file_choice import choose_save

if TYPE_CHECKING:
    from rhresources.workspace import Workspace


def save_costs(desk: Desk, parent: QWidget) -> None:
    """Ask where, and write every day of every run there."""

    def save(path: Path) -> None:
        async def write(workspace: Workspace, progress: Progress) -> int:
            from rhresources.costs.export import save_csv

            charges, _ = await workspace.costs.charges()
            return await asyncio.to_thread(save_csv, charges, path)

        desk.act(
            "save costs",
            write,
            title="Saving what it cost",
            on_done=lambda rows: desk.notifier.success(f"{count_text(rows, 'row')} written to {path}."),
        )

    choose_save(parent.window(), "Save what it cost", "costs.csv", save)


def open_bill(desk: Desk, parent: QWidget) -> None:
    """Show what it cost, line by line."""
    from rhdesk.desktop.dialogs.bill import BillDialog

    BillDialog(desk, parent.window()).open()
