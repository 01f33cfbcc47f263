"""Ports: what of a cluster can be reached at a port of this computer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ForwardRow, State
from rhdesk.core.store import Change
from rhdesk.core.tasks import Progress
from rhdesk.core.words import count_text
from rhdesk.desktop.dialogs.forward_port import ForwardPort
from rhdesk.desktop.models.forward_columns import forward_columns
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page

if TYPE_CHECKING:
    from rhresources.workspace import Workspace

_NONE_CHOSEN = "Choose a port first."


class PortsPage(Page):
    """Targets: "", or "new:" with the address of a cluster to forward a port of."""

    title = "Ports"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.list = ListPanel(forward_columns(), lambda row: row.id, "Forwarded ports")
        self.list.set_empty(
            "No ports are forwarded",
            "TensorBoard, a notebook, a database: what listens on a cluster can be used as if it ran here. "
            "Only this computer can reach it.",
            "network",
            lambda: [self._new_button()],
        )
        self.list.bind(desk.store.forwards)
        self.list.menu_for = self._menu
        self.list.opened.connect(self._open)
        self.list.chosen.connect(lambda rows: self._allow())
        self.list.delete_asked.connect(self._stop)
        self.body.addWidget(self.list, 1)
        self.destroyed.connect(desk.store.forwards.subscribe(self._changed))

    def header_buttons(self) -> list[Button]:
        self._browse = Button("Open in browser", "", "external-link", lambda: self._each(self._open))
        self._copy = Button("Copy address", "", "copy", lambda: self._copy_addresses(self.list.selected()))
        self._end = Button("Stop", "", "circle-stop", lambda: self._stop(self.list.selected()))
        self._end.setObjectName("port-stop")
        self._allow()
        return [self._browse, self._copy, self._end, self._new_button()]

    def open(self, target: str) -> None:
        if target.startswith("new:"):
            self.forward(target.removeprefix("new:"))
        elif target:
            self.list.select(target)

    def focus_filter(self) -> None:
        self.list.focus_filter()

    def forward(self, cluster: str = "") -> ForwardPort:
        """Ask which port."""
        dialog = ForwardPort(self.desk, self.window(), cluster)
        dialog.added.connect(self.list.select)
        dialog.open()
        return dialog

    # ------------------------------------------------------------ acts

    def _new_button(self) -> Button:
        button = Button("Forward a port", "primary", "plus", lambda: self.forward())
        button.setObjectName("port-new")
        return button

    def _each(self, act: object) -> None:
        for row in self.list.selected():
            if callable(act):
                act(row)

    def _open(self, row: ForwardRow) -> None:
        if row.state is State.OPEN:
            QDesktopServices.openUrl(QUrl(f"http://{row.local}/"))
        else:
            self.desk.notifier.info(row.sentence or "It is not open yet.")

    def _copy_addresses(self, rows: Sequence[ForwardRow]) -> None:
        QGuiApplication.clipboard().setText("\n".join(row.local for row in rows))
        if len(rows) == 1:
            self.desk.notifier.info(f"{rows[0].local} is on the clipboard.")
        elif rows:
            self.desk.notifier.info(f"{count_text(len(rows), 'address', 'addresses')} are on the clipboard.")

    def _stop(self, rows: Sequence[ForwardRow]) -> None:
        ids = [row.id for row in rows]

        async def stop(workspace: Workspace, progress: Progress) -> None:
            from rhresources.errors import NotFound

            for id in ids:
                try:
                    await workspace.forwards.stop(id)
                except NotFound:  # it was stopped in the meantime
                    pass

        if ids:
            self.desk.act(f"forward stop {ids[0]}", stop)

    def _menu(self, row: ForwardRow) -> list[MenuEntry | None]:
        not_open = "" if row.state is State.OPEN else "It is not open."
        return [
            ("external-link", "Open in browser", lambda: self._open(row), not_open),
            ("copy", "Copy address", lambda: self._copy_addresses([row]), ""),
            None,
            ("server", "Go to the cluster", lambda: self.desk.navigate("clusters", row.cluster), ""),
            None,
            ("circle-stop", "Stop", lambda: self._stop(self.list.selected() or [row]), ""),
        ]

    def _changed(self, change: Change) -> None:
        self._allow()

    def _allow(self) -> None:
        if not hasattr(self, "_browse"):
            return
        rows = self.list.selected()
        is_open = any(row.state is State.OPEN for row in rows)
        self._browse.allow("" if is_open else "It is not open." if rows else _NONE_CHOSEN)
        self._copy.allow("" if rows else _NONE_CHOSEN)
        self._end.allow("" if rows else _NONE_CHOSEN)
