"""The peer of the window's start: PySide6, an empty main window with a label, first paint, report, end.

It reports as `python -m rhdesk` does: to the file that RHDESK_REPORT_FIRST_PAINT names.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow


class Window(QMainWindow):
    """Reports when it has been painted."""

    def __init__(self) -> None:
        super().__init__()
        self.resize(1280, 800)
        self.setCentralWidget(QLabel("an empty window"))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        QTimer.singleShot(0, self.report)  # after the children, which this same pass paints

    def report(self) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        report = {"time": time.monotonic(), "rss": pages * os.sysconf("SC_PAGE_SIZE")}
        Path(os.environ["RHDESK_REPORT_FIRST_PAINT"]).write_text(json.dumps(report))
        QApplication.quit()


if __name__ == "__main__":
    application = QApplication([])
    window = Window()
    window.show()
    application.exec()
