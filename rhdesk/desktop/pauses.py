"""Keeps Python itself from holding the window up or ending it: its garbage collector, and threads that compute."""

from __future__ import annotations

import gc
import sys
import time

from PySide6.QtCore import QObject, QTimer

_SETTLED = 3500  # milliseconds, by when a window has loaded what it puts off
_LOOK = 250
_LONG = 0.008  # seconds of the processor
_LITTLE = 1000  # objects
_MUCH = 50_000
_TURN = 0.001


def shorten_pauses(application: QObject) -> None:
    """Call once, on the interface's thread, before the window is made.

    Python looks for garbage on whichever thread happens to allocate. What it destroys may be widgets, and Qt crashes
    when these are destroyed anywhere but on the interface's thread: so it happens there only, between events, about as
    often as Python would do it.

    A full collection goes through everything that was ever imported, 40 ms each time, and there would be several while
    a window loads. What is loaded then never becomes garbage: it is left out from then on.

    A thread that computes lets others go on every 5 ms, and the interface has to wait for that several times in every
    paint: here it is 1 ms.
    """
    sys.setswitchinterval(_TURN)
    gc.disable()
    looks = QTimer(application, interval=_LOOK)
    looks.timeout.connect(collect_what_is_due)

    def settled() -> None:
        gc.freeze()
        looks.start()

    QTimer.singleShot(_SETTLED, application, settled)


def collect_what_is_due() -> None:
    """What Python's own collector would do now, on the thread of the caller.

    Where it takes long to go through what is new, that is data which was just read, such as 10,000 names, and what of
    it is garbage has been found: the rest is left out from then on, as what was loaded. It goes when nobody has it.
    So is what came bit by bit, where it has become too much to be gone through a second time.
    """
    for generation, (count, threshold) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)):
        if count <= threshold:
            break
        if generation and sum(_outlived[:generation]) > _MUCH:
            _leave_out()
            break
        begun = time.thread_time()
        garbage = gc.collect(generation)
        if generation == 0 and garbage < _LITTLE and time.thread_time() - begun > _LONG:
            _leave_out()
            break
        if generation == 0:
            _outlived[0] += max(count - garbage, 0)
        elif generation == 1:
            _outlived[:] = 0, sum(_outlived)


_outlived = [0, 0]
"""About how many objects were not garbage when the youngest were looked at, and when the older ones were."""


def _leave_out() -> None:
    gc.freeze()
    _outlived[:] = 0, 0
