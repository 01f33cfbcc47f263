"""Starts a window and reports its first paint: `window_start.py rhdesk|bare REPORT`.

`rhdesk` does what `python -m rhdesk` does, `bare` shows an empty main window of PySide6. Either way the application
object is made here, so that the first paint of a top-level window can be seen from outside of the program. REPORT is a
file that gets the time of it (CLOCK_MONOTONIC, which all processes share), the resident memory then, and how many
modules had been loaded for clouds and costs, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow

FOR_CLOUDS = ("rhresources.cloud.", "rhresources.costs.", "httpx", "numpy", "pyqtgraph")
LIGHT = (".words", ".limits")
"""Modules of a few words, which the window's own need."""


class FirstPaint(QObject):
    """Watches all events until a main window is painted."""

    def __init__(self, application: QApplication, report: Path) -> None:
        super().__init__()
        self._application = application
        self._report = report

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and isinstance(watched, QMainWindow):
            self._application.removeEventFilter(self)
            QTimer.singleShot(0, self._write)  # after the children, which this same pass paints
        return False

    def _write(self) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        for_clouds = [name for name in sys.modules if name.startswith(FOR_CLOUDS) and not name.endswith(LIGHT)]
        seen = {
            "time": time.monotonic(),
            "rss": pages * os.sysconf("SC_PAGE_SIZE"),
            "for_clouds": len(for_clouds),
        }
        self._report.write_text(json.dumps(seen))


def main(which: str, report: str) -> int:
    QGuiApplication.setDesktopFileName(which)
    application = QApplication([which])
    first_paint = FirstPaint(application, Path(report))
    application.installEventFilter(first_paint)
    if which == "rhdesk":
        from rhdesk.__main__ import main as run_rhdesk

        sys.argv = ["rhdesk"]
        return run_rhdesk()
    window = QMainWindow()
    window.resize(1280, 800)
    window.setCentralWidget(QLabel("an empty window"))
    window.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
