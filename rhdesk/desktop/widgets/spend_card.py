"""The card "Spend by day": legend, by what and how many days, and the chart, loaded once there is something."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from rhdesk.core.cost_words import NOT_COUNTED
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.spend_bars import BY_CLUSTER, SpendBars, bars_of, short_names, ways_of
from rhdesk.core.store import SPENDING, Phase
from rhdesk.core.tasks import Progress
from rhdesk.desktop.cost_acts import open_bill
from rhdesk.desktop.widgets.base import Button, Card, Label, ToolButton, row_of
from rhdesk.desktop.widgets.list_panel import popup_menu
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.spend_day import Swatch
from rhdesk.desktop.widgets.states import StateView

if TYPE_CHECKING:
    from rhdesk.desktop.widgets.spend_chart import SpendChart

_RANGES = (7, 14, 31)
_HEAD = 340  # pixels of the head without the legend
_HIGH = 175  # pixels from which on the legend may have a line of its own


class SpendCard(Card):
    """Follows the store."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(margins=(16, 10, 12, 8))
        self._desk = desk
        self._days, self._by = 14, BY_CLUSTER
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
        self._way = Button("By cluster", on_click=self._choose_way, tip="What each bar is made of")
        self._way.setObjectName("spend-by")
        self._range = Button("14 days", on_click=self._choose_range, tip="How many days")
        self._range.setObjectName("spend-days")
        head.addWidget(self._way)
        head.addWidget(self._range)
        head.addWidget(ToolButton("list", "What it cost, line by line", self.show_bill))
        self._head = head
        self.body.addLayout(head)
        self._below = row_of(None)
        self.body.addLayout(self._below)
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
        if self._by not in dict(ways_of(summary)):
            self.split_by(BY_CLUSTER)  # nothing has that label any more
            return
        data = bars_of(summary, self._days, self._by)
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

    def split_by(self, way: str) -> None:
        """Stack the bars by one of `ways_of`."""
        self._by = way
        summary = self._desk.store.spending.get(SPENDING)
        self._way.set_text(dict(ways_of(summary)).get(way, "By cluster") if summary is not None else "By cluster")
        self.refresh()

    def show_bill(self) -> None:
        """Every line of it, by cluster, function, run, label or day."""
        open_bill(self._desk, self)

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
            await asyncio.to_thread(importlib.import_module, "rhdesk.desktop.widgets.spend_chart")

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

    def _choose_way(self) -> None:
        summary = self._desk.store.spending.get(SPENDING)
        if summary is not None:
            entries = [("", words, lambda way=way: self.split_by(way), "") for way, words in ways_of(summary)]
            popup_menu(self, entries, self._way.mapToGlobal(QPoint(0, self._way.height())))

    def _choose_range(self) -> None:
        entries = [("", f"{days} days", lambda days=days: self._set_range(days), "") for days in _RANGES]
        popup_menu(self, entries, self._range.mapToGlobal(QPoint(0, self._range.height())))

    def _set_range(self, days: int) -> None:
        self._days = days
        self._range.set_text(f"{days} days")
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_legend()

    def _fit_legend(self) -> None:
        """In the head where there is room, else under it; the card about a day names them too."""
        wide = self._legend.sizeHint().width()
        beside = wide + _HEAD <= self.width()
        if beside != (self._head.indexOf(self._legend) >= 0):
            (self._head if beside else self._below).insertWidget(2 if beside else 0, self._legend)
        self._legend.setVisible(beside or (wide <= self.width() - 32 and self.height() >= _HIGH))
