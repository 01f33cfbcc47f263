"""How long a window does not come back to its loop: the gaps between the ticks of a timer in its thread."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer


@dataclass(frozen=True)
class Gaps:
    """The longest of them, in ms.

    Attributes:
        whole: as somebody sees it who looks at the window.
        own: less what the thread waited for a processor that others had: what is the window's own doing.
    """

    whole: float
    own: float


class GapMeter(QObject):
    """Made and used in the thread of the interface."""

    def __init__(self, parent: QObject, interval: int = 16) -> None:
        super().__init__(parent)
        self._waits = open("/proc/thread-self/schedstat")  # noqa: SIM115 - as long as the process
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(interval)
        self._timer.timeout.connect(self._tick)
        self._gaps: list[tuple[float, float]] = []
        self._last = (0.0, 0.0)

    def start(self) -> None:
        self._gaps.clear()
        self._last = (time.perf_counter(), self._waited())
        self._timer.start()

    def stop(self) -> Gaps:
        self._timer.stop()
        self._tick()
        return Gaps(max(whole for whole, _ in self._gaps) * 1e3, max(own for _, own in self._gaps) * 1e3)

    def _tick(self) -> None:
        now, waited = time.perf_counter(), self._waited()
        whole = now - self._last[0]
        self._gaps.append((whole, whole - (waited - self._last[1])))
        self._last = (now, waited)

    def _waited(self) -> float:
        """Seconds that this thread could have run and did not, since it began."""
        self._waits.seek(0)
        return int(self._waits.read().split()[1]) / 1e9
