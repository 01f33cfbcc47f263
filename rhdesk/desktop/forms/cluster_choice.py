"""Choosing the cluster that something happens on, with the state that each is in."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ClusterRow, State
from rhdesk.desktop.forms.inputs import CalmCombo
from rhdesk.desktop.forms.name_field import registry_of, whole_name

LOCAL = "^local"
_PAUSE = 200  # milliseconds; the load of a cluster changes its row every few seconds


class ClusterChoice(CalmCombo):
    """Follows the clusters of the store; what is chosen stays chosen."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._wanted = LOCAL
        self._texts: list[tuple[str, str]] = []
        self.setAccessibleName("Cluster")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.activated.connect(self._picked)
        self._settle = QTimer(self, singleShot=True, interval=_PAUSE)
        self._settle.timeout.connect(self._fill)
        self.destroyed.connect(desk.store.clusters.subscribe(lambda change: self._settle.start()))
        self._fill()

    @property
    def chosen(self) -> str:
        """The address of the chosen cluster."""
        return self._wanted

    @property
    def row(self) -> ClusterRow | None:
        """What is known of the chosen cluster."""
        return self._desk.store.clusters.get(self._wanted)

    @property
    def is_up(self) -> bool:
        """Whether the chosen cluster is up."""
        return self.row is not None and self.row.state is State.UP

    def choose(self, address: str) -> None:
        """Choose a cluster, even one that is not known (yet)."""
        self._wanted = whole_name(address, registry_of(self._desk))
        self._fill()

    def _picked(self, place: int) -> None:
        self._wanted = str(self.itemData(place))

    def _fill(self) -> None:
        known = {row.address: row for row in self._desk.store.clusters.rows() if not row.is_template}
        registry = registry_of(self._desk)
        mine = f"{registry.mine}/" if registry is not None else "@/"
        order = {"~": 1, "/": 3, "^": 4}
        addresses = sorted(
            {LOCAL, self._wanted, *known},
            key=lambda one: (0 if one == LOCAL else 2 if one.startswith(mine) else order.get(one[:1], 5), one),
        )
        texts = [(address, _text(address, known.get(address))) for address in addresses]
        if texts != self._texts:
            self._texts = texts
            self.clear()
            for address, text in texts:
                self.addItem(text, address)
        self.setCurrentIndex(self.findData(self._wanted))


def _text(address: str, row: ClusterRow | None) -> str:
    return f"{address}  ·  {row.state.word}" if row is not None else address
