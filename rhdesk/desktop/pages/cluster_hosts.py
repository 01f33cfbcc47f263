"""The hosts of one cluster: the load of each, or since when it is lost, and Repair."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, ClusterStatus, HostLoad, Problem, State
from rhdesk.core.words import age_text
from rhdesk.desktop.access_acts import open_in_terminal, repair, repair_task
from rhdesk.desktop.widgets.base import Button, Card, ElidedLabel, Label, StatePill, row_of
from rhdesk.desktop.widgets.figures import HostCard
from rhdesk.desktop.widgets.phases import PhaseList
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox


class HostsView(QWidget):
    """A card for each host: those that the server told of, then those that only the document names."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)
        self._shown: list[tuple[str, str]] = []
        self._cards: list[HostCard | LostHost | KnownHost] = []

    def show_hosts(self, row: ClusterRow, status: ClusterStatus | None) -> None:
        """Show what `status` tells; without one, what the document of the cluster says."""
        # those that somebody should look at come first, then the head
        hosts = sorted(status.hosts, key=lambda host: (host.alive, not host.head)) if status is not None else []
        wanted = [("alive" if host.alive else "lost", host.given or host.name) for host in hosts]
        if not wanted and len(row.hosts) > 1:
            wanted = [("known", name) for name in row.hosts]
        wanted = [(kind, f"{row.address} {name}") for kind, name in wanted]
        if wanted != self._shown:
            self._shown = wanted
            clear_layout(self._column)
            self._cards = []
            for kind, _ in wanted:
                card = {"alive": HostCard, "lost": LostHost, "known": KnownHost}[kind](*self._arguments(kind))
                self._cards.append(card)
                self._column.addWidget(card)
        self.setVisible(bool(wanted))
        for place, card in enumerate(self._cards):
            if isinstance(card, KnownHost):
                card.show_host(row, row.hosts[place])
            elif isinstance(card, LostHost):
                card.show_host(row, hosts[place])
            elif status is not None:
                card.show_host(hosts[place], status)

    def _arguments(self, kind: str) -> tuple[Desk, ...]:
        return () if kind == "alive" else (self._desk,)


class LostHost(Card):
    """A host that does not answer: since when, why, and what brings it back."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(margins=(14, 10, 14, 12))
        self._desk = desk
        self._shown: object = None
        self._name = ElidedLabel("", "h3")
        self._facts = ElidedLabel("", "faint")
        self.body.setSpacing(6)
        self.body.addLayout(row_of(self._name, StatePill(State.LOST)))
        self.body.addWidget(self._facts)
        self._problem = QVBoxLayout()
        self.body.addLayout(self._problem)
        self._phases = PhaseList()
        self.body.addWidget(self._phases)

    def show_host(self, row: ClusterRow, host: HostLoad) -> None:
        """Show a host that the server has lost."""
        name = host.given or host.name
        self._name.setText(name)
        facts = [host.address] if host.address and host.address != name else []
        facts.append(f"last heard of {age_text(host.seen)}" if host.seen else "not heard of yet")
        self._facts.setText(" · ".join(facts))
        task = self._desk.store.tasks.get(repair_task(row.address, name))
        running = task is not None and task.state == "running"
        self._phases.setVisible(running)
        if task is not None and running:
            self._phases.show_task(task)
        failure = task.problem if task is not None and task.state == "failed" else None
        key = (row.address, name, host.problem, running, failure)
        if key == self._shown:
            return
        self._shown = key
        clear_layout(self._problem)
        address = row.address
        told = Problem(host.problem or f"{name} does not answer.", "What ran there is lost; new runs go to others.")
        why = failure or told
        mend = Button("Repair", "link", "wrench", lambda: repair(self._desk, address, name))
        mend.setObjectName("repair")
        mend.allow("It is being repaired." if running else "" if row.kind == "ssh" else "It is this computer.")
        self._problem.addWidget(ProblemBox(why, [mend], beside=False))


class KnownHost(Card):
    """A host of which only the document tells."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(margins=(14, 8, 10, 8))
        self._desk = desk
        self._address = self._host = ""
        self._name = ElidedLabel("", "strong")
        self._head = Label("head", "faint")
        terminal = Button("Terminal", "link", on_click=lambda: open_in_terminal(desk, self._address, self._host))
        line = row_of(self._name, self._head, terminal)
        line.setStretch(0, 1)
        self.body.addLayout(line)

    def show_host(self, row: ClusterRow, host: str) -> None:
        """Show one of the hosts that a document lists."""
        self._address, self._host = row.address, host
        self._name.setText(host)
        self._head.setVisible(host == row.hosts[0])
