"""Keeps Python itself from holding the window up: its garbage collector, and threads that compute."""

from __future__ import annotations

import gc
import sys

from PySide6.QtCore import QObject, QTimer

_SETTLED = 3500  # milliseconds, by when a window has loaded what it puts off
_TURN = 0.001


def shorten_pauses(application: QObject) -> None:
    """Call once, before the window is made.

    A full collection stops all threads while it goes through everything that was ever imported, 40 ms each time, and
    there are several while a window loads. What is loaded then never becomes garbage: it is left out from then on.

    A thread that computes lets others go on every 5 ms, and the interface has to wait for that several times in every
    paint: here it is 1 ms.
    """
    sys.setswitchinterval(_TURN)
    gc.disable()
    QTimer.singleShot(_SETTLED, application, _settled)


def _settled() -> None:
    gc.freeze()
    gc.enable()
