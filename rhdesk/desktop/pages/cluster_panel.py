"""The details of one cluster: load of its hosts, environments, what happened, and what its document says."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, ClusterStatus, State
from rhdesk.core.words import bytes_text, count_text, money_text
from rhdesk.desktop.cluster_acts import bring_up, take_down, task_name, why_not_down, why_not_up
from rhdesk.desktop.models.cluster_columns import uptime_text
from rhdesk.desktop.pages.environments_view import EnvironmentsView
from rhdesk.desktop.widgets.base import Button, Label, StatePill, clear_layout
from rhdesk.desktop.widgets.figures import HostCard
from rhdesk.desktop.widgets.phases import PhaseList
from rhdesk.desktop.widgets.side_panel import Facts, SidePanel
from rhdesk.desktop.widgets.states import ProblemBox, StateView

_KINDS = {"machine": "This computer", "ssh": "Hosts over SSH", "cloud": "Cloud, on demand"}


class ClusterPanel(SidePanel):
    """Follows the store for the cluster it shows."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(420)
        self._desk = desk
        self._address = ""
        self._pill = StatePill()
        self.add_mark(self._pill)
        self._make_load()
        self._environments = EnvironmentsView(desk)
        self._facts_page = QWidget()
        column = QVBoxLayout(self._facts_page)
        column.setContentsMargins(16, 14, 16, 14)
        self._facts = Facts()
        column.addWidget(self._facts)
        column.addStretch(1)
        self.add_tab("load", "Load", self._load)
        self.add_tab("environments", "Environments", self._environments)
        self.add_tab("events", "Events", self._make_events())
        self.add_tab("about", "About", self._facts_page)
        self.tabs.chosen.connect(self._tab_chosen)
        store = desk.store
        for table in (store.clusters, store.status, store.tasks):
            self.destroyed.connect(table.subscribe(lambda change: self._refresh()))

    @property
    def address(self) -> str:
        return self._address

    def show_cluster(self, address: str, tab: str = "") -> None:
        if address != self._address:
            self._address = address
            self._shown_key: object = None
            self._environments.show_cluster(address)
        if tab:
            self.tabs.choose(tab)
        self._refresh()

    # ------------------------------------------------------------ parts

    def _make_load(self) -> None:
        self._load = QWidget()
        column = QVBoxLayout(self._load)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(12)
        self._problems = QVBoxLayout()
        column.addLayout(self._problems)
        self._phases = PhaseList()
        column.addWidget(self._phases)
        self._summary = Facts()
        column.addWidget(self._summary)
        self._hosts = QVBoxLayout()
        self._hosts.setSpacing(12)
        column.addLayout(self._hosts)
        self._down = StateView()
        column.addWidget(self._down, 1)
        column.addStretch(0)
        self._cards: list[HostCard] = []

    def _make_events(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 14, 16, 14)
        self._events = PhaseList()
        column.addWidget(self._events)
        self._no_events = Label("Nothing was done to it from this window yet.", "muted", wrap=True)
        column.addWidget(self._no_events)
        column.addStretch(1)
        return page

    # ------------------------------------------------------------ contents

    def _refresh(self) -> None:
        if not self._address or self.isHidden():
            return
        row = self._desk.store.clusters.get(self._address)
        if row is None:
            self.set_head(self._address, "It is not there any more.")
            self.set_buttons([])
            return
        status = self._desk.store.status.get(self._address)
        self.set_head(row.name, row.description or _KINDS.get(row.kind, ""))
        self._pill.set_state(row.state)
        self._show_buttons(row)
        self._show_load(row, status)
        self._show_about(row, status)

    def showEvent(self, event: object) -> None:
        self._refresh()

    def _show_buttons(self, row: ClusterRow) -> None:
        key = (row.address, row.state)
        if key == self._shown_key:
            return
        self._shown_key = key
        up = Button("Bring up", "primary", "power", lambda: bring_up(self._desk, row.address))
        up.allow(why_not_up(row))
        down = Button("Take down…", "", "power-off", lambda: take_down(self._desk, self.window(), row.address))
        down.allow(why_not_down(row))
        document = Button("Document", "flat", "pencil", lambda: self._desk.navigate("names", row.address))
        task = task_name(row.address)
        if self._desk.tasks.busy(task) and row.state is State.STARTING:
            stop = Button("Cancel", "", "x", lambda: self._desk.tasks.cancel(task))
            self.set_buttons([stop, document])
        else:
            self.set_buttons([down if not why_not_down(row) else up, document])

    def _show_load(self, row: ClusterRow, status: ClusterStatus | None) -> None:
        clear_layout(self._problems)
        if row.problem is not None:
            self._problems.addWidget(ProblemBox(row.problem))
        task = self._desk.store.tasks.get(task_name(row.address))
        busy = task is not None and task.state == "running"
        self._phases.setVisible(busy)
        if task is not None:
            self._phases.show_lines(task.lines, task.started, task.state)
            self._events.show_lines(task.lines, task.started, task.state)
        self._events.setVisible(task is not None)
        self._no_events.setVisible(task is None)
        known = status is not None and row.state is not State.DOWN
        self._summary.setVisible(known)
        self._down.setVisible(not known and not busy and row.problem is None)
        if status is not None and known:
            active = count_text(status.runs_active, "run") + " active"
            waiting = f", {status.runs_queued} waiting" if status.runs_queued else ""
            self._summary.set_facts(
                [
                    ("Engine", status.engine_sentence or status.engine.capitalize()),
                    ("Runs", active + waiting),
                    ("Workers", f"{status.workers} warm" if status.workers else "None yet"),
                    ("Calls", f"{status.calls:,} answered"),
                    ("Kept on disk", bytes_text(status.state_bytes)),
                ]
            )
            self._show_hosts(status)
        else:
            self._show_hosts(None)
            if not busy:
                self._say_down(row)

    def _say_down(self, row: ClusterRow) -> None:
        reason = why_not_up(row)
        if row.state in (State.STARTING, State.STOPPING, State.UP):
            self._down.show_loading(row.sentence or f"{row.state.word}…")
        elif reason:
            self._down.show_empty("Not in this version", reason, "server")
        else:
            self._down.show_empty("It is down", "Bring it up to see its load, and to run functions on it.", "power")

    def _show_hosts(self, status: ClusterStatus | None) -> None:
        hosts = status.hosts if status is not None else ()
        if len(hosts) != len(self._cards):
            clear_layout(self._hosts)
            self._cards = [HostCard() for _ in hosts]
            for card in self._cards:
                self._hosts.addWidget(card)
        if status is not None:
            for card, host in zip(self._cards, hosts, strict=True):
                card.show_host(host, status)

    def _show_about(self, row: ClusterRow, status: ClusterStatus | None) -> None:
        price = money_text(row.price_per_hour) + " an hour" if row.price_per_hour is not None else ""
        if not price:
            price = "Not known" if row.kind == "cloud" else "Your own: no rent is counted"
        autostop = ""
        if row.kind == "cloud":
            autostop = f"after {row.autostop_mins} min idle" if (row.autostop_mins or -1) >= 0 else "never"
        account = f"{row.user}, the administrator of the host" if row.superuser else row.user
        self._facts.set_facts(
            [
                ("Name", row.address),
                ("Kind", _KINDS.get(row.kind, "")),
                ("Hardware", row.hardware),
                ("Where", row.location),
                ("Up for", uptime_text(row) if status is not None else ""),
                ("Price", price),
                ("Stops itself", autostop),
                ("Runs as", account),
                ("Server", f"rhdesk {row.server_version}" if row.server_version else ""),
            ]
        )

    def _tab_chosen(self, key: str) -> None:
        if key == "environments":
            self._environments.refresh()
