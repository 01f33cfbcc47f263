"""A cluster that was started elsewhere gets a name and a document here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLineEdit, QWidget
from shiboken6 import isValid

from rhdesk.core.autostop import autostop_words
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.desktop.dialogs.take_down import cluster_facts
from rhdesk.desktop.forms.name_field import address_problem
from rhdesk.desktop.widgets.base import Card, Label, column_of
from rhdesk.desktop.widgets.dialog import Dialog
from rhdesk.desktop.widgets.side_panel import Facts

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.cloud.answers import CloudCluster
    from rhresources.workspace import Workspace


class AdoptDialog(Dialog):
    """Asks for the name; nothing about the cluster itself changes."""

    def __init__(self, desk: Desk, parent: QWidget, cluster: CloudCluster) -> None:
        super().__init__(
            parent,
            f"Adopt {cluster.name}",
            "It gets a document here, so that it can be used, stopped and taken down like your others. "
            "Nothing about the cluster changes.",
        )
        self.setObjectName("adopt-dialog")
        self._desk, self._cluster = desk, cluster
        facts = Facts(name_width=96)
        stops = autostop_words(cluster.autostop_mins, cluster.autostop_down)
        facts.set_facts([*cluster_facts(cluster), ("By itself", stops)])
        card = Card(margins=(12, 10, 12, 10))
        card.body.addWidget(facts)
        self.body.addWidget(card)
        self.name = QLineEdit(f"~/{name_for(cluster.name)}")
        self.name.setAccessibleName("Name")
        self.name.setObjectName("adopt-name")
        self.name.textEdited.connect(lambda text: self._check())
        self._error = Label("", "error", wrap=True)
        self._error.hide()
        self.body.addLayout(column_of(Label("Name", "strong"), self.name, self._error, spacing=4))
        self.add_button("Cancel")
        self.accept_button = self.add_button("Adopt", "primary", self._adopt)
        self.fit()
        self.name.setFocus()

    def _check(self) -> bool:
        problem = address_problem(self.name.text().strip(), self._desk)
        self._error.setText(f"{problem.sentence} {problem.remedy}".strip() if problem else "")
        self._error.setVisible(problem is not None)
        self.grow()
        return problem is None

    def _adopt(self) -> None:
        if not self._check():
            return
        address, name, desk = self.name.text().strip(), self._cluster.name, self._desk

        async def adopt(workspace: Workspace, progress: Progress) -> str:
            await workspace.adopt(name, address)
            return str(workspace.names.resolve(address))

        def done(saved: str) -> None:
            if isValid(self):
                self.accept()
            desk.notifier.success(f"{name} is {saved} now.")
            desk.retry_now()
            desk.navigate("clusters", saved)

        def failed(error: BaseException) -> None:
            if not isValid(self):
                desk.notifier.error(error, act="Adopting a cluster")
                return
            self.accept_button.setEnabled(True)
            self.show_problem(Problem.of(error))

        self.accept_button.setEnabled(False)
        desk.act(f"adopt {name}", adopt, on_done=done, on_error=failed, quiet=True)


def name_for(name: str) -> str:
    """A name of ours out of SkyPilot's."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "cluster"
