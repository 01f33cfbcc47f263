"""Clouds: SkyPilot's server and what it is at work on, which clouds can be used and why others cannot, and clusters
that no document names.

Looking at this page starts nothing: SkyPilot's server begins with a click, and says before it what it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.store import Change, Condition, Phase
from rhdesk.core.words import age_text, bytes_text
from rhdesk.desktop.cloud_acts import found_menu
from rhdesk.desktop.dialogs.clusters import new_cloud_cluster
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.models.found_columns import found_columns
from rhdesk.desktop.pages.cloud_lines import CloudLines
from rhdesk.desktop.pages.cloud_requests import RequestsCard
from rhdesk.desktop.pages.cloud_server import ServerCard
from rhdesk.desktop.skypilot_acts import (
    CHECK_TASK,
    READ_TASK,
    cancel_checking,
    check_clouds,
    read_clouds,
    read_server,
    server,
)
from rhdesk.desktop.widgets.base import Button, Card, Label, row_of
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page
from rhdesk.desktop.widgets.phases import PhaseList
from rhdesk.desktop.widgets.states import StaleBanner, StateView

if TYPE_CHECKING:
    from rhresources.cloud.answers import CloudCluster


class CloudsPage(Page):
    """Targets: "", "new" for a new cluster in a cloud, or SkyPilot's name of a found cluster."""

    title = "Clouds"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.server = ServerCard(desk)
        self.body.addWidget(self.server)
        self.requests = RequestsCard(desk)
        self.body.addWidget(self.requests)
        self.body.addWidget(self._make_clouds(), 3)
        self.found = ListPanel(found_columns(), lambda row: row.name, "Found in SkyPilot")
        self.found.bind(desk.store.found)
        self.found.retry.connect(desk.retry_now)
        self.found.menu_for = self._found_menu
        self.found.opened.connect(self._open_found)
        self.found.setMinimumHeight(150)
        self.body.addWidget(self.found, 2)
        store = desk.store
        for table in (store.clouds, store.tasks):
            self.destroyed.connect(table.subscribe(lambda change: self._show()))
        self.destroyed.connect(store.skypilot.subscribe(self._server_changed))
        self.destroyed.connect(store.found.subscribe(lambda change: self._show_found()))
        for changed in (self.lines.filled, self.requests.filled):
            changed.connect(lambda: order_tabs(self, self))
        self._said: object = None
        self._clock = QTimer(self, interval=10_000)
        self._clock.timeout.connect(self._show)
        self._show()
        self._show_found()

    def header_buttons(self) -> list[Button]:
        self._check = Button("Check clouds", "", "refresh-cw", lambda: check_clouds(self.desk))
        self._check.setObjectName("clouds-check")
        new = Button("New cloud cluster", "primary", "plus", lambda: new_cloud_cluster(self.desk, self))
        new.setObjectName("cloud-cluster-new")
        self._show()
        return [self._check, new]

    def open(self, target: str) -> None:
        if target == "new":
            new_cloud_cluster(self.desk, self)
        elif target:
            self.found.select(target)

    def shown(self) -> None:
        self._clock.start()
        read_server(self.desk)
        self.requests.follow(True)

    def hidden(self) -> None:
        self._clock.stop()
        self.requests.follow(False)

    def refresh(self) -> None:
        read_server(self.desk)
        self.requests.look()

    def focus_filter(self) -> None:
        if not self.found.isHidden():
            self.found.focus_filter()

    # ------------------------------------------------------------ parts

    def _make_clouds(self) -> QWidget:
        card = Card(margins=(0, 0, 0, 0))
        card.body.setSpacing(0)
        self._age = Label("", "faint")
        head = row_of(Label("Which can be used", "h2"), None, self._age)
        head.setContentsMargins(16, 10, 16, 8)
        card.body.addLayout(head)
        self._stale = StaleBanner()
        self._stale.retry.connect(lambda: check_clouds(self.desk))
        banner = QVBoxLayout()
        banner.setContentsMargins(12, 0, 12, 6)
        banner.addWidget(self._stale)
        card.body.addLayout(banner)
        self._progress = QWidget()
        column = QVBoxLayout(self._progress)
        column.setContentsMargins(16, 4, 16, 12)
        column.setSpacing(10)
        self._phases = PhaseList()
        column.addWidget(self._phases)
        self._cancel = Button("Cancel", "", "x", lambda: cancel_checking(self.desk))
        self._cancel.setObjectName("clouds-cancel")
        column.addLayout(row_of(self._cancel, None))
        column.addStretch(1)
        card.body.addWidget(self._progress)
        self.lines = CloudLines()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(self.lines)
        area.setAccessibleName("Clouds")
        self.state = StateView()
        self.state.retry.connect(lambda: check_clouds(self.desk))
        self._stack = QStackedWidget()
        self._stack.addWidget(area)
        self._stack.addWidget(self.state)
        card.body.addWidget(self._stack, 1)
        card.setMinimumHeight(150)
        return card

    # ------------------------------------------------------------ contents

    def _server_changed(self, change: Change) -> None:
        read_clouds(self.desk)
        self._show()

    def _show(self) -> None:
        condition = self.desk.store.clouds.condition
        checks = self.desk.store.clouds.rows()
        task = self.desk.store.tasks.get(CHECK_TASK)
        busy = task is not None and task.state == "running"
        self._progress.setVisible(busy)
        if busy and task is not None:
            self._phases.show_task(task)
        if hasattr(self, "_check"):
            self._check.allow("They are being checked." if busy else "")
        if condition.phase is Phase.STALE and not busy:
            self._stale.set_condition(condition)
        else:
            self._stale.clear()
        known = condition.phase in (Phase.READY, Phase.STALE) and bool(condition.updated)
        self._age.setText(f"As of {age_text(condition.updated)}" if known else "")
        if known and checks:
            self.lines.show_checks(checks)
        self._stack.setCurrentIndex(0 if known and checks else 1)
        self._stack.setVisible(not busy or bool(known and checks))
        info = server(self.desk)
        key = (condition.phase, condition.problem, known, self.desk.tasks.busy(READ_TASK), info)
        if not (known and checks) and not busy and key != self._said:
            self._said = key
            self._say(condition, known)

    def _say(self, condition: Condition, known: bool) -> None:
        """What stands there while there are no clouds to show."""
        if condition.phase is Phase.FAILED and condition.problem is not None:
            self.state.show_failed(condition.problem, retry_text="Check again")
        elif self.desk.tasks.busy(READ_TASK):
            self.state.show_loading("Looking which clouds can be used…")
        elif known:
            self.state.show_empty("SkyPilot named no clouds", "Check them again.", "cloud", [self._check_button()])
        else:
            self._say_unchecked()

    def _say_unchecked(self) -> None:
        info = server(self.desk)
        words = "rhdesk asks each cloud, by SkyPilot, with the credentials that its own tools keep on this computer."
        if info is not None and not info.owned:
            words = f"rhdesk asks the SkyPilot at {info.url} which clouds it can use."
        elif info is not None and info.state == "not-installed":
            size = f" It takes about {bytes_text(info.needs)}." if info.needs else ""
            words += f" SkyPilot is installed for it first, apart from everything else.{size}"
        elif info is not None and info.state == "off":
            words += " SkyPilot's server is started for it."
        self.state.show_empty("Not checked yet", words, "cloud", [self._check_button()])

    def _check_button(self) -> Button:
        button = Button("Check clouds", "primary", "refresh-cw", lambda: check_clouds(self.desk))
        button.setObjectName("clouds-check-first")
        return button

    def _show_found(self) -> None:
        """The list is there only where something is found; a failure of it is one of SkyPilot's server, said above."""
        found = self.desk.store.found
        self.found.setVisible(bool(len(found)))
        problem = found.condition.problem
        self.server.show_trouble(problem if found.condition.phase is Phase.FAILED else None)

    def _found_menu(self, row: CloudCluster) -> list[MenuEntry | None]:
        return found_menu(self.desk, self.window(), row)

    def _open_found(self, row: CloudCluster) -> None:
        from rhdesk.desktop.cloud_acts import adopt

        adopt(self.desk, self.window(), row)
