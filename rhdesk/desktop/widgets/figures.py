"""Cards with one figure, and the load of a host in bars and lines."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from rhdesk.core.rows import ClusterStatus, HostLoad
from rhdesk.core.words import bytes_text, count_text
from rhdesk.desktop.models.row_delegate import paint_bar, paint_spark
from rhdesk.desktop.widgets.base import Card, ElidedLabel, Label
from rhdesk.desktop.widgets.removal import clear_layout


class Sparkline(QWidget):
    """The recent past of one figure, without axes."""

    def __init__(self, role: str = "accent", top: float | None = None, size: QSize | None = None) -> None:
        super().__init__()
        self._values: Sequence[float] = ()
        self._role, self._top = role, top
        if size is not None:
            self.setFixedSize(size)
        self.setAccessibleName("Trend")

    def set_values(self, values: Sequence[float]) -> None:
        self._values = values
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_spark(painter, QRectF(self.rect()).adjusted(2, 3, -2, -3), self._values, self._role, self._top)


class Bar(QWidget):
    """A load bar."""

    def __init__(self) -> None:
        super().__init__()
        self._percent = 0.0
        self.setFixedHeight(6)

    def set_percent(self, percent: float) -> None:
        self._percent = percent
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_bar(painter, QRectF(self.rect()), self._percent)


class FigureCard(Card):
    """Title, figure with its unit, a note, and a trend."""

    def __init__(self, title: str, role: str = "accent") -> None:
        super().__init__(margins=(16, 10, 16, 10))
        self._title = title
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.addWidget(Label(title, "muted"), 0, 0, 1, 2)
        row = QHBoxLayout()
        row.setSpacing(5)
        self._figure = Label("—", "figure")
        self._unit = Label("", "unit")
        self._unit.setContentsMargins(0, 0, 0, 3)
        row.addWidget(self._figure)
        row.addWidget(self._unit, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch(1)
        grid.addLayout(row, 1, 0)
        self._note = ElidedLabel("", "faint")
        grid.addWidget(self._note, 2, 0, 1, 2)
        self._trend = Sparkline(role, size=QSize(72, 30))
        grid.addWidget(self._trend, 0, 1, 2, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
        grid.setColumnStretch(0, 1)
        self.body.addLayout(grid)

    def show_figure(self, figure: str, unit: str = "", note: str = "", note_role: str = "faint") -> None:
        self._figure.setText(figure)
        self._unit.setText(unit)
        self._note.set_role(note_role)
        self._note.setText(note)
        self.setAccessibleName(f"{self._title}: {figure} {unit}, {note}")

    def show_trend(self, values: Sequence[float]) -> None:
        self._trend.set_values(values)


class LoadRow(QWidget):
    """One figure of a host: name, how much of how much, a bar, and the recent past where it is known."""

    def __init__(self, name: str, *, trend: bool = False) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        self._name = name
        self._words = Label("", "muted")
        self._words.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._bar = Bar()
        grid.addWidget(ElidedLabel(name), 0, 0)
        grid.addWidget(self._words, 0, 1)
        grid.addWidget(self._bar, 1, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        self._trend = Sparkline("accent", top=100.0, size=QSize(64, 32)) if trend else None
        if self._trend is not None:
            grid.addWidget(self._trend, 0, 2, 2, 1)

    def show_load(self, percent: float, words: str, past: Sequence[float] = ()) -> None:
        self._bar.set_percent(percent)
        self._words.setText(words)
        if self._trend is not None:
            self._trend.set_values(past)
            self._trend.setVisible(bool(past))
        self.setAccessibleName(f"{self._name}: {words}")


class HostCard(Card):
    """One host: its name, address, load."""

    def __init__(self) -> None:
        super().__init__(margins=(14, 10, 14, 12))
        self.body.setSpacing(10)
        self._name = ElidedLabel("", "h3")
        self._facts = ElidedLabel("", "faint")
        self.body.addWidget(self._name)
        self.body.addWidget(self._facts)
        self._rows = QGridLayout()
        self._rows.setVerticalSpacing(10)
        self.body.addLayout(self._rows)
        self._shown: list[str] = []
        self._loads: dict[str, LoadRow] = {}

    def show_host(self, host: HostLoad, status: ClusterStatus) -> None:
        name = host.given or host.name
        self._name.setText(name)
        facts = [known for known in (host.name, host.address) if known and known != name]
        if len(status.hosts) > 1:
            facts = [*(["head"] if host.head else []), *facts, count_text(host.workers, "worker")]
        facts += [] if host.alive else ["does not answer"]
        facts.append(f"load {host.load:.2f}")
        self._facts.setText(" · ".join(facts))
        names = ["CPU", "Memory", "Disk", *(f"GPU {n}: {gpu.name}" for n, gpu in enumerate(host.gpus))]
        if names != self._shown:
            clear_layout(self._rows)
            self._shown, self._loads = names, {}
            for line, name in enumerate(names):
                self._loads[name] = LoadRow(name, trend=name in ("CPU", "Memory") or name.startswith("GPU"))
                self._rows.addWidget(self._loads[name], line, 0)
        past = status.past if len(status.hosts) == 1 else ()
        cpus = f"{host.cpu_percent:.0f}% of {host.cpus} CPU{'s' if host.cpus != 1 else ''}"
        self._loads["CPU"].show_load(host.cpu_percent, cpus, [sample.cpu for sample in past])
        for name, used, total, trend in (
            ("Memory", host.memory_used, host.memory_total, [sample.memory for sample in past]),
            ("Disk", host.disk_used, host.disk_total, []),
        ):
            share = 100 * used / total if total else 0.0
            self._loads[name].show_load(share, f"{bytes_text(used)} of {bytes_text(total)}", trend)
        for number, gpu in enumerate(host.gpus):
            memory = f"{gpu.load_percent:.0f}% · {bytes_text(gpu.memory_used)} of {bytes_text(gpu.memory_total)}"
            trend = [sample.gpu or 0.0 for sample in past] if len(host.gpus) == 1 else []
            self._loads[f"GPU {number}: {gpu.name}"].show_load(gpu.load_percent, memory, trend)
