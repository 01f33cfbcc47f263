"""Forwarding a port: which port of which cluster, and where it is found on this computer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.tasks import Progress
from rhdesk.desktop.forms.cluster_choice import LOCAL, ClusterChoice
from rhdesk.desktop.forms.inputs import mark_invalid
from rhdesk.desktop.widgets.base import Label, column_of, row_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.states import problem_actions

if TYPE_CHECKING:
    from rhresources.forwards import PortForward
    from rhresources.workspace import Workspace

_HIGHEST = 65_535
_UNPRIVILEGED = 1024
_TRIED = 20  # ports after the wanted one, where none was said


class ForwardPort(Dialog):
    """`added` carries the id of the forward."""

    added = Signal(str)

    def __init__(self, desk: Desk, parent: QWidget, cluster: str = "") -> None:
        super().__init__(
            parent,
            "Forward a port",
            "A port of this computer leads to one of the cluster, for as long as this window is open.",
            icon="network",
            width=500,
        )
        self.setObjectName("forward-port")
        self._desk = desk
        self.cluster = ClusterChoice(desk)
        self.cluster.choose(cluster or self._likely())
        self.remote = self._field("Port there", "8888")
        self.remote.setObjectName("remote-port")
        self.local = self._field("Port here", "The same, or the next that is free")
        self.local.setObjectName("local-port")
        self.host = self._field("Host there", "The cluster's head itself")
        self.host.setObjectName("remote-host")
        self.body.addLayout(column_of(Label("Cluster", "strong"), self.cluster, spacing=4))
        ports = row_of(
            column_of(Label("Port on the cluster", "strong"), self.remote, spacing=4),
            column_of(Label("Port on this computer", "strong"), self.local, spacing=4),
            spacing=12,
        )
        ports.setStretch(0, 1)
        ports.setStretch(1, 2)
        self.body.addLayout(ports)
        self.body.addLayout(column_of(Label("Host, as the cluster's head calls it", "strong"), self.host, spacing=4))
        self.add_button("Cancel")
        self.accept_button = self.add_button("Forward", "primary", self.forward)
        self.remote.setFocus()
        self.finished.connect(lambda code: desk.tasks.cancel(self._task))

    def _field(self, name: str, placeholder: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(name)
        field.setPlaceholderText(placeholder)
        field.textEdited.connect(lambda text: self._edited(field))
        field.returnPressed.connect(self.forward)
        return field

    def _likely(self) -> str:
        """A cluster that is somewhere else, if there is just one."""
        elsewhere = [row.address for row in self._desk.store.clusters.rows() if row.kind == "ssh"]
        return elsewhere[0] if len(elsewhere) == 1 else LOCAL

    @property
    def _task(self) -> str:
        return f"forward add {id(self)}"

    def forward(self) -> None:
        """Check what was typed, and open the port."""
        if not self.accept_button.isEnabled():
            return
        remote = self._port(self.remote, "on the cluster", needed=True)
        local = self._port(self.local, "on this computer")
        if remote is None or local is None:
            return
        host = self.host.text().strip()
        if " " in host:
            self._refuse(self.host, Problem("A host has no spaces in its name."))
            return
        cluster = self.cluster.chosen
        # the same number is what one looks for first
        wanted, tries = (local, 0) if local else (remote, _TRIED) if remote >= _UNPRIVILEGED else (0, 0)

        async def add(workspace: Workspace, progress: Progress) -> PortForward:
            from rhresources.forwards import LOOPBACK

            return await workspace.forwards.add(
                cluster, remote, wanted, host or LOOPBACK, num_ports_to_try=tries, ask=True
            )

        self.show_problem(None)
        self.accept_button.allow("It is being opened.")
        self._desk.act(
            self._task,
            add,
            on_done=self._added,
            on_error=lambda error: self._failed(error, local),
            on_end=lambda: self.accept_button.allow(""),
            quiet=True,
        )

    def _added(self, forward: PortForward) -> None:
        self._desk.notifier.success(f"{forward.local} leads to {forward.remote} on {forward.cluster}.")
        self.accept()
        self.added.emit(forward.id)

    def _failed(self, error: BaseException, local: int) -> None:
        if getattr(error, "code", "") != "port-taken" or not local:
            self.show_problem(Problem.of(error))
            return
        mark_invalid(self.local, True)

        async def find(progress: Progress) -> int:
            import asyncio

            return await asyncio.to_thread(free_port, local + 1)

        self._desk.tasks.start(self._task, find, on_done=lambda port: self._offer(Problem.of(error), port))

    def _offer(self, problem: Problem, port: int) -> None:
        self.show_problem(
            Problem(problem.sentence, f"{port} is free."),
            problem_actions((f"Use {port}", lambda: self._take(port))),
        )

    def _take(self, port: int) -> None:
        self.local.setText(str(port))
        self._edited(self.local)
        self.forward()

    def _port(self, field: QLineEdit, where: str, *, needed: bool = False) -> int | None:
        """What was typed: 0 where nothing need be; None where it is no port, which was said."""
        text = field.text().strip()
        if not text and not needed:
            return 0
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _HIGHEST:
            said = f"{text} is not a port {where}." if text else f"Which port {where}?"
            self._refuse(field, Problem(said, f"Ports are numbers from 1 to {_HIGHEST}."))
            return None
        return int(text)

    def _refuse(self, field: QLineEdit, problem: Problem) -> None:
        mark_invalid(field, True)
        field.setFocus()
        self.show_problem(problem)

    def _edited(self, field: QLineEdit) -> None:
        mark_invalid(field, False)
        self.show_problem(None)


def free_port(first: int) -> int:
    """A port of 127.0.0.1 that nothing listens on: `first` or one of the next, else any."""
    for port in [*range(first, min(first + _TRIED, _HIGHEST + 1)), 0]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0
