"""What every page of the window is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.desktop.widgets.base import Button


class Page(QWidget):
    """One page. The shell shows `title` and the buttons of `header_buttons()` in the header, and calls the rest.

    `moved` tells the shell that the page went to another target by itself (a row was opened), so that Back works.
    """

    moved = Signal(str)
    title_changed = Signal(str)

    title = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(20, 0, 20, 14)
        self.body.setSpacing(14)

    def header_buttons(self) -> list[Button]:
        """The buttons at the right of the header, the primary one last. Made once."""
        return []

    def open(self, target: str) -> None:
        """Show `target` (an address, a run id); "" is the page as it stands by itself."""

    def shown(self) -> None:
        """The page came into sight."""

    def hidden(self) -> None:
        """The page went out of sight."""

    def refresh(self) -> None:
        """F5: read again what no feed keeps up to date."""

    def cluster(self) -> str:
        """The address of the cluster that is chosen on the page; "" for none."""
        return ""

    def focus_filter(self) -> None:
        """Ctrl+F: put the cursor into the page's filter or search."""
