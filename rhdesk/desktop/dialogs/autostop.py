"""After how long a cluster in a cloud stops, or goes away, by itself."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from rhdesk.core.autostop import countdown_text
from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, Problem
from rhdesk.desktop.cloud_acts import change_autostop
from rhdesk.desktop.forms.autostop_field import AutostopField
from rhdesk.desktop.widgets.base import Label
from rhdesk.desktop.widgets.dialog import Dialog


class AutostopDialog(Dialog):
    """Changes it on the cluster that is up; the document says what the next one gets."""

    def __init__(self, desk: Desk, parent: QWidget, row: ClusterRow) -> None:
        super().__init__(
            parent,
            f"Autostop of {row.address}",
            "A run keeps the cluster going; an open window does not. For this cluster, until it goes away; "
            "what a new one gets stands in its document.",
        )
        self.setObjectName("autostop-dialog")
        cluster = row.cloud
        assert cluster is not None
        self._desk, self._address = desk, row.address
        self.field = AutostopField()
        self.field.set_cloud(cluster.cloud, cluster.spot)
        self.field.set_value(cluster.autostop_mins, cluster.autostop_down)
        self.body.addWidget(self.field)
        now = countdown_text(row, desk.store.runs.rows())
        self.body.addWidget(Label(f"Now: {now[:1].lower()}{now[1:]}." if now else "", "faint", wrap=True))
        self.add_button("Cancel")
        self.accept_button = self.add_button("Set", "primary", self._set)
        self.field.changed.connect(self._check)
        self.fit()
        self.field.setFocus()

    def _check(self) -> None:
        self.accept_button.allow("" if self.field.value() is not None else "Minutes are a whole number, 1 or more.")

    def _set(self) -> None:
        value = self.field.value()
        if value is None:
            return
        self.accept_button.setEnabled(False)

        def done() -> None:
            if isValid(self):
                self.accept()

        def failed(error: BaseException) -> None:
            if not isValid(self):
                self._desk.notifier.error(error, act=f"Autostop of {self._address}")
                return
            self.accept_button.setEnabled(True)
            self.show_problem(Problem.of(error))

        change_autostop(self._desk, self._address, *value, done, failed)
