"""The details of one cluster: load of its hosts, environments, what happened, and what its document says."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QGraphicsOpacityEffect, QVBoxLayout, QWidget

from rhdesk.core.autostop import autostop_words, countdown_text
from rhdesk.core.cost_words import spent_words
from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, ClusterStatus, Problem, State, TaskRow
from rhdesk.core.words import age_text, bytes_text, count_text, money_text
from rhdesk.desktop.access_acts import access_menu, open_in_terminal, upgrade, upgrade_task
from rhdesk.desktop.cloud_acts import cloud_menu, stop, why_not_stop
from rhdesk.desktop.cluster_acts import bring_up, take_down, task_name, why_not_down, why_not_up
from rhdesk.desktop.cluster_problems import LOST, ClusterProblem
from rhdesk.desktop.dialogs.clusters import delete_cluster, edit_cluster, why_fixed, why_not_delete
from rhdesk.desktop.models.cluster_columns import uptime_text
from rhdesk.desktop.pages.cluster_hosts import HostsView
from rhdesk.desktop.pages.environments_view import EnvironmentsView
from rhdesk.desktop.widgets.base import Button, Label, StatePill
from rhdesk.desktop.widgets.list_panel import MenuEntry, popup_menu
from rhdesk.desktop.widgets.phases import PhaseList
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.side_panel import Facts, SidePanel
from rhdesk.desktop.widgets.states import ProblemBox, StateView

_GOES_ON = (State.STOPPED, State.UNHEALTHY, State.NO_SERVER)
"""Of clusters in a cloud: there are hosts, and bringing it up goes on with those."""

_UNSEEN = (State.STARTING, State.STOPPING, State.UP, State.CONNECTING, State.LAUNCHING, State.STOPS_ITSELF)

_KINDS = {"machine": "This computer", "ssh": "Hosts over SSH", "cloud": "Cloud, on demand"}


def _kind_text(row: ClusterRow) -> str:
    if row.kind == "machine" and row.address.startswith("/"):  # others may read the name, and see theirs
        return "This computer: for everybody their own"
    return _KINDS.get(row.kind, "")


class ClusterPanel(SidePanel):
    """Follows the store for the cluster it shows."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(420)
        self._desk = desk
        self._address = self._seen = ""
        self._shown_key: object = None
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
        self.add_tab("environments", "Environments", self._environments, scroll=False)
        self.add_tab("events", "Events", self._make_events())
        self.add_tab("about", "About", self._facts_page)
        self.tabs.chosen.connect(self._tab_chosen)
        store = desk.store
        for table in (store.clusters, store.status, store.tasks, store.costs):
            self.destroyed.connect(table.subscribe(lambda change: self._refresh()))

    @property
    def address(self) -> str:
        return self._address

    def show_cluster(self, address: str, tab: str = "") -> None:
        if address != self._address:
            self._address = address
            self._shown_key = None
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
        self._problem = ClusterProblem(self._desk)
        column.addWidget(self._problem)
        self._notes = QVBoxLayout()
        self._noted = ""
        column.addLayout(self._notes)
        self._phases = PhaseList()
        column.addWidget(self._phases)
        self._costs = Facts()
        column.addWidget(self._costs)
        self._age = Label("", "faint")
        column.addWidget(self._age)
        # what was last heard, drawn faint while nobody knows whether it is still so
        self._known = QWidget()
        known = QVBoxLayout(self._known)
        known.setContentsMargins(0, 0, 0, 0)
        known.setSpacing(12)
        self._summary = Facts()
        known.addWidget(self._summary)
        self._hosts = HostsView(self._desk)
        known.addWidget(self._hosts)
        column.addWidget(self._known)
        self._down = StateView()
        column.addWidget(self._down, 1)
        column.addStretch(0)
        self._clock = QTimer(self, interval=5000)
        self._clock.timeout.connect(self._refresh)

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
            if self._seen == self._address:  # not one that was made a moment ago
                self._seen = ""
                self.close_panel()
            return
        self._seen = self._address
        status = self._desk.store.status.get(self._address)
        self.set_head(row.name, row.reach or row.description or _kind_text(row))
        self._pill.set_state(row.state)
        self._show_buttons(row)
        self._show_load(row, status)
        self._show_about(row, status)

    def showEvent(self, event: QShowEvent) -> None:
        self._clock.start()
        self._refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        self._clock.stop()

    def _show_buttons(self, row: ClusterRow) -> None:
        task = task_name(row.address)
        doing = self._desk.store.tasks.get(task)
        starts = doing is not None and doing.state == "running" and row.state in (State.STARTING, State.LAUNCHING)
        giving_up = doing is not None and doing.giving_up
        # a bring-up that failed on the way has left no server that could be taken down
        nothing = row.state is State.FAILED and self._desk.store.status.get(row.address) is None
        key = (row.address, row.state, row.kind, starts, giving_up, nothing, row.cloud, row.told)
        if key == self._shown_key:
            return
        self._shown_key = key
        more = Button("More", "flat", "ellipsis")
        more.setObjectName("cluster-more")
        more.clicked.connect(lambda checked=False: self._more(more))
        if starts:
            first = Button("Cancel", "", "x", lambda: self._desk.tasks.give_up(task))
            first.allow("It is being taken back." if giving_up else "")
        elif row.is_template:
            first = Button("Rent…", "primary", "cloud", lambda: bring_up(self._desk, row.address))
        elif row.state in _GOES_ON:
            first = Button("Bring up", "primary", "power", lambda: bring_up(self._desk, row.address))
            first.allow(row.why_not_ours)
        elif not why_not_down(row) and not nothing:
            first = Button("Take down…", "", "power-off", lambda: take_down(self._desk, self.window(), row.address))
        else:
            first = Button("Bring up", "primary", "power", lambda: bring_up(self._desk, row.address))
            first.allow(why_not_up(row))
        buttons = [first]
        rented = row.cloud is not None and not starts
        if rented and row.state not in _GOES_ON:
            stops = Button("Stop…", "", "circle-stop", lambda: stop(self._desk, self, row.address))
            stops.setObjectName("cluster-stop")
            stops.allow(why_not_stop(row))
            buttons.append(stops)
        if rented and row.state in _GOES_ON:
            end = partial(take_down, self._desk, self.window(), row.address)
            ends = Button("Take down…", "", "power-off", end)
            ends.allow(row.why_not_ours)
            buttons.append(ends)
        if row.kind == "ssh":
            terminal = Button("Terminal", "", "square-terminal", lambda: open_in_terminal(self._desk, row.address))
            terminal.setToolTip("Open in the system's terminal")
            buttons.append(terminal)
        self.set_buttons([*buttons, more])

    def _more(self, button: Button) -> None:
        row = self._desk.store.clusters.get(self._address)
        if row is None:
            return
        if row.is_template:
            entries: list[MenuEntry | None] = [
                ("file-text", "Show the document", lambda: self._desk.navigate("names", row.address), "")
            ]
            popup_menu(self, entries, button.mapToGlobal(button.rect().bottomLeft()))
            return
        cloud = cloud_menu(self._desk, self.window(), row)
        entries = [
            *([*cloud, self._down_entry(row), None] if cloud else []),
            *access_menu(self._desk, self.window(), row),
            None,
            ("file-text", "Show the document", lambda: self._desk.navigate("names", row.address), ""),
            ("play", "Its runs", lambda: self._desk.navigate("runs", f"?cluster={row.address}"), ""),
            None,
            (
                "trash-2",
                "Delete…",
                lambda: delete_cluster(self._desk, self, row.address),
                why_not_delete(self._desk, row),
            ),
        ]
        if row.kind == "ssh":
            entries.insert(-4, ("plug", "Edit, test connection…", self._edit, why_fixed(self._desk, row.address)))
        elif row.kind == "cloud":
            entries.insert(-4, ("pencil", "Edit…", self._edit, why_fixed(self._desk, row.address)))
        popup_menu(self, entries, button.mapToGlobal(button.rect().bottomLeft()))

    def _down_entry(self, row: ClusterRow) -> MenuEntry:
        return (
            "power-off",
            "Take down…",
            lambda: take_down(self._desk, self.window(), row.address),
            why_not_down(row),
        )

    def _edit(self) -> None:
        edit_cluster(self._desk, self.window(), self._address)

    def _show_load(self, row: ClusterRow, status: ClusterStatus | None) -> None:
        task = self._task()
        busy = task is not None and task.state == "running"
        self._problem.show_cluster(None if busy else row)
        self._note("" if busy or row.state is not State.UP else row.differs)
        stopped = task is not None and task.state == "failed" and row.state in (State.FAILED, State.UNHEALTHY)
        self._phases.setVisible(busy or stopped)
        if task is not None:
            self._phases.show_task(task)
            self._events.show_task(task)
        self._events.setVisible(task is not None)
        self._no_events.setVisible(task is None)
        self._show_costs(row)
        old = row.state in LOST
        known = status is not None and row.state is not State.DOWN
        self._summary.setVisible(known)
        self._down.setVisible(not known and not busy and self._problem.isHidden())
        self._age.setVisible(known and old)
        self._known.setVisible(known or (not busy and len(row.hosts) > 1))
        self._fade(known and old)
        if status is not None and known:
            self._age.setText(f"As it was {age_text(status.time)}:")
            self._summary.set_facts(_facts_of(status))
        elif not busy:
            self._say_down(row)
        self._hosts.show_hosts(row, status if known else None)

    def _show_costs(self, row: ClusterRow) -> None:
        """Of one in a cloud: what it costs while it is there, and when it ends by itself."""
        cost = self._desk.store.costs.get(row.address)
        self._costs.setVisible(row.cloud is not None and (row.is_billed or cost is not None))
        if row.cloud is None:
            return
        price = f"{money_text(row.price_per_hour)} an hour" if row.price_per_hour is not None else "Not known"
        self._costs.set_facts(
            [
                ("Price", price if row.is_billed else ""),
                ("Spent", spent_words(cost)),
                ("Up for", uptime_text(row, cost) if row.is_billed else ""),
                ("By itself", countdown_text(row, self._desk.store.runs.rows())),
            ]
        )

    def _task(self) -> TaskRow | None:
        """What was last done to this cluster, of what takes steps."""
        names = (task_name(self._address), upgrade_task(self._address))
        tasks = [task for name in names if (task := self._desk.store.tasks.get(name)) is not None]
        return max(tasks, key=lambda task: (task.state == "running", task.started), default=None)

    def _note(self, differs: str) -> None:
        """Offer the upgrade where the server is another build."""
        if differs == self._noted:
            return
        self._noted = differs
        clear_layout(self._notes)
        if differs:
            address = self._address
            button = Button("Upgrade", "link", on_click=lambda: upgrade(self._desk, address))
            button.setObjectName("upgrade")
            words = "It is upgraded in place; what runs there goes on."
            self._notes.addWidget(ProblemBox(Problem(differs, words), [button], level="info", beside=False))

    def _fade(self, old: bool) -> None:
        if old == (self._known.graphicsEffect() is not None):
            return
        effect = QGraphicsOpacityEffect(self._known) if old else None
        if effect is not None:
            effect.setOpacity(0.55)
        self._known.setGraphicsEffect(effect)  # type: ignore[arg-type]

    def _say_down(self, row: ClusterRow) -> None:
        reason = why_not_up(row)
        if row.is_template:
            words = f"{row.description}. Choose where, and see what it costs, before anything is rented."
            self._down.show_empty("It can be rented", words, "cloud")
        elif row.told is not None and row.state not in _UNSEEN and row.state is not State.UNREACHABLE:
            whole = row.state is State.STOPPED
            title = "It is stopped" if whole else row.state.word
            self._down.show_empty(title, f"{row.standing}." if whole else f"{row.sentence} {row.standing}.", "cloud")
        elif row.state is State.STOPPED:
            why = f"{row.notice.sentence} " if row.notice is not None else ""
            words = f"{why}Its disks are kept and cost a little. Bring it up to go on where it was."
            self._down.show_empty("It is stopped", words, "circle-stop")
        elif row.state is State.STOPS_ITSELF:
            ends = "goes away" if row.cloud is not None and row.cloud.autostop_down else "stops"
            self._down.show_loading(row.sentence or f"It was idle, and {ends} now…")
        elif row.state in _UNSEEN:
            self._down.show_loading(row.sentence or f"{row.state.word}…")
        elif reason and row.state is not State.UNREACHABLE:
            self._down.show_empty(row.state.word, reason, "server")
        elif row.kind == "ssh":
            where = f"{row.reach} answers. " if row.state is State.DOWN else ""
            words = f"{where}Bring it up to see its load, and to run functions on it."
            self._down.show_empty("It is down", words, "power")
        elif row.notice is not None:
            self._down.show_empty("It is down", f"{row.notice.sentence} {row.notice.remedy}".strip(), "power")
        else:
            self._down.show_empty("It is down", "Bring it up to see its load, and to run functions on it.", "power")

    def _show_about(self, row: ClusterRow, status: ClusterStatus | None) -> None:
        price = money_text(row.price_per_hour) + " an hour" if row.price_per_hour is not None else ""
        if not price:
            price = "Not known" if row.kind == "cloud" else "Your own: no rent is counted"
        cost = self._desk.store.costs.get(row.address)
        server = f"rhdesk {row.server_version}" if row.server_version else ""
        autostop = countdown_text(row, self._desk.store.runs.rows())
        if row.kind == "cloud" and not autostop and row.autostop_mins is not None:
            autostop = autostop_words(row.autostop_mins, bool(row.cloud and row.cloud.autostop_down))
        account = f"{row.user}, the administrator of the host" if row.superuser else row.user
        self._facts.set_facts(
            [
                ("Name", row.address),
                ("Kind", _kind_text(row)),
                ("Hardware", row.hardware),
                ("Reached at", row.reach),
                ("Hosts", ", ".join(row.hosts) if len(row.hosts) > 1 else ""),
                ("Where", row.location if row.kind != "ssh" else ""),
                ("Run by", row.standing),
                ("Up for", uptime_text(row, cost) if status is not None or row.is_billed else ""),
                ("Price", price),
                ("Spent", spent_words(cost)),
                ("By itself", autostop),
                ("In SkyPilot", row.cloud.name if row.cloud is not None else ""),
                ("Runs as", account),
                ("Server", f"{server}; {row.differs}" if row.differs and row.state is State.UP else server),
            ]
        )

    def _tab_chosen(self, key: str) -> None:
        if key == "environments":
            self._environments.refresh()


def _facts_of(status: ClusterStatus) -> list[tuple[str, str]]:
    active = count_text(status.runs_active, "run") + " active"
    waiting = f", {status.runs_queued} waiting" if status.runs_queued else ""
    lost = sum(1 for host in status.hosts if not host.alive)
    return [
        ("Engine", status.engine_sentence or status.engine.capitalize()),
        ("Hosts", f"{len(status.hosts) - lost} of {len(status.hosts)} answer" if len(status.hosts) > 1 else ""),
        ("Runs", active + waiting),
        ("Workers", f"{status.workers} warm" if status.workers else "None yet"),
        ("Calls", f"{status.calls:,} answered"),
        ("Kept on disk", bytes_text(status.state_bytes)),
    ]
