"""The card "Spend by day": legend, how many days, CSV, and the chart, loaded when there is something to show."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from rhdesk.core.cost_words import NOT_COUNTED
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.spend_bars import SpendBars, bars_of, short_names
from rhdesk.core.store import SPENDING, Phase
from rhdesk.core.tasks import Progress
from rhdesk.core.words import count_text
from rhdesk.desktop.forms.file_choice import choose_save
from rhdesk.desktop.widgets.base import Button, Card, Label, ToolButton, clear_layout
from rhdesk.desktop.widgets.list_panel import popup_menu
from rhdesk.desktop.widgets.spend_day import Swatch
from rhdesk.desktop.widgets.states import StateView

if TYPE_CHECKING:
    from rhdesk.desktop.widgets.spend_chart import SpendChart
    from rhresources.workspace import Workspace

_RANGES = (7, 14, 31)
_HEAD = 258  # pixels of the head without the legend


class SpendCard(Card):
    """Follows the store."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(margins=(16, 10, 12, 8))
        self._desk = desk
        self._days = 14
        self._data = SpendBars()
        self._loading = False
        self.chart: SpendChart | None = None
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(Label("Spend by day", "h2"))
        head.addStretch(1)
        self._legend = QWidget()
        self._names = QHBoxLayout(self._legend)
        self._names.setContentsMargins(0, 0, 6, 0)
        self._names.setSpacing(6)
        head.addWidget(self._legend)
        self._range = Button("14 days", on_click=self._choose_range, tip="How many days")
        head.addWidget(self._range)
        head.addWidget(ToolButton("download", "Save as CSV…", self.save))
        self.body.addLayout(head)
        self._stack = QStackedWidget()
        self._state = StateView()
        self._state.retry.connect(self._retry)
        self._stack.addWidget(self._state)
        self.body.addWidget(self._stack, 1)
        self.setToolTip(NOT_COUNTED)
        self.setMinimumHeight(150)
        self.destroyed.connect(desk.store.spending.subscribe(lambda change: self.refresh()))
        self.refresh()

    def refresh(self) -> None:
        """Show what the store says."""
        summary = self._desk.store.spending.get(SPENDING)
        condition = self._desk.store.spending.condition
        if summary is None:
            if condition.phase is Phase.FAILED and condition.problem is not None:
                self._state.show_failed(condition.problem)
                self._stack.setCurrentWidget(self._state)
            return
        data = bars_of(summary, self._days)
        if data == self._data and self.chart is not None:
            return
        if data.series != self._data.series:
            self._show_legend(data)
        self._data = data
        if not data.highest:
            span = "day" if self._days == 1 else f"{self._days} days"
            self._state.show_empty(f"Nothing was spent in the last {span}", "", "wallet")
            self._stack.setCurrentWidget(self._state)
        elif self.chart is None:
            self._load()
        else:
            self.chart.show_bars(data)
            self._stack.setCurrentWidget(self.chart)

    def save(self) -> None:
        """Ask where, and write every day of every run there."""
        choose_save(self.window(), "Save what it cost", "costs.csv", self._save)

    # ------------------------------------------------------------ inside

    def _retry(self) -> None:
        if self._desk.store.spending.condition.phase is Phase.FAILED:
            self._desk.retry_now()
        else:
            self._load()

    def _load(self) -> None:
        """Load the library of the chart in a thread: that takes a second."""
        if self._loading or self.chart is not None:
            return
        self._loading = True
        self._state.show_loading("Loading the chart…")
        self._stack.setCurrentWidget(self._state)

        async def load(progress: Progress) -> None:
            await asyncio.to_thread(importlib.import_module, "pyqtgraph")

        def failed(error: BaseException) -> None:
            self._loading = False
            missing = isinstance(error, ImportError)
            remedy = "Install it: pip install 'rhdesk[desktop]'." if missing else ""
            self._state.show_failed(Problem("The chart cannot be shown.", remedy, str(error)))

        self._desk.tasks.start("load chart", load, on_done=lambda done: self._loaded(), on_error=failed, quiet=True)

    def _loaded(self) -> None:
        from rhdesk.desktop.widgets.spend_chart import SpendChart

        self._loading = False
        self.chart = SpendChart()
        self._stack.addWidget(self.chart)
        self._data = SpendBars()
        self.refresh()

    def _show_legend(self, data: SpendBars) -> None:
        clear_layout(self._names)
        for number, (name, whole) in enumerate(zip(short_names(data.series), data.series, strict=True)):
            if number:
                self._names.addSpacing(8)
            self._names.addWidget(Swatch(number))
            label = Label(name, "faint")
            label.setToolTip(whole)
            self._names.addWidget(label)
        self._fit_legend()

    def _choose_range(self) -> None:
        entries = [("", f"{days} days", lambda days=days: self._set_range(days), "") for days in _RANGES]
        popup_menu(self, entries, self._range.mapToGlobal(QPoint(0, self._range.height())))

    def _set_range(self, days: int) -> None:
        self._days = days
        self._range.set_text(f"{days} days")
        self.refresh()

    def _save(self, path: Path) -> None:
        async def write(workspace: Workspace, progress: Progress) -> int:
            from rhresources.costs.export import save_csv

            charges, _ = await workspace.costs.charges()
            return await asyncio.to_thread(save_csv, charges, path)

        self._desk.act(
            "save costs",
            write,
            title="Saving what it cost",
            on_done=lambda rows: self._desk.notifier.success(f"{count_text(rows, 'row')} written to {path}."),
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_legend()

    def _fit_legend(self) -> None:
        """Show it where there is room; the card about a day names them too."""
        self._legend.setVisible(self._legend.sizeHint().width() + _HEAD <= self.width())
